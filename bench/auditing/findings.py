"""What an audit finds: one number with its interval and words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A row of an audit.  value, low, high: `None` where there is no number; says: what it means, in words."""

    audit: str
    task: str
    model: str
    what: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    says: str = ""
    warning: bool = False

    def as_json(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)
