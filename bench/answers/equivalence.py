r"""Whether two mathematical answers are the same: 1/2, 0.5 and \frac{1}{2}, judged by math-verify (extra `math`).

A model's answer may be an expression that takes for ever, so it is judged in a process of its own, which is ended and
started anew when it takes too long or too much memory.  Nothing is evaluated as Python.
"""

from __future__ import annotations

import atexit
import json
import re
import selectors
import subprocess
import sys
import threading
from functools import lru_cache
from typing import Any

from bench.errors import UsageError

SECONDS = 8.0
STARTING = 60.0  # the first import may be slow
MEMORY = 4 << 30
LONGEST = 400  # characters of an answer; no answer of these data sets is longer
_LOCK = threading.Lock()
_JUDGE: list[subprocess.Popen[str]] = []


def boxed(text: str) -> str | None:
    r"""What stands in the last `\boxed{...}` or `\fbox{...}` of a text, braces balanced; `None` where there is none."""
    starts = [m.end() for m in re.finditer(r"\\(?:boxed|fbox)\s?\{", text[-20_000:])]
    if not starts:
        return None
    rest, depth = text[-20_000:][starts[-1] :], 1
    for at, sign in enumerate(rest):
        depth += (sign == "{") - (sign == "}")
        if depth == 0:
            return rest[:at].strip() or None
    return None


def tidy(answer: str) -> str:
    r"""An answer without what never changes it: dollar signs, `\left`, `\right`, thin spaces, a final full stop."""
    for sign in ("$", "\\left", "\\right", "\\!", "\\,", "\\;", "\\ ", "^\\circ", "^{\\circ}", "\\%"):
        answer = answer.replace(sign, "")
    answer = answer.replace("dfrac", "frac").replace("tfrac", "frac")
    return re.sub(r"\s+", " ", answer).strip().removesuffix(".")


def same(answer: str, target: str) -> bool:
    """Whether two answers are one: as written once tidied, else as math-verify judges them.  `False` in any doubt."""
    answer, target = tidy(answer), tidy(target)
    if answer.replace(" ", "") == target.replace(" ", ""):
        return bool(answer)
    if not answer or max(len(answer), len(target)) > LONGEST:
        return False
    return _judged(answer, target)


@lru_cache(maxsize=100_000)
def _judged(answer: str, target: str) -> bool:
    require_math()
    with _LOCK:
        judge = _JUDGE.pop() if _JUDGE else _started()
        line = _asked(judge, json.dumps([answer, target]), SECONDS)
        if line is None:
            judge.kill()
            judge.wait()
            return False
        _JUDGE.append(judge)
    return line.strip() == "true"


@lru_cache(maxsize=1)
def require_math() -> None:
    """Raise the three-line error where math-verify is missing."""
    from importlib.util import find_spec

    if find_spec("math_verify") is None:
        raise UsageError(
            "answers can't be compared as mathematics",
            cause="math-verify isn't installed",
            fix="pip install 'bench[math]'",
        )


def _started() -> subprocess.Popen[str]:
    judge = subprocess.Popen(
        [sys.executable, "-m", "bench.answers.equivalence"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    atexit.register(judge.kill)
    if _asked(judge, json.dumps(["1", "1"]), STARTING) is None:
        judge.kill()
        raise UsageError(
            "answers can't be compared as mathematics",
            cause="math-verify didn't start",
            fix="pip install --force-reinstall 'bench[math]'",
        )
    return judge


def _asked(judge: subprocess.Popen[str], line: str, seconds: float) -> str | None:
    """The judge's line, or `None` where it has ended or takes too long."""
    assert judge.stdin is not None  # noqa: S101 - they were asked for as pipes
    assert judge.stdout is not None  # noqa: S101
    try:
        judge.stdin.write(line + "\n")
        judge.stdin.flush()
    except BrokenPipeError:
        return None
    with selectors.DefaultSelector() as selector:
        selector.register(judge.stdout, selectors.EVENT_READ)
        if not selector.select(seconds):
            return None
    return judge.stdout.readline() or None


def _serve() -> None:
    """The judge's side: a line of JSON in, `true` or `false` out."""
    import resource

    from math_verify import parse, verify

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for line in sys.stdin:
        answer, target = json.loads(line)
        try:
            read: list[Any] = [
                parse(f"${text}$", parsing_timeout=None, raise_on_error=False) for text in (target, answer)
            ]
            right = bool(all(read)) and bool(verify(*read, timeout_seconds=None, raise_on_error=False))
        except Exception:  # noqa: BLE001 - what can't be judged isn't the same
            right = False
        sys.stdout.write(f"{json.dumps(right)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
