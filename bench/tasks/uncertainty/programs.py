"""Small programs to be written in Python, and how much of each a model must leave open to be right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from bench.arrays import Ragged
from bench.components import task
from bench.conformal.programs import covers, parse
from bench.errors import EvaluationError, RecordError
from bench.examples import Examples
from bench.field.code import read_code
from bench.field.reading import Row, converted, files, rows_of
from bench.language import Details, Draw, Generated
from bench.metrics.programs import CHECK, PAPER
from bench.procedural import programs
from bench.procedural.programs import Asked
from bench.records import Programs
from bench.seeds import derive, generator

NAME = "uncertainty/programs"
# What ends a text of many lines: it goes on to other things than the program.
LINES = ("\nclass ", "\nif __name__", "\nprint(", "\n#", "\nassert", "\n```\n", "\n\n\n")
SPLITS = {"train": 400, "calibration": 120, "test": 120}


@task(
    NAME,
    needs="language",
    yields=Programs,
    source="Khakhar, Mell and Bastani 2023, arXiv:2302.08703, on bench's procedural programs",
    metrics=("program-match",),
    calibrators=("pac-programs",),
    papers=(PAPER,),
    check=CHECK,
)
def uncertainty_programs(seed: int, path: str = "") -> Examples:
    """120 Python expressions to be written from a sentence, and 120 others that say which parts to leave open.

    The greedy text is the program; what its tokens cost says where the model is unsure.  400 pairs are for training:
    `tuned:lm-base` learns from them.  path: rows of your own with `prompt` and `program`, half of them for calibration;
    programs may then have many lines, and stand in a text by themselves or between three backticks.
    """
    if path:
        given = converted(rows_of(files(path)), _given, "programs")
        order = generator(seed, NAME, "halves").permutation(len(given))
        splits = np.where(order < len(given) // 2, "calibration", "test")
        return _examples([f"program-{k:05d}" for k in range(len(given))], given, Writing(LINES, 512), splits.tolist())
    parts = {"train": programs.drawn(Random(derive(seed, NAME, "train")), SPLITS["train"], "train")}
    held = programs.drawn(Random(derive(seed, NAME, "held")), SPLITS["calibration"] + SPLITS["test"], "test")
    parts |= {"calibration": held[: SPLITS["calibration"]], "test": held[SPLITS["calibration"] :]}
    ids = [f"{split}-{k:04d}" for split, part in parts.items() for k in range(len(part))]
    pairs = [Asked(f"# {one.sentence}\n", one.program) for part in parts.values() for one in part]
    return _examples(ids, pairs, Writing(("\n",), 96), [split for split, n in SPLITS.items() for _ in range(n)])


def _examples(ids: list[str], pairs: Sequence[Asked], asker: Writing, splits: list[str]) -> Examples:
    return Examples(
        ids=np.array(ids),
        inputs=[(one.sentence, f"{one.program}\n") for one in pairs],
        targets=np.array([one.program for one in pairs], dtype=object),
        splits=np.array(splits),
        asker=asker,
    )


def _given(row: Row, _: int) -> Asked:
    one = Asked(str(row["prompt"]), str(row["program"]))
    try:
        parse(one.program)
    except RecordError as error:
        raise ValueError(f"'program' is no Python: {error.cause}") from error
    return one


@dataclass(frozen=True)
class Writing:
    """An asker of `Programs` records; inputs are (prompt, right program).  stop, most: where a text ends."""

    stop: tuple[str, ...]
    most: int

    def requests(self, _: Any, __: Examples) -> list[tuple[str, str]]:
        """None: texts are written, not scored."""
        return []

    def __call__(self, model: Any, _: Any, batch: Examples, __: int, common: dict[str, Any], /) -> Programs:
        """The greedy program of each prompt."""
        asked = [
            Draw(prompt, 0, stop=self.stop, max_tokens=self.most, details=Details(entropy=True))
            for prompt, _ in batch.inputs
        ]
        found = [written(text) for text in model.generate(asked)]
        right = [str(program) for program in np.asarray(batch.targets)]
        return Programs(
            **common,
            program=np.array([program for program, _, _ in found], dtype=object),
            target=np.array(right, dtype=object),
            starts=Ragged.of([starts for _, starts, _ in found], np.int64),
            logprobs=Ragged.of([costs for _, _, costs in found], np.float64),
            matches=np.array([_same(program, gold) for (program, _, _), gold in zip(found, right, strict=True)]),
        )


def written(text: Generated) -> tuple[str, list[int], list[float]]:
    """The program in a text, where in it each of its tokens begins, and their log-probabilities, nats."""
    if len(text.pieces) != len(text.logprobs):
        raise EvaluationError(
            "the model does not say what its tokens are",
            cause="it gives the text of a program, and not of each token",
            fix="ask a model whose tokens are known, such as hf:FOLDER",
        )
    program = (read_code(text.text) or "").strip()
    first = text.text.find(program)
    ends = np.cumsum([len(piece) for piece in text.pieces], dtype=np.int64)
    begins = np.concatenate([[0], ends[:-1]]).astype(np.int64) if len(ends) else ends
    # A token with the space before a word begins where the word does.
    blank = np.array([len(piece) - len(piece.lstrip()) for piece in text.pieces], dtype=np.int64)
    places = begins + np.where(blank < ends - begins, blank, 0) - first
    kept = (places >= 0) & (places < len(program))
    return program, places[kept].tolist(), text.logprobs[kept].tolist()


def _same(program: str, gold: str) -> bool:
    try:
        return covers(parse(program), frozenset(), parse(gold))
    except RecordError:
        return False
