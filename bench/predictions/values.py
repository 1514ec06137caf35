"""From a file's cells to numpy columns, exactly, or an error that points at the cell."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from bench.arrays import AnyArray, Ragged
from bench.predictions.fields import Field

# Beyond this a float no longer holds every whole number.
_EXACT = 2.0**53
_TRUE, _FALSE = ("true", "True", "TRUE", "1"), ("false", "False", "FALSE", "0")
RULES = {
    "float": "a number",
    "float32": "a number",
    "int": "a whole number",
    "bool": "true or false",
    "str": "text or a number",
    "text": "text",
}
DTYPES: dict[str, Any] = {
    "float": np.float64, "float32": np.float32, "int": np.int64, "bool": np.bool_, "str": np.str_, "text": object,
}  # fmt: skip


class BadCell(ValueError):  # noqa: N818 - it is a place, told as an error by the table
    """A cell that cannot be what its column needs: its position in the batch, what stands there, and the rule."""

    def __init__(self, row: int, shown: str, rule: str) -> None:
        super().__init__(rule)
        self.row, self.shown, self.rule = row, shown, rule


def column(values: Any, field: Field, *, numbered: bool) -> AnyArray | Ragged:
    """One file column as the field needs it: (b,), (b, k) for vectors held in lists, or `Ragged` for lists.

    values: an Arrow array, or a numpy array from an npz file.  Raises `BadCell`.
    """
    nested = field.form in {"vector", "levels", "tensor"} and not numbered
    if isinstance(values, np.ndarray):
        return _from_numpy(values, field, nested=nested)
    import pyarrow as pa

    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    if isinstance(values, pa.DictionaryArray):
        values = values.dictionary_decode()
    if field.form == "list" or nested:
        rows = _lists(values, field)
        return rows if field.form == "list" else _square(rows)
    return _scalars(values, field)


def _square(rows: Ragged) -> AnyArray:
    lengths = rows.lengths
    if len(rows) == 0:
        return rows.values.reshape(0, 0)
    odd = np.flatnonzero(lengths != lengths[0])
    if len(odd):
        raise BadCell(int(odd[0]), f"{lengths[odd[0]]} values", f"as long as the first row, which has {lengths[0]}")
    return rows.values.reshape(len(rows), int(lengths[0]))


def _lists(values: Any, field: Field) -> Ragged:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _json_lists(values, field)
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        raise BadCell(0, f"of type {kind}", "a list")
    _no_nulls(values, "a list")
    lengths = np.asarray(pc.list_value_length(values)).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    try:
        flat = _scalars(pc.list_flatten(values), field)
    except BadCell as bad:
        row = int(np.searchsorted(offsets, bad.row, side="right") - 1)
        raise BadCell(row, f"{bad.shown} at position {bad.row - offsets[row]}", bad.rule) from bad
    return Ragged(flat, offsets)


def _json_lists(values: Any, field: Field) -> Ragged:
    """Lists written as JSON in text cells: `[-1.5, -0.2]`."""
    cells: list[Any] = values.to_pylist()
    try:
        rows = json.loads("[" + ",".join("" if cell is None else cell for cell in cells) + "]")
        sound = len(rows) == len(cells) and all(map(list.__instancecheck__, rows))
    except (ValueError, RecursionError):
        sound = False
    if not sound:
        rows = [_json_list(i, cell) for i, cell in enumerate(cells)]
    kinds: dict[str, tuple[type, ...]] = {"int": (int,), "bool": (bool,), "text": (str,), "str": (str,)}
    wanted = kinds.get(field.dtype, (int, float))
    for i, row in enumerate(rows):
        strangers = set(map(type, row)) - set(wanted)
        if strangers:
            value = next(v for v in row if type(v) in strangers)
            raise BadCell(i, f"{value!r} within {cells[i][:60]!r}", f"a JSON list, each entry {RULES[field.dtype]}")
    return Ragged.of(rows, DTYPES[field.dtype])


def _json_list(row: int, cell: str | None) -> list[Any]:
    try:
        value = json.loads(cell or "")
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, list):
        raise BadCell(row, repr((cell or "")[:60]), "a JSON list, such as [-1.5, -0.2]")
    return value


def _scalars(values: Any, field: Field) -> AnyArray:
    import pyarrow as pa

    if isinstance(values, pa.DictionaryArray):
        values = values.dictionary_decode()
    rule = RULES[field.dtype]
    text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    if pa.types.is_nested(values.type) or pa.types.is_binary(values.type):
        raise BadCell(0, f"of type {values.type}", rule)
    if field.dtype == "text" and not text:
        raise BadCell(0, f"of type {values.type}", rule)
    _no_nulls(values, rule)
    if field.dtype in {"str", "text"}:
        return _as_text(values, field)
    if text:
        return _parsed(values, field)
    if pa.types.is_temporal(values.type):
        raise BadCell(0, f"of type {values.type}", rule)
    return from_numbers(np.asarray(values.cast(pa.float64()) if pa.types.is_decimal(values.type) else values), field)


def _as_text(values: Any, field: Field) -> AnyArray:
    import pyarrow as pa

    cells = np.array(values.cast(pa.large_string()).to_pylist(), dtype=DTYPES[field.dtype])
    empty = np.flatnonzero(cells == "") if field.dtype == "str" else np.empty(0, dtype=np.int64)
    if len(empty):
        raise BadCell(int(empty[0]), "empty", "text or a number")
    return cells


def _parsed(values: Any, field: Field) -> AnyArray:
    """Numbers and truth values written as text, read with the precision that they were written with."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if field.dtype == "bool":
        known = pa.array([*_TRUE, *_FALSE])
        position = np.asarray(pc.fill_null(pc.index_in(pc.utf8_trim_whitespace(values), known.cast(values.type)), -1))
        if (position < 0).any():
            row = int(np.argmax(position < 0))
            raise BadCell(row, _shown(values[row].as_py()), RULES["bool"])
        return np.asarray(position < len(_TRUE))
    trimmed = pc.utf8_trim_whitespace(values)
    if field.dtype != "int":
        return _floats(trimmed, field).astype(DTYPES[field.dtype])
    try:
        return np.asarray(pc.cast(trimmed, pa.int64()))
    except pa.ArrowInvalid:  # whole numbers may be written as 3.0
        return from_numbers(_floats(trimmed, field), field)


