"""Trained weights kept between runs, by what they were trained on and how.

A key names all that the weights depend on, so a shelf never gives what a fresh training would not; where it cannot be
read or written, the training is simply done again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.arrays import AnyArray

Arrays = dict[str, NDArray[Any]]


def kept(name: str, key: Mapping[str, Any], train: Callable[[], Arrays]) -> Arrays:
    """The arrays that `train` gives, from the shelf where they are there.

    key: JSON-ready; all that they depend on, versions among it.
    """
    from platformdirs import user_cache_path
    from safetensors import SafetensorError
    from safetensors.numpy import load_file, save_file

    digest = hashlib.blake2b(json.dumps(dict(key), sort_keys=True).encode(), digest_size=16).hexdigest()
    path = user_cache_path("bench") / "models" / f"{name}-{digest}.safetensors"
    with suppress(OSError, SafetensorError):
        return dict(load_file(path))
    arrays = {k: np.ascontiguousarray(v) for k, v in train().items()}
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        save_file(arrays, draft)
        draft.replace(path)
    return arrays


def digest_of(*arrays: AnyArray) -> str:
    """A digest of arrays' types, shapes and bytes."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}\n".encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
