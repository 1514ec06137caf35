"""What the commands print with: data to stdout, everything else to stderr, no control codes but on a terminal."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

SCHEMA_VERSION = 1
# 128 + SIGPIPE: what a shell reports of a writer whose reader went away.
_READER_GONE = 141


def say(text: str, stream: TextIO) -> None:
    """A line on a stream, as it is.  Everything that bench prints comes through here."""
    print(text, file=stream, flush=True)


def data(text: str) -> None:
    """A line of data on stdout; control characters that came from elsewhere are shown, not obeyed."""
    say(escaped(text), sys.stdout)


def note(text: str) -> None:
    """A line for the user on stderr."""
    say(escaped(text), sys.stderr)


def emit(values: Mapping[str, Any]) -> None:
    """One JSON object on one line of stdout, with its `schema_version`; NaN and infinities become null."""
    line = {"schema_version": SCHEMA_VERSION, **values}
    say(json.dumps(finite(line), ensure_ascii=True, allow_nan=False), sys.stdout)


def finite(value: Any) -> Any:
    """The value with NaN and infinities as `None`, and what JSON does not know as text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [finite(v) for v in value]
    return value if isinstance(value, str | int | bool | type(None)) else str(value)


def escaped(text: str) -> str:
    r"""The text with control characters written out (`\x1b`); line breaks and tabs stay."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)


def one_line(text: str) -> str:
    """The text on a single line, whatever it held."""
    return escaped(" ".join(text.split()) if "\n" in text or "\r" in text else text)


def coloured(stream: TextIO) -> bool:
    """Whether control codes may go to the stream."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def styled(text: str, style: str, stream: TextIO) -> str:
    """The text in an ANSI style where the stream shows it."""
    return f"\x1b[{style}m{text}\x1b[0m" if coloured(stream) else text


def table(rows: Sequence[Sequence[str]], headers: Sequence[str]) -> None:
    """Aligned columns on stdout; on a terminal the last column is cut to the width, elsewhere nothing is."""
    import shutil

    cells = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(headers), *cells]) for i in range(len(headers))]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    head = "  ".join(header.ljust(width) for header, width in zip(headers, widths, strict=True)).rstrip()
    say(styled(head, "1", sys.stdout), sys.stdout)
    for row in cells:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        data(line if room is None or len(line) <= room else line[: max(room - 1, 1)] + "…")


def silence_stdout() -> int:
    """Stop writing after the reader went away, so that the interpreter's last flush doesn't complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _READER_GONE
