"""bench's models under the harness's own evaluation: the numbers of its `hf`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lm_eval.api.registry import get_model

from bench.errors import UsageError
from bench.harness.lm import BenchLM
from tests.harness import sides
from tests.harness.conftest import CHECKPOINT
from tests.harness.test_conformance import NATS, ROLES, talker


def made(**arguments: Any) -> Any:
    """As the harness makes it from `--model bench --model_args`."""
    words = ",".join(f"{key}={value}" for key, value in {"dtype": "float32", **arguments}.items())
    return get_model("bench").create_from_arg_string(words, {"batch_size": 1, "device": "cuda:0"})


def answers(theirs: sides.Theirs) -> list[Any]:
    return [
        a for samples in theirs.samples.values() for sample in samples for several in sample["resps"] for a in several
    ]


def agree(found: sides.Theirs, expected: sides.Theirs) -> None:
    assert {name: found.numbers(name) for name in found.results} == pytest.approx(
        {name: pytest.approx(expected.numbers(name), abs=5e-5) for name in expected.results}
    )
    for one, other in zip(answers(found), answers(expected), strict=True):
        if isinstance(one, tuple):
            assert one[0] == pytest.approx(other[0], abs=NATS)
            assert one[1] == other[1]
        else:
            assert one == (other if isinstance(other, str) else pytest.approx(other, abs=NATS))


def test_all_kinds_of_requests_agree() -> None:
    tasks = ["people_words", "stories_rolling", "stories_endings", "sums"]
    expected = sides.theirs(sides.harness_model(CHECKPOINT), tasks, limit=4)
    agree(sides.theirs(made(pretrained=CHECKPOINT), tasks, limit=4), expected)


def test_a_chat_template_is_the_models_own(tmp_path: Path) -> None:
    checkpoint = talker(tmp_path / "talker", ROLES)
    options: dict[str, Any] = {"apply_chat_template": True, "num_fewshot": 1, "limit": 3}
    expected = sides.theirs(sides.harness_model(checkpoint), ["people_letters"], **options)
    agree(sides.theirs(made(model=f"hf:{checkpoint}"), ["people_letters"], **options), expected)


def test_one_model_is_named_and_it_is_a_language_model() -> None:
    with pytest.raises(UsageError, match="which model"):
        BenchLM()
    with pytest.raises(UsageError, match="two models"):
        BenchLM("hf:x", "x")
    with pytest.raises(UsageError, match="no language model"):
        BenchLM("mlp", device="cpu")


def test_texts_drawn_at_random_depend_on_the_repeat_and_the_seed() -> None:
    from lm_eval.api.instance import Instance

    settings = {"do_sample": True, "temperature": 1.0, "max_gen_toks": 12, "until": ["\n"]}
    requests = [Instance("generate_until", {}, ("Q: 20 + 9 = ?\nA:", settings), 0) for _ in range(6)]
    first, other = made(pretrained=CHECKPOINT), made(pretrained=CHECKPOINT, seed=1)
    texts = first.generate_until(requests)
    assert texts == first.generate_until(requests)
    assert len(set(texts)) > 1
    assert texts != other.generate_until(requests)
