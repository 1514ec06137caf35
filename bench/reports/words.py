"""What reports say in words: titles, what an interval's method means, what a metric is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from bench.components import Metric
from bench.errors import BenchError
from bench.registry import components
from bench.reports.numerals import written
from bench.reports.text import name, shorten, visible
from bench.results import Result

TITLES: dict[str, str] = {
    "likelihood": "Likelihood",
    "calibration": "Calibration",
    "ood": "OOD detection",
    "uncertainty": "Uncertainty",
    "reasoning": "Reasoning",
    "efficiency": "Efficiency",
    "general": "General",
}
LEADS: dict[str, str] = {
    "likelihood": "How probable the models find data that they have not seen. A likelihood says what it is: exact, a "
    "bound or an estimate; numbers of different kinds are not ranked against each other.",
    "calibration": "Whether answers given with confidence p are right in a share p of the cases.",
    "ood": "Whether a score tells inputs like the training data from inputs that are not.",
    "uncertainty": "Whether forecasts spread as far as they miss, and whether the doubtful answers are the wrong ones.",
    "reasoning": "Whether generated answers are right, and whether the model knows which of them are.",
    "efficiency": "What answers cost, and how much of that a smaller model can save by drafting for a larger one.",
    "general": "Numbers of tasks that belong to no single area.",
}
LABELS: dict[str, str] = {
    "accuracy": "accuracy", "accuracy-bytes": "accuracy (per byte)", "aurc": "AURC", "augrc": "AUGRC",
    "auroc-macro": "mean AUROC", "fpr95-ood-macro": "mean FPR95 (OOD)", "fpr95-id-macro": "mean FPR95 (ID)",
    "aupr-in-macro": "mean AUPR-in", "aupr-out-macro": "mean AUPR-out",
    "auroc": "AUROC", "aupr-in": "AUPR-in", "aupr-out": "AUPR-out", "fpr95-ood": "FPR95 (OOD)",
    "fpr95-id": "FPR95 (ID)", "ece": "ECE", "ece-null": "ECE if calibrated", "ece-debiased": "debiased ECE²",
    "smooth-ece": "smooth ECE", "classwise-ece": "class-wise ECE", "mce": "MCE", "brier": "Brier",
    "brier-confidence": "Brier of confidence", "nll": "NLL", "nll-nats": "NLL", "choice-nll": "choice NLL",
    "choice-brier": "choice Brier", "bits-per-dim": "bits/dim", "bits-per-byte": "bits/byte",
    "excess-bits-per-byte": "excess bits/byte", "kl-to-truth": "KL to truth", "kl-p": "KL to true p(y|x)",
    "mse-p": "MSE to true p(y|x)", "crps": "CRPS", "rmse": "RMSE", "mae": "MAE", "pit-ks": "PIT distance (KS)",
    "coverage-90": "coverage of 90 %", "width-90": "width of 90 %", "interval-score-90": "interval score of 90 %",
    "interval-coverage": "coverage of the interval", "interval-width": "its width", "interval-score": "interval score",
    "set-coverage": "coverage of sets", "set-size": "size of sets", "set-size-violation": "worst gap by size",
    "forecast-nll": "NLL of forecasts", "ence": "ENCE", "wis": "WIS", "crossing-rate": "crossing quantiles",
    "risk-at-80": "risk at 80 %", "parse-rate": "answers read", "tokens-per-answer": "tokens per answer",
}  # fmt: skip
ARROWS: dict[str, str] = {"higher": "↑", "lower": "↓", "none": ""}
BETTER: dict[str, str] = {"higher": "higher is better", "lower": "lower is better", "none": "neither way is better"}

KINDS: dict[str, tuple[str, str]] = {
    "exact": ("exact", "The log-likelihood is computed exactly."),
    "lower": ("lower bound", "The log-likelihood is at least this: the true bits are at most those shown."),
    "upper": ("upper bound", "The log-likelihood is at most this: the true bits are at least those shown."),
    "estimate": ("estimate", "The log-likelihood is a Monte-Carlo estimate, with an error of its own."),
}

# The first that fits is taken, so the longer of two that begin alike stands first.
_METHODS: dict[str, str] = {
    r"^wilson, design effect": "Wilson score interval of a proportion, its sample size divided by the design effect of "
    "clusters and weights: dependent samples count for less.",
    r"^wilson": "Wilson score interval of a proportion; keeps its coverage near 0 and 1 and for few samples.",
    r"^t\(CR1\)": "Student t on clusters, with the CR1 standard error, G − 1 degrees of freedom and Hall's correction "
    "for skewness; samples of one cluster are not taken as independent.",
    r"^t\(jackknife": "Student t on a delete-group jackknife, for a number of a large set; for a biased number, about "
    "its jackknife-corrected value.",
    r"^t\b": "Student t interval of a mean (or, linearised, of a ratio of means), with Hall's correction for skewness.",
    r"^test inversion, conservative": "The values that a test at 5 % does not reject, for a norm of noisy gaps, which "
    "is biased upwards: each end takes the arrangement of the gaps that puts it farther out, so it holds the truth in "
    "95 % of cases or more. It may lie wholly below the value.",
    r"^test inversion": "The values that a test at 5 % does not reject, for a norm of noisy gaps, which is biased "
    "upwards. It may lie wholly below the value.",
    r"^bootstrap BCa": "Bias-corrected and accelerated bootstrap over clusters, for a number of the whole set.",
    r"^bootstrap basic": "Basic (reverse-percentile) bootstrap over clusters, for a number that is biased: the "
    "percentile bootstrap would move the interval with the bias.",
    r"^bootstrap": "Bootstrap over clusters, seeded.",
    r"^none": "No interval can be given; a missing interval is never shown as one of width 0.",
}
ATTRITION = (
    "Samples that failed stay in the denominator: the interval reaches from all of them at the worst value to all at "
    "the best."
)


@dataclass(frozen=True)
class Definition:
    """What a metric is: its label, its first sentence, and its facts."""

    name: str
    label: str
    text: str
    source: str
    unit: str
    better: str
    range: str
    biased: bool


def title(area: str) -> str:
    """The heading of an area."""
    return TITLES.get(area, shorten(area, 40).capitalize() or "Other")


def lead(area: str) -> str:
    """One or two sentences on what an area asks."""
    return LEADS.get(area, "Numbers of tasks that name this area.")


def label(metric: str) -> str:
    """A metric's name as people write it."""
    bare, comma, parameters = metric.partition(",")
    return LABELS.get(bare, shorten(bare, 40)) + (f" ({shorten(parameters, 40)})" if comma else "")


