"""The process-reward model on steps whose rightness is known: better than chance, and of use to decoders."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.capabilities import Machine
from bench.components import Metric, Truth, check
from bench.decisions import Prompt
from bench.decoders.best_of_n import best_of_n
from bench.language import Details
from bench.models.building import named_model
from bench.procedural import extract_answer, items
from bench.records.detection import Detection
from bench.registry import find
from bench.stats.design import design
from bench.stats.intervals import interval
from bench.stats.paired import paired_means
from bench.verifiers.process import READER, _weights, features, rewards
from bench.zoo.rewards import labelled

_QUESTIONS = 40


@check("process-reward", area="reasoning", source="steps of held-out sums, labelled by their worked solutions")
def process_check() -> list[Truth]:
    """Lower ends of 95 % intervals: AUROC of held-out steps above chance, best-of-8 above the same with no verifier."""
    model: Any = named_model(READER, Machine())
    steps = labelled("arithmetic", _QUESTIONS, 4, 9, "test", model)
    scores = rewards(features(model.score(steps.asked, Details(hidden=True))), *_weights())
    record = Detection(
        ids=np.array([str(k) for k in range(len(scores))], dtype=object),
        scores=scores,
        positive=steps.right,
        groups=steps.question,
    )
    found = interval(find(Metric, "auroc"), record, seed=0)
    prompts = [
        Prompt(i.id, i.prompt, lambda text: extract_answer("arithmetic", text), ("\n",), 72)
        for i in items("arithmetic", 2 * _QUESTIONS, 11, "test")
    ]
    truth = [item.answer for item in items("arithmetic", 2 * _QUESTIONS, 11, "test")]
    right = {
        name: np.array([
            float(one.answer == answer)
            for one, answer in zip(best_of_n(model, prompts, 0, temperature=1.0, verifier=name), truth, strict=True)
        ])
        for name in ("process-reward", "random")
    }  # fmt: skip
    gain = paired_means(right["process-reward"], right["random"], design(len(truth)))
    return [
        _above(0.5, found.value, found.interval.low, f"AUROC of {len(scores)} steps"),
        _above(0.0, gain.difference, gain.low, "best-of-8: accuracy beyond that of a random pick"),
    ]


def _above(bar: float, value: float | None, low: float | None, what: str) -> Truth:
    """Whether an interval lies above a bar."""
    ends = "no interval" if low is None else f"{value:.3f}, from {low:.3f}"
    return Truth(1, float(low is not None and low > bar), 0, f"{what} ({ends}) is above {bar:g}")
