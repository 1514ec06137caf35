"""Knowing what one doesn't know, on digits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.arrays import Float64s, Ints, Strings
from bench.components import task
from bench.examples import Examples
from bench.records import Classification
from bench.references.corruptions import noised, rotated, uniform_noise
from bench.references.digits import CLASSES, TOP, digits
from bench.seeds import generator

NOISE = 0.3
TURN = 40.0
BLENDS = {"train": 600, "calibration": 300, "test": 600}
OUTSIDE = 200


@task(
    "uncertainty/digits-selective",
    needs="classifier",
    yields=Classification,
    source="Geifman and El-Yaniv 2017, arXiv:1705.08500",
    metrics=("accuracy", "aurc", "e-aurc", "augrc", "risk-at-80", "brier-confidence"),
)
def uncertainty_digits_selective(seed: int) -> Examples:
    """Which answers to keep: of the test digits a third is clean, a third noisy (.3), a third turned by 40 degrees."""
    test = digits("test")
    draws = generator(seed, "uncertainty/digits-selective")
    kind = draws.permutation(np.arange(len(test)) % 3)
    clean = np.asarray(test.inputs)
    noisy = noised(clean, NOISE, draws)
    turned = rotated(clean, draws.choice([-TURN, TURN], size=len(test)))
    inputs = np.choose(kind[:, None, None], [clean, noisy, turned])
    dataset = np.array(["digits", "digits, noise", "digits, rotated"])[kind]
    return Examples.join(
        {
            "train": digits("train"),
            "calibration": digits("calibration"),
            "test": replace(test, inputs=inputs, dataset=dataset),
        }
    )


@task(
    "uncertainty/digits-ambiguous",
    needs="classifier",
    yields=Classification,
    source="Mukhoti et al. 2023, arXiv:2102.11582",
    metrics=("accuracy", "nll", "kl-p", "total-entropy", "aleatoric", "epistemic", "auroc"),
    scores=("msp", "entropy", "mutual-information"),
)
def uncertainty_digits_ambiguous(seed: int) -> Examples:
    """Two kinds of uncertainty: digits that are two digits at once, and images that are none.

    A blend is w times one digit plus 1 - w times another of another class, w uniform on [.1, .9]; its label is the
    first with probability w.  So the truth p(y|x) is w and 1 - w: a good model is unsure of blends however much it
    has seen of them (aleatoric).  The `ood` rows are uniform noise, of which it has seen nothing (epistemic): their
    label is -1, and their truth, which nothing uses, uniform.  Training has 900 clean digits and 600 blends.
    """
    parts: dict[str, Examples] = {}
    for split, n in BLENDS.items():
        clean = _certain(digits(split))
        mixed = _blends(digits(split), n, split, generator(seed, "uncertainty/digits-ambiguous", split))
        extra = [_noise(seed)] if split == "test" else []
        parts[split] = Examples.join({str(i): p for i, p in enumerate((clean, mixed, *extra))})
    return Examples.join(parts)


def _certain(part: Examples) -> Examples:
    labels = np.asarray(part.targets)
    return replace(part, groups=part.ids, ood=np.zeros(len(part), dtype=bool), truth=np.eye(CLASSES)[labels])


def _blends(part: Examples, n: int, split: str, draws: np.random.Generator) -> Examples:
    labels, images = np.asarray(part.targets), np.asarray(part.inputs)
    first, second = _pairs(labels, n, draws)
    w = draws.uniform(0.1, 0.9, n)
    truth = np.zeros((n, CLASSES))
    truth[np.arange(n), labels[first]] = w
    truth[np.arange(n), labels[second]] = 1 - w
    return Examples(
        ids=_numbered(f"blend-{split}", n),
        inputs=w[:, None, None] * images[first] + (1 - w)[:, None, None] * images[second],
        targets=np.where(draws.random(n) < w, labels[first], labels[second]),
        groups=part.ids[first],
        ood=np.zeros(n, dtype=bool),
        dataset=np.full(n, "blends"),
        truth=truth,
        classes=CLASSES,
    )


def _pairs(labels: Ints, n: int, draws: np.random.Generator) -> tuple[Ints, Ints]:
    # More pairs than needed, of which those of two classes are kept: nine in ten are.
    first, second = draws.integers(0, len(labels), size=(2, 2 * n + 50))
    kept = np.flatnonzero(labels[first] != labels[second])[:n]
    return first[kept], second[kept]


def _noise(seed: int) -> Examples:
    images: Float64s = uniform_noise(OUTSIDE, 8, TOP, generator(seed, "uncertainty/digits-ambiguous", "noise"))
    ids = _numbered("noise", OUTSIDE)
    return Examples(
        ids=ids,
        inputs=images,
        targets=np.full(OUTSIDE, -1),
        groups=ids,
        ood=np.ones(OUTSIDE, dtype=bool),
        dataset=np.full(OUTSIDE, "noise"),
        truth=np.full((OUTSIDE, CLASSES), 1 / CLASSES),
        classes=CLASSES,
    )


def _numbered(name: str, n: int) -> Strings:
    return np.array([f"{name}-{i:03d}" for i in range(n)])
