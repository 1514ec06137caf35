"""The vLLM adapter against a stand-in for the engine: what it is given, and how its answers are read."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench.capabilities import Machine
from bench.errors import UsageError
from bench.language import Draw, LanguageModel
from bench.models.vllm import vllm
from tests.models import tiny


class Engine:
    """Answers each token with minus its place as log-probability; every second is the first choice."""

    made: list[dict[str, Any]] = []  # noqa: RUF012 - what the last test saw
    asked: list[Any] = []  # noqa: RUF012

    def __init__(self, **options: Any) -> None:
        self.made.append(options)
        self.model_config = SimpleNamespace(max_model_len=16)

    def get_tokenizer(self) -> Any:
        return tiny.loaded().tokenizer

    def generate(self, prompts: list[Any], settings: Any, use_tqdm: bool) -> list[Any]:  # noqa: ARG002
        self.asked.append((prompts, settings))
        return [self.answer(prompt) for prompt in prompts]

    def answer(self, prompt: Any) -> Any:
        def told(tokens: list[int]) -> list[Any]:
            return [{t: SimpleNamespace(logprob=-float(k), rank=1 + k % 2)} for k, t in enumerate(tokens)]

        if isinstance(prompt, dict):
            return SimpleNamespace(prompt_logprobs=[None, *told(prompt["prompt_token_ids"])[1:]])
        output = SimpleNamespace(text="yes", token_ids=[5, 6], logprobs=told([5, 6]), finish_reason="stop")
        return SimpleNamespace(outputs=[output])


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> type[Engine]:
    module = ModuleType("vllm")
    module.LLM = Engine  # type: ignore[attr-defined]
    module.SamplingParams = SimpleNamespace  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vllm", module)
    Engine.made.clear()
    Engine.asked.clear()
    return Engine


def test_what_the_engine_is_given_and_gives(engine: type[Engine]) -> None:
    model = vllm("some/model", machine=Machine(dtype="bfloat16"), max_length=16, revision="main")
    assert isinstance(model, LanguageModel)
    scores = model.score([("The owl", " wants that nest."), ("The owl", "")])
    (options,) = engine.made
    assert options["enable_prefix_caching"] is False
    wanted = ("some/model", "bfloat16", 16, "main")
    assert (options["model"], options["dtype"], options["max_model_len"], options["revision"]) == wanted
    ((prompts, settings),) = engine.asked
    assert (settings.prompt_logprobs, settings.max_tokens) == (0, 1)
    assert all(len(prompt["prompt_token_ids"]) < 16 for prompt in prompts)
    own = -np.diff(scores[0].logprobs)
    assert (own == 1).all() or len(prompts) > 1
    assert len(scores[1].logprobs) == 0


def test_texts_are_drawn_under_their_own_seeds(engine: type[Engine]) -> None:
    (text,) = vllm("some/model", machine=Machine()).generate([Draw("The", 2**40 + 3, 0.7, 0.9, ("\n",), 8)])
    assert (text.text, text.token_ids.tolist(), text.logprobs.tolist(), text.stopped) == (
        "yes",
        [5, 6],
        [0.0, -1.0],
        True,
    )
    ((prompts, (settings,)),) = engine.asked
    assert prompts == ["The"]
    assert (settings.temperature, settings.top_p, settings.max_tokens, settings.logprobs) == (0.7, 0.9, 8, 0)
    assert settings.seed == (2**40 + 3) % 2**31


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(UsageError, match="extra 'vllm'"):
        vllm("some/model", machine=Machine()).score([("a", " b")])
