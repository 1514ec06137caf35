"""Runs the fake evaluation, ends it in every way at every point, goes on, and says what is not as it should be.

A process of its own that forks: `python -m tests.runners.kills FOLDER MODE A B`, where MODE is one of `faults.MODES`
(points A, A + B, A + 2 B ...), `sigkill` (at random times) or `twice` (the resumed runs are killed too; seed A, B
times).  Prints one JSON object.
"""

from __future__ import annotations

import gc
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.errors import BenchError, ExitCode
from tests.runners.fake_run import evaluate, snapshot
from tests.runners.faults import KILLED, MODES, REAL, Faults

LOG = os.O_WRONLY | os.O_CREAT | os.O_APPEND


def session(path: Path, log: Path, faults: Faults | None = None) -> int:
    """Fork a process that evaluates, and return its pid.  What it asks and keeps goes to `log`."""
    pid = os.fork()
    if pid:
        return pid
    gc.disable()  # a collection would copy every page that it walks
    code = 70
    try:
        descriptor = REAL["open"](log, LOG, 0o666)

        def note(word: str) -> Callable[[str, int], None]:
            return lambda cell, batch: REAL["write"](descriptor, f"{word} {cell} {batch}\n".encode())

        if faults is not None:
            faults.install()
        evaluate(path, note("asked"), note("kept"))
        code = 0
    except BenchError as error:
        REAL["write"](descriptor, ("error " + str(error).replace("\n", " | ") + "\n").encode())
        code = error.exit_code
    except BaseException as error:  # noqa: BLE001 - it goes to the log, and the process ends here
        REAL["write"](descriptor, f"error {type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(code)


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def compare(path: Path, log: Path, expected: dict[str, bytes]) -> list[str]:
    """What differs from the uninterrupted run, and batches that were asked again although they were kept."""
    found = snapshot(path)
    problems = [f"{n} differs" for n in expected.keys() | found.keys() if expected.get(n) != found.get(n)]
    kept: set[str] = set()
    for line in log.read_text().splitlines():
        word, _, batch = line.partition(" ")
        if word == "asked" and batch in kept:
            problems.append(f"{batch} was asked again")
        if word == "kept":
            kept.add(batch)
    return problems


def one(base: Path, expected: dict[str, bytes], faults: list[Faults]) -> tuple[list[int], list[str]]:
    """End a run by each fault in turn, then let it finish; the exit codes, and what is wrong."""
    path, log = base / "run", base / "log"
    codes = [ended(session(path, log, fault)) for fault in faults]
    code = ended(session(path, log))
    codes.append(code)
    problems = compare(path, log, expected) if code == 0 else [f"resume ended with {code}: {log.read_text()}"]
    wanted = ExitCode.INCOMPLETE if faults and faults[0].mode == "full" else KILLED
    problems += [f"exit code {c} for {f.mode}" for c, f in zip(codes, faults, strict=False) if c not in {0, wanted}]
    shutil.rmtree(path)
    log.unlink()
    return codes, problems


def every(base: Path, mode: str, expected: dict[str, bytes], first: int, step: int) -> dict[str, object]:
    """Every `step`-th point from `first`, until the run gets through."""
    problems: dict[int, list[str]] = {}
    at = first
    while True:
        codes, wrong = one(base, expected, [Faults(mode, at)])
        if wrong:
            problems[at] = wrong
        if codes[0] == 0:
            return {"points": len(range(first, at, step)), "problems": problems}
        at += step


def twice(base: Path, expected: dict[str, bytes], seed: int, count: int) -> dict[str, object]:
    """Random points and ways, then again at a random point of the resumed run, and once more."""
    rng = random.Random(seed)
    problems: dict[int, list[str]] = {}
    for i in range(count):
        faults = [Faults(rng.choice(MODES[:3]), rng.randint(1, 90)) for _ in range(3)]
        _, wrong = one(base, expected, faults)
        if wrong:
            problems[i] = [*wrong, str([(f.mode, f.at) for f in faults])]
    return {"points": count, "problems": problems}


def sigkill(base: Path, expected: dict[str, bytes], seed: int, count: int) -> dict[str, object]:
    """SIGKILL after a random time, again and again until a session gets through; `count` kills."""
    rng = random.Random(seed)
    path, log = base / "run", base / "log"
    start = time.perf_counter()
    ended(session(path, log))
    duration = time.perf_counter() - start
    problems: dict[int, list[str]] = {}
    kills = 0
    while kills < count:
        shutil.rmtree(path, ignore_errors=True)
        log.unlink(missing_ok=True)
        code = -signal.SIGKILL
        while code == -signal.SIGKILL:
            pid = session(path, log)
            time.sleep(rng.uniform(0, 1.2 * duration))
            os.kill(pid, signal.SIGKILL)
            code = ended(pid)
            kills += code == -signal.SIGKILL
        wrong = compare(path, log, expected) if code == 0 else [log.read_text()]
        if wrong:
            problems[kills] = wrong
    return {"points": kills, "problems": problems}


def main(folder: str, mode: str, first: str, second: str) -> None:
    base = Path(folder)
    base.mkdir(parents=True, exist_ok=True)
    if ended(session(base / "whole", base / "whole.log")) != 0:
        sys.exit((base / "whole.log").read_text())
    expected = snapshot(base / "whole")
    numbers = int(first), int(second)
    if mode in MODES:
        answer = every(base, mode, expected, *numbers)
    else:
        answer = {"sigkill": sigkill, "twice": twice}[mode](base, expected, *numbers)
    print(json.dumps(answer))  # noqa: T201 - the test reads it


if __name__ == "__main__":
    # Once here instead of in every fork: pyarrow imports pandas when it first sees an array.
    import pandas as pd  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    gc.freeze()
    main(*sys.argv[1:])
