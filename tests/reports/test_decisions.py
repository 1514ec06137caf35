"""What gates and comparisons show: within limits, escaped, and all made from gate.json."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema  # type: ignore[import-untyped]
import pytest
from lxml import html  # type: ignore[import-untyped]

from bench.comparing.comparison import CORRECTIONS
from bench.gates.document import SCHEMA_FILE, CheckResult, Gate, Pardon, SideFacts, counted, schema
from bench.reports.decisions import files, github, junit, markdown, sarif, sheet
from bench.reports.decisions import gate as gate_page
from tests.reports.synthetic import HOSTILE

VERDICTS = ("error", "invalid", "missing", "fail", "inconclusive", "pass", "improved")


def check(verdict: Any, **changes: Any) -> CheckResult:
    values: dict[str, Any] = {
        "id": f"t · accuracy · {verdict}", "kind": "regression", "verdict": verdict, "counts_as": verdict,
        "required": True, "reason": "because", "task": "calibration/t", "metric": "accuracy", "model": "m",
        "baseline": 0.8, "candidate": 0.75, "gain": -0.05, "low": -0.08, "high": -0.021, "margin": 0.02,
        "p_worse": 0.001, "p_adjusted": 0.004, "mde": 0.03, "n": 1000, "groups": 100, "gains": 5, "losses": 55,
        "method": "Tango",
    }  # fmt: skip
    return CheckResult(**{**values, **changes})


def gate(*checks: CheckResult, **changes: Any) -> Gate:
    values: dict[str, Any] = {
        "created": "2027-01-01T00:00:00+00:00", "name": "gate", "correction": "holm", "verdict": "fail",
        "exit_code": 1, "counts": counted(checks), "baseline": SideFacts(name="old", facts={"seed": "1"}),
        "candidate": SideFacts(name="new", facts={"seed": "2"}), "checks": checks,
    }  # fmt: skip
    return Gate(**{**values, **changes})


def hostile() -> Gate:
    checks = [
        check(
            VERDICTS[k % 7], id=f"{text} {k}", task=text, metric=text, model=text, decoder=text, score=text,
            slice=text, unit=text, reason=text, warnings=(text,), method=text, lost=(text,), area=text,
            acknowledged=Pardon(reason=text, expires="2027-01-01", active=True),
        )
        for k, text in enumerate((*HOSTILE, "::error::x", "##[error]x", "x" * 100_000))
    ]  # fmt: skip
    facts = SideFacts(name=HOSTILE[0], facts={"suite": HOSTILE[3], "commit": HOSTILE[1]})
    return gate(*checks, name=HOSTILE[1], baseline=facts, candidate=facts, notes=HOSTILE)


def test_the_shipped_schema_is_the_documents_and_holds() -> None:
    assert SCHEMA_FILE.read_text() == schema()
    document = gate(*map(check, VERDICTS)).as_json()
    jsonschema.validate(document, json.loads(schema()))
    assert Gate.model_validate(json.loads(json.dumps(document))).as_json() == document
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "verdict": "maybe"}, json.loads(schema()))


def test_all_files_are_made(tmp_path: Path) -> None:
    paths = files.write(gate(check("fail")), tmp_path / "a" / "b", policy="gate.yaml", with_sarif=True)
    assert [p.name for p in paths] == ["gate.json", "gate.md", "gate.html", "junit.xml", "gate.sarif"]
    assert all(p.stat().st_size for p in paths)


def test_the_page_says_each_verdict_in_words_and_draws_its_interval() -> None:
    root = html.document_fromstring(gate_page.page(gate(*map(check, VERDICTS))))
    rows = root.get_element_by_id("overview-table").findall("tbody/tr")
    assert [row.get("data-area") for row in rows] == list(VERDICTS)
    assert all(v in row.text_content() for v, row in zip(VERDICTS, rows, strict=True))
    bars = root.xpath("//svg[contains(@class, 'bar')]")
    assert len(bars) == len(VERDICTS)
    assert "margin 0.02" in bars[0].get("aria-label")
    assert bars[0].xpath("*[@class='zone']")


@pytest.mark.parametrize(
    ("gain", "low", "high", "margin"),
    [(-0.43, -0.53, -0.33, 0.02), (0.3, 0.25, 0.35, 0.001), (-0.01, -0.03, 0.01, 0.02), (-2.0, -90.0, 1.0, None)],
)
def test_an_interval_is_drawn_whole_however_far_it_lies(gain: float, low: float, high: float, margin: Any) -> None:
    made = sheet.bar(gain, (low, high), margin or 1.0, "x", margin=margin, tone="bad")
    assert made is not None
    assert 0 < made.low < made.value < made.high < 1
    # One scale for all: places lie as the numbers do, 0 in the middle.
    scale = (made.high - made.low) / (high - low)
    assert made.value - made.low == pytest.approx(scale * (gain - low))
    assert 0.5 - made.low == pytest.approx(-scale * low)
    assert (made.zone is None) == (margin is None)
    if made.zone:
        assert 0.5 - made.zone[0] == pytest.approx(scale * margin)
    # And what lies within 3 margins keeps their scale, so that rows can be compared by eye.
    assert margin is None or max(-low, high) > 2.5 * margin or scale == pytest.approx(1 / (6 * margin))


def test_a_hostile_gate_is_shown_harmlessly() -> None:
    made = hostile()
    text = gate_page.page(made)
    root = html.document_fromstring(text)
    assert len(root.findall(".//script")) == 2
    assert not root.findall(".//img")
    assert not re.search(r"<svg[^>]*onload|\u202e|\x1b", text)
    assert len(text) < 1_000_000
    for shown in (markdown.render(made), junit.render(made)):
        assert not re.search(r"\x1b|\u202e|<script|<img|<svg", shown)
    assert not re.search(r"\\u001b|\\u202e", sarif.render(made, policy="p"))  # its texts are plain
    ET.fromstring(junit.render(made).encode())  # noqa: S314 - our own
    assert "](javascript:" not in markdown.render(made)
    assert "@someone" not in markdown.render(made)
    for line in github.commands(made):
        assert re.match(r"::(error|warning|notice) title=[^:,\n]*::", line), line
        assert "\n" not in line
        assert "\r" not in line
    assert "##[" not in github.defused("a ##[error]x")


def test_no_cell_of_the_csv_is_a_formula() -> None:
    root = html.document_fromstring(gate_page.page(hostile()))
    data = json.loads(root.get_element_by_id("data").text_content())
    assert data["file"] == "gate.csv"
    assert not [t for t in data["texts"] if t[:1] in {"=", "+", "-", "@"}]


def test_comments_and_summaries_keep_their_limits() -> None:
    many = [check(VERDICTS[k % 7], id=f"{k} {'é' * 60}", reason="é" * 290, task=f"t{k}") for k in range(3000)]
    made = gate(*many)
    comment = markdown.render(made)
    assert len(comment.encode()) <= markdown.COMMENT
    assert "more in gate.json" in comment
    assert comment.startswith(markdown.MARKER)
    assert comment.index("error") < comment.index("passed")
    assert len(markdown.render(made, limit=markdown.SUMMARY).encode()) <= markdown.SUMMARY
    lines = github.commands(made)
    for kind in ("error", "warning", "notice"):
        assert len([line for line in lines if line.startswith(f"::{kind} ")]) <= 10
    assert any("more checks" in line for line in lines)


def test_a_summary_that_is_full_gets_nothing(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    path.write_text("x" * 899_000)
    assert not github.write_summary(gate(check("fail")), path)
    path.write_text("x" * 700_000)
    assert github.write_summary(gate(*[check("fail", id=str(k), reason="r" * 290) for k in range(3000)]), path)
    assert path.stat().st_size <= markdown.SUMMARY + 10


def test_junit_counts_what_counts() -> None:
    pardon = Pardon(reason="known", expires="2027-01-01", active=True)
    checks = [
        *map(check, VERDICTS),
        check("fail", id="advisory", required=False),
        check("fail", id="borne", counts_as="pass", acknowledged=pardon),
        check("inconclusive", id="strict", counts_as="fail"),
    ]
    root = ET.fromstring(junit.render(gate(*checks)).encode())  # noqa: S314 - our own
    assert {k: root.get(k) for k in ("tests", "failures", "errors", "skipped")} == {
        "tests": "10", "failures": "2", "errors": "3", "skipped": "3",
    }  # fmt: skip


def test_sarif_names_what_did_not_pass() -> None:
    document = json.loads(sarif.render(gate(*map(check, VERDICTS)), policy="gate.yaml"))
    results = document["runs"][0]["results"]
    assert [r["ruleId"] for r in results] == list(VERDICTS[:5])
    assert {r["ruleId"] for r in results} <= {r["id"] for r in document["runs"][0]["tool"]["driver"]["rules"]}


def test_every_correction_has_a_name_of_its_own() -> None:
    assert set(sheet.CORRECTIONS) == set(CORRECTIONS)
