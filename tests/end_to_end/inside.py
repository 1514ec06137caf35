"""`bench eval` within the test's own process, and what its errors look like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.errors import ExitCode
from tests.cli.shell import Told, bench


def told(capsys: Any, *given: str | Path) -> Told:
    """What `bench eval GIVEN...` says, in the folder that the test is in."""
    return bench(capsys, "eval", *given)


def is_error(answer: Told, code: ExitCode, *words: str) -> None:
    """Three lines come last, without a traceback or a control code; progress may stand before them."""
    assert answer.code == code, answer.err
    assert answer.out == ""
    last = answer.err.splitlines()[-3:]
    assert [line.partition(": ")[0] for line in last] == ["error", "cause", "fix"], answer.err
    assert "Traceback" not in answer.err
    assert "\x1b" not in answer.err
    for word in words:
        assert word in "\n".join(last), answer.err
