"""Runs of harness tasks: resumed, changed, failing, limited; and what a task is as a task of bench."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.capabilities import Machine
from bench.config import RunConfig
from bench.errors import NotComparableError, UsageError
from bench.harness import index
from bench.harness.loading import Options, load
from bench.harness.tasks import _shape
from bench.records import Choices, Generations, Responses, Tokens
from bench.registry import find_task
from bench.runners.ask import prepare
from bench.runners.execute import evaluate
from bench.runners.folder import RunFolder
from bench.runners.identity import data_fingerprint
from bench.runners.plan import load_examples, plan
from bench.runners.progress import Silent
from bench.specs import parse
from tests.harness import sides
from tests.harness.conftest import CHECKPOINT

MODEL = f"hf:{CHECKPOINT}"


class Stopping(Silent):
    """Stops the run after so many batches, as an interrupt does."""

    def __init__(self, batches: int) -> None:
        self.left = batches

    def advance(self, *_: Any) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


def config(out: Path, *tasks: str, **settings: Any) -> RunConfig:
    names = tuple(f"lm-eval:{task}" for task in tasks)
    return RunConfig(models=(MODEL,), tasks=names, out=out, device="cpu", **{"batch_size": 5, **settings})


def run(settings: RunConfig, progress: Any = None) -> RunFolder:
    return evaluate(settings, plan(settings), progress or Silent())


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    tasks = ("people_words", "stories_rolling", "sums_vote")
    whole = run(config(tmp_path / "whole", *tasks))
    settings = config(tmp_path / "stopped", *tasks)
    for batches in (3, 3, 0):
        with pytest.raises(KeyboardInterrupt):
            run(settings, Stopping(batches))
        (path,) = (tmp_path / "stopped").iterdir()
        settings = config(tmp_path / "stopped", *tasks, resume=path)
    resumed = run(settings)
    assert answers(resumed.path) == answers(whole.path)
    assert len(answers(whole.path)) == 1 + len(tasks)


def answers(path: Path) -> dict[str, bytes]:
    """What was answered and measured."""
    files = [path / "results.json", *sorted(path.glob("cells/*/*.parquet"))]
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one task, which a test may change."""
    folder = tmp_path / "own"
    folder.mkdir()
    rows = [{"q": f"Q: {k} + 1 = ?\nA:", "a": [str(k + 1), str(k + 2)], "gold": k % 2} for k in range(12)]
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = [
        "task: mine",
        "dataset_path: json",
        f"dataset_kwargs: {{data_files: {{test: {folder / 'data.jsonl'}}}}}",
        "output_type: multiple_choice",
        "test_split: test",
        "doc_to_text: q",
        "doc_to_choice: a",
        "doc_to_target: gold",
        "metadata: {version: 1.0}",
    ]
    (folder / "mine.yaml").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(index, "_INCLUDED", [*index.included(), folder])
    forget()
    return folder


def forget() -> None:
    """As in another process."""
    for cached in (load, _shape, load_examples):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("version: 1.0", "version: 1.1", "task version"),
        ("metadata", "target_delimiter: ''\nmetadata", "data"),
        ("metadata", "metric_list: [{metric: acc}]\nmetadata", "task version"),
    ],
)
def test_a_task_that_changed_is_not_continued(own: Path, tmp_path: Path, old: str, new: str, key: str) -> None:
    folder = run(config(tmp_path / "runs", "mine"))
    path = own / "mine.yaml"
    path.write_text(path.read_text().replace(old, new))
    forget()
    with pytest.raises(NotComparableError, match=key):
        run(config(tmp_path / "runs", "mine", resume=folder.path))


def test_data_that_changed_are_not_continued(own: Path, tmp_path: Path) -> None:
    folder = run(config(tmp_path / "runs", "mine"))
    data = own / "data.jsonl"
    data.write_text(data.read_text().replace("Q: 3 + 1", "Q: 1 + 3"))
    forget()
    with pytest.raises(NotComparableError, match="data"):
        run(config(tmp_path / "runs", "mine", resume=folder.path))


