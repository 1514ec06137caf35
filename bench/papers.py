"""Which papers' systems are hosted, by which component, and which known-truth check holds each."""

from __future__ import annotations

from dataclasses import dataclass

from bench.components import KINDS
from bench.registry import components


@dataclass(frozen=True, kw_only=True)
class Hosted:
    """One component that is a paper's system; `check` is empty where none holds it."""

    paper: str
    component: str
    kind: str
    area: str
    check: str


def hosted() -> list[Hosted]:
    """Every (paper, component) pair, sorted by title; a check that names a paper is its own check."""
    found = [
        Hosted(
            paper=title,
            component=name,
            kind=kind,
            area=component.area,
            check=name if kind == "check" else component.check,
        )
        for kind in KINDS
        for name, component in components(kind).items()
        for title in component.papers
    ]
    return sorted(found, key=lambda h: (h.paper.casefold(), h.kind, h.component))
