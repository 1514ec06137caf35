"""What a benchmark ran on."""

from __future__ import annotations

import platform
from pathlib import Path


def processor() -> str:
    """The processor's model as the system names it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [t.partition(":")[2].strip() for t in cpuinfo.read_text("utf-8").splitlines() if "model name" in t]
        if names:
            return names[0]
    return platform.processor() or platform.machine()
