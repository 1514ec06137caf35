"""OOD detection by densities: digits, points of known Gaussians, and spectra whose edge moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.arrays import Float64s
from bench.components import task
from bench.examples import Examples
from bench.records import ProbedDensity
from bench.references.corruptions import permuted, uniform_noise
from bench.references.digits import CLASSES, LEVELS, SOURCE, TOP, digits, of_classes
from bench.seeds import generator
from bench.tasks.ood.tables import ood_gaussians
from bench.tasks.ood.wanted import DETECTION
from bench.tasks.ood.weighing import DENSITIES, weigh

INSIDE, EACH = 6, 200
CHANNELS, SHIFTS, PIXELS = 48, (0, 0.25, 0.5, 1), {"train": 800, "calibration": 100, "test": 300}
SPECTRA = "ood/spectra"


@task(
    "ood/digits-density",
    needs="density",
    yields=ProbedDensity,
    source=f"{SOURCE}; Nalisnick et al. 2019, arXiv:1810.09136",
    metrics=DETECTION,
    scores=DENSITIES,
)
def ood_digits_density(seed: int) -> Examples:
    """Test digits 0 to 5 at their 17 grey levels against digits 6 to 9 and three kinds of images that are no digits.

    blank: one grey level all over, what a density often finds likelier than any digit.  permuted: digits' pixels in
    one other order.  noise: uniform over the levels.
    """
    inside, outside = np.arange(CLASSES) < INSIDE, np.arange(CLASSES) >= INSIDE
    parts = {split: _digits(of_classes(digits(split), inside), ood=False) for split in ("train", "calibration", "test")}
    near = _digits(of_classes(digits("test"), outside), ood=True, dataset="digits 6-9")
    clean = parts["test"]
    source = clean.take(generator(0, "ood/digits-density", "rows").permutation(len(clean))[:EACH])
    draws = generator(seed, "ood/digits-density", "made")
    blank = np.broadcast_to((np.arange(EACH) % LEVELS)[:, None, None], (EACH, 8, 8)).astype(np.float64)
    made = {
        "blank": blank,
        "permuted": permuted(np.asarray(source.inputs), draws),
        "noise": np.rint(uniform_noise(EACH, 8, TOP, draws) * TOP),
    }
    others = [_made(source, kind, images) for kind, images in made.items()]
    test = Examples.join({str(i): part for i, part in enumerate((clean, near, *others))})
    return Examples.join({"train": parts["train"], "calibration": parts["calibration"], "test": test})


@task(
    "ood/gaussians-density",
    needs="density",
    yields=ProbedDensity,
    source="closed form",
    metrics=DETECTION,
    scores=DENSITIES,
    check="ood/gaussians-optimal",
)
def ood_gaussians_density(seed: int) -> Examples:
    """The points of `ood/gaussians`, without their classes: three unit Gaussians against a near and a wide one."""
    examples = ood_gaussians(seed)
    return replace(examples, targets=None, truth=None, classes=0, asker=weigh)


@task(
    SPECTRA,
    needs="density",
    yields=ProbedDensity,
    source="bench, procedural; after arXiv:2412.14200",
    metrics=DETECTION,
    scores=DENSITIES,
    check="ood/reconstruction",
)
def ood_spectra(seed: int) -> Examples:
    """Spectra of a falling background and two white lines under counting noise, against some whose edge has moved.

    Named by `dataset` are shifts of 0, 1/4, 1/2 and 1 channel of 48: at 0 nothing is to be found, so that AUROC is 1/2
    up to sampling error; it grows with the shift.
    """
    parts = {split: _spectra(seed, split, size, 0.0, ood=False) for split, size in PIXELS.items()}
    moved = [_spectra(seed, f"shift-{s:g}", PIXELS["test"] // 2, float(s), ood=True) for s in SHIFTS]
    test = Examples.join({str(i): part for i, part in enumerate((parts["test"], *moved))})
    return Examples.join({"train": parts["train"], "calibration": parts["calibration"], "test": test})


def _made(source: Examples, kind: str, images: Float64s) -> Examples:
    ids, n = np.char.add(f"{kind}-", source.ids), len(source)
    changed = {"ids": ids, "inputs": images, "ood": np.ones(n, dtype=bool), "dataset": np.full(n, kind)}
    return replace(source, **changed, groups=source.ids if kind == "permuted" else ids)  # type: ignore[arg-type]


def _spectra(seed: int, name: str, size: int, shift: float, *, ood: bool) -> Examples:
    draws = generator(seed, SPECTRA, name)
    channel = np.arange(CHANNELS, dtype=np.float64)
    thickness = draws.uniform(0.7, 1.3, size=(size, 1))
    ratio = draws.uniform(0.8, 1.2, size=(size, 1))
    mean = thickness * (
        400 * (1 + channel / 8) ** -1.5 + _line(channel, 20 + shift) + ratio * _line(channel, 28 + shift)
    )
    counts = draws.poisson(mean)
    ids = np.array([f"{name}-{i:03d}" for i in range(size)])
    # The square root makes the noise of counts nearly constant, as a Gaussian model has it.
    rows = 2 * np.sqrt(counts + 3 / 8)
    dataset = np.full(size, name if ood else "plain")
    return Examples(ids=ids, inputs=rows, groups=ids, ood=np.full(size, ood), dataset=dataset, asker=weigh)


def _line(channel: Float64s, centre: float) -> Float64s:
    return 120 * np.exp(-((channel - centre) ** 2) / (2 * 1.5**2))


def _digits(part: Examples, *, ood: bool, dataset: str = "digits 0-5") -> Examples:
    n = len(part)
    return replace(
        part,
        inputs=np.rint(np.asarray(part.inputs) * TOP),
        targets=None,
        classes=0,
        levels=LEVELS,
        groups=part.ids,
        ood=np.full(n, ood),
        dataset=np.full(n, dataset),
        asker=weigh,
    )
