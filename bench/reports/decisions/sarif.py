"""The gate as SARIF 2.1.0, for code scanning: one result for each check that did not pass."""

from __future__ import annotations

import json

from bench import __version__
from bench.gates.document import Gate
from bench.reports.decisions.gate import MEANINGS, in_order
from bench.reports.decisions.github import level, message
from bench.reports.text import shorten

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {"error": "error", "warning": "warning", "notice": "note"}


def render(gate: Gate, *, policy: str) -> str:
    """SARIF JSON; results point to the policy, which is the file that a reviewer can change."""
    results = [
        {
            "ruleId": c.verdict,
            "level": LEVELS[level(c)],
            "message": {"text": shorten(f"{c.id}: {message(c)}", 1000)},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": policy}, "region": {"startLine": 1}}}],
            "partialFingerprints": {"check": shorten(c.id, 200)},
        }
        for c in in_order(gate)
        if level(c)
    ]
    rules = [{"id": v, "shortDescription": {"text": text}} for v, text in MEANINGS.items()]
    driver = {"name": "bench", "version": __version__, "rules": rules}
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}
    return json.dumps(document, indent=1) + "\n"
