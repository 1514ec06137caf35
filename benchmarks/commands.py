"""The whole command against the whole command: python -m benchmarks.commands [--size 25] [--questions 60] ...

`bench eval` and `lm-eval run` are given the same checkpoint on disk and the same task file, five-shot multiple choice
with a fixed prefix, and do all that they do: start, load, encode, score, measure and write.  One thread each, CPU
seconds of the process and its children.  Adds a section to docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.lm import VOCABULARY, model
from benchmarks.sections import put

SHOT, QUESTION, ANSWER = 112, 40, 8  # words of a worked example, of a question, of an answer
TASK = """\
task: race
dataset_path: json
dataset_kwargs:
  data_files:
    shots: {folder}/shots.jsonl
    test: {folder}/test.jsonl
output_type: multiple_choice
test_split: test
fewshot_split: shots
fewshot_config:
  sampler: first_n
doc_to_text: "{{{{question}}}}"
doc_to_choice: choices
doc_to_target: gold
metric_list:
  - metric: acc
    aggregation: mean
    higher_is_better: true
"""


@dataclass(frozen=True)
class Run:
    """A command that ended: its name, CPU and wall seconds, and the accuracy that it wrote."""

    name: str
    cpu: float
    wall: float
    accuracy: float


def prepare(folder: Path, size: int, questions: int) -> None:
    """A checkpoint and a task in a folder, in the formats of transformers and of the harness."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    # Words of one length, so that none holds a special one.
    known = Tokenizer(models.WordLevel({_word(k): k for k in range(VOCABULARY)}, unk_token=_word(0)))
    known.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words = PreTrainedTokenizerFast(tokenizer_object=known, bos_token=_word(1), eos_token=_word(2))
    model(size, "float32", "cpu").save_pretrained(folder / "model")
    words.save_pretrained(folder / "model")
    rng = np.random.default_rng(0)

    def text(n: int) -> str:
        return " ".join(_word(k) for k in rng.integers(3, VOCABULARY, n))

    for name, count, length in (("shots", 5, SHOT), ("test", questions, QUESTION)):
        rows = (
            {"question": text(length), "choices": [text(ANSWER) for _ in range(4)], "gold": int(rng.integers(4))}
            for _ in range(count)
        )
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "race.yaml").write_text(TASK.format(folder=folder), encoding="utf-8")


def _word(number: int) -> str:
    return f"w{number:05d}"


def bench(folder: Path) -> Run:
    """`bench eval` on the folder."""
    out = folder / "ours"
    cpu, wall = _timed(
        "bench", "eval", "-m", f"hf:{folder / 'model'},dtype=float32", "-t",
        f"lm-eval:{folder / 'race.yaml'},num_fewshot=5", "--device", "cpu", "--out", str(out), "-q",
    )  # fmt: skip
    (results,) = out.glob("*/results.json")
    found = _results(json.loads(results.read_text(encoding="utf-8")))
    return Run("`bench eval`", cpu, wall, next(r["value"] for r in found if r["metric"] == "lm-eval:acc"))


def _results(content: Any) -> list[dict[str, Any]]:
    return list(content["results"] if isinstance(content, dict) else content)


def harness(folder: Path, batch: str) -> Run:
    """`lm-eval run` on the folder."""
    out = folder / f"theirs-{batch}"
    cpu, wall = _timed(
        "lm_eval", "run", "--model", "hf", "--model_args", f"pretrained={folder / 'model'},dtype=float32",
        "--tasks", "race", "--include_path", str(folder), "--num_fewshot", "5", "--batch_size", batch,
        "--device", "cpu", "--output_path", str(out),
    )  # fmt: skip
    (results,) = out.rglob("results*.json")
    accuracy = json.loads(results.read_text(encoding="utf-8"))["results"]["race"]["acc,none"]
    return Run(f"`lm-eval run`, batch {batch}", cpu, wall, accuracy)


def _timed(*words: str) -> tuple[float, float]:
    """CPU and wall seconds of a module run as a program."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-m", *words], check=True, env=environment, capture_output=True)  # noqa: S603
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - started
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def section(size: int, questions: int, ours: Run, theirs: Sequence[Run]) -> str:
    """The section of the page."""
    best = min(theirs, key=lambda run: run.cpu)
    rows = [f"| {run.name} | {run.cpu:.1f} | {run.wall:.1f} | {run.accuracy:.4f} |" for run in (ours, *theirs)]
    return "\n".join([
        "# How long does the whole command take?",
        "",
        (f"Made by `python -m benchmarks.commands --size {size} --questions {questions}`: a checkpoint of {size} "
        f"million parameters in float32, {questions} questions of four choices after five worked examples "
        f"({5 * (SHOT + ANSWER)} tokens), one thread. **{best.cpu / ours.cpu:.1f} ×** as fast as the harness at its "
        "best batch size, in CPU seconds."),
        "",
        "| command | CPU seconds | wall seconds | accuracy |",
        "|---|--:|--:|--:|",
        *rows,
    ])  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Race, and write the section; exit code 1 where the accuracies differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=25)
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--batches", nargs="+", default=["1", "4", "16"])
    parser.add_argument("--out", type=Path, default=Path("docs/performance.md"))
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, asked.size, asked.questions)
        ours = bench(folder)
        theirs = [harness(folder, batch) for batch in asked.batches]
    text = section(asked.size, asked.questions, ours, theirs)
    print(text)
    put(asked.out, "benchmarks.commands", text)
    return int(any(run.accuracy != ours.accuracy for run in theirs))


if __name__ == "__main__":
    raise SystemExit(main())