def task(text: str) -> str:
    """A task's name without its area, which the heading or the smaller text names."""
    area, _, rest = text.partition("/")
    return name(rest if rest and area in TITLES else text)


def method(text: str) -> str:
    """What the method of an interval means; the text itself where it is not known here."""
    known = next((words for pattern, words in _METHODS.items() if re.search(pattern, text)), "")
    return " ".join(part for part in (known, ATTRITION if "attrition" in text else "") if part) or visible(text)


def reason(result: Result) -> str:
    """Why a number has no interval or no value, for a tooltip; the method where it has both."""
    missing = "value" if result.value is None else "interval" if result.low is None and result.high is None else ""
    said = _reason(missing, result.method, result.caution)
    return f"{said}; by seed {by_seed(result)}" if result.seeds else said


def by_seed(result: Result) -> str:
    """The value of each seed; empty for a model trained once."""
    return ", ".join("failed" if value is None else written(value, 4) for value in result.seeds)


def trained(result: Result) -> str:
    """By how many seeds the model was trained; empty for once."""
    return f"{len(result.seeds)} seeds" if result.seeds else ""


@lru_cache(maxsize=4096)
def _reason(missing: str, method: str, caution: str) -> str:
    if missing:
        return f"no {missing}: {shorten(method.removeprefix('none: '), 160)}"
    said = f"95 % interval by {shorten(method, 80)}"
    return f"{said}; † {shorten(caution, 160)}" if caution else said


def without(result: Result) -> str:
    """The method without the numbers in it, so that like methods are listed once."""
    return re.sub(
        r"^\D*\d[\d.,]*(?= failed)", "none: some", re.sub(r"design effect [\d.]+", "design effect", result.method)
    )


def kind(likelihood: str) -> tuple[str, str]:
    """Short and long words for a kind of likelihood."""
    return KINDS.get(likelihood, (shorten(likelihood, 24), "A kind of likelihood that the record names."))


def definitions(names: Iterable[str]) -> list[Definition]:
    """The registered metrics among the names, in their order; a plugin's that is not loaded is left out."""
    try:
        known = components(Metric)
    except BenchError:  # a broken plugin must not keep a finished run from being read
        return []
    return [
        replace(_definition(known[bare]), name=name, label=label(name))
        for name in dict.fromkeys(names)
        if (bare := name.partition(",")[0]) in known
    ]


def _definition(metric: Metric) -> Definition:
    low, high = metric.range
    limits = "" if low is None and high is None else f"[{_end(low, '−∞')}, {_end(high, '∞')}]"
    return Definition(
        name=metric.name,
        label=label(metric.name),
        text=_first_paragraph(metric.doc),
        source=metric.source,
        unit=metric.unit,
        better=BETTER.get(metric.better, ""),
        range=limits,
        biased=metric.biased,
    )


def _end(value: float | None, missing: str) -> str:
    return missing if value is None else f"{value:g}".replace("-", "−")


def _first_paragraph(doc: str) -> str:
    paragraph = " ".join(doc.partition("\n\n")[0].split())
    return re.sub(r"`([^`]+)`", r"\1", paragraph)


def variant(result: Result) -> str:
    """What stood between the model's answer and the metric, for the eye: `self-consistency · temperature`."""
    parts = (result.decoder, result.calibrator, result.score, result.slice)
    return " · ".join(shorten(part, 60) for part in parts if part)
