"""Arrays of a data set: images in their published files, and tables of numbers."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.arrays import AnyArray, Float64s
from bench.errors import UsageError
from bench.field.reading import Hub, Reader, content, hub_table, parts, read

Images = NDArray[np.uint8]
_CIFAR = 3, 32, 32
_IMAGES = 0x803  # what begins a file of images in the format of MNIST; labels begin with 0x801


def images(
    hubs: Mapping[str, Hub],
    path: str,
    patterns: Mapping[str, Sequence[str]],
    shape: tuple[int, int, int],
    column: str = "image",
) -> dict[str, Images]:
    """Images (n, height, width, channels) of each split, levels 0..255, from the hub, or from files.

    Files: those of MNIST and CIFAR-10 (binary version), .npz or .npy (flat rows channel by channel, as the downsampled
    ImageNet has them, or images), .parquet with encoded images, or a folder of .png.  patterns: of the files of each
    split.  column: of the hub's table.
    """
    if not path:
        return {split: _stacked(list(hub_table(hub)[column]), shape) for split, hub in hubs.items()}
    readers = _readers(shape)
    found: dict[str, Images] = {}
    for split, paths in parts(path, patterns, readers).items():
        arrays = [read(p, readers) for p in paths]
        found[split] = np.concatenate([_shaped(a, shape, p) for a, p in zip(arrays, paths, strict=True)])
    return found


def _readers(shape: tuple[int, int, int]) -> dict[str, Reader]:
    return {
        "": _idx,
        ".idx3-ubyte": _idx,
        ".bin": _cifar,
        ".npz": _npz,
        ".npy": _npy,
        ".parquet": lambda path: _encoded(path, shape),
        ".png": lambda path: _stacked([path], shape),
    }


def _idx(path: Path) -> AnyArray:
    whole = content(path)
    magic, *sides = struct.unpack(">4i", whole[:16])
    if magic != _IMAGES or len(whole) != 16 + prod(sides):
        raise ValueError("it is no file of images, or was cut off")
    return np.frombuffer(whole, dtype=np.uint8, offset=16).reshape(*sides, 1)


def _cifar(path: Path) -> AnyArray:
    whole = np.frombuffer(content(path), dtype=np.uint8)
    row = 1 + prod(_CIFAR)
    if len(whole) == 0 or len(whole) % row:
        raise ValueError(f"its size is no multiple of {row} bytes, a label and an image")
    return whole.reshape(-1, row)[:, 1:]


def _npz(path: Path) -> AnyArray:
    with np.load(path, allow_pickle=False) as held:
        return np.asarray(held["data" if "data" in held else next(iter(held))])


def _npy(path: Path) -> AnyArray:
    return np.asarray(np.load(io.BytesIO(content(path)), allow_pickle=False))


def _encoded(path: Path, shape: tuple[int, int, int]) -> Images:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    name = next((n for n in ("image", "img") if n in table.column_names), "")
    if not name:
        raise ValueError("it has no column 'image' or 'img'")
    return _stacked([io.BytesIO(cell["bytes"]) for cell in table[name].to_pylist()], shape)


def _stacked(found: Sequence[Any], shape: tuple[int, int, int]) -> Images:
    """Images that are open, or are to be opened, in one array."""
    from PIL import Image

    mode = "L" if shape[2] == 1 else "RGB"
    opened = [one if isinstance(one, Image.Image) else Image.open(one) for one in found]
    return np.stack([np.asarray(image.convert(mode), dtype=np.uint8).reshape(shape) for image in opened])


def _shaped(found: AnyArray, shape: tuple[int, int, int], path: Path) -> Images:
    height, width, channels = shape
    if found.ndim == 2 and found.shape[1] == prod(shape):  # channel by channel, as published
        found = found.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)
    if found.shape[1:] != shape or found.dtype != np.uint8:
        raise UsageError(
            f"'{path}' holds other images",
            cause=f"{found.dtype} of shape {found.shape[1:]}, where uint8 of {shape} is expected",
            fix="give the data set's own files",
        )
    return np.ascontiguousarray(found)


def matrix(path: Path) -> Float64s:
    """A table of numbers (n, d) from .npy, .csv (with a line of names) or .parquet."""
    if path.suffix == ".npy":
        found = _npy(path)
    else:
        columns = named_columns(path)
        found = np.stack(list(columns.values()), axis=1)
    if found.ndim != 2 or not np.issubdtype(found.dtype, np.number):
        raise ValueError(f"it holds {found.dtype} of shape {found.shape}, no table of numbers")
    return found.astype(np.float64)


def named_columns(path: Path) -> dict[str, Float64s]:
    """The columns of numbers of a .csv or .parquet, by name."""
    import pyarrow as pa
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path) if path.suffix == ".parquet" else pc.read_csv(io.BytesIO(content(path)))
        return {name: table[name].to_numpy().astype(np.float64) for name in table.column_names}
    except pa.ArrowException as error:
        raise ValueError(str(error).splitlines()[0]) from error


TABLES: dict[str, Reader] = {".npy": matrix, ".csv": matrix, ".parquet": matrix}
NAMED: dict[str, Reader] = {".csv": named_columns, ".parquet": named_columns}
