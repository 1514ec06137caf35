"""Single samples, chosen by rule: what a model found most unlikely, where it was surest and wrong, and chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bench.arrays import Bools, Float64s, Ints
from bench.records import Choices, Classification, Density, Generations, Record, Regression, Tokens
from bench.reports.material import Cell, Material
from bench.reports.numerals import written
from bench.reports.text import name, shorten
from bench.reports.view import Grid, Head, Item, Row
from bench.seeds import generator

MOST_EACH = 3
MOST = 120  # rows in all: with fewer of each kind where there are many cells
LONGEST = 160
RULE = (
    "Of each model and task, up to {each} of each kind, ties by id: “surprising” gave the truth the least probability; "
    "“worst” lies farthest from its forecast; “sure and wrong” has the highest confidence among wrong answers; "
    "“wrongly kept” is an outlier taken for an inlier with the highest confidence; “random” is drawn from the run's "
    "seed. {shown}"
)
KINDS: dict[str, tuple[str, str]] = {
    "surprising": ("◇ surprising", "warn"),
    "worst": ("▽ worst", "warn"),
    "wrong": ("✗ sure and wrong", "bad"),
    "kept": ("✗ wrongly kept", "bad"),
    "random": ("○ random", "plain"),
}


@dataclass(frozen=True)
class _Seen:
    """How a record's samples can be judged, each (n,) or absent.

    surprise: −log of the probability given to the truth, nats.  distance: of the truth from the forecast.  wrong,
    confidence: of an answer.  kept: confidence of outliers, −∞ for inliers.
    """

    surprise: Float64s | None = None
    distance: Float64s | None = None
    wrong: Bools | None = None
    confidence: Float64s | None = None
    kept: Float64s | None = None


def chosen(material: Material) -> Grid | None:
    """The table of chosen samples of all cells; `None` where no record can be read."""
    rows: list[Row] = []
    left_out = 0
    each = max(1, min(MOST_EACH, MOST // (4 * max(1, len(material.cells)))))
    for cell in material.cells:
        record = material.tested(cell)
        seen = None if record is None else _seen(record)
        if record is None or seen is None:
            continue
        if len(rows) >= MOST:
            left_out += 1
            continue
        rows += [_row(cell, record, seen, kind, i) for kind, i in _picked(cell, record, seen, material, each)]
    if not rows:
        return None
    heads = (
        Head("Shown as"), Head("Task"), Head("Model"), Head("Sample"), Head("Truth"), Head("Answer"),
        Head("Confidence", numeric=True, note="probability that the model gave its answer"),
        Head("Surprise", numeric=True, note="−log of the probability that the truth was given, nats"),
        Head("Distance", numeric=True, note="of the truth from the forecast"), Head("Text"),
    )  # fmt: skip
    used = [i for i in range(len(heads)) if i < 4 or any(row.items[i].text not in {"", "—"} for row in rows)]
    shown = f"{left_out} more cells have none shown, for room." if left_out else ""
    return Grid(
        tuple(heads[i] for i in used),
        tuple(Row(tuple(row.items[i] for i in used), area=row.area) for row in rows),
        caption=RULE.format(each=each, shown=shown).strip(),
    )


def _seen(record: Record) -> _Seen | None:
    if isinstance(record, Classification):
        inside = np.ones(len(record), dtype=bool) if record.ood is None else ~record.ood
        known = inside & (record.labels >= 0)
        probs = record.probs[np.arange(len(record)), np.where(known, record.labels, 0)]
        return _Seen(
            surprise=np.where(known, -np.log(np.maximum(probs, 1e-300)), -np.inf),
            wrong=known & (record.predicted != record.labels),
            confidence=record.confidence,
            kept=None if record.ood is None else np.where(record.ood, record.confidence, -np.inf),
        )
    if isinstance(record, Choices):
        right = record.log_probs[np.arange(len(record)), record.labels]
        return _Seen(surprise=-right, wrong=~record.correct, confidence=record.confidence)
    if isinstance(record, Generations):
        return _Seen(wrong=~record.correct, confidence=record.confidence)
    if isinstance(record, Regression):
        centre = _centre(record)
        return None if centre is None else _Seen(distance=np.abs(record.y - centre))
    if isinstance(record, Tokens):
        sizes = np.maximum(np.diff(record.logprobs.offsets), 1)
        return _Seen(surprise=-record.log_prob / sizes)
    return _Seen(surprise=-record.log_prob) if isinstance(record, Density) else None


def _centre(record: Regression) -> Float64s | None:
    if record.mean is not None:
        return np.asarray(record.mean)
    if record.quantiles is not None and record.levels:
        return np.asarray(record.quantiles[:, int(np.argmin(np.abs(np.array(record.levels) - 0.5)))])
    if record.samples is not None:
        return np.asarray(record.samples.mean(axis=1))
    return None


def _picked(cell: Cell, record: Record, seen: _Seen, material: Material, each: int) -> Iterator[tuple[str, int]]:
    """(kind, position), no sample twice."""
    taken: set[int] = set()
    orders: list[tuple[str, Ints]] = []
    if seen.wrong is not None and seen.confidence is not None:
        orders.append(("wrong", _first(np.where(seen.wrong, seen.confidence, -np.inf), record)))
    if seen.kept is not None:
        orders.append(("kept", _first(seen.kept, record)))
    if seen.surprise is not None:
        orders.append(("surprising", _first(seen.surprise, record)))
    if seen.distance is not None:
        orders.append(("worst", _first(seen.distance, record)))
    rng = generator(int(material.manifest.get("seed") or 0), "shown samples", cell.name)
    orders.append(("random", rng.permutation(len(record))[: each * 6]))
    for kind, order in orders:
        free = [int(i) for i in order if int(i) not in taken][:each]
        taken |= set(free)
        yield from ((kind, i) for i in free)


def _first(values: Float64s, record: Record) -> Ints:
    """Positions of the largest values, without −∞, enough to leave some when others were taken."""
    order = np.lexsort((record.ids, -values))[: MOST_EACH * 4]
    return np.asarray(order[values[order] > -np.inf])


def _row(cell: Cell, record: Record, seen: _Seen, kind: str, i: int) -> Row:
    sign, tone = KINDS[kind]
    truth, answer, text = _said(record, i)

    def number(values: Float64s | None, places: int) -> Item:
        if values is None or not np.isfinite(values[i]):
            return Item("—")
        return Item(written(float(values[i]), places), sort=float(values[i]))

    return Row(
        (
            Item(sign, tone=tone), Item(name(cell.task)),
            Item(name(cell.model), small=name(cell.decoder) if cell.decoder else ""),
            Item(shorten(record.ids[i], 40)), Item(truth or "—"), Item(answer or "—"), number(seen.confidence, 3),
            number(seen.surprise, 3), number(seen.distance, 4),
            Item(text, pre=True) if text else Item("—"),
        ),
        area=kind,
    )  # fmt: skip


def _said(record: Record, i: int) -> tuple[str, str, str]:
    """Truth, answer and text of a sample."""
    if isinstance(record, Generations):
        target = "" if record.target is None else shorten(record.target[i], 60)
        pool = record.text[i]
        return target, shorten(record.answer[i], 60), shorten(pool[0], LONGEST, lines=True) if len(pool) else ""
    if isinstance(record, Classification):
        outside = record.ood is not None and bool(record.ood[i])
        which = "" if record.dataset is None else f" ({shorten(record.dataset[i], 30)})"
        truth = f"outlier{which}" if outside else f"class {int(record.labels[i])}"
        return truth, f"class {int(record.predicted[i])}", ""
    if isinstance(record, Choices):
        return f"choice {int(record.labels[i])}", f"choice {int(record.predicted[i])}", ""
    if isinstance(record, Regression):
        centre = _centre(record)
        return written(float(record.y[i]), 4), "" if centre is None else written(float(centre[i]), 4), ""
    return "", "", ""
