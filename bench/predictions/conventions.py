"""The conventions of all kinds of predictions, and how they are told: `bench show record KIND`."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Mapping
from typing import Any

from bench.errors import unknown_name
from bench.predictions import choices, classification, density, generations, ood, regression, tokens
from bench.predictions.fields import COMMON, Convention, Field
from bench.records import RECORDS

CONVENTIONS: dict[str, Convention] = {
    module.CONVENTION.kind: module.CONVENTION
    for module in (classification, regression, choices, tokens, density, ood, generations)
}
SUFFIXES = ("parquet", "csv", "npz")


def convention(kind: str) -> Convention:
    """The convention of that kind; `UsageError` with the nearest one if there is none."""
    if kind not in CONVENTIONS:
        raise unknown_name("record", kind, CONVENTIONS, listing="bench show record")
    return CONVENTIONS[kind]


def overview() -> dict[str, Any]:
    """The kinds in a line each, with the text that is printed."""
    kinds = {kind: known.about for kind, known in CONVENTIONS.items()}
    text = ["Records, and the predictions that they are read from:", ""]
    text += [f"  {kind:<16}{about}" for kind, about in kinds.items()]
    text += ["", "One of them with its columns and examples: bench show record classification"]
    return {"kind": "record", "name": "", "records": kinds, "text": text}


def facts(kind: str) -> dict[str, Any]:
    """A kind's columns, conventions and examples, JSON-ready, with the text that is printed."""
    known = convention(kind)
    fields = {field.key: field for field in (*COMMON, *known.fields)}
    own = [field for field in fields.values() if field in known.fields]
    common = [field for field in fields.values() if field not in known.fields]
    record = RECORDS.get(kind)
    columns = {name: dataclasses.asdict(spec) for name, spec in record.columns().items()} if record else {}
    examples = {suffix: example(known, suffix) for suffix in SUFFIXES}
    return {
        "kind": "record",
        "name": kind,
        "about": known.about,
        "columns": columns,
        "fields": [_told(field) for field in (*own, *common)],
        "one_of": [list(form) for form in known.forms],
        "examples": examples,
        "text": _text(known, own, common, columns, examples),
    }


def example(known: Convention, suffix: str) -> str:
    """Three rows in that type of file: a csv file's text, or the Python that writes the others."""
    if suffix == "csv":
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(known.columns)
        writer.writerows([_cell(v) for v in row] for row in zip(*known.columns.values(), strict=True))
        return stream.getvalue()
    if suffix == "parquet":
        return f"import pandas as pd\n\npd.DataFrame({_literal(known.columns)}).to_parquet('preds.parquet')\n"
    arguments = ",\n".join(f"    {name}={value!r}" for name, value in known.arrays.items())
    return f"import numpy as np\n\nnp.savez(\n    'preds.npz',\n{arguments},\n)\n"


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, list) else str(value)


def _literal(columns: Mapping[str, Any]) -> str:
    return "{\n" + "".join(f"    {name!r}: {list(values)!r},\n" for name, values in columns.items()) + "}"


def _told(field: Field) -> dict[str, Any]:
    return {
        "names": list(field.names),
        "columns": field.written,
        "type": field.dtype,
        "form": field.form,
        "required": field.required,
        "doc": field.doc,
    }


def _text(
    known: Convention,
    own: list[Field],
    common: list[Field],
    columns: Mapping[str, Mapping[str, Any]],
    examples: Mapping[str, str],
) -> list[str]:
    lines = [f"record {known.kind}: {known.about}", "", "In a file of predictions (parquet, csv, npz or jsonl):"]
    lines += [_field_line(field, known) for field in own]
    if known.forms:
        lines += ["  of " + ", or ".join(" with ".join(f"'{key}'" for key in form) for form in known.forms) + ": one"]
    lines += ["", "In any file:", *(_field_line(field, known) for field in common), ""]
    lines += [
        "A list is a list column in parquet, JSON such as [-1.5, -0.25] in a csv cell, and in npz an array (n, k), or",
        "values end to end with NAME_offsets (n + 1).  'One value for all' is a column that never changes, a single",
        "value in npz, or parquet key-value metadata.",
    ]
    for suffix, text in examples.items():
        lines += ["", f"As {suffix}:", "", *(f"    {line}".rstrip() for line in text.splitlines())]
    if columns:
        lines += ["", "The record that it becomes:"]
        lines += [
            f"  {name:<16}{spec['doc']}{' (optional)' if spec['optional'] else ''}" for name, spec in columns.items()
        ]
    lines += ["", f"bench eval --predictions preds.parquet --as {known.kind}"]
    return lines


def _field_line(field: Field, known: Convention) -> str:
    kind = {"list": f"list of {field.dtype}", "constant": f"{field.dtype}, one value for all"}.get(
        field.form, field.dtype
    )
    alternative = any(field.key in form for form in known.forms)
    need = "required" if field.required else "one form" if alternative else "optional"
    return f"  {field.written}\n      {field.doc} ({kind}; {need})"
