"""Post-hoc OOD scores of bench against pytorch-ood: python -m benchmarks.ood [--quick] [--out FILE].

One record of 50,000 rows, 512 features and 1,000 classes, and 20,000 training rows to fit on.  Each score of each side
runs in a process of its own, on one thread, fitting included: CPU seconds, and the most memory beyond the arrays that
both start with.  Then all scores of bench run one after the other in one process, as `bench eval` asks for them, where
they share what they have in common; the peer's detectors each work alone.  Peers take batches of 256 rows, as a loader
gives them.  What a peer would take minutes for is timed on 1,024 and on 2,048 rows, and extended along the line through
both; such numbers are marked.  Writes its part of docs/performance.md.

pytorch-ood is installed without its dependencies (`pip install --no-deps pytorch-ood==0.4.0`), and so is no part of the
extra `peers`: its detectors need none beyond torch and numpy, where its package asks for torchvision.  OpenOOD itself
is on no package index, so it is not raced; the tests of the scores hold bench to formulas.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from bench.components import Score
from bench.records import Classification
from bench.records.head import packed
from bench.registry import components, find
from benchmarks.sections import put

ROWS, TRAIN, WIDTH, CLASSES, BATCH = 50_000, 20_000, 512, 1000, 256
# Rows that a peer is timed on where all of them would take minutes.
FEW = 1024


@dataclass(frozen=True)
class Side:
    """What one side took: CPU seconds, memory beyond the start in MB, its first values, and whether it was extended."""

    seconds: float
    memory: float
    values: np.ndarray
    extended: bool = False


@dataclass(frozen=True)
class Arrays:
    """What both sides start with: the record and its training rows, and the same as tensors."""

    test: Classification
    train: Classification
    weight: Any
    bias: Any

    @property
    def logits(self) -> Any:
        """The test logits in float32."""
        return _tensor(self.test.logits)


def made(rows: int, train: int, width: int = WIDTH, classes: int = CLASSES) -> Arrays:
    """Activations about class means, and a head that tells the classes apart."""
    rng = np.random.default_rng(0)
    means = rng.gamma(0.5, 1.0, size=(classes, width)).astype(np.float32)
    apart = means - means.mean(axis=0)
    weight = np.float32(0.05) * apart
    bias = -np.float32(0.05) * (apart * (means.mean(axis=0) + apart / 2)).sum(axis=1)

    def record(count: int) -> Classification:
        labels = rng.permutation(np.arange(count) % classes)
        features = np.maximum(means[labels] + rng.normal(size=(count, width)).astype(np.float32), 0)
        logits = (features @ weight.T + bias).astype(np.float64)
        head = packed(weight, bias)
        ids = np.arange(count).astype(np.str_)
        return Classification(ids=ids, labels=labels, logits=logits, features=features, head=head)

    return Arrays(record(rows), record(train), _tensor(weight), _tensor(bias))


def _tensor(values: Any) -> Any:
    import torch

    return torch.as_tensor(np.asarray(values), dtype=torch.float32)


def detector(name: str) -> Any:
    """A detector of pytorch-ood, without the rest of its package."""
    if "pytorch_ood" not in sys.modules:
        found = importlib.util.find_spec("pytorch_ood")
        if found is None or found.submodule_search_locations is None:
            raise SystemExit("pytorch-ood is not installed: pip install --no-deps pytorch-ood==0.4.0")
        package = ModuleType("pytorch_ood")
        package.__path__ = list(found.submodule_search_locations)
        sys.modules["pytorch_ood"] = package
    return getattr(importlib.import_module("pytorch_ood.detector"), name)


def _linear(arrays: Arrays) -> Any:
    import torch

    layer = torch.nn.Linear(arrays.weight.shape[1], arrays.weight.shape[0])
    layer.weight.data, layer.bias.data = arrays.weight, arrays.bias
    return layer


def _batched(function: Callable[[Any], Any], rows: Any) -> np.ndarray:
    import torch

    with torch.no_grad():
        return np.concatenate([function(part).detach().numpy() for part in torch.split(rows, BATCH)])


def _on_features(arrays: Arrays, made: Any, *, labelled: bool = True) -> np.ndarray:
    import torch

    bank, labels = _tensor(arrays.train.features), torch.as_tensor(arrays.train.labels)
    made.fit_features(*((bank, labels) if labelled else (bank,)))
    return _batched(made.predict_features, _tensor(arrays.test.features))


def _on_maps(arrays: Arrays, name: str, **options: Any) -> np.ndarray:
    import torch

    layer = _linear(arrays)
    made = detector(name)(backbone=torch.nn.Identity(), head=lambda x: layer(x.flatten(1)), **options)
    if name == "ReAct":
        made.fit_feature_maps(_tensor(arrays.train.features)[:, :, None, None], torch.as_tensor(arrays.train.labels))
    return _batched(lambda x: made.predict_feature_maps(x[:, :, None, None]), _tensor(arrays.test.features))


def _gradnorm(arrays: Arrays) -> np.ndarray:
    made = detector("GradNorm")(_linear(arrays), param_filter=lambda name: name == "weight")
    parts = _tensor(arrays.test.features).split(BATCH)
    return np.concatenate([made.predict(part).detach().numpy() for part in parts])


def _kl_matching(arrays: Arrays) -> np.ndarray:
    made = detector("KLMatching")(None).fit_logits(_tensor(arrays.train.logits))
    return _batched(made.predict_logits, arrays.logits)


def _identity() -> Any:
    import torch

    return torch.nn.Identity()


# bench's name -> what the peer does.
PEERS: dict[str, Callable[[Arrays], np.ndarray]] = {
    "msp": lambda a: _batched(detector("MaxSoftmax").score, a.logits),
    "max-logit": lambda a: _batched(detector("MaxLogit").score, a.logits),
    "energy": lambda a: _batched(detector("EnergyBased").score, a.logits),
    "entropy": lambda a: _batched(detector("Entropy").score, a.logits),
    "gen": lambda a: _batched(lambda x: detector("GEN").score(x, M=100), a.logits),
    "kl-matching": _kl_matching,
    "mahalanobis": lambda a: _on_features(a, detector("Mahalanobis")(_identity())),
    "relative-mahalanobis": lambda a: _on_features(a, detector("RMD")(_identity())),
    "knn": lambda a: _on_features(a, detector("KNN")(None, k=10)),
    "vim": lambda a: _on_features(a, detector("ViM")(None, d=WIDTH // 2, w=a.weight, b=a.bias)),
    "react": lambda a: _on_maps(a, "ReAct"),
    "dice": lambda a: _on_features(a, detector("DICE")(None, w=a.weight, b=a.bias, p=0.9)),
    "ash-p": lambda a: _on_maps(a, "ASH", variant="ash-p", percentile=0.65),
    "ash-b": lambda a: _on_maps(a, "ASH", variant="ash-b", percentile=0.65),
    "ash-s": lambda a: _on_maps(a, "ASH", variant="ash-s", percentile=0.9),
    "scale": lambda a: _on_maps(a, "SCALE", percentile=0.85),
    "she": lambda a: _on_features(a, detector("SHE")(_identity(), _linear(a))),
    "fdbd": lambda a: _on_features(a, detector("fDBD")(_identity(), _linear(a)), labelled=False),
    "nnguide": lambda a: _on_features(a, detector("NNGuide")(_identity(), _linear(a), k=10)),
    "gradnorm": _gradnorm,
}  # fmt: skip
# Those that would take minutes.
SLOW = {"mahalanobis", "relative-mahalanobis", "dice", "gradnorm"}
# Where the two orders of rows differ on purpose; elsewhere they are the same up to float32.
APART = {
    "mahalanobis": "bench shrinks the covariance",
    "relative-mahalanobis": "bench shrinks the covariances",
    "ash-b": "ties at 0",
    "gen": "they clip probabilities at 1e-7",
    "vim": "their covariance is in float32",
}


def ours(name: str, arrays: Arrays) -> np.ndarray:
    """A score of bench, fitted where it is fitted."""
    score = find(Score, name)
    return np.asarray(score.function(arrays.test, *((arrays.train,) if score.fitted else ())))


def together(names: list[str], arrays: Arrays) -> np.ndarray:
    """Scores of bench, one after the other on the same record, (n, scores)."""
    return np.stack([ours(name, arrays) for name in names], axis=1)


def alone(work: Callable[[], np.ndarray]) -> Side:
    """Run in a forked process: its CPU seconds and what it needed beyond what it was born with."""
    there, here = multiprocessing.get_context("fork").Pipe()

    def run() -> None:
        began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.process_time()
        values = work()
        seconds = time.process_time() - start
        there.send((seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - began) / 1024, values[:FEW]))

    child = multiprocessing.get_context("fork").Process(target=run)
    child.start()
    there.close()
    try:
        seconds, memory, values = here.recv()
    finally:
        child.join()
    return Side(seconds, memory, values)


def race(arrays: Arrays, names: list[str]) -> list[tuple[str, Side, Side, float]]:
    """Each score of both sides, and the rank correlation of their values."""
    from scipy.stats import spearmanr

    components(Score)  # imported before the clock runs
    rows = []
    n = len(arrays.test)
    for name in names:
        function = PEERS[name]
        mine = alone(partial(ours, name, arrays))
        if name in SLOW and n > 2 * FEW:
            parts = [replace(arrays, test=arrays.test.take(np.arange(count))) for count in (FEW, 2 * FEW)]
            once, twice = (alone(partial(function, part)) for part in parts)
            seconds = once.seconds + (twice.seconds - once.seconds) * (n / FEW - 1)
            theirs = Side(seconds, twice.memory, once.values, extended=True)
        else:
            theirs = alone(partial(function, arrays))
        agreement = float(spearmanr(mine.values, theirs.values[: len(mine.values)]).statistic)
        sys.stderr.write(f"{name}: {mine.seconds:.2f} s, {theirs.seconds:.2f} s, ranks {agreement:.6f}\n")
        rows.append((name, mine, theirs, agreement))
    return rows


def table(rows: list[tuple[str, Side, Side, float]], passes: dict[str, Side], arrays: Arrays) -> str:
    """Markdown.  passes: what bench took for all scores in one process, and for those that were timed whole."""
    n, classes = arrays.test.logits.shape
    about = (
        f"Made by `python -m benchmarks.ood`: {n:,} rows, {arrays.weight.shape[1]} features, {classes:,} classes, "
        f"{len(arrays.train):,} training rows; one thread; CPU seconds with fitting, memory beyond the arrays in MB. "
        "~: timed on some rows and extended. *One pass*: all scores of bench in one process, which share what they "
        "have in common; the peer's detectors share nothing.\n"
    )
    lines = [
        "# How fast are OOD scores?\n",
        about,
        "| score | bench s | pytorch-ood s | times | bench MB | pytorch-ood MB | rank correlation |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for name, mine, theirs, agreement in rows:
        near = "~" if theirs.extended else ""
        note = f" ({APART[name]})" if name in APART else ""
        lines.append(
            f"| {name} | {mine.seconds:.2f} | {near}{theirs.seconds:.2f} | {theirs.seconds / mine.seconds:.1f} | "
            f"{mine.memory:.0f} | {theirs.memory:.0f} | {agreement:.6f}{note} |"
        )
    for label, kept in kinds(rows).items():
        b, most = sum(r[2].seconds for r in kept), max(r[2].memory for r in kept)
        each = sum(r[1].seconds for r in kept)
        one, memory = passes[label].seconds, passes[label].memory
        lines.append(f"| {label}, each alone | {each:.1f} | {b:.1f} | {b / each:.1f} | | | |")
        lines.append(
            f"| **{label}, in one pass** | {one:.1f} | {b:.1f} | **{b / one:.1f}** | {memory:.0f} | {most:.0f} | |"
        )
    return "\n".join(lines) + "\n"


def kinds(rows: list[tuple[str, Side, Side, float]]) -> dict[str, list[tuple[str, Side, Side, float]]]:
    """All rows, and those that were timed whole."""
    whole = [row for row in rows if not row[2].extended]
    return {f"all {len(rows)}": rows} | ({f"{len(whole)} timed whole": whole} if len(whole) < len(rows) else {})


def main(arguments: list[str] | None = None) -> str:
    """Race, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the rows, a tenth of the classes")
    parser.add_argument("--rows", type=int, default=ROWS, help="of the record that is scored")
    parser.add_argument("--only", nargs="*", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    with threadpool_limits(1):
        share = 20 if options.quick else 1
        arrays = made(options.rows // share, TRAIN // share, classes=CLASSES // (10 if options.quick else 1))
        rows = race(arrays, options.only)
        passes = {
            label: alone(partial(together, [row[0] for row in kept], arrays)) for label, kept in kinds(rows).items()
        }
        text = table(rows, passes, arrays)
    if options.out:
        put(options.out, "ood", text)
    sys.stdout.write(text)
    return text


if __name__ == "__main__":
    main()
