"""JSON documents that know their own checksum, so that damage is noticed before a number is believed.

The checksum is of the values, not of the bytes: a document that was only reformatted is still whole.  It is that of
their canonical text (keys sorted, no white space), so that a file which holds this text, broken into lines, is checked
without being encoded again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import BenchError, EvaluationError, UsageError
from bench.runners.atomic import write_bytes

CHECKSUM = "checksum"
_CANONICAL: dict[str, Any] = {"sort_keys": True, "separators": (",", ":")}


def encode(document: Mapping[str, Any]) -> bytes:
    """The document as JSON text with its checksum last.  Raises `ValueError` for NaN and infinities."""
    plain = json.loads(json.dumps(document, allow_nan=False))
    plain.pop(CHECKSUM, None)
    text = json.dumps({**plain, CHECKSUM: _digest(plain)}, indent=1, allow_nan=False)
    return text.encode() + b"\n"


def encode_rows(name: str, rows: Sequence[Mapping[str, Any]], version: int) -> bytes:
    """The document of many rows under `name`: its canonical text with a line a row, then its checksum.

    name: one that stands before "schema_version" in the alphabet.  Raises `ValueError` for NaN and infinities.
    """
    lines = [
        f'"{name}":[',
        ",\n".join(json.dumps(row, allow_nan=False, **_CANONICAL) for row in rows),
        f'],"schema_version":{version}',
    ]
    head = "{" + "\n".join(lines)
    digest = hashlib.sha256(head.replace("\n", "").encode() + b"}").hexdigest()
    return f'{head},"{CHECKSUM}":"{digest}"}}\n'.encode()


def write_sealed(path: Path, document: Mapping[str, Any]) -> None:
    """Write the document atomically."""
    write_bytes(path, encode(document))


def read_sealed(path: Path, *, version: int, fix: str) -> dict[str, Any]:
    """The document without its checksum.

    Raises `EvaluationError` where it is damaged, and `UsageError` where its `schema_version` is above `version`;
    `fix` is what to do about damage.
    """
    try:
        text = path.read_bytes()
        document = _parsed(text)
    except OSError as error:
        raise damaged(path, f"it cannot be read: {error.strerror or error}", fix) from error
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"it is not JSON: {error}", fix) from error
    if not isinstance(document, dict):
        raise damaged(path, "it holds no JSON object", fix)
    found = document.pop(CHECKSUM, None)
    whole = _is_canonical(text) or found == _quick_digest(document) or found == _digest(document)
    schema = document.get("schema_version")
    if isinstance(schema, int) and schema > version:
        doubt = "" if whole else ", or the file is damaged: its checksum does not match"
        raise UsageError(
            f"'{path}' was written by a newer bench",
            cause=f"its schema_version is {schema}, this bench reads up to {version}{doubt}",
            fix="pip install --upgrade bench",
        )
    if not whole:
        raise damaged(path, "its checksum does not match its content", fix)
    if not isinstance(schema, int):
        raise damaged(path, "it has no schema_version", fix)
    return document


def canonical(path: Path) -> bytes | None:
    """The text of a file that `encode_rows` wrote, its checksum found right; `None` for any other."""
    try:
        text = path.read_bytes()
    except OSError:
        return None
    return text if _is_canonical(text) else None


def damaged(path: Path, cause: str, fix: str) -> BenchError:
    """The error for a file whose content is not what was written."""
    return EvaluationError(f"'{path}' is damaged", cause=cause, fix=fix)


def _parsed(text: bytes) -> Any:
    """The document, by msgspec, which is several times as fast as Python's parser; what it refuses, by Python's."""
    import msgspec

    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:  # a lone surrogate, say, which JSON may hold escaped
        return json.loads(text.decode("utf-8"))


_SEAL = re.compile(rb',"checksum":"([0-9a-f]{64})"\}\n?\Z')


def _is_canonical(text: bytes) -> bool:
    """Whether the file is its values' canonical text, line breaks apart, and the checksum that of the text."""
    seal = _SEAL.search(text, max(len(text) - 100, 0))
    if seal is None:
        return False
    head = text[: seal.start()].replace(b"\n", b"") + b"}"  # within a string, JSON has no line break
    return hashlib.sha256(head).hexdigest() == seal[1].decode()


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, **_CANONICAL).encode()).hexdigest()


def _quick_digest(document: Mapping[str, Any]) -> str:
    """The same, save where msgspec writes a number or a letter otherwise than Python, or refuses it."""
    import msgspec

    try:
        return hashlib.sha256(msgspec.json.encode(document, order="deterministic")).hexdigest()
    except (ValueError, OverflowError):  # a lone surrogate, a whole number of more than 64 bits
        return ""
