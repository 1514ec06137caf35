"""The command line: one thin file a command.  Each parses, calls one function of the library, and prints."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from bench.errors import BenchError, ExitCode


def main(argv: Sequence[str] | None = None) -> int:
    """Run `bench` and return the code that the process should exit with (see `ExitCode`).

    Whatever goes wrong is told in three lines on stderr; a traceback is shown only with `--debug` or `BENCH_DEBUG=1`.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words or os.environ.get("BENCH_DEBUG", "") not in {"", "0"}
    try:
        return _run([word for word in words if word != "--debug"])
    except BrokenPipeError:
        from bench.cli import output

        return output.silence_stdout()
    except KeyboardInterrupt:
        error: BaseException = _interrupted()
    except Exception as caught:  # noqa: BLE001 - the last place where a crash can be told in words
        error = caught
    from bench.cli import failures

    return failures.tell(error, debug=debug)


def _run(words: list[str]) -> int:
    from bench.cli.app import app

    code = app(args=words, prog_name="bench", standalone_mode=False)
    if code == ExitCode.INTERRUPTED:
        raise _interrupted()
    return code if isinstance(code, int) else ExitCode.OK


def _interrupted() -> BenchError:
    from bench.cli.failures import InterruptedRunError

    return InterruptedRunError("interrupted", cause="a signal asked bench to stop", fix="run the same command again")