def test_where_a_task_lies_is_no_part_of_what_it_is(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_examples(parse("lm-eval:mine"), seed=0, limit=None)
    other = own.with_name("elsewhere")
    other.mkdir()
    shutil.copy(own / "mine.yaml", other)
    monkeypatch.setattr(index, "_INCLUDED", [other])
    forget()
    assert data_fingerprint(load_examples(parse("lm-eval:mine"), seed=0, limit=None)) == data_fingerprint(before)


def test_a_sample_that_the_task_cannot_judge_is_data(own: Path, tmp_path: Path) -> None:
    (own / "judging.py").write_text(
        "def judge(doc, results):\n"
        "    if '7 + 1' in doc['q']:\n"
        "        raise RuntimeError('no such luck')\n"
        "    return {'acc': float(results[doc['gold']][0] == max(r[0] for r in results))}\n"
    )
    path = own / "mine.yaml"
    path.write_text(
        path.read_text() + "process_results: !function judging.judge\n"
        "metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]\n"
    )
    forget()
    folder = run(config(tmp_path / "runs", "mine"))
    (result,) = folder.results()
    assert (result.metric, result.n, result.n_failed) == ("lm-eval:acc", 11, 1)
    assert "attrition" in result.method
    right = np.array([json.loads(text)["acc,none"] for text in sides.record(folder, "mine").task_values])
    assert result.value == pytest.approx(right.sum() / 12)  # the failed one counts as wrong


def test_a_limit_draws_among_the_same_requests() -> None:
    every = load_examples(parse("lm-eval:people_words"), seed=0, limit=None)
    some = load_examples(parse("lm-eval:people_words"), seed=0, limit=6)
    whole = dict(zip(every.ids.tolist(), every.inputs, strict=True))
    assert len(some) == 6
    assert [whole[name] for name in some.ids.tolist()] == list(some.inputs)
    assert len(load_examples(parse("lm-eval:people_words,limit=6"), seed=0, limit=None)) == 6


@pytest.mark.parametrize(
    ("name", "record", "area"),
    [
        ("people_words", Choices, "reasoning"),
        ("people_inputs", Choices, "reasoning"),
        ("people_several", Responses, "reasoning"),
        ("stories_rolling", Tokens, "likelihood"),
        ("stories_endings", Tokens, "likelihood"),
        ("sums", Generations, "reasoning"),
        ("sums_vote", Responses, "reasoning"),
        ("sums_worked", Responses, "reasoning"),
    ],
)
def test_each_task_makes_the_narrowest_record(name: str, record: type, area: str) -> None:
    task = sides.task(name)
    assert (task.yields, task.area, task.needs) == (record, area, "language")
    assert str(task.version).startswith({"sums": "1,", "stories_rolling": "3,"}.get(name, ""))


def test_an_asker_can_travel() -> None:
    examples = load_examples(parse("lm-eval:people_words,limit=3"), seed=0, limit=None)
    assert pickle.loads(pickle.dumps(examples)).asker == examples.asker  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("people_wrods", "people_words"),
        ("people_words,shots=3", "num_fewshot"),
        ("people_words,num_fewshot=many", "whole number"),
        ("people::people_words", "people::people_few"),
        ("", "bench list tasks lm-eval"),
    ],
)
def test_mistakes_are_told_with_what_mends_them(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan(config(Path("runs"), text))
    assert words in str(caught.value)


def test_code_of_the_models_own_is_not_run_unasked(own: Path) -> None:
    path = own / "mine.yaml"
    path.write_text(path.read_text() + "unsafe_code: true\n")
    with pytest.raises(UsageError, match="runs code that the model wrote"):
        sides.task("mine")
    assert sides.task("mine,unsafe_code=true").yields is Choices


def test_pictures_are_refused(own: Path) -> None:
    path = own / "mine.yaml"
    path.write_text(path.read_text() + "doc_to_image: q\n")
    with pytest.raises(UsageError, match="images or sounds"):
        sides.task("mine")


def test_a_chat_template_must_be_there_and_only_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        run(config(tmp_path, "people_letters,chat_template=true,limit=2"))
    assert "no chat template" in str(caught.value) + caught.value.cause


def test_templates_are_compiled_once() -> None:
    from lm_eval import utils

    sides.task("people_letters")
    before = utils.env.from_string.cache_info()
    load.cache_clear()
    load("people_letters", Options())
    after = utils.env.from_string.cache_info()
    assert (after.misses, after.hits > before.hits) == (before.misses, True)


def test_loading_leaves_the_random_state_as_it_was() -> None:
    import random

    random.seed(3)
    np.random.seed(3)
    expected = random.random(), np.random.rand()
    random.seed(3)
    np.random.seed(3)
    load.cache_clear()
    load("people_words", Options())
    assert (random.random(), np.random.rand()) == expected


def test_a_model_that_looks_ahead_sees_what_will_be_asked() -> None:
    class Looking:
        """Notes what it is shown."""

        def __init__(self) -> None:
            self.shown: list[tuple[str, str]] = []

        def prepare(self, requests: Sequence[tuple[str, str]]) -> None:
            self.shown = list(requests)

    spec, model = parse("lm-eval:people_words,num_fewshot=2"), Looking()
    examples = load_examples(spec, seed=0, limit=None)
    prepare(model, find_task(spec), examples, Machine(batch=2))
    asked = [document.asks[0] for document in examples.inputs]
    assert model.shown == [(ask.context, ask.continuation) for ask in asked]
    prepare(model, find_task(spec), examples, Machine(batch=len(examples)))
    assert model.shown == []
