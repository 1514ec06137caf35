"""Pages that several programs write, each its own section."""

from __future__ import annotations

from pathlib import Path


def put(path: Path, name: str, text: str) -> None:
    """Replace the section of that name in a Markdown file, or add it at the end; what stands around it is kept."""
    begin, end = f"<!-- {name}: made, not written -->\n", f"<!-- end of {name} -->\n"
    page = path.read_text(encoding="utf-8") if path.exists() else ""
    before, found, rest = page.partition(begin)
    after = rest.partition(end)[2] if found else ""
    if before and not before.endswith("\n\n"):
        before = before.rstrip("\n") + "\n\n"
    path.write_text(f"{before}{begin}{text.rstrip()}\n{end}{after}", encoding="utf-8")


def get(path: Path, name: str) -> str:
    """The section of that name as it stands; empty where there is none."""
    begin, end = f"<!-- {name}: made, not written -->\n", f"<!-- end of {name} -->\n"
    page = path.read_text(encoding="utf-8") if path.exists() else ""
    return page.partition(begin)[2].partition(end)[0]
