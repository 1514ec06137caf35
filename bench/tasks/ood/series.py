"""Time series with anomalies of known place: windows for densities, and numbers in writing for language models."""

from __future__ import annotations

import numpy as np

from bench.arrays import Bools, Float64s
from bench.components import task
from bench.errors import UsageError
from bench.examples import Examples, Reading
from bench.metrics.series import PAPER, SOURCE, read, same, target
from bench.records import Density, Generations
from bench.references.series import POINTS, RANGES, VARIATES, Series, anomalous, clean
from bench.seeds import generator
from bench.tasks.ood.wanted import DETECTION

WINDOW, LENGTH, EACH, CLEAN = 8, 96, 12, 40
SHORT, ASKED, SEVERAL, DROPPED = 48, 24, 4, 0.25
MARKS = ("series-f1", "series-precision", "series-recall", "parse-rate")
AFFINITY = ("affinity-f1", "affinity-precision", "affinity-recall")


@task(
    "ood/series",
    needs="density",
    yields=Density,
    source=SOURCE,
    papers=(PAPER,),
    check="ood/series-anomalies",
    metrics=DETECTION,
    scores=("density-nll", "typicality"),
)
def ood_series(seed: int) -> Examples:
    """Windows of eight samples of 60 series with anomalies of five kinds; training windows are of 40 clean series.

    A window is out of distribution where its last sample is anomalous, and is left out where only an earlier one is.
    Data sets are the kinds; the windows of one series are one cluster.
    """
    parts: dict[str, list[Examples]] = {"train": [], "test": []}
    for number in range(CLEAN):
        values = clean(LENGTH, 1, generator(seed, "ood/series", "clean", number))[:, 0]
        parts["train"].append(_windows(f"clean-{number:02d}", "clean", values, np.zeros(LENGTH, dtype=bool)))
    for kind in (*POINTS, *RANGES):
        for number in range(EACH):
            made = anomalous(kind, LENGTH, generator(seed, "ood/series", kind, number))
            parts["test"].append(_windows(f"{kind}-{number:02d}", kind, made.values[:, 0], made.anomalous[:, 0]))
    joined = {
        split: Examples.join({str(place): part for place, part in enumerate(found)}) for split, found in parts.items()
    }
    return Examples.join(joined)


def _windows(name: str, kind: str, values: Float64s, marked: Bools) -> Examples:
    rows = np.lib.stride_tricks.sliding_window_view(values, WINDOW)
    any_marked = np.lib.stride_tricks.sliding_window_view(marked, WINDOW).any(axis=1)
    last = marked[WINDOW - 1 :]
    kept = np.flatnonzero(last | ~any_marked)
    n = len(kept)
    return Examples(
        ids=np.char.add(f"{name}-", kept.astype(np.str_)),
        inputs=rows[kept].copy(),
        groups=np.full(n, name),
        ood=last[kept],
        dataset=np.where(last[kept], kind, "clean"),
    )


@task(
    "ood/series-text",
    needs="language",
    yields=Generations,
    decoders=("greedy",),
    source=SOURCE,
    papers=(PAPER,),
    check="ood/series-anomalies",
    metrics=("accuracy", *MARKS, *AFFINITY),
    scores=(),
)
def ood_series_text(seed: int, of: str = "points", irregular: bool = False) -> Examples:
    """24 series of 48 numbers in writing, of which the anomalous ones are to be named.

    of: points, ranges, or variates (one of four series of 24 numbers is unlike the others, named by its number).
    irregular: a quarter of the samples is left out, and the others keep their times.  Data sets are the kinds.  Right
    is an answer that marks just the anomalous samples; F1 and affinity tell how far others are.
    """
    kinds = {"points": POINTS, "ranges": RANGES, "variates": VARIATES}.get(of)
    if kinds is None:
        raise UsageError(f"'{of}' is no kind of anomaly", cause="known are points, ranges, variates", fix="name one")
    drawn: list[Series] = []
    for number in range(ASKED):
        rng = generator(seed, "ood/series-text", of, number)
        several = of == "variates"
        made = anomalous(
            kinds[number % len(kinds)], SHORT // 2 if several else SHORT, rng, variates=SEVERAL if several else 1
        )
        drawn.append(made.irregular(DROPPED, rng) if irregular else made)
    asked = [_question(made, of) for made in drawn]
    return Examples(
        ids=np.array([f"{of}-{number:02d}" for number in range(ASKED)]),
        inputs=[prompt for prompt, _ in asked],
        targets=np.array([wanted for _, wanted in asked], dtype=object),
        dataset=np.array([made.kind for made in drawn]),
        reading=Reading(extract=read, stop=("\n\n",), max_tokens=64, same=same),
    )


def _question(made: Series, of: str) -> tuple[str, str]:
    """The series in words, hundredths rounded to tenths, and what is anomalous of it."""
    if of == "variates":
        lines = [f"series {k}: " + " ".join(f"{x:.1f}" for x in column) for k, column in enumerate(made.values.T)]
        ask = "One of these series is unlike the others. Give its number as a list, such as [0]."
        gold = [[k, k] for k in made.variates]
        return "\n".join([*lines, ask, "Answer:"]), target(gold, list(range(made.values.shape[1])), ordered=False)
    numbers = " ".join(f"{t}: {x:.1f}" for t, x in zip(made.times, made.values[:, 0], strict=True))
    form = "[[3, 7]] for the times 3 to 7" if of == "ranges" else "[3, 17]"
    ask = f"Each number stands after its time. List the times of the anomalies, such as {form}."
    return f"{numbers}\n{ask}\nAnswer:", target(made.intervals, made.times.tolist(), ordered=True)
