"""bench and the harness ask the same model the same questions, and agree.

Requests byte for byte, log-likelihoods to 1e-4 nats in float32, texts exactly, metrics to the last digit that the
harness prints (four decimals).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.harness import values
from bench.harness.loading import Options, load
from bench.runners.folder import RunFolder
from tests.harness import sides
from tests.harness.conftest import CHECKPOINT
from tests.harness.sides import Theirs

# One process holds what the tests share, which takes longer to make than to test.
pytestmark = pytest.mark.xdist_group("harness")

NATS = 1e-4
SCORED = ("people", "people_mutual", "people_inputs", "people_yesno")
TEXTS = ("stories_rolling", "stories_endings", "sums", "sums_worked", "sums_vote", "sums_bleu")
ROLES = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<answer>{% endif %}"
)
# A template that refuses a system turn: the harness then leaves it out, and so does bench.
NO_SYSTEM = "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + ROLES


@pytest.fixture(scope="module", params=[SCORED, TEXTS], ids=["choices", "texts"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Theirs, RunFolder]:
    theirs = sides.theirs(sides.harness_model(CHECKPOINT), request.param)
    return theirs, sides.ours(CHECKPOINT, request.param, tmp_path_factory.mktemp("runs"))


def target(theirs: Theirs, name: str) -> str:
    """How bench calls a task of the harness's results: one that its group changed has the group before it."""
    return "people::people_few" if name == "people_few" else name


def test_metrics_agree_to_the_last_digit(both: tuple[Theirs, RunFolder]) -> None:
    theirs, folder = both
    for name in theirs.results:
        expected = theirs.numbers(name)
        found = sides.numbers(folder, target(theirs, name))
        assert set(found) == set(expected), name
        assert expected
        for key, value in expected.items():
            assert f"{found[key].value:.4f}" == f"{value:.4f}", (name, key)


def test_requests_are_the_same_bytes(both: tuple[Theirs, RunFolder]) -> None:
    theirs, _ = both
    for name, samples in theirs.samples.items():
        documents = {d.number: d for d in load(target(theirs, name), Options()).documents}
        for sample in samples:
            asked = documents[sample["doc_id"]].asks
            for ask, (first, *rest) in zip(asked, sample["arguments"], strict=True):
                if ask.way == "generate_until":
                    assert (ask.context, json.loads(ask.settings)) == (first, rest[0])
                else:
                    assert (ask.context, ask.continuation) == ((first, *rest) if rest else ("", first))


def test_scores_and_texts_agree(both: tuple[Theirs, RunFolder]) -> None:
    theirs, folder = both
    for name, samples in theirs.samples.items():
        record = sides.record(folder, target(theirs, name))
        rows = {str(sample_id).rsplit("/", 1)[1]: row for row, sample_id in enumerate(record.ids)}
        for sample in samples:
            compare(record, rows[str(sample["doc_id"])], sample)


def compare(record: Any, row: int, sample: dict[str, Any]) -> None:
    answers = [answer for several in sample["resps"] for answer in several]
    if isinstance(answers[0], str):
        assert list(record.text[row])[:1] == answers[:1]
        return
    expected = np.array([a[0] if isinstance(a, tuple) else a for a in answers])
    if len(sample["arguments"][0]) == 1:  # a whole text, of which the harness also scores the begin token
        found = [next(iter(values.read(record.task_values[row]).values()))[0]]
        assert record.log_prob[row] > found[0] + 1
    else:
        found = [record.log_prob[row]] if record.kind == "tokens" else record.loglik[row]
    np.testing.assert_allclose(found, expected[: len(found)], rtol=0, atol=NATS)


def talker(folder: Path, template: str) -> Path:
    """The embedded checkpoint with a chat template."""
    shutil.copytree(CHECKPOINT, folder)
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "chat_template": template}))
    return folder


@pytest.mark.parametrize(
    ("template", "options"),
    [
        (ROLES, {"fewshot_as_multiturn": True, "system_instruction": "Say one word."}),
        pytest.param(ROLES, {"fewshot_as_multiturn": False}, marks=pytest.mark.slow),
        pytest.param(
            NO_SYSTEM,
            {"fewshot_as_multiturn": True, "system_instruction": "Say one word."},
            marks=pytest.mark.slow,
        ),
    ],
    ids=["turns", "one turn", "no system role"],
)
def test_conversations_agree(template: str, options: dict[str, Any], tmp_path: Path) -> None:
    checkpoint = talker(tmp_path / "talker", template)
    tasks = ["people_letters", "people_inputs", "sums"]
    theirs = sides.theirs(
        sides.harness_model(checkpoint), tasks, apply_chat_template=True, num_fewshot=2, limit=6, **options
    )
    words = "".join(f",{key}={value}" for key, value in options.items())
    suffix = f",chat_template=true,num_fewshot=2,limit=6{words}"
    folder = sides.ours(checkpoint, [name + suffix for name in tasks], tmp_path / "runs")
    for name, samples in theirs.samples.items():
        found = sides.numbers(folder, name + suffix)
        assert {k: f"{r.value:.4f}" for k, r in found.items()} == {
            k: f"{v:.4f}" for k, v in theirs.numbers(name).items()
        }
        record = sides.record(folder, name + suffix)
        for sample in samples:
            compare(record, int(sample["doc_id"]), sample)


def test_shots_and_first_documents_agree(tmp_path: Path) -> None:
    # A task that says 0 shots keeps them; one that says nothing has as many as are asked for.
    tasks = ["people_words", "people_mutual", "stories_endings"]
    theirs = sides.theirs(sides.harness_model(CHECKPOINT), tasks, num_fewshot=1, limit=0.3)
    suffix = ",num_fewshot=1,limit=0.3"
    folder = sides.ours(CHECKPOINT, [name + suffix for name in tasks], tmp_path)
    for name in tasks:
        record = sides.record(folder, name + suffix)
        assert len(record) == len(theirs.samples[name])
        for sample in theirs.samples[name]:
            compare(record, int(sample["doc_id"]), sample)


def test_a_group_counts_tasks_as_it_says(tmp_path: Path) -> None:
    theirs = sides.theirs(sides.harness_model(CHECKPOINT), ["people_pair"])
    folder = sides.ours(CHECKPOINT, ["people_pair"], tmp_path)
    found = sides.numbers(folder, "people_pair")
    assert {k: f"{r.value:.4f}" for k, r in found.items()} == {
        k: f"{v:.4f}" for k, v in theirs.numbers("people_pair").items()
    }
    assert found["acc,none"].n == 40
    assert all(r.low is not None and r.value is not None and r.low < r.value for r in found.values())
    # By size and by task differ here, so that neither can stand for the other.
    by_task = theirs.numbers("people_words")["acc,none"] / 2 + theirs.numbers("people_few")["acc,none"] / 2
    assert abs(by_task - theirs.numbers("people_pair")["acc,none"]) > 1e-3
