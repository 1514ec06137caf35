"""The command line: one thin file a command.  Each parses, calls one function of the library, and prints."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

from bench.errors import BenchError, ExitCode


def main(argv: Sequence[str] | None = None) -> int:
    """Run `bench` and return the code that the process should exit with (see `ExitCode`).

    Whatever goes wrong is told in three lines on stderr; a traceback is shown only with `--debug` or `BENCH_DEBUG=1`.
    """
    # In this package `list` and `eval` are commands, once those are imported.
    words = [*(sys.argv[1:] if argv is None else argv)]
    debug = "--debug" in words or os.environ.get("BENCH_DEBUG", "") not in {"", "0"}
    try:
        return _run([word for word in words if word != "--debug"])
    except BrokenPipeError:
        return _reader_gone()
    except SystemExit as stop:
        # A library's way to say that the reader went away is 1, which here means that a gate failed.
        if isinstance(stop.__context__, BrokenPipeError):
            return _reader_gone()
        if "_BENCH_COMPLETE" in os.environ or not stop.code:
            return stop.code if isinstance(stop.code, int) else 0
        error: BaseException = stop
    except KeyboardInterrupt:
        error = _interrupted()
    except Exception as caught:  # noqa: BLE001 - the last place where a crash can be told in words
        error = caught
    from bench.cli import failures

    return failures.tell(error, debug=debug)


@cache
def _commands() -> Any:
    # Made once a process: reading every command's options takes longer than most commands do.
    from typer.main import get_command

    from bench.cli.app import app

    return get_command(app)


def _run(words: list[str]) -> int:
    code = _commands()(args=words, prog_name="bench", standalone_mode=False)
    if code == ExitCode.INTERRUPTED:
        raise _interrupted()
    return code if isinstance(code, int) else ExitCode.OK


def _reader_gone() -> int:
    from bench.cli import output

    return output.silence_stdout()


def _interrupted() -> BenchError:
    from bench.cli.failures import InterruptedRunError

    return InterruptedRunError("interrupted", cause="a signal asked bench to stop", fix="run the same command again")
