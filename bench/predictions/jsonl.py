"""Files of one JSON object a line; an object may hold its generations as a list of `samples`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import UsageError

SAMPLES = "samples"


class Jsonl:
    """A file of JSON lines, read at once through Arrow.

    A line with a list of objects under `samples` becomes a row for each of them, with the line's other values in all.
    """

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        from pyarrow import json

        self.file = str(path)
        try:
            table = json.read_json(path)
        except (pa.ArrowInvalid, OSError) as error:
            raise UsageError(
                f"'{path}' cannot be read", cause=str(error).splitlines()[0], fix="write one JSON object a line"
            ) from error
        self._table = _flat(table.combine_chunks(), self.file)
        self.names: list[str] = list(self._table.column_names)

    def constants(self) -> Mapping[str, Any]:
        """None: a line is a row."""
        return {}

    def values(self) -> None:
        """Of no use: the file is read at once."""

    def batches(self, columns: Sequence[str], rows: int) -> Iterator[Mapping[str, Any]]:
        """Those columns as Arrow arrays."""
        for batch in self._table.select(list(columns)).to_batches(max_chunksize=rows):
            yield {name: batch.column(name) for name in columns}


def _flat(table: Any, file: str) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if SAMPLES not in table.column_names:
        return table
    column = table.column(SAMPLES).combine_chunks()
    if not (pa.types.is_list(column.type) and pa.types.is_struct(column.type.value_type)):
        raise UsageError(
            f"{file}: '{SAMPLES}' is no list of objects",
            cause="each sample has a text, its log-probability and whether it is right",
            fix='write "samples": [{"text": ..., "logprob": ..., "tokens": ..., "correct": ...}]',
        )
    parents = pc.list_parent_indices(column)
    each = pc.list_flatten(column)
    outer = table.drop_columns([SAMPLES]).take(parents)
    inner = {field.name: each.field(k) for k, field in enumerate(each.type)}
    twice = sorted(set(inner) & set(outer.column_names))
    if twice:
        raise UsageError(
            f"{file}: '{twice[0]}' stands beside '{SAMPLES}' and within it", cause="one of them would hide the other",
            fix="keep one",
        )  # fmt: skip
    for name, values in inner.items():
        outer = outer.append_column(name, values)
    return outer.combine_chunks()
