"""What a column of a predictions file may be called, and finding it in a file."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from bench.errors import UsageError

if TYPE_CHECKING:
    from bench.predictions.table import Table

# scalar: one value a row.  vector: the same number of values in each row, as numbered columns (`prob_0`, `prob_1`)
# or one list column.  levels: like vector, but numbered by quantile level (`q_0.05`).  list: rows may differ in
# length.  constant: one value for the whole file.  tensor: two axes within a row (npz only).  named: one column, or
# several with names of the writer's choice (`score_energy`).
Form = Literal["scalar", "vector", "levels", "list", "constant", "tensor", "named"]


@dataclass(frozen=True)
class Field:
    """One quantity: the names it goes by, its type, and what it means.

    names: accepted column and array names, the usual one first.  prefix: of numbered columns.
    """

    names: tuple[str, ...]
    doc: str
    dtype: Literal["float", "float32", "int", "bool", "str", "text"] = "float"
    form: Form = "scalar"
    prefix: str = ""
    required: bool = False

    @property
    def key(self) -> str:
        """What the mappers call it."""
        return self.names[0]

    @property
    def written(self) -> str:
        """The columns in words: `prob_0, prob_1, ... or probs`."""
        if not self.prefix:
            return " or ".join(self.names)
        ends = {"levels": ("0.05", "0.5"), "named": ("ONE", "OTHER")}.get(self.form, ("0", "1"))
        return f"{self.prefix}{ends[0]}, {self.prefix}{ends[1]}, ... or {' or '.join(self.names)}"


@dataclass(frozen=True)
class Found:
    """A field and the columns of a file that hold it; `numbered` columns are put side by side."""

    field: Field
    columns: tuple[str, ...]
    numbered: bool = False


@dataclass(frozen=True)
class Convention:
    """How a file holds one kind of predictions.

    forms: groups of fields of which exactly one is given (each a tuple of keys).  columns, arrays: three example rows
    as columns of a parquet or csv file, and as arrays of an npz file.  build: makes the records.
    """

    kind: str
    about: str
    fields: tuple[Field, ...]
    forms: tuple[tuple[str, ...], ...]
    columns: Mapping[str, Sequence[Any]]
    arrays: Mapping[str, Any]
    build: Callable[[Table], Mapping[str, Any]]


COMMON: tuple[Field, ...] = (
    Field(("id", "ids"), "unique name of the sample; absent: its row number", "str"),
    Field(("group", "groups"), "cluster of samples that are not independent", "str"),
    Field(("split", "splits"), "train, calibration or test; absent: all test", "str"),
    Field(("weight", "weights"), "importance of the sample, at least 0; absent: 1"),
    Field(("dataset", "datasets"), "the data set that the sample came from", "str"),
    Field(("ood",), "true where the sample is out of distribution", "bool"),
    Field(
        ("failed",), "true where the model gave no answer: the row is counted, its other columns are not read", "bool"
    ),
)


def locate(convention: Convention, names: Sequence[str], constants: Collection[str], file: str) -> dict[str, Found]:
    """Which columns of the file hold which field; `constants` are the facts that it states once for all rows.

    Raises `UsageError` for a required column that is missing (with the nearest one that is there), a gap in numbered
    columns, one field under two names, and a stray column that resembles an absent one.
    """
    fix = f"bench show record {convention.kind}"
    found: dict[str, Found] = {}
    # A kind may say of a common column that it needs it; its word goes first.
    fields = {field.key: field for field in (*COMMON, *convention.fields)}
    for field in fields.values():
        ways = [Found(field, (name,)) for name in field.names if name in names]
        numbered = _numbered(field, names, file, fix)
        ways += [numbered] if numbered else []
        if len(ways) > 1:
            both = " and ".join(f"'{way.columns[0]}'" for way in ways)
            raise UsageError(f"{file}: {both} are the same thing", cause=f"each holds: {field.doc}", fix="keep one")
        if ways:
            found[field.key] = ways[0]
    used = {column for way in found.values() for column in way.columns}
    strays = [name for name in names if name not in used]
    for field in fields.values():
        stated = field.form == "constant" and field.key in constants
        if field.required and field.key not in found and not stated:
            cause = f"{convention.kind} needs it: {field.doc}"
            raise _missing(field.written, field.names[0], strays, file, cause=cause, fix=fix)
    _one_form(convention, found, strays, file)
    _refuse_strays(list(fields.values()), found, strays, file)
    return found


def _numbered(field: Field, names: Sequence[str], file: str, fix: str) -> Found | None:
    if not field.prefix:
        return None
    if field.form == "levels":
        return _levels(field, names, file, fix)
    if field.form == "named":
        chosen = tuple(name for name in names if name.startswith(field.prefix) and name != field.prefix)
        return Found(field, chosen, numbered=True) if chosen else None
    pattern = re.compile(re.escape(field.prefix) + r"(0|[1-9]\d*)")
    numbers = sorted(int(match[1]) for name in names if (match := pattern.fullmatch(name)))
    for expected, number in enumerate(numbers):
        if number != expected:
            raise UsageError(
                f"{file}: column '{field.prefix}{expected}' is missing",
                cause=f"the columns are numbered from 0 without gaps, and '{field.prefix}{number}' is there",
                fix=fix,
            )
    return Found(field, tuple(f"{field.prefix}{n}" for n in numbers), numbered=True) if numbers else None


def _levels(field: Field, names: Sequence[str], file: str, fix: str) -> Found | None:
    levels: dict[float, str] = {}
    for name in names:
        if not name.startswith(field.prefix):
            continue
        try:
            level = float(name.removeprefix(field.prefix))
        except ValueError:
            continue
        if not 0 < level < 1 or level in levels:
            rule = "is no level between 0 and 1" if level not in levels else f"is the level of '{levels[level]}'"
            raise UsageError(f"{file}: column '{name}' {rule}", cause="each quantile has a level of its own", fix=fix)
        levels[level] = name
    return Found(field, tuple(levels[level] for level in sorted(levels)), numbered=True) if levels else None


def _one_form(convention: Convention, found: Mapping[str, Found], strays: Sequence[str], file: str) -> None:
    fix = f"bench show record {convention.kind}"
    if not convention.forms:
        return
    fields = {field.key: field for field in convention.fields}
    begun = [form for form in convention.forms if any(key in found for key in form)]
    if not begun:
        wanted = [" with ".join(fields[key].written for key in form) for form in convention.forms]
        first = fields[convention.forms[0][0]]
        cause = f"{convention.kind} needs one of: " + "; ".join(wanted)
        raise _missing(wanted[0], first.prefix + "0" if first.prefix else first.key, strays, file, cause=cause, fix=fix)
    for key in begun[0]:
        if key not in found:
            cause = f"'{begun[0][0]}' comes with it" if key != begun[0][0] else f"'{begun[0][-1]}' comes with it"
            raise _missing(fields[key].written, key, strays, file, cause=cause, fix=fix)
    if len(begun) > 1:
        twice = [found[next(key for key in form if key in found)].columns[0] for form in begun]
        raise UsageError(
            f"{file} says it twice: '{twice[0]}' and '{twice[1]}'",
            cause="two forms of one prediction may disagree, and only one can be evaluated",
            fix="keep one of them in the file",
        )


def _missing(written: str, name: str, strays: Sequence[str], file: str, *, cause: str, fix: str) -> UsageError:
    near = difflib.get_close_matches(name, strays, n=1, cutoff=0.6)
    if near:
        fix = f"rename '{near[0]}', if that is it;  {fix}"
    elif len(strays) == 1 and re.search(r"[;|\t]", strays[0]):
        fix = f"separate the columns by commas;  {fix}"
    there = ", ".join(strays[:8]) + (", ..." if len(strays) > 8 else "")
    cause += f"; the file's other columns are {there}" if strays else ""
    return UsageError(f"{file}: column '{written}' is missing", cause=cause, fix=fix)


def _refuse_strays(fields: Sequence[Field], found: Mapping[str, Found], strays: Sequence[str], file: str) -> None:
    """A stray column is ignored, unless it looks like a slip: then ignoring it would change the numbers silently."""
    absent = [name for field in fields if field.key not in found for name in field.names]
    for stray in strays:
        near = difflib.get_close_matches(stray, absent, n=1, cutoff=0.85)
        if near:
            raise UsageError(
                f"{file}: column '{stray}' is not known",
                cause=f"it resembles '{near[0]}', which would change the result",
                fix=f"rename it to '{near[0]}', or leave it out",
            )
