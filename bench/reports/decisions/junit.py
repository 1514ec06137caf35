"""The gate as JUnit XML, one test case a check: what Jenkins, GitLab and others show of a run."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from bench.gates.document import CheckResult, Gate
from bench.reports.decisions.gate import ends, gain
from bench.reports.numerals import p_value, short, written
from bench.reports.text import shorten

TAGS = {"fail": "failure", "error": "error", "invalid": "error", "missing": "error", "inconclusive": "skipped"}


def render(gate: Gate) -> str:
    """JUnit XML.  A check that does not count (advisory, acknowledged, allowed) is a skipped test that says why."""
    tags = [_tag(c) for c in gate.checks]
    totals = {
        "tests": str(len(tags)),
        "failures": str(tags.count("failure")),
        "errors": str(tags.count("error")),
        "skipped": str(tags.count("skipped")),
    }
    root = ET.Element("testsuites", {"name": "bench", **totals})
    suite = ET.SubElement(root, "testsuite", {"name": _clean(gate.name), "timestamp": gate.created, **totals})
    properties = ET.SubElement(suite, "properties")
    for key, value in (("verdict", gate.verdict), ("exit_code", str(gate.exit_code)), ("correction", gate.correction)):
        ET.SubElement(properties, "property", name=key, value=value)
    for c, tag in zip(gate.checks, tags, strict=True):
        case = ET.SubElement(suite, "testcase", classname=_clean(c.task).replace("/", "."), name=_clean(c.id), time="0")
        text = _text(c)
        if tag:
            # A skipped case has a message and no content in the schema that Jenkins reads.
            found = ET.SubElement(case, tag, message=_clean(f"{c.verdict}: {c.reason}"))
            if tag != "skipped":
                found.set("type", c.verdict)
                found.text = text
        ET.SubElement(case, "system-out").text = text
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _tag(c: CheckResult) -> str:
    counts = c.counts_as if c.required else "pass"
    if counts in {"pass", "improved"} and c.verdict not in {"pass", "improved"}:
        return "skipped"
    return TAGS.get("fail" if counts == "fail" else c.verdict, "")


def _text(c: CheckResult) -> str:
    lines = [
        f"baseline {written(c.baseline)}, candidate {written(c.candidate)}, n = {c.n}",
        f"gain {gain(c)} {ends(c)} (95 %), margin {short(c.margin)}, p corrected {p_value(c.p_adjusted)}",
        f"smallest detectable difference {short(c.mde)}; {c.method}",
        c.reason,
        *c.warnings,
        *([f"acknowledged until {c.acknowledged.expires}: {c.acknowledged.reason}"] if c.acknowledged else []),
    ]
    return "\n".join(_clean(line) for line in lines)


def _clean(text: str) -> str:
    """Without control characters, which XML cannot hold."""
    return shorten(text, 500)
