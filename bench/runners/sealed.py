"""JSON documents that know their own checksum, so that damage is noticed before a number is believed.

The checksum is of the values, not of the bytes: a document that was only reformatted is still whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.errors import BenchError, EvaluationError, UsageError
from bench.runners.atomic import write_bytes

CHECKSUM = "checksum"


def encode(document: Mapping[str, Any]) -> bytes:
    """The document as JSON text with its checksum last.  Raises `ValueError` for NaN and infinities."""
    plain = json.loads(json.dumps(document, allow_nan=False))
    plain.pop(CHECKSUM, None)
    text = json.dumps({**plain, CHECKSUM: _digest(plain)}, indent=1, allow_nan=False)
    return text.encode() + b"\n"


def write_sealed(path: Path, document: Mapping[str, Any]) -> None:
    """Write the document atomically."""
    write_bytes(path, encode(document))


def read_sealed(path: Path, *, version: int, fix: str) -> dict[str, Any]:
    """The document without its checksum.

    Raises `EvaluationError` where it is damaged, and `UsageError` where its `schema_version` is above `version`;
    `fix` is what to do about damage.
    """
    try:
        document = json.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise damaged(path, f"it cannot be read: {error.strerror or error}", fix) from error
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"it is not JSON: {error}", fix) from error
    if not isinstance(document, dict):
        raise damaged(path, "it holds no JSON object", fix)
    found = document.pop(CHECKSUM, None)
    whole = found == _digest(document)
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


def damaged(path: Path, cause: str, fix: str) -> BenchError:
    """The error for a file whose content is not what was written."""
    return EvaluationError(f"'{path}' is damaged", cause=cause, fix=fix)


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
