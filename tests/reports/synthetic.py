"""A run folder with every kind of record, made with numpy and stored and measured by the real code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.arrays import Ragged
from bench.records import Choices, Classification, Density, Generations, Record, Regression, Tokens
from bench.results import Result
from bench.runners.cells import CellEntry, cell_name
from bench.runners.folder import RunFolder
from bench.runners.measure import measure
from bench.runners.plan import Cell
from bench.runners.wanted import Wanted
from bench.seeds import derive, generator
from bench.specs import Spec, parse

# Model, task, decoder, what was answered, and what is measured on it.
Stored = tuple[str, str, str, Record, Wanted]

MANIFEST: dict[str, Any] = {
    "suite": "synthetic",
    "seed": 7,
    "created": "2026-01-02T03:04:05+00:00",
    "versions": {"python": "3.11.0", "numpy": "2.0"},
    "hardware": {"system": "Linux x86_64", "processor": "some processor", "cores": 2, "accelerator": "none"},
    "git": {"commit": "0123456789abcdef", "branch": "main", "dirty": True},
    "config": {"suite": {"value": "synthetic", "origin": "flag --suite"}, "seed": {"value": 7, "origin": "default"}},
}
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<svg/onload=alert(1)>",
    "`|**bold** [x](javascript:alert(1)) @someone #1 $a$ https://evil.example ![i](http://evil.example/i.png)",
    "safe\u202egnp.exe",
    "\x1b[31mred\x1b]0;title\x07\x9b2J",
    "=cmd|' /C calc'!A0",
    "{{ 7 * 7 }}{% raw %}",
    "</script><script>alert(2)</script>",
    "]]></svg><script>alert(3)</script>",
    "a\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308" * 3,
    "line one\r\nline two\x00\x08\ttabbed\u2028end",
)


def ids(n: int, prefix: str = "s") -> Any:
    return np.array([f"{prefix}{i:05d}" for i in range(n)])


def classification(
    seed: int, n: int = 240, *, sharp: float = 1.5, classes: int = 4, members: int = 0
) -> Classification:
    """An overconfident classifier with a calibration split of equal size."""
    rng = generator(seed, "classification")
    truth = rng.normal(size=(2 * n, classes)) * 1.2
    p = np.exp(truth) / np.exp(truth).sum(1, keepdims=True)
    labels = (rng.random(2 * n)[:, None] > p.cumsum(1)).sum(1).clip(0, classes - 1)
    logits = truth * sharp
    spread = truth[:, None] + rng.normal(size=(2 * n, max(members, 1), classes)) * 0.5
    return Classification(
        ids=ids(2 * n),
        splits=np.repeat(["calibration", "test"], n),
        labels=labels,
        logits=logits,
        members=spread - np.logaddexp.reduce(spread, axis=2, keepdims=True) if members else None,
    )


def outliers(seed: int, n: int = 150, sets: tuple[str, ...] = ("digits", "noise")) -> Classification:
    rng = generator(seed, "outliers")
    inside = rng.normal(size=(2 * n, 4)) + 4 * np.eye(4)[rng.integers(0, 4, 2 * n)]
    outside = rng.normal(size=(n * len(sets), 4)) * 1.2 + 0.5
    logits = np.concatenate([inside, outside])
    total = len(logits)
    ood = np.arange(total) >= 2 * n
    return Classification(
        ids=ids(total),
        splits=np.where(np.arange(total) < n, "train", "test"),
        labels=np.where(ood, -1, logits.argmax(1)),
        logits=logits,
        features=logits.astype(np.float32),
        ood=ood,
        dataset=np.concatenate([np.full(2 * n, "inside"), np.repeat(sets, n)]),
    )


def gaussian(seed: int, n: int = 200, *, spread: float = 1.0, members: int = 0) -> Regression:
    rng = generator(seed, "gaussian")
    mean = rng.normal(size=n) * 10
    means = mean[:, None] + rng.normal(size=(n, max(members, 1))) * 0.3
    return Regression(
        ids=ids(n), y=mean + rng.normal(size=n), mean=mean, std=np.full(n, spread),
        member_means=means if members else None,
        member_stds=np.full(means.shape, spread) if members else None,
    )  # fmt: skip


def quantile(seed: int, n: int = 200) -> Regression:
    levels = (0.05, 0.25, 0.5, 0.75, 0.95)
    rng = generator(seed, "quantile")
    from scipy.special import ndtri

    return Regression(
        ids=ids(n), y=rng.normal(size=n), quantiles=np.tile(ndtri(np.array(levels)), (n, 1)), levels=levels
    )


def density(seed: int, n: int = 200, likelihood: str = "exact") -> Density:
    rng = generator(seed, "density")
    x = rng.normal(size=n)
    log_prob = -0.5 * x**2 - 0.5 * np.log(2 * np.pi)
    return Density(
        ids=ids(n), log_prob=log_prob - 0.1, dim=np.ones(n, dtype=int), truth=log_prob, likelihood=likelihood
    )


def tokens(seed: int, n: int = 80) -> Tokens:
    rng = generator(seed, "tokens")
    rows = [-rng.exponential(size=k) for k in rng.integers(5, 30, n)]
    return Tokens(ids=ids(n), logprobs=Ragged.of(rows, float), bytes=np.array([4 * len(r) for r in rows]))


def choices(seed: int, n: int = 120) -> Choices:
    rng = generator(seed, "choices")
    rows = [-rng.exponential(size=4) * 4 for _ in range(n)]
    labels = np.array([int(np.argmax(r)) if rng.random() < 0.7 else int(rng.integers(4)) for r in rows])
    return Choices(ids=ids(n), labels=labels, loglik=Ragged.of(rows, float))


def generations(seed: int, n: int = 60, pool: int = 1, texts: tuple[str, ...] = ()) -> Generations:
    """Answers right about as often as their confidence says, a little less."""
    rng = generator(seed, "generations", pool)
    confidence = rng.beta(4, 2, size=n)
    correct = rng.random(n) < confidence * 0.9
    targets = [str(v) for v in rng.integers(0, 99, n)]
    answers = [t if c else str(int(t) + 1) for t, c in zip(targets, correct, strict=True)]
    words = [[f"{a} = 3 + 4\nso the answer is {a}"] * pool for a in answers]
    for i, text in enumerate(texts):
        confidence[i], correct[i], words[i], answers[i] = 1.0, bool(i % 2), [text] * pool, text
    return Generations(
        ids=ids(n, "q"), answer=np.array(answers, dtype=object), correct=correct, confidence=confidence,
        text=Ragged.of(words, object), logprob=Ragged.of([[-3.0] * pool] * n, float),
        tokens=Ragged.of([[9] * pool] * n, int), answers=Ragged.of([[a] * pool for a in answers], object),
        target=np.array(targets, dtype=object),
    )  # fmt: skip


def cells() -> list[Stored]:
    """(model, task, decoder, record, what is measured) for every area and record kind."""
    asked = {a: Wanted(a) for a in ("likelihood", "calibration", "uncertainty", "reasoning")}
    # Fewer than a task would ask for: bootstraps are most of the time that this takes.
    asked["calibration"] = Wanted("calibration", ("ece", "ece-null", "ece-debiased", "brier", "nll", "choice-nll"))
    scaled = replace(asked["calibration"], calibrators=("temperature",))
    found = Wanted("ood", ("auroc", "fpr95-ood"), scores=("energy", "msp", "knn"))
    made: list[Stored] = [
        ("flow", "likelihood/ring", "", density(1), asked["likelihood"]),
        ("vae", "likelihood/ring", "", density(2, likelihood="lower"), asked["likelihood"]),
        ("tiny", "likelihood/prose", "", tokens(3), asked["likelihood"]),
        ("plain", "calibration/blobs", "", classification(4), scaled),
        ("sharp", "calibration/blobs", "", classification(5, sharp=3.0), scaled),
        ("tiny", "calibration/facts", "", choices(6), asked["calibration"]),
        ("plain", "ood/far", "", outliers(7), found),
        ("wide", "ood/far", "", outliers(8), found),
        ("ensemble", "uncertainty/blobs", "", classification(9, members=4), asked["uncertainty"]),
        ("gauss", "uncertainty/line", "", gaussian(10, spread=0.8, members=3), asked["uncertainty"]),
        ("trees", "uncertainty/line", "", quantile(11), asked["uncertainty"]),
        ("tiny", "reasoning/sums", "greedy", generations(12), asked["reasoning"]),
        ("tiny", "reasoning/sums", "self-consistency", generations(13, pool=4), asked["reasoning"]),
    ]
    return made


def entry(model: str, task: str, decoder: str, kind: str, **values: Any) -> CellEntry:
    return CellEntry(
        name=cell_name(task, model, f"{derive(0, model, task, decoder):016x}", decoder=decoder),
        model=model, task=task, decoder=decoder, area=task.partition("/")[0], record=kind, **values,
    )  # fmt: skip


def make(
    path: Path,
    made: Sequence[Stored] | None = None,
    *,
    failed: Mapping[str, str] | None = None,
    manifest: Mapping[str, Any] | None = None,
    extra: list[Result] | None = None,
) -> RunFolder:
    """Store and measure the cells (default: `cells()`); `failed` maps tasks whose cell failed to the reason."""
    results: list[Result] = list(extra or [])
    with RunFolder.create(path, {**MANIFEST, **(manifest or {})}) as run:
        for model, task, decoder, record, wanted in cells() if made is None else made:
            planned = entry(model, task, decoder, record.kind)
            run.update_cell(planned)
            stored = run.store(planned, record)
            cell = Cell(_spec(model), _spec(task), _spec(decoder) if decoder else None)
            measured = measure(cell, wanted, record, n_failed=record.n_failed, seed=7)
            run.update_cell(replace(stored, calibrations=measured.calibrations))
            results += measured.results
        for task, reason in (failed or {}).items():
            run.update_cell(entry("broken", task, "", "classification", status="failed", error=reason))
        run.write_results(results)
        run.finish()
    return RunFolder.open(path)


def _spec(text: str) -> Spec:
    return parse(text) if text.isascii() and text.replace("/", "").replace("-", "").isalnum() else Spec(text)


def result(**values: Any) -> Result:
    """A result with defaults, for what is changed."""
    base: dict[str, Any] = {
        "model": "m", "task": "general/t", "area": "general", "metric": "accuracy", "value": 0.5, "low": 0.4,
        "high": 0.6, "n": 100, "n_failed": 0, "groups": 100, "unit": "", "better": "higher", "biased": False,
        "method": "wilson",
    }  # fmt: skip
    return Result(**{**base, **values})
