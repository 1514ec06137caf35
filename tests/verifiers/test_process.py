"""The process-reward model: what it reads, and that decoders reach it by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.capabilities import Machine
from bench.decisions import Prompt
from bench.decoders.guided import step_best_of_n
from bench.language import Generated
from bench.models.building import named_model
from bench.procedural import extract_answer, items
from bench.verifiers.process import process_reward, rewards
from bench.zoo.rewards import beginnings


def test_rewards_are_a_logistic_regression() -> None:
    found = rewards(
        np.array([[1.0, 2.0]]), np.array([1.0, 1.0]), np.array([1.0, 0.5]), np.array([3.0, 1.0]), np.ones(1)
    )
    assert found == pytest.approx([1 / (1 + np.exp(-3.0))])


def test_steps_end_with_a_full_stop() -> None:
    assert beginnings(" 1 + 2 = 3. So 3. And") == [" 1 + 2 = 3.", " 1 + 2 = 3. So 3."]


def test_right_steps_are_thought_better_of_than_wrong_ones() -> None:
    model: Any = named_model("lm-tuned", Machine())
    drawn = items("arithmetic", 20, 3, "test")
    prompts = [Prompt(i.id, i.prompt, lambda text: extract_answer("arithmetic", text), ("\n",), 72) for i in drawn]
    wrong = {str(k): str((k + 1) % 10) for k in range(10)}

    def texts(change: bool) -> list[Generated]:
        said = [beginnings(item.solution)[0] for item in drawn]
        said = [f"{text[:-2]}{wrong[text[-2]]}." if change else text for text in said]
        return [Generated(text, np.zeros(3, dtype=np.int64), np.zeros(3), stopped=False) for text in said]

    right, other = (process_reward(model, prompts, texts(change), whole=False) for change in (False, True))
    assert right.scores.mean() > other.scores.mean() + 0.2
    assert (right.tokens > 5).all()
    empty = process_reward(
        model, prompts[:1], [Generated("", np.zeros(0, dtype=np.int64), np.zeros(0), True)], whole=False
    )
    assert (empty.scores.tolist(), empty.tokens.tolist()) == ([0.5], [0])
    (found,) = step_best_of_n(model, prompts[:1], 0, n=2, verifier="process-reward")
    assert found.cost is not None
    assert found.cost.checks > 0
