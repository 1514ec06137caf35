"""Writing what a gate or a comparison said: the JSON first, from which all others are made."""

from __future__ import annotations

import json
from pathlib import Path

from bench.gates.document import Gate
from bench.reports.decisions import gate as gate_page
from bench.reports.decisions import junit, markdown, sarif
from bench.runners.atomic import make_folder, write_error, write_text

JSON = "gate.json"


def write(gate: Gate, folder: Path, *, policy: str, with_sarif: bool = False) -> list[Path]:
    """gate.json, gate.md, gate.html and junit.xml (and gate.sarif), each whole or not at all; their paths."""
    texts = {
        JSON: json.dumps(gate.as_json(), indent=1, allow_nan=False) + "\n",
        "gate.md": markdown.render(gate),
        "gate.html": gate_page.page(gate),
        "junit.xml": junit.render(gate),
    }
    if with_sarif:
        texts["gate.sarif"] = sarif.render(gate, policy=policy)
    return written(folder, texts)


def written(folder: Path, texts: dict[str, str]) -> list[Path]:
    """Write files into a folder, which is made where it is missing."""
    try:
        make_folder(folder)
        for name, text in texts.items():
            write_text(folder / name, text)
    except OSError as error:
        raise write_error(error, folder, resumable=False) from error
    return [folder / name for name in texts]
