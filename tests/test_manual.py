"""The manual says what is so: its commands exist, those that need no network run, and its links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.components import KINDS
from bench.manual import pages
from bench.registry import components

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# What stands for something of the reader's own, or needs a network, an extra or a GPU.
UNREADY = (
    "NAME",
    "api:",
    "FILE",
    "FIRST",
    "./checkpoint",
    "ray",
    "pip ",
    "--resume",
    " RUN",
    "lm-eval",
    "make ",
    "gate.yaml",
    "--suite likelihood",
    "bench check",
)
RUNNABLE = ["howto/checkpoint.md", "howto/predictions.md", "howto/leaderboard.md", "howto/task.md", "likelihood.md"]


def blocks(page: Path) -> list[str]:
    """The shell blocks of a page."""
    return re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


def lines(page: Path) -> Iterator[str]:
    """The commands of a page, continued lines joined, comments cut."""
    for block in blocks(page):
        for line in block.replace("\\\n", " ").splitlines():
            bare = re.sub(r"\s#.*$", "", line).strip()
            if bare and not bare.startswith("#"):
                yield bare


def group() -> Any:
    from typer.main import get_command

    from bench.cli.app import app

    return get_command(app)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_command_of_a_page_exists_with_its_options(page: Path) -> None:
    for line in lines(page):
        if not line.startswith("bench "):
            continue
        command, words = group(), shlex.split(line)[1:]
        while getattr(command, "commands", None) and words and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        assert command is not group(), line
        if command.name == "lm-eval":
            continue
        known = {opt for p in command.params for opt in (*p.opts, *p.secondary_opts)} | {"--help", "-h"}
        flags = {w.partition("=")[0] for w in words if w.startswith("-") and w != "-"}
        assert flags <= known, f"{line}: {flags - known}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_reference_has_every_command_and_component() -> None:
    made = pages()
    for name in group().commands:
        assert f"## bench {name}\n" in made["reference/commands.md"]
    for kind in KINDS:
        for name in components(kind):
            assert f"| `{name}` |" in made["reference/components.md"]
    assert "stats/shift-attribution" in made["reference/papers.md"]


@pytest.mark.slow
@pytest.mark.parametrize("page", RUNNABLE)
def test_commands_of_the_how_tos_run_as_they_stand(page: str, tmp_path: Path) -> None:
    for name in ("bench", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    shell = f'bench() {{ {shlex.quote(sys.executable)} -m bench "$@"; }}\nset -e\n'
    script = shell + "\n".join(line for line in lines(ROOT / "docs" / page) if not any(u in line for u in UNREADY))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_readmes_gate_passes_what_is_equal_and_catches_a_planted_regression(tmp_path: Path) -> None:
    """Each command of the walk-through ends with 0, or with the exit code that stands beside it."""
    for name in ("bench", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    (block,) = [b for b in blocks(ROOT / "README.md") if "exit code 1" in b]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    shell = f'python() {{ {shlex.quote(sys.executable)} "$@"; }}\nbench() {{ python -m bench "$@"; }}\n'
    verdicts = []
    for line in block.splitlines():
        promised = re.search(r"# exit code (\d)", line)
        done = subprocess.run(
            ["bash", "-c", shell + line], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300,
            check=False,
        )  # fmt: skip
        assert done.returncode == (int(promised[1]) if promised else 0), f"{line}\n{done.stderr}"
        if promised:
            made = json.loads((tmp_path / "gate" / "gate.json").read_text("utf-8"))
            verdicts.append((made["verdict"], made["checks"][0]["reason"]))
    assert [verdict for verdict, _ in verdicts] == ["pass", "fail"]
    assert "bit for bit" in verdicts[0][1]
    assert "surely worse by more than" in verdicts[1][1]


@pytest.mark.slow
def test_the_manual_is_built_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("material")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}, capture_output=True,
        text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "site" / "reference" / "commands.html").read_text("utf-8")
    assert "bench leaderboard" in text
