"""Why are the numbers as they are?  Proxies, patterns of failures, dependence, shifts, and groups with regret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from bench.arrays import Float64s
from bench.auditing.findings import Finding
from bench.auditing.subjects import Subject, at
from bench.errors import UsageError
from bench.seeds import generator
from bench.stats.failures import patterns, search
from bench.stats.groupwise import groupwise, regret
from bench.stats.kernels import independence
from bench.stats.multiplicity import adjusted
from bench.stats.proxies import audit
from bench.stats.shifts import Attribution, attribute, shift_weights

BATCH, ROUNDS, POOL = 10, 8, 200
STREAM = 600  # pairs that a sequential test sees at most
COMPONENTS = 3  # of an embedding, for the classifiers behind weights
LEAST = 60


def proxy(found: Sequence[Subject], seed: int) -> Iterator[Finding]:
    """Objective mismatch: does log-likelihood order the models of a task as accuracy does?  From three models on."""
    for task, members in _by_task(found).items():
        if len(members) < 3 or len({len(s) for s in members}) > 1:
            continue
        likelihood = np.array([-s.loss.mean() for s in members])
        accuracy = np.array([1 - s.wrong.mean() for s in members])
        try:
            told = audit(likelihood, accuracy, seed=seed)
        except UsageError:
            continue
        rho = told.of("spearman")
        says = f"choosing by likelihood costs {100 * told.regret:.2f} points of accuracy; p = {rho.p_value:.3f}"
        yield Finding(
            audit="proxy", task=task, model=f"{len(members)} models",
            what="Spearman's correlation, likelihood and accuracy",
            value=rho.value, low=rho.low, high=rho.high, n=len(members), says=says, warning=told.warning,
        )  # fmt: skip


def failures(found: Sequence[Subject], seed: int) -> Iterator[Finding]:
    """Failure patterns: where a model errs together, found with few labels by diverse batches near confirmed errors."""
    for s in found:
        if s.embedding is None or len(s) < LEAST:
            continue
        distance = float(np.median(np.sqrt(((s.embedding[:60, None] - s.embedding[None, :60]) ** 2).sum(axis=2))))
        rounds = min(ROUNDS, len(s) // (2 * BATCH))
        if rounds < 1 or distance <= 0:
            continue
        looked = search(
            s.embedding,
            at(s.wrong),
            batch=BATCH,
            rounds=rounds,
            bandwidth=distance / 3,
            seed=seed,
            pool=POOL,
        )
        rate, hits = float(s.wrong.mean()), int(looked.wrong.sum())
        asked = len(looked.asked)
        yield Finding(
            audit="failures", task=s.task, model=s.name, what=f"errors found with {asked} labels", value=float(hits),
            n=asked, says=f"as many drawn alike would find {asked * rate:.1f} on average",
        )  # fmt: skip
        for pattern in patterns(s.embedding, looked, radius=distance / 2, least=3, rate=max(0.3, 2 * rate))[:3]:
            labels = np.bincount(s.labels[pattern.members][s.labels[pattern.members] >= 0], minlength=1)
            mostly = f", mostly class {int(labels.argmax())}" if labels.sum() else ""
            yield Finding(
                audit="failures", task=s.task, model=s.name,
                what=f"a pattern of {len(pattern.members)} samples{mostly}",
                value=pattern.errors / pattern.asked, low=pattern.rate.low, high=pattern.rate.high, n=pattern.asked,
                says=f"{pattern.errors} errors of {pattern.asked} asked; the rate is that of a chosen ball",
                warning=True,
            )  # fmt: skip


def dependence(found: Sequence[Subject], seed: int) -> Iterator[Finding]:
    """SKIT: which components of the embedding does confidence depend on?  By betting, ranked by when it is sure."""
    for s in found:
        if s.embedding is None or len(s) < LEAST or s.confidence.std() == 0:
            continue
        order = generator(seed, "audit dependence").permutation(len(s))[:STREAM]
        tests = [independence(s.confidence[order], s.embedding[order, j]) for j in range(s.embedding.shape[1])]
        # 1 / e is a p-value for every e-value; Benjamini and Yekutieli's correction bears any dependence.
        p = adjusted(np.array([min(1.0, 1 / max(t.e_value, 1e-300)) for t in tests]), "by")
        at = [t.rejected or len(order) + 1 for t in tests]
        best = int(np.argmin(at))
        sure = int((p < 0.05).sum())
        when = f"component {best + 1} first, after {at[best]} samples" if at[best] <= len(order) else "none alone"
        yield Finding(
            audit="dependence", task=s.task, model=s.name,
            what=f"components, of {len(tests)}, that confidence depends on",
            value=float(sure), n=len(order), says=f"{when}; false discovery rate 5 %",
        )  # fmt: skip


def shifts(found: Sequence[Subject], seed: int) -> Iterator[Finding]:
    """Shapley attribution of a change of error rate between two tasks, to labels and to inputs given labels."""
    for model in dict.fromkeys(s.name for s in found):
        mine = [s for s in found if s.name == model and s.embedding is not None and len(s) >= LEAST]
        for one, other in pairwise(mine):
            if not _alike(one, other):
                continue
            told = _attributed(one, other, seed)
            if told is None:
                continue
            task = f"{one.task} → {other.task}"
            for k, name in enumerate(told.names):
                yield Finding(
                    audit="shifts", task=task, model=model, what=f"change of error rate by {name}",
                    value=float(told.phi[k]), low=float(told.low[k]), high=float(told.high[k]), n=len(one),
                    says=f"of {told.change:+.3f} in all; effective sample size {told.effective[k]:.0f}",
                    warning=bool(told.effective[k] < 0.05 * len(one)),
                )  # fmt: skip
            yield Finding(
                audit="shifts", task=task, model=model, what="change left unexplained", value=told.residual, n=len(one),
                says="large: the weights cannot carry one task to the other",
                warning=abs(told.residual) > 0.5 * abs(told.change),
            )  # fmt: skip


def _alike(one: Subject, other: Subject) -> bool:
    same_area = one.task.partition("/")[0] == other.task.partition("/")[0]
    return same_area and set(np.unique(other.labels)) <= set(np.unique(one.labels)) and _width(one) == _width(other)


def _width(s: Subject) -> int:
    return 0 if s.embedding is None else s.embedding.shape[1]


def _attributed(one: Subject, other: Subject, seed: int) -> Attribution | None:
    """Mechanisms P(label) and P(input | label), the input by the leading components of both embeddings together."""
    both = np.concatenate([one.embedded(), other.embedded()])
    _, _, axes = np.linalg.svd(both - both.mean(axis=0), full_matrices=False)
    shown = [x.embedded() @ axes[:COMPONENTS].T for x in (one, other)]
    onehot = [(x.labels[:, None] == np.unique(one.labels)).astype(np.float64) for x in (one, other)]
    tables: list[dict[str, Float64s]] = [{"labels": y, "inputs": x} for y, x in zip(onehot, shown, strict=True)]
    try:
        weights = shift_weights(tables[0], tables[1], {"labels": (), "inputs": ("labels",)}, seed=seed)
        return attribute(weights, one.wrong.astype(np.float64), other.wrong.astype(np.float64))
    except (UsageError, ValueError):
        return None


def unfair(found: Sequence[Subject], seed: int) -> Iterator[Finding]:
    """Groupwise regret of confidences, against each group's best line in hindsight; groups: data sets or classes."""
    for s in found:
        names, codes, sizes = np.unique(s.groups, return_inverse=True, return_counts=True)
        kept = np.flatnonzero(sizes >= 20)
        if len(kept) < 2 or s.confidence.std() == 0:
            continue
        order = generator(seed, "audit regret").permutation(len(s))
        y = (~s.wrong[order]).astype(np.float64)
        p = np.clip(s.confidence[order], 0.0, 1.0)
        X = np.stack([np.ones(len(y)), p], axis=1)
        member = np.concatenate([np.ones((len(y), 1), bool), codes[order][:, None] == kept], axis=1)
        own = regret(p, X, y, member)
        mended = regret(groupwise(X, y, member), X, y, member)
        worst = int(own.slope[1:].argmax()) + 1
        yield Finding(
            audit="regret", task=s.task, model=s.name,
            what=f"worst group's regret of confidence, '{names[kept[worst - 1]]}'",
            value=float(own.regret[worst] / own.sizes[worst]), n=int(own.sizes[worst]),
            says="squared loss a sample; recalibrated online over all groups: "
            f"{mended.regret[worst] / mended.sizes[worst]:.4f}",
            warning=bool(own.regret[worst] > 2 * max(mended.regret[worst], 0.0) and own.regret[worst] > 1),
        )  # fmt: skip


def _by_task(found: Sequence[Subject]) -> Mapping[str, list[Subject]]:
    by_task: dict[str, list[Subject]] = {}
    for s in found:
        by_task.setdefault(s.task, []).append(s)
    return by_task
