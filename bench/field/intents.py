"""Texts with an intent or a topic, as their data sets publish them -> (text, name or number of its class)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.errors import UsageError
from bench.examples import Examples
from bench.field.items import numbered
from bench.field.reading import Row
from bench.procedural.items import digest

OUTSIDE = "outOfDomain"


@dataclass(frozen=True)
class Said:
    """A text and its class; a class of -1, or `outside`, is none that a model knows."""

    text: str
    label: int | str
    outside: bool = False


def clinc(row: Row, _: int) -> Said:
    """text, intent: a number, of which 42 says "out of scope" and the others close up (Larson et al. 2019)."""
    number = int(row["intent"])
    if not 0 <= number <= 150:
        raise ValueError(f"{number} is no intent")
    return Said(str(row["text"]), number - (number > 42), outside=number == 42)


def newsgroups(row: Row, _: int) -> Said:
    """text, label_text: the group (Lang 1995)."""
    return Said(str(row["text"]), str(row["label_text"]))


def tabbed(path: Path) -> list[Said]:
    """Lines of intent, slots, text and language: those of Schuster et al. 2019, and of ROSTD (Gangal et al. 2020)."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"'{path}' can't be read", cause=str(error), fix="give the published file") from error
    found = []
    for number, line in enumerate(lines, 1):
        cells = line.split("\t")
        if len(cells) < 3 or not cells[0] or not cells[2].strip():
            raise UsageError(
                f"'{path}', line {number}, is no intent and text",
                cause=f"it reads {line[:60]!r}",
                fix="give tab-separated lines of intent, slots and text",
            )
        found.append(Said(cells[2].strip(), cells[0], outside=cells[0] == OUTSIDE))
    return found


def examples(said: Sequence[Said], classes: Sequence[str], dataset: str, *, outside: bool) -> Examples:
    """Texts of one data set.  classes: names in the order of their numbers; numbers stand for themselves."""
    place = {name: number for number, name in enumerate(classes)}
    n = len(said)
    labels = [-1 if outside else place[one.label] if isinstance(one.label, str) else one.label for one in said]
    return Examples(
        ids=numbered([f"{dataset}:{digest(one.text)}" for one in said]),
        inputs=[one.text for one in said],
        targets=np.array(labels, dtype=np.int64),
        groups=np.array([digest(one.text) for one in said]),
        ood=np.full(n, outside),
        dataset=np.full(n, dataset),
        classes=len(classes),
    )
