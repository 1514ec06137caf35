"""The manual's reference as Markdown: every command with its options, every component, and the papers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.components import KINDS
from bench.describe import entry
from bench.papers import hosted
from bench.registry import components
from bench.reports.text import markdown


def pages() -> dict[str, str]:
    """File below docs/ -> its text."""
    return {
        "reference/commands.md": "\n".join(_commands()),
        "reference/components.md": "\n".join(_components()),
        "reference/papers.md": "\n".join(_papers()),
    }


def _commands() -> Iterator[str]:
    from typer.main import get_command

    from bench.cli.app import app

    yield "# Commands\n"
    yield "Made from the command line itself; `bench COMMAND --help` prints the same.\n"
    root: Any = get_command(app)
    for name in sorted(root.commands):
        yield from _command(f"bench {name}", root.commands[name])


def _command(name: str, command: Any) -> Iterator[str]:
    yield f"## {name}\n"
    yield f"{_words(command.help)}\n"
    rows = [p for p in command.params if p.name != "help" and not getattr(p, "hidden", False)]
    if rows:
        yield "| | |\n|---|---|"
    for p in rows:
        if p.param_type_name == "argument":
            called = p.metavar or str(p.name).upper()
        else:
            flags = ", ".join(f for f in p.opts if not f.startswith("--no-"))
            called = flags if p.is_flag else f"{flags} {p.metavar or ''}".strip()
        yield f"| `{called}` | {_words(getattr(p, 'help', '') or '')} |"
    yield ""
    for sub in sorted(getattr(command, "commands", {})):
        yield from _command(f"{name} {sub}", command.commands[sub])


def _words(text: str | None) -> str:
    paragraphs = [" ".join(part.split()) for part in (text or "").split("\n\n")]
    return "<br>".join(markdown(part, 2000) for part in paragraphs if part)


def _components() -> Iterator[str]:
    yield "# Components\n"
    yield "Made from the registry; `bench show KIND NAME` prints the whole entry of one.\n"
    for kind in KINDS:
        found = components(kind)
        yield f"## {kind.capitalize()}s\n"
        yield "| name | area | what it is | better | range | source |\n|---|---|---|---|---|---|"
        for name, component in found.items():
            facts = entry(component)
            ends = ["−∞" if facts["range"][0] is None else f"{facts['range'][0]:g}"]
            ends.append("∞" if facts["range"][1] is None else f"{facts['range'][1]:g}")
            limits = f"{ends[0]} … {ends[1]}" if facts["range"] != [None, None] else ""
            better = "" if facts["better"] == "none" else facts["better"]
            cells = [facts["area"], facts["summary"], better, limits, facts["source"]]
            yield f"| `{name}` | " + " | ".join(markdown(str(c or ""), 400) for c in cells) + " |"
        yield ""


def _papers() -> Iterator[str]:
    yield "# Papers\n"
    yield (
        "Systems of published papers that bench hosts, by component, and the check that holds each to a known "
        "answer (`bench check --name NAME`).\n"
    )
    yield "| paper | component | kind | check |\n|---|---|---|---|"
    for row in hosted():
        yield f"| {markdown(row.paper)} | `{row.component}` | {row.kind} | {f'`{row.check}`' if row.check else '—'} |"
    yield ""
