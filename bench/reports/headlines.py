"""Which numbers stand in front: a choice by name, made before anything is measured, never by what looks best."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.results import Result

# The first of these that a task has is its headline.
PRIMARY: dict[str, tuple[str, ...]] = {
    "likelihood": (
        "bits-per-byte",
        "nll-per-event",
        "bits-per-dim",
        "nll-nats",
        "perplexity",
        "choice-nll",
        "nll",
        "expected-posterior-entropy",
        "chosen-displacement",
        "auroc",
    ),
    "calibration": ("ece", "coverage-error", "brier"),
    "ood": ("auroc", "collapse-nll", "selection-gain", "weight-error"),
    "uncertainty": ("crps", "aurc", "auroc", "program-coverage", "second-order-error", "set-coverage"),
    "reasoning": ("accuracy",),
    "efficiency": ("tokens-per-round",),
    "general": ("accuracy", "rmse", "nll"),
}

# The score that stands for a detector: the usual default of its kind, not the one that did best here.
SCORES: tuple[str, ...] = (
    "energy", "max-logit", "msp", "density", "given", "entropy", "lm-ratio", "machine-likelihood", "semantic-entropy",
    "confidence",
)  # fmt: skip


@dataclass(frozen=True)
class Group:
    """A table of an area: a heading and the metrics that are its columns, where a task has them.

    A row is a subject that has the first of them, or the one in `also`; one that has the metric `unless` is in another.
    """

    title: str
    metrics: tuple[str, ...]
    also: str = ""
    unless: str = ""


SETS = Group("Prediction sets", ("set-coverage", "set-size", "set-size-violation", "worst-class-coverage"))
INTERVALS = Group("Intervals", ("interval-coverage", "interval-width", "interval-score"), unless="coverage-90")
# Over all data sets, over the near and over the far ones.
_MEANS = ("auroc-macro", "fpr95-ood-macro")
_NEAR, _FAR = (tuple(f"{metric},among={kind}" for metric in _MEANS) for kind in ("near", "far"))


GROUPS: dict[str, tuple[Group, ...]] = {
    "likelihood": (
        Group("Densities", ("bits-per-dim", "nll-nats", "kl-to-truth"), unless="nll-per-event"),
        Group("Sequences of events", ("nll-per-event", "kl-to-truth", "rescaling-distance")),
        Group(
            "Posteriors",
            (
                "expected-posterior-entropy",
                "excess-posterior-entropy",
                "sbc-p",
                "tarp-p",
                "expected-coverage-distance",
                "c2st",
            ),
        ),
        Group("Texts", ("bits-per-byte", "excess-bits-per-byte", "perplexity", "word-perplexity")),
        Group(
            "Preferred and rejected texts",
            (
                "chosen-displacement",
                "rejected-displacement",
                "displaced-share",
                "implicit-reward-accuracy",
                "preference-accuracy",
            ),
            also="preference-accuracy",
        ),
        Group("Scores that should tell members from others", ("auroc", "fpr95-ood", "fpr95-id", "aupr-out")),
    ),
    "calibration": (
        Group(
            "Answers with a confidence",
            ("ece", "ece-null", "ece-debiased", "brier", "nll", "choice-nll", "overconfidence", "accuracy", "kl-p"),
        ),
        SETS,
    ),
    "ood": (
        Group("Detection", ("auroc", "fpr95-ood", "fpr95-id", "aupr-out", "aupr-in")),
        Group("Detection, means over data sets that count alike", (*_MEANS, *_NEAR, *_FAR)),
        Group("Models that learn from their own texts", ("collapse-nll", "collapse-diversity", "collapse-distinct")),
        Group(
            "Texts selected to resemble a target",
            ("selection-gain", "kl-reduction", "kl-reduction-random", "selection-left", "selected-kin"),
        ),
        Group(
            "Losses foretold under a shift of the outcomes",
            ("weight-error", "shift-bias", "shift-bias-unweighted", "shift-bias-known", "effective-share"),
        ),
    ),
    "uncertainty": (
        Group(
            "Forecasts",
            ("crps", "coverage-90", "width-90", "interval-score-90", "rmse", "pit-ks"),
            # Conformal intervals have no CRPS, and belong beside the forecasts that they were made of.
            also="coverage-90",
        ),
        INTERVALS,
        SETS,
        Group(
            "Answers that may be withheld",
            ("aurc", "augrc", "risk-at-80", "accuracy", "total-entropy", "aleatoric", "epistemic"),
        ),
        Group("Scores that should find errors or outliers", ("auroc", "fpr95-ood", "fpr95-id", "aupr-out")),
        Group("Sets of programs", ("program-coverage", "nodes-left-out", "program-match"), also="program-match"),
        Group("Pairs of answers", ("second-order-error", "pair-variance", "mse-p", "pair-bias", "pair-coverage")),
    ),
    "efficiency": (
        Group(
            "Drafts and what they save",
            (
                "tokens-per-round",
                "acceptance-rate",
                "drafts-per-round",
                "discard-rate",
                "modelled-speedup",
                "foresight-brier",
            ),
        ),
    ),
    "reasoning": (
        Group("Answers", ("accuracy", "parse-rate", "ece", "brier-confidence", "aurc", "tokens-per-answer")),
    ),
}
OTHER = "Other numbers"
# The metrics of a task of lm-evaluation-harness, as the harness itself names and computes them.
HARNESS = "lm-eval:"
THEIRS = "By lm-evaluation-harness"
MOST_COLUMNS = 6


def groups(area: str, results: Sequence[Result]) -> list[tuple[Group, list[Result]]]:
    """The area's tables with their results (slices left out); tasks that fit none go into one of their own."""
    whole = [r for r in results if not r.slice]
    found: list[tuple[Group, list[Result]]] = []
    placed: set[str] = set()
    for group in GROUPS.get(area, ()):
        first = group.metrics[0]
        scored = first.startswith("auroc")
        rows = {_subject(r) for r in whole if r.metric in {first, group.also} and bool(r.score) == scored}
        rows -= {_subject(r) for r in whole if r.metric == group.unless}
        mine = [r for r in whole if _subject(r) in rows and r.metric in group.metrics]
        if mine:
            found.append((group, mine))
            placed |= {r.task for r in mine}
    theirs = [r for r in whole if r.metric.startswith(HARNESS)]
    if theirs:
        names = tuple(dict.fromkeys(r.metric for r in theirs))[:MOST_COLUMNS]
        found.append((Group(THEIRS, names), [r for r in theirs if r.metric in names]))
        placed |= {r.task for r in theirs}
    rest = [r for r in whole if r.task not in placed]
    if rest:
        names = tuple(dict.fromkeys(r.metric for r in rest))[:MOST_COLUMNS]
        found.append((Group(OTHER, names), [r for r in rest if r.metric in names]))
    return found


def primary(area: str, results: Iterable[Result]) -> list[Result]:
    """Each subject's headline: one metric a task, for each model, decoder and calibrator; one score a detector."""
    by_task: dict[str, list[Result]] = {}
    for r in results:
        if not r.slice:
            by_task.setdefault(r.task, []).append(r)
    found: list[Result] = []
    for rows in by_task.values():
        metric = _first(PRIMARY.get(area, ()), rows)
        score = default_score(r.score for r in rows if r.metric == metric)
        found += [r for r in rows if r.metric == metric and r.score == score]
    return found


def _first(wanted: Sequence[str], rows: Sequence[Result]) -> str:
    present = dict.fromkeys(r.metric for r in rows)
    return next((name for name in wanted if name in present), next(iter(present)))


def default_score(names: Iterable[str]) -> str:
    """The score that stands for the others ("" where numbers without a score are there)."""
    present = dict.fromkeys(names)
    return next((name for name in ("", *SCORES) if name in present), next(iter(present), ""))


def _subject(r: Result) -> tuple[str, ...]:
    return (r.model, r.task, r.decoder, r.calibrator, r.score)
