"""Making strings harmless: every text that a model, a data set or a file name brought passes through here.

HTML is escaped by jinja2; what HTML cannot see (control characters, right-to-left overrides, a line of a megabyte)
is dealt with by `visible` and `shorten`, for HTML, Markdown, CSV and the terminal alike.
"""

from __future__ import annotations

import json
import re
import unicodedata
from functools import lru_cache
from typing import Any

# One character that changes how the text around it is shown: controls, formats (bidi, zero-width), surrogates,
# private use and unassigned code points, line and paragraph separators.
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
MARKS_IN_A_ROW = 4


def visible(text: Any, *, lines: bool = False) -> str:
    """The text with each control or formatting character replaced by a visible sign.

    C0 controls become their pictures (ESC: ␛), others ⟨U+202E⟩.  `lines` keeps line breaks and tabs; otherwise each
    run of white space becomes one space.  Long stacks of combining marks are cut.
    """
    text = str(text)
    if text.isascii() and text.isprintable() and "  " not in text:  # most texts, and hundreds of thousands of them
        return text if lines else text.strip(" ")
    if not lines:
        text = " ".join(re.split(r"[ \t\r\n\f\v]+", text)).strip()
    if text.isascii() and text.isprintable():
        return text
    kept: list[str] = []
    marks = 0
    for sign in text:
        category = unicodedata.category(sign)
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        if marks > MARKS_IN_A_ROW:
            continue
        if category not in UNSEEN or (lines and sign in "\n\t"):
            kept.append(sign)
        elif ord(sign) < 0x20:
            kept.append(chr(0x2400 + ord(sign)))
        else:
            kept.append(f"⟨U+{ord(sign):04X}⟩")
    return "".join(kept)


def shorten(text: Any, limit: int, *, lines: bool = False) -> str:
    """`visible` text of at most `limit` characters, the rest replaced by "…"."""
    text = str(text)
    shown = visible(text[: 4 * limit + 64], lines=lines)
    cut = len(text) > 4 * limit + 64 or len(shown) > limit
    return shown[: limit - 1].rstrip() + "…" if cut else shown


def name(text: Any) -> str:
    """A model's, task's or cell's name as reports show it: one line, at most 80 characters."""
    return shorten(text, 80)


_MARKDOWN = {sign: f"&#{ord(sign)};" for sign in "\\`*|~@#!$"} | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def markdown(text: Any, limit: int = 300) -> str:
    """The text as one line of GitHub Markdown that means only itself: no HTML, links, mentions, tables or maths."""
    shown = shorten(text, limit)
    escaped = "".join(_MARKDOWN.get(sign, sign) for sign in shown)
    # An underscore within a word is no emphasis, and names are full of them.
    escaped = re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", "&#95;", escaped)
    escaped = re.sub(r"(?i)\b(https?|ftp|mailto|xmpp):", r"\1&#58;", escaped)
    escaped = re.sub(r"(?i)\bwww\.", "www&#46;", escaped)
    # A link needs "](", "][" or a definition "]:"; brackets around numbers stay readable.
    escaped = re.sub(r"\](?=[(\[:])", "&#93;", escaped)
    # What would open a list or underline a heading at the start of a line.
    return re.sub(r"^(\d*)([.)+=-])(?=\s|$|[-=])", lambda m: f"{m[1]}&#{ord(m[2])};", escaped)


@lru_cache(maxsize=1 << 16)
def _cell(text: str) -> str:
    shown = visible(text)
    return f"'{shown}" if shown[:1] in {"=", "+", "-", "@", "|", "%"} else shown


def csv_cell(value: Any) -> str:
    """A value for a CSV cell.  Text that a spreadsheet would run as a formula gets a leading apostrophe."""
    if isinstance(value, str):
        return _cell(value)
    if value is None:
        return ""
    return repr(value) if isinstance(value, bool | int | float) else _cell(str(value))


def script_json(value: Any) -> str:
    """JSON that can stand inside a `<script>` element: no `<`, `>` or `&`, no line separators."""
    import msgspec

    try:
        text = msgspec.json.encode(value).decode()
    except (TypeError, ValueError, OverflowError):  # numpy's numbers, lone surrogates
        text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for sign in _UNSAFE & set(text):
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


_UNSAFE = set("<>&\u2028\u2029")
