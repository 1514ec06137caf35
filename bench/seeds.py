"""Random draws that depend on what is drawn, never on the order, the batch or the machine's load.

Every draw comes from (seed, scope, item): the run's seed, a name such as the cell's or the task's, and the
sample's id.  Two runs that evaluate the same sample in other batches, shards or resumes draw the same numbers.
"""

from __future__ import annotations

import hashlib

import numpy as np


def derive(seed: int, *scope: str | int) -> int:
    """A 64-bit seed from the run's seed and a scope, stable over machines, processes and Python versions."""
    text = "\x1f".join([str(seed), *map(str, scope)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def generator(seed: int, *scope: str | int) -> np.random.Generator:
    """A numpy generator for one scope (see `derive`)."""
    return np.random.Generator(np.random.PCG64(derive(seed, *scope)))
