"""Columns of numbers as short text, for files that live in git: 16 or 48 bits a number, shuffled and compressed."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.comparing.evidence import Digests

LARGEST = 32768.0  # where half floats are still far from their end
LEAST = 2.0**-1000  # a scale; what is smaller than half floats of it is no influence on anything
MOST = 1 << 28  # bytes that a column may unfold to: no file of a few kB may fill the memory


def pack_digests(values: Digests, *, increasing: bool = False) -> dict[str, Any]:
    """Digests (n,); increasing ones as their steps, whose upper bytes are nothing."""
    steps = np.diff(values, prepend=np.uint64(0)) if increasing else values
    return _packed("steps" if increasing else "u8", steps.astype("<u8"))


def pack_values(values: Float64s) -> dict[str, Any]:
    """Numbers (n,), NaN allowed: bits where all are 0 or 1, else half floats of a common scale (a power of two).

    A half float keeps 11 bits: each contribution is off by at most a 2,000th of itself, which moves no standard error
    by more.  The number itself is stored apart, exactly.
    """
    held = ~np.isnan(values)
    if np.isin(values[held], (0.0, 1.0)).all():
        two = np.packbits(np.stack([values == 1.0, held]), axis=1)
        return {**_packed("bits", two.reshape(-1)), "n": len(values)}
    top = float(np.abs(values[held]).max(initial=0.0))
    scale = max(LEAST, 2.0 ** np.ceil(np.log2(top) - np.log2(LARGEST))) if top > 0 else 1.0
    return {**_packed("f2", (values / scale).astype("<f2")), "scale": float(scale)}


def unpack(packed: Mapping[str, Any]) -> AnyArray:
    """What `pack_digests` or `pack_values` took.  Raises `ValueError` for anything that they cannot have made."""
    kind = packed["as"]
    if kind not in {"steps", "u8", "bits", "f2"}:
        raise ValueError(f"a column of kind '{kind}'")
    width = {"steps": 8, "u8": 8, "bits": 1, "f2": 2}[kind]
    try:
        stream = zlib.decompressobj()
        raw = stream.decompress(base64.b64decode(packed["data"], validate=True), MOST)
    except (binascii.Error, zlib.error, TypeError) as error:
        raise ValueError(f"a column cannot be unpacked: {error}") from error
    if not stream.eof or len(raw) % width:
        raise ValueError("a column is cut short")
    flat = np.frombuffer(raw, np.uint8).reshape(width, len(raw) // width).T.copy().reshape(-1)
    if kind == "bits":
        ones, held = np.unpackbits(flat.reshape(2, len(flat) // 2), axis=1)[:, : int(packed["n"])].astype(bool)
        return np.where(held, ones.astype(np.float64), np.nan)
    if kind == "f2":
        return flat.view("<f2").astype(np.float64) * float(packed["scale"])
    values = flat.view("<u8").astype(np.uint64)
    return np.cumsum(values, dtype=np.uint64) if kind == "steps" else values


def _packed(kind: str, values: AnyArray) -> dict[str, Any]:
    # Bytes of one weight side by side: exponents and empty upper bytes compress, mantissas do not.
    planes = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), values.itemsize).T
    return {"as": kind, "data": base64.b64encode(zlib.compress(planes.tobytes(), 9)).decode()}
