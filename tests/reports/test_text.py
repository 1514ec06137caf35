from __future__ import annotations

import csv
import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bench.reports import text
from tests.reports.synthetic import HOSTILE


def shown(source: str) -> str:
    """The characters that a reader of the Markdown sees; fails where it holds anything but text."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(source)
    kinds = {t.type for t in tokens}
    assert kinds <= {"paragraph_open", "inline", "paragraph_close"}, kinds
    children = [child for t in tokens for child in t.children or []]
    assert {c.type for c in children} <= {"text", "text_special", "entity"}, children
    return "".join(c.content for c in children)


@pytest.mark.parametrize("hostile", [*HOSTILE, "a lone \ud800 surrogate"])
def test_markdown_means_only_itself(hostile: str) -> None:
    assert shown(text.markdown(hostile)) == text.shorten(hostile, 300)


@given(st.text(st.sampled_from("ab1 .)]([-+=#>*_`~|!<&:\\/@$\n\x1b\u202e"), max_size=30) | st.text(max_size=30))
def test_markdown_of_any_text_is_that_text(any_text: str) -> None:
    assert shown(text.markdown(any_text)) == text.visible(any_text)


@given(st.text(st.sampled_from("a|`\\ \n"), max_size=12))
def test_markdown_stays_in_its_table_cell(any_text: str) -> None:
    source = f"| a | b |\n| --- | --- |\n| {text.markdown(any_text)} | end |"
    tokens = MarkdownIt("commonmark").enable("table").parse(source)
    cells = [tokens[i + 1].content for i, t in enumerate(tokens) if t.type == "td_open"]
    assert len(cells) == 2
    assert cells[1] == "end"


@given(st.text())
def test_visible_text_holds_no_control_and_no_format_character(any_text: str) -> None:
    for lines in (False, True):
        left = {unicodedata.category(c) for c in text.visible(any_text, lines=lines) if c not in "\n\t"}
        assert not left & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert "\n" not in text.visible(any_text)


def test_visible_shows_what_was_there() -> None:
    assert text.visible("\x1b[31mred") == "␛[31mred"
    assert text.visible("a\u202eb") == "a⟨U+202E⟩b"
    assert text.visible("a\r\n b\tc") == "a b c"
    assert text.visible("a\nb", lines=True) == "a\nb"
    assert text.visible("naïve 漢字 é") == "naïve 漢字 é"


def test_shorten_cuts_a_megabyte_and_says_so() -> None:
    assert text.shorten("x" * 1_000_000, 50) == "x" * 49 + "…"
    assert text.shorten("x" * 50, 50) == "x" * 50
    assert len(text.shorten("\x00" * 500, 50)) <= 50


@given(st.text(max_size=20))
def test_no_csv_cell_is_a_formula(any_text: str) -> None:
    cell = text.csv_cell(any_text)
    assert cell[:1] not in {"=", "+", "-", "@", "|", "%", "\t", "\r"}
    out = io.StringIO()
    csv.writer(out).writerow([cell, "end"])
    assert next(csv.reader(io.StringIO(out.getvalue()))) == [cell, "end"]


def test_csv_numbers_stay_numbers() -> None:
    assert [text.csv_cell(v) for v in (-1.5, 0, None, True)] == ["-1.5", "0", "", "True"]


@given(st.recursive(st.text() | st.integers() | st.none(), lambda inner: st.lists(inner, max_size=3), max_leaves=8))
def test_script_json_comes_back_and_cannot_close_its_element(value: object) -> None:
    written = text.script_json(value)
    assert json.loads(written) == value
    assert not set(written) & set("<>&\u2028\u2029")
