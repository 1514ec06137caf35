"""The parent's side: start the child, bound its time and its output, and judge how it ended."""

from __future__ import annotations

import os
import platform
import secrets
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from bench.errors import EvaluationError, UsageError
from bench.sandbox.locks import ARCHITECTURES, NOT_LOCKED

CHILD = Path(__file__).with_name("child.py")
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Limits:
    """seconds: of wall time and of CPU time.  memory: bytes of address space.  output: bytes of stdout and stderr."""

    seconds: float = 5.0
    memory: int = 512 << 20
    output: int = 1 << 16


@dataclass(frozen=True)
class Outcome:
    """How a program ended, and what it printed (cut at the limit).

    status: `ok` where it came to its end; `raised`, an exception or an early exit; `timeout`; `killed` by a limit or by
    the kernel; `flood`, too much output.
    """

    status: Literal["ok", "raised", "timeout", "killed", "flood"]
    stdout: str
    stderr: str
    seconds: float


def run(program: str, limits: Limits | None = None) -> Outcome:
    """Run a Python program (the standard library alone) locked in: see `locks`.

    Raises `UsageError` where this machine cannot lock a process in; then nothing is run.  That a program came to its
    end is what it says of itself: tests of a program that is not trusted belong into `judging`.
    """
    limits = limits or Limits()
    require_platform()
    word = secrets.token_hex(16)
    started = time.monotonic()
    told, tell = os.pipe()
    with tempfile.TemporaryDirectory(prefix="bench-sandbox-") as folder:
        try:
            child = _start(limits, folder, tell)
        finally:
            os.close(tell)
        try:
            status, out, err = _listen(child, f"{word}\n{program}", limits, started + limits.seconds)
        finally:
            end(child)
        with os.fdopen(told, "rb") as pipe:
            ended = pipe.read(64).decode(errors="replace") == word
    seconds = time.monotonic() - started
    if child.returncode == NOT_LOCKED:
        raise not_closed(err.strip())
    if status == "running":
        code = child.returncode
        status = "ok" if ended and code == 0 else "killed" if code < 0 else "raised"
    return Outcome(status, out, err, seconds)  # type: ignore[arg-type]


def require_platform() -> None:
    """Raise `UsageError` on systems that have no seccomp and Landlock."""
    if sys.platform != "linux" or platform.machine() not in ARCHITECTURES:
        raise UsageError(
            "programs can't be run here",
            cause=f"the sandbox needs Linux on {' or '.join(ARCHITECTURES)}, not {sys.platform} {platform.machine()}",
            fix="leave execute=true out, or run on such a machine",
        )


def not_closed(reason: str) -> EvaluationError:
    """What to raise where a process could not be locked in."""
    return EvaluationError(
        "the sandbox could not be closed, and nothing was run",
        cause=reason or "the kernel refused",
        fix="run it on Linux 5.13 or later with Landlock and seccomp, or leave execute=true out",
    )


@cache
def require_sandbox() -> None:
    """Raise the three-line error where a process can't be locked in; tried once."""
    run("pass")


def _start(limits: Limits, folder: str, tell: int) -> subprocess.Popen[bytes]:
    # CPU time is bounded in whole seconds, a little above the wall time that is watched here.
    whole = str(int(limits.seconds) + 1)
    command = [sys.executable, "-I", "-S", str(CHILD), whole, str(limits.memory), str(tell)]
    return subprocess.Popen(  # noqa: S603 - our own interpreter and our own file
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PYTHONHASHSEED": "0"},
        cwd=folder,
        pass_fds=(tell,),
        start_new_session=True,
    )


def _listen(child: subprocess.Popen[bytes], text: str, limits: Limits, deadline: float) -> tuple[str, str, str]:
    """Feed the program and gather what it prints: (status, stdout, stderr)."""
    assert child.stdin is not None  # noqa: S101 - they were asked for as pipes
    rest = memoryview(text.encode(errors="surrogatepass"))
    heard = {name: bytearray() for name in ("stdout", "stderr")}
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdin, selectors.EVENT_WRITE, "stdin")
        for name in heard:
            selector.register(getattr(child, name), selectors.EVENT_READ, name)
        os.set_blocking(child.stdin.fileno(), False)
        while len(selector.get_map()):
            left = deadline - time.monotonic()
            if left <= 0:
                return "timeout", *_texts(heard)
            for key, _ in selector.select(left):
                if key.data == "stdin":
                    rest = _fed(key.fd, rest)
                    if not rest:
                        selector.unregister(child.stdin)
                        child.stdin.close()
                    continue
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    selector.unregister(key.fileobj)
                heard[key.data] += chunk
                if sum(map(len, heard.values())) > limits.output:
                    return "flood", *_texts(heard, limits.output)
    try:
        child.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return "timeout", *_texts(heard)
    return "running", *_texts(heard)


def _fed(pipe: int, rest: memoryview) -> memoryview:
    """What is still to be written; nothing where nobody reads any more."""
    try:
        return rest[os.write(pipe, rest[:_CHUNK]) :]
    except BrokenPipeError:
        return rest[:0]


def _texts(heard: dict[str, bytearray], most: int = 1 << 30) -> tuple[str, str]:
    out, err = (bytes(part[:most]).decode(errors="replace") for part in heard.values())
    return out, err


def end(child: subprocess.Popen[bytes]) -> None:
    """Nothing of the child is left, however it ended."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()
