"""Starting is quick: help and lists load nothing heavy."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bench.errors import ExitCode
from tests.cli.shell import bench, process

# Newer releases of typer convert options by pydantic, which is not ours to spare; `--help` converts none.
HEAVY = {
    "torch", "transformers", "tokenizers", "datasets", "lm_eval", "pandas", "pyarrow", "scipy", "sklearn",
    "statsmodels", "jinja2", "vl_convert", "rich",
}  # fmt: skip


def loaded(place: Path, *words: str) -> set[str]:
    code = f"import sys; from bench.cli import main; main({list(words)!r}); print(*sys.modules, file=sys.stderr)"
    return {name.split(".")[0] for name in process(cwd=place, code=code).err.split()}


@pytest.mark.parametrize("words", [["--help"], ["eval", "--help"], ["--version"], []])
def test_help_loads_nothing_heavy_and_no_numpy(words: list[str], place: Path) -> None:
    modules = loaded(place, *words)
    assert "typer" in modules
    assert not modules & (HEAVY | {"numpy", "yaml"})


def test_help_converts_nothing(place: Path) -> None:
    assert "pydantic" not in loaded(place, "--help")


@pytest.mark.parametrize(
    "kind", ["models", "tasks", "metrics", "scores", "decoders", "calibrators", "papers", "checks"]
)
def test_lists_load_nothing_heavy(kind: str, place: Path) -> None:
    modules = loaded(place, "list", kind)
    assert "numpy" in modules
    assert not modules & HEAVY


def test_help_takes_little_longer_than_an_empty_program(place: Path) -> None:
    def best(*words: str, code: str = "") -> float:
        times = []
        for _ in range(4):
            start = time.perf_counter()
            process(*words, cwd=place, code=code)
            times.append(time.perf_counter() - start)
        return min(times)

    assert best("--help") < 4 * best(code="import typer")


def test_help_names_every_command(place: Path) -> None:
    told = process("--help", cwd=place)
    assert told.code == ExitCode.OK
    for command in ("eval", "list", "show", "report", "check", "doctor", "config", "--install-completion"):
        assert command in told.out
    assert "\x1b" not in told.out


def test_no_command_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    told = bench(capsys)
    assert told.code == ExitCode.OK
    assert "Usage: bench" in told.out


def test_a_group_prints_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    told = bench(capsys, "config")
    assert (told.code, told.err) == (ExitCode.OK, "")
    assert "Usage: bench config" in told.out


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    from bench import __version__

    assert bench(capsys, "--version").out == f"bench {__version__}\n"


def test_a_shell_can_complete_commands(place: Path) -> None:
    words = {"_BENCH_COMPLETE": "complete_bash", "COMP_WORDS": "bench ev", "COMP_CWORD": "1"}
    assert process(cwd=place, environ=words).out.split() == ["eval"]
