"""Where a run goes: `<out>/<time>-<suite>`."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import count
from pathlib import Path


def run_path(out: Path, suite: str) -> Path:
    """A path that no run has yet; the time is UTC to the second, and a second run within it gets a number."""
    slug = re.sub(r"[^a-z0-9._-]+", "-", Path(suite).stem.lower()).strip("-.")[:64] or "run"
    base = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{slug}"
    names = (base if k == 1 else f"{base}-{k}" for k in count(1))
    return next(out / name for name in names if not _exists(out / name))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that no file system takes; whoever makes the folder says so
        return False
