"""What a cell is: fingerprints of values, data and files, and the refusal to continue one cell as another."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bench.arrays import AnyArray, Ragged
from bench.errors import NotComparableError, UsageError
from bench.examples import Examples

CHUNK = 1 << 20


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...


def fingerprint(value: Any) -> str:
    """A stable digest (blake2b, 32 hex digits) of a value, equal over machines, processes and Python versions.

    Takes None, booleans, numbers, strings, bytes, paths, lists and tuples (equal to one another), sets, mappings
    (without order), dataclasses, numpy arrays (dtype, shape and bytes; strings without their padding), `Ragged`, and
    named functions, also partial ones (by their name: what they do is versioned by the task).  Raises `UsageError` for
    anything else.
    """
    digest = hashlib.blake2b(digest_size=16)
    _feed(digest, value)
    return digest.hexdigest()


def data_fingerprint(examples: Examples) -> str:
    """Fingerprint of everything that the examples say: inputs, targets, ids, splits, and how answers are read."""
    return fingerprint({f.name: getattr(examples, f.name) for f in fields(examples)})


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, hex, read in blocks.  Raises `OSError`."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


@dataclass(frozen=True)
class Identity:
    """What an answer depends on: name -> printable value or digest ("model", "data", "task version", "seed" ...)."""

    keys: Mapping[str, str]

    @property
    def digest(self) -> str:
        """Fingerprint of all keys, 32 hex digits."""
        return fingerprint(dict(self.keys))

    def differences(self, other: Identity) -> list[str]:
        """Names of the keys that differ or that only one side has, in alphabetical order."""
        return sorted(k for k in {*self.keys, *other.keys} if self.keys.get(k) != other.keys.get(k))

    def refuse(self, now: Identity, *, what: str, fix: str) -> None:
        """Raise `NotComparableError` naming the keys, with both values, where `now` is not what was recorded here."""
        names = self.differences(now)
        if not names:
            return
        pairs = [f"{k}: {self.keys.get(k, 'absent')} then, {now.keys.get(k, 'absent')} now" for k in names]
        raise NotComparableError(
            f"{what} cannot be continued: {', '.join(names)} changed", cause="; ".join(pairs), fix=fix
        )


def _feed(digest: _Hash, value: Any) -> None:
    for types, feed in _FEEDERS:
        if isinstance(value, types):
            feed(digest, value)
            return
    if is_dataclass(value) and not isinstance(value, type):
        _tag(digest, "dataclass", type(value).__qualname__)
        _feed(digest, {f.name: getattr(value, f.name) for f in fields(value)})
    elif isinstance(value, partial):
        digest.update(b"partial:")
        _feed(digest, [value.func, list(value.args), dict(value.keywords)])
    elif callable(value) and hasattr(value, "__qualname__"):
        _tag(digest, "function", f"{getattr(value, '__module__', '')}:{value.__qualname__}")
    else:
        raise UsageError(
            f"a value of type '{type(value).__name__}' has no fingerprint",
            cause="what an answer depends on must be made of JSON values, arrays, dataclasses and named functions",
            fix="give a digest of it instead, as a string",
        )


def _tag(digest: _Hash, kind: str, text: str) -> None:
    # Length before content: no two values can be confused by where one ends and the next begins.
    data = text.encode("utf-8", errors="surrogatepass")
    digest.update(f"{kind}:{len(data)}:".encode() + data)


def _feed_plain(digest: _Hash, value: bool | None) -> None:
    _tag(digest, "constant", str(value))


def _feed_int(digest: _Hash, value: Any) -> None:
    _tag(digest, "int", str(int(value)))


def _feed_float(digest: _Hash, value: Any) -> None:
    digest.update(b"float:" + struct.pack("<d", float(value)))


def _feed_text(digest: _Hash, value: str | Path) -> None:
    _tag(digest, "str", str(value))


def _feed_bytes(digest: _Hash, value: bytes | bytearray) -> None:
    digest.update(f"bytes:{len(value)}:".encode() + value)


def _feed_mapping(digest: _Hash, value: Mapping[Any, Any]) -> None:
    digest.update(f"mapping:{len(value)}:".encode())
    for key in sorted(value, key=lambda k: (str(k), type(k).__name__)):
        _feed(digest, key)
        _feed(digest, value[key])


def _feed_set(digest: _Hash, value: AbstractSet[Any]) -> None:
    digest.update(f"set:{len(value)}:".encode() + "".join(sorted(fingerprint(item) for item in value)).encode())


def _feed_sequence(digest: _Hash, value: Sequence[Any]) -> None:
    if value and all(isinstance(item, str) for item in value):
        # A corpus is a list of texts: one encoding of all of them instead of a call for each.
        _tag(digest, f"texts:{len(value)}", json.dumps(list(value)))
        return
    digest.update(f"sequence:{len(value)}:".encode())
    for item in value:
        _feed(digest, item)


def _feed_array(digest: _Hash, value: AnyArray) -> None:
    if value.dtype.kind == "O":
        digest.update(f"objects:{value.shape}:".encode())
        _feed_sequence(digest, value.ravel().tolist())
        return
    if value.dtype.kind == "U":
        # The width of a fixed-width string is an accident of the other rows.
        longest = int(np.strings.str_len(value).max(initial=0))
        value = value.astype(f"<U{max(longest, 1)}")
    elif value.dtype.byteorder == ">" or value.dtype.kind not in "biufcSmM":
        value = value.astype(value.dtype.newbyteorder("<"))
    digest.update(f"array:{value.dtype.str}:{value.shape}:".encode())
    digest.update(np.ascontiguousarray(value).tobytes())


def _feed_ragged(digest: _Hash, value: Ragged) -> None:
    digest.update(b"ragged:")
    _feed_array(digest, np.asarray(value.offsets, dtype=np.int64))
    _feed_array(digest, value.values)


# In this order: bool is an int, and a numpy float64 is a float.
_FEEDERS: tuple[tuple[Any, Callable[[_Hash, Any], None]], ...] = (
    ((bool, np.bool_, type(None)), _feed_plain),
    ((int, np.integer), _feed_int),
    ((float, np.floating), _feed_float),
    ((str, Path), _feed_text),
    ((bytes, bytearray), _feed_bytes),
    (np.ndarray, _feed_array),
    (Ragged, _feed_ragged),
    (Mapping, _feed_mapping),
    ((set, frozenset), _feed_set),
    ((list, tuple), _feed_sequence),
)
