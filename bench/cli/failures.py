"""How an error is told: three lines on stderr, and the exit code."""

from __future__ import annotations

import difflib
import re
import sys
import traceback
from typing import Any

from bench.cli import output
from bench.errors import BenchError, ExitCode

_STYLES = {"error": "1;31", "cause": "33", "fix": "32"}


class InterruptedRunError(BenchError):
    """The user stopped bench; what was finished is kept."""

    exit_code = ExitCode.INTERRUPTED


def tell(error: BaseException, *, debug: bool) -> int:
    """Print the error in three lines, after its traceback if `debug`, and return its exit code."""
    if debug:
        traceback.print_exception(error, file=sys.stderr)
    told = error if isinstance(error, BenchError) else _usage(error) or _machine(error) or _crash(error)
    for word, text in (("error", told.what), ("cause", told.cause), ("fix", told.fix)):
        label = output.styled(f"{word}:", _STYLES[word], sys.stderr)
        output.say(f"{label} {output.one_line(str(text))}", sys.stderr)
    return int(told.exit_code)


class _CommandLineError(BenchError):
    exit_code = ExitCode.USAGE


def _usage(error: Any) -> BenchError | None:
    """A mistake on the command line, as the option parser saw it (told by its methods: its class moves about)."""
    if not hasattr(error, "format_message"):
        return None
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "bench"
    message = str(error.format_message()).strip()
    help_command = f"{path} --help"
    option = getattr(error, "option_name", None)
    if option and message.lower().startswith("no such option"):
        known = [name for parameter in context.command.params for name in parameter.opts] if context else []
        return _CommandLineError(
            f"no such option: {option}",
            cause=f"'{path}' has no option of that name",
            fix=_nearest(option, known) + help_command,
        )
    command = re.match(r"No such command ['\"]?([^'\"]+)['\"]?", message)
    if command and context is not None:
        known = context.command.list_commands(context)
        return _CommandLineError(
            f"no such command: {command[1]}",
            cause=f"the commands are {', '.join(known)}",
            fix=_nearest(command[1], known) + help_command,
        )
    usage = context.get_usage().removeprefix("Usage: ") if context is not None else path
    return _CommandLineError(message[:1].lower() + message[1:].rstrip("."), cause=f"usage: {usage}", fix=help_command)


def _nearest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean '{near[0]}'?  " if near else ""


def _machine(error: BaseException) -> BenchError | None:
    """A full or read-only disk, a forbidden folder: the machine's doing, with a remedy of its own."""
    import errno

    if not isinstance(error, OSError) or error.errno is None:
        return None
    remedies = {
        errno.ENOSPC: "free some space, then go on with bench eval --resume RUN",
        errno.EDQUOT: "free some of your quota, then go on with bench eval --resume RUN",
        errno.EACCES: "choose a folder that you may write to: --out DIR",
        errno.EPERM: "choose a folder that you may write to: --out DIR",
        errno.EROFS: "choose a folder that you may write to: --out DIR",
    }
    if error.errno not in remedies:
        return None
    where = f" ('{error.filename}')" if error.filename else ""
    return BenchError(f"the file system refused{where}", cause=error.strerror or str(error), fix=remedies[error.errno])


def _crash(error: BaseException) -> BenchError:
    if isinstance(error, MemoryError):
        return BenchError(
            "out of memory", cause=str(error) or "the machine has no more", fix="use --limit or a smaller --batch-size"
        )
    if isinstance(error, ImportError):
        missing = (error.name or "").partition(".")[0]
        return BenchError(
            f"the package '{missing}' is missing" if missing else "a package cannot be imported",
            cause=str(error),
            fix=f"pip install {missing}" if missing else "bench doctor looks at what is installed",
        )
    if isinstance(error, SystemExit):
        return BenchError(
            "something that bench called ended the process",
            cause=f"it exited with {error.code!r}",
            fix="run it again with --debug to see where",
        )
    return BenchError(
        f"bench failed unexpectedly: {type(error).__name__}",
        cause=str(error) or "no message came with it",
        fix="run it again with --debug to see where",
    )
