"""Calls from one process into another that is not trusted: only plain values come back, and they are read, not run.

This file is run by itself in both children (it imports nothing of bench).  Values travel as JSON.  What is no plain
value stays where it is and travels as a reference: whoever holds one may call it, read and set its attributes, and
compare it with nothing but itself.
"""

from __future__ import annotations

import builtins
import json
import os
from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

LONGEST = 16 << 20
_ITEMS = 100_000


class Line:
    """One end of an exchange: a message a line each way."""

    def __init__(self, source: int, sink: int) -> None:
        self._source: BinaryIO = os.fdopen(source, "rb")
        self._sink = sink

    def send(self, message: Any) -> None:
        """Raises `ValueError` where it is too long."""
        data = json.dumps(message).encode() + b"\n"
        if len(data) > LONGEST:
            raise ValueError("too much to send")
        while data:
            data = data[os.write(self._sink, data) :]

    def receive(self) -> Any:
        """None where the other end is gone."""
        data = self._source.readline(LONGEST + 1)
        return json.loads(data) if data.endswith(b"\n") else None


# Of each plain kind, what it is sent as: its name and parts that are JSON, or values to be packed in their turn.
_ATOMS: tuple[tuple[type, Any], ...] = (
    (int, lambda value: ["int", hex(int(value))]),
    (float, lambda value: ["float", float.hex(value)]),
    (complex, lambda value: ["complex", float.hex(value.real), float.hex(value.imag)]),
    (bytes, lambda value: ["bytes", bytes(value).hex()]),
    (bytearray, lambda value: ["bytes", bytes(value).hex()]),
)
_SEQUENCES: tuple[type, ...] = (list, tuple, set, frozenset)
_MAKERS: dict[str, Any] = {
    "int": lambda text: int(text, 16),
    "float": float.fromhex,
    "complex": lambda real, imag: complex(float.fromhex(real), float.fromhex(imag)),
    "bytes": bytes.fromhex,
}
_COLLECTED: dict[str, Any] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset, "iterator": iter}


def packed(value: Any, kept: list[Any]) -> Any:
    """A value as JSON; what has no such form is put into `kept`, and its number sent."""
    if value is None or type(value) in (bool, str):
        return value
    for kind, atom in _ATOMS:
        if isinstance(value, kind):
            return atom(value)
    if isinstance(value, dict):
        return ["dict", *([packed(k, kept), packed(v, kept)] for k, v in dict.items(value))]
    for plain in _SEQUENCES:
        if isinstance(value, plain):
            return [plain.__name__, *(packed(item, kept) for item in plain.__iter__(value))]  # type: ignore[attr-defined]
    if isinstance(value, Iterator) and type(value).__module__ in ("builtins", "itertools"):
        return ["iterator", *(packed(item, kept) for item in islice(value, _ITEMS))]
    kept.append(value)
    return ["kept", len(kept) - 1]


def unpacked(message: Any, refer: Any) -> Any:
    """The value of a message; refer: what a number of a kept value stands for."""
    if message is None or isinstance(message, bool | str):
        return message
    name, *parts = message
    if name in _MAKERS:
        return _MAKERS[name](*parts)
    if name == "dict":
        return {unpacked(k, refer): unpacked(v, refer) for k, v in parts}
    if name == "kept":
        return refer(int(parts[0]))
    return _COLLECTED[name]([unpacked(part, refer) for part in parts])


class Reference:
    """Something in the other process, by its number, or by its name in the program there."""

    def __init__(self, caller: Caller, target: int | str) -> None:
        object.__setattr__(self, "_caller", caller)
        object.__setattr__(self, "_target", target)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it there."""
        return self._caller.ask("call", self._target, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._caller.ask("get", self._target, (name,), {})

    def __setattr__(self, name: str, value: Any) -> None:
        self._caller.ask("set", self._target, (name, value), {})


class Caller:
    """The asking side: sends arguments, and gets back what the call gave and what became of the arguments."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.known: dict[int, Reference] = {}

    def ask(self, verb: str, target: int | str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Do something there.  An error there is the same error here, where it is one of Python's own."""
        given = [*args, *kwargs.values()]
        self.line.send([verb, target, self._packed(args), list(kwargs), self._packed(tuple(kwargs.values()))])
        answer = self.line.receive()
        if answer is None:
            raise RuntimeError("the program is gone")
        if answer[0] == "raised":
            kind = getattr(builtins, str(answer[1]), None)
            known = isinstance(kind, type) and issubclass(kind, Exception)
            raise (kind if known else RuntimeError)(str(answer[2]))  # type: ignore[misc]
        value, after = unpacked(answer[1], self._refer), unpacked(answer[2], self._refer)
        for mine, theirs in zip(given, after, strict=True):
            _changed(mine, theirs)
        return value

    def _refer(self, number: int) -> Reference:
        return self.known.setdefault(number, Reference(self, number))

    def _packed(self, values: tuple[Any, ...]) -> Any:
        kept: list[Any] = []
        message = packed(values, kept)
        if all(isinstance(one, Reference) for one in kept):
            return _renumbered(message, [object.__getattribute__(one, "_target") for one in kept])
        raise TypeError("only plain values can be given to a program that is not trusted")


def _renumbered(message: Any, targets: list[Any]) -> Any:
    if not isinstance(message, list):
        return message
    if message[:1] == ["kept"]:
        return ["kept", targets[message[1]]]
    return [_renumbered(part, targets) for part in message]


def _changed(mine: Any, theirs: Any) -> None:
    """Give an argument that the call changed in its place the same change here."""
    if type(mine) is not type(theirs) or mine == theirs:
        return
    if isinstance(mine, list):
        mine[:] = theirs
    elif isinstance(mine, dict | set):
        mine.clear()
        mine.update(theirs)


def serve(line: Line, program: dict[str, Any]) -> None:
    """The asked side, until the other end is gone.  program: its names."""
    kept: list[Any] = []

    def found(target: int | str) -> Any:
        return program[target] if isinstance(target, str) else kept[target]

    while (asked := line.receive()) is not None:
        try:
            verb, target, args, names, values = asked
            args, values = unpacked(args, kept.__getitem__), unpacked(values, kept.__getitem__)
            if verb == "call":
                value = found(target)(*args, **dict(zip(names, values, strict=True)))
            else:
                value = getattr(found(target), args[0]) if verb == "get" else setattr(found(target), *args)
            line.send(["gave", packed(value, kept), packed([*args, *values], kept)])
        except BaseException as error:  # noqa: BLE001 - whatever it raises is its answer
            line.send(["raised", type(error).__name__, str(error)[:1000]])
