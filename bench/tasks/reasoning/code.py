"""Programs written by a model, judged by tests.  They run only where `execute=true` asks for it, and in the sandbox."""

from __future__ import annotations

from collections.abc import Callable

from bench.components import task
from bench.errors import UsageError
from bench.examples import Examples, Reading
from bench.field import code
from bench.field.items import Written, written_examples
from bench.field.reading import Hub, Row, converted, rows
from bench.records import Generations
from bench.sandbox import require_sandbox

_STOPS = {
    "humaneval": ("\nclass ", "\nif __name__", "\nprint(", "\n#", "\nassert"),
    "mbpp": ("\nif __name__", "\nprint(", "\nassert", '\n"""'),
}


@task("reasoning/humaneval", needs="language", yields=Generations, decoders=("greedy",),
      source="Chen et al. 2021, Evaluating Large Language Models Trained on Code, arXiv:2107.03374",
      check="reasoning/sandbox")  # fmt: skip
def humaneval(seed: int, path: str = "", execute: bool = False) -> Examples:
    """164 functions to be completed, right where the hidden tests pass: `-t reasoning/humaneval,execute=true`.

    Programs run in a process that can compute and print, for 5 seconds and in 512 MiB, and nothing else: no files, no
    network, no other process (Linux with Landlock and seccomp).  pass@k: `--decoder self-consistency,n=20 --metric
    pass-at-k,k=10`.
    """
    del seed
    return _examples("humaneval", Hub("openai/openai_humaneval", "test"), path, code.humaneval, execute=execute)


@task("reasoning/mbpp", needs="language", yields=Generations, decoders=("greedy",),
      source="Austin et al. 2021, Program Synthesis with Large Language Models, arXiv:2108.07732",
      check="reasoning/sandbox")  # fmt: skip
def mbpp(seed: int, path: str = "", execute: bool = False) -> Examples:
    """Short programs from a sentence and three tests, which they must pass: `-t reasoning/mbpp,execute=true`."""
    del seed
    hub = Hub("google-research-datasets/mbpp", "test", "sanitized")
    return _examples("mbpp", hub, path, code.mbpp, execute=execute)


def _examples(name: str, hub: Hub, path: str, convert: Callable[[Row, int], Written], *, execute: bool) -> Examples:
    if not execute:
        raise UsageError(
            f"reasoning/{name} runs programs that a model wrote",
            cause="that is off unless it is asked for",
            fix=f"-t reasoning/{name},execute=true runs them locked in: no files, no network, no other process",
        )
    require_sandbox()
    reading = Reading(extract=code.read_code, stop=_STOPS[name], max_tokens=512, same=code.passes)
    return written_examples(converted(rows(hub, path), convert, name), reading)
