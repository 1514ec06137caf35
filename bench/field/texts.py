"""Texts whose likelihood is asked: WikiText's articles, LAMBADA's last words, domains of the Pile, text8 and enwik8."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.errors import UsageError
from bench.field.reading import READERS, Hub, Reader, Row, content, files, hub_table, kind, read, rows_of

Bytes = NDArray[np.uint8]

# WikiText's marks of tokenisation, and what stood there before; in this order (Merity et al. 2016 for the marks).
_MARKS: tuple[tuple[str, str], ...] = (
    (r"s '", "s'"),
    (r" @-@ ", "-"),
    (r" @,@ ", ","),
    (r" @\.@ ", "."),
    (r" : ", ": "),
    (r" ; ", "; "),
    (r" \. ", ". "),
    (r" ! ", "! "),
    (r" \? ", "? "),
    (r" , ", ", "),
    (r"\(\s*([^\)]*?)\s*\)", r"(\1)"),
    (r"\[\s*([^\]]*?)\s*\]", r"[\1]"),
    (r"{\s*([^}]*?)\s*}", r"{\1}"),
    (r"\"\s*([^\"]*?)\s*\"", r'"\1"'),
    (r"'\s*([^']*?)\s*'", r"'\1'"),
    (r"= = = =", "===="),
    (r"= = =", "==="),
    (r"= =", "=="),
    (rf" {chr(176)} ", chr(176)),
    (r" \n", "\n"),
    (r"\n ", "\n"),
    (r" N ", " 1 "),
    (r" 's", "'s"),
)
_HEADING = re.compile(r" = [^=]+ = ?\n?")


def untokenised(page: str) -> str:
    """An article of WikiText as it was written, or nearly so: without the spaces and marks of its tokenisation."""
    for mark, written in _MARKS:
        page = re.sub(mark, written, page)
    return page


def pages(lines: Sequence[str]) -> list[str]:
    """WikiText's articles from its lines: each begins with a heading ` = Title = ` between two empty lines."""
    blank = [not line.strip() for line in lines]
    starts = [
        i
        for i, line in enumerate(lines)
        if _HEADING.fullmatch(line) and (i == 0 or blank[i - 1]) and (i + 1 == len(lines) or blank[i + 1])
    ]
    ends = [*starts[1:], len(lines)][: len(starts)]
    return ["".join(lines[a:b]) for a, b in zip(starts, ends, strict=True)]


def wikitext(hub: Hub, path: str) -> list[str]:
    """WikiText's articles, as tokenised, from the hub, a file of rows (`text` or `page`), or `wiki.test.raw`."""
    readers: dict[str, Reader] = {**READERS, ".raw": _raw_lines, ".tokens": _raw_lines, ".txt": _raw_lines}
    found = [row for f in files(path, readers) for row in read(f, readers)] if path else list(hub_table(hub))
    whole = [str(row["page"]) for row in found if "page" in row]
    if whole:
        return whole
    # Rows of one set end in a line break, those of another don't.
    lines = [str(row.get("text", "")).rstrip("\n") + "\n" for row in found]
    articles = pages(lines)
    if not articles:
        raise UsageError(
            "this is no WikiText",
            cause="no line is a heading ` = Title = ` between two empty ones",
            fix="give wiki.test.raw, or rows with `text` or `page`",
        )
    return articles


def _raw_lines(path: Path) -> list[dict[str, str]]:
    return [{"text": line} for line in content(path).decode().split("\n")]


def last_word(row: Row, _: int) -> tuple[str, str]:
    """A passage up to its last word, and that word with the space before it (Paperno et al. 2016)."""
    before, space, word = str(row["text"]).rstrip("\n").rpartition(" ")
    if not space or not word:
        raise ValueError("'text' has no last word")
    return before, f" {word}"


@dataclass(frozen=True)
class Document:
    """A text and the domain that it is of."""

    text: str
    domain: str


_DOMAIN = ("pile_set_name", "domain", "subset", "source")


def document(row: Row, _: int) -> Document:
    """text, with its domain in meta.pile_set_name, or in `domain`, `subset` or `source` (Gao et al. 2020)."""
    held = {**row, **(row["meta"] if isinstance(row.get("meta"), dict) else {})}
    name = next((str(held[key]) for key in _DOMAIN if held.get(key)), "")
    text = str(row["text"])
    if not text or not name:
        raise ValueError("it has no text, or names no domain")
    return Document(text, name)


def corpus(name: str, hub: Hub | None, path: str) -> dict[str, Bytes]:
    """text8 or enwik8 in its published parts: the first 90 % are for training, then 5 % and 5 % (Mahoney 2011).

    From the raw file, or rows of `text` (one a split, on the hub).
    """
    if not path and hub is None:
        raise UsageError(
            f"{name} is not on the hub",
            cause="its page there is a program, which is not run",
            fix=f"unpack http://mattmahoney.net/dc/{name}.zip, and give path={name}",
        )
    if not path and hub is not None:
        splits = {"train": "train", "calibration": "validation", "test": "test"}
        tables = {ours: hub_table(Hub(hub.name, theirs, hub.config)) for ours, theirs in splits.items()}
        return {split: _bytes("".join(table["text"])) for split, table in tables.items()}
    readers: dict[str, Reader] = {**READERS, "": content, ".txt": content}
    found = files(path, readers)
    raw = kind(found[0]) in {"", ".txt"}
    whole = _bytes(read(found[0], readers) if raw else "".join(str(row["text"]) for row in rows_of(found)))
    ends = len(whole) * 90 // 100, len(whole) * 95 // 100
    return {"train": whole[: ends[0]], "calibration": whole[ends[0] : ends[1]], "test": whole[ends[1] :]}


def _bytes(text: str | bytes) -> Bytes:
    return np.frombuffer(text.encode() if isinstance(text, str) else text, dtype=np.uint8)


def chunks(text: Bytes, size: int) -> Iterator[str]:
    """The text in pieces of `size` bytes, none of which ends within a character."""
    whole = text.tobytes()
    start = 0
    while start < len(whole):
        end = min(start + size, len(whole))
        while end < len(whole) and whole[end] & 0xC0 == 0x80:
            end += 1
        # A split of enwik8 may begin within a character; its bytes are dropped.
        yield whole[start:end].decode(errors="ignore")
        start = end


def symbols(text: Bytes, width: int, alphabet: str) -> Bytes:
    """Rows (n, width) of symbols' numbers in the alphabet (empty: of all 256 bytes); what is left over is dropped."""
    if alphabet:
        number = np.full(256, 255, dtype=np.uint8)
        number[np.frombuffer(alphabet.encode(), dtype=np.uint8)] = np.arange(len(alphabet))
        text = number[text]
        if (text >= len(alphabet)).any():
            raise UsageError(
                "the text holds other characters", cause=f"it should hold '{alphabet}' alone", fix="give text8 itself"
            )
    return text[: len(text) // width * width].reshape(-1, width)
