"""Random draws that depend on what is drawn, never on the order, the batch or the machine's load.

Every draw comes from (seed, scope, item): the run's seed, a name such as the cell's or the task's, and the
sample's id.  Two runs that evaluate the same sample in other batches, shards or resumes draw the same numbers.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from bench.arrays import Float64s, Strings


def derive(seed: int, *scope: str | int) -> int:
    """A 64-bit seed from the run's seed and a scope, stable over machines, processes and Python versions."""
    text = "\x1f".join([str(seed), *map(str, scope)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def generator(seed: int, *scope: str | int) -> np.random.Generator:
    """A numpy generator for one scope (see `derive`)."""
    return np.random.Generator(np.random.PCG64(derive(seed, *scope)))


def uniforms(ids: Strings, seed: int, *scope: str | int) -> Float64s:
    """One number in (0, 1) for each id, (n,), that depends on (seed, scope, id) alone.

    For draws of one number a sample, where a generator each would cost more than the draw.  The characters of an id go
    one after the other through the finaliser of SplitMix64 (Steele, Lea and Flood 2014), whose top 53 bits it is.
    """
    ids = np.ascontiguousarray(ids, dtype=np.str_)
    width = ids.dtype.itemsize // 4
    letters = ids.view(np.uint32).reshape(len(ids), width).astype(np.uint64)
    state = np.full(len(ids), derive(seed, *scope), dtype=np.uint64)
    for place in range(width):
        letter = letters[:, place]
        # Padding is no letter: an id's number must not depend on how long the others are.
        state = np.where(letter == 0, state, _mixed(state ^ (letter + np.uint64((place + 1) * int(_GOLDEN) % 2**64))))
    return (np.asarray(_mixed(state) >> np.uint64(11), dtype=np.float64) + 0.5) / 2.0**53


def row_uniforms(rows: Float64s, columns: int, seed: int, *scope: str | int) -> Float64s:
    """Numbers in [0, 1) for each row, (n, columns), that depend on (seed, scope, the row itself) alone.

    For draws about a sample where its id is not at hand: never on its neighbours in the batch; equal rows get equal
    numbers, and the first of more columns are those of fewer.  rows: (n, d).  Made by the SplitMix64 mixer (Steele, Lea
    and Flood 2014), counting over columns.
    """
    start = np.uint64(derive(seed, *scope))
    with np.errstate(over="ignore"):  # 64-bit arithmetic wraps by design
        content = _finalised((rows.astype(np.float64) + 0.0).view(np.uint64))  # + 0.0: one zero, not two
        key = np.bitwise_xor.reduce(_finalised(np.add(content, _steps(rows.shape[1]))), axis=1)
        bits = _finalised(np.add(_finalised(key + start)[:, None], _steps(columns)))
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def row_normals(rows: Float64s, columns: int, seed: int, *scope: str | int) -> Float64s:
    """Standard normal numbers for each row, (n, columns), as `row_uniforms`."""
    from scipy.special import ndtri

    return ndtri(row_uniforms(rows, columns, seed, *scope) + 2.0**-54)


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _steps(count: int) -> NDArray[np.uint64]:
    return np.multiply(np.arange(1, count + 1, dtype=np.uint64), _GOLDEN)


def _mixed(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return _finalised(z + _GOLDEN)


def _finalised(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