def _floats(texts: Any, field: Field) -> AnyArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return np.asarray(pc.cast(texts, pa.float64()))
    except pa.ArrowInvalid:
        raise BadCell(*_first_unreadable(texts), RULES[field.dtype]) from None


def _first_unreadable(values: Any) -> tuple[int, str]:
    """Where the first text stands that is no number, found by halving."""
    import pyarrow as pa
    import pyarrow.compute as pc

    low, high = 0, len(values)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            pc.cast(values.slice(low, middle - low), pa.float64())
            low = middle
        except pa.ArrowInvalid:
            high = middle
    return low, _shown(values[low].as_py())


def _shown(text: str) -> str:
    return f"the text {text[:60]!r}" if text.strip() else "empty"


def _no_nulls(values: Any, rule: str) -> None:
    if values.null_count:
        raise BadCell(int(np.argmax(np.asarray(values.is_null()))), "empty (null)", rule)


def from_numbers(values: AnyArray, field: Field) -> AnyArray:
    """A numeric array in the field's type, if nothing is lost by it; (b, ...)."""
    rule = RULES[field.dtype]
    if field.dtype in {"float", "float32"}:
        if values.dtype.kind not in "fiu":
            raise BadCell(0, f"of type {values.dtype}", rule)
        return values.astype(DTYPES[field.dtype])
    if values.dtype.kind not in "fiub":
        raise BadCell(0, f"of type {values.dtype}", rule)
    if field.dtype == "int":
        if values.dtype.kind == "b":
            raise BadCell(0, "of type bool", rule)
        whole = np.asarray(np.abs(values) < _EXACT) & (values == np.floor(values)) if values.dtype.kind == "f" else None
        return _kept(values, whole, rule, np.int64)
    return _kept(values, (values == 0) | (values == 1) if values.dtype.kind != "b" else None, rule, np.bool_)


def _kept(values: AnyArray, sound: AnyArray | None, rule: str, dtype: Any) -> AnyArray:
    if sound is not None and not sound.all():
        row = int(np.argmax(~sound.reshape(len(values), -1).all(axis=1)))
        raise BadCell(row, str(values[row].tolist()), rule)
    return values.astype(dtype)


def _from_numpy(values: AnyArray, field: Field, *, nested: bool) -> AnyArray | Ragged:
    axes = (
        {"tensor": 3, "vector": 2, "levels": 2, "list": 2}.get(field.form, 1) if nested or field.form == "list" else 1
    )
    if values.ndim != axes:
        raise BadCell(0, f"in an array of {values.ndim} axes", f"in an array of {axes}")
    if field.dtype in {"str", "text"}:
        if values.dtype.kind not in ("U" if field.dtype == "text" else "Uiu"):
            raise BadCell(0, f"of type {values.dtype}", RULES[field.dtype])
        flat = values.astype(DTYPES[field.dtype])
    else:
        flat = from_numbers(values, field)
    if field.form != "list":
        return flat
    return Ragged(flat.reshape(-1), np.arange(len(values) + 1) * values.shape[1])


def joined_rows(values: AnyArray, offsets: AnyArray, field: Field) -> Ragged:
    """Rows of different length from an npz file: values end to end, and (n + 1,) offsets."""
    sound = offsets.ndim == 1 and len(offsets) > 0 and offsets.dtype.kind in "iu" and values.ndim == 1
    if not sound or offsets[0] != 0 or offsets[-1] != len(values) or (np.diff(offsets.astype(np.int64)) < 0).any():
        raise BadCell(0, "not within its offsets", f"given by offsets that rise from 0 to {len(values)}")
    plain = Field(field.names, field.doc, field.dtype)
    flat = _from_numpy(values, plain, nested=False)
    assert isinstance(flat, np.ndarray)  # noqa: S101 - a scalar field gives an array
    return Ragged(flat, offsets.astype(np.int64))
