"""Energy from the counters that the machine has: of processors (RAPL) and of NVIDIA accelerators (NVML).

Counters are the whole machine's: what else runs there is counted too.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

RAPL = Path("/sys/class/powercap")


class EnergyMeter:
    """Joules since it was made, over all counters that can be read; `sources` names them, empty where there is none."""

    def __init__(self, device: str = "cpu", *, rapl: Path = RAPL) -> None:
        self._counters = [*_packages(rapl), *(_accelerator(device) if device.startswith("cuda") else [])]
        self.sources = tuple(name for name, _, _ in self._counters)
        self._last = [read() for _, read, _ in self._counters]
        self._joules = 0.0

    def joules(self) -> float:
        """Energy so far.  Each counter may wrap round once between calls."""
        for k, (_, read, wrap) in enumerate(self._counters):
            now = read()
            gone = now - self._last[k]
            self._joules += gone if gone >= 0 else gone + wrap
            self._last[k] = now
        return self._joules


_Counter = tuple[str, Callable[[], float], float]


def _packages(root: Path) -> list[_Counter]:
    """Processor packages: domains of the first level, which hold their cores and caches."""
    found: list[_Counter] = []
    for folder in sorted(root.glob("intel-rapl:*")):
        if folder.name.count(":") != 1:
            continue
        # Reading it is root's alone on most systems.
        with suppress(OSError, ValueError):
            wrap = int((folder / "max_energy_range_uj").read_text()) / 1e6
            counter = folder / "energy_uj"
            int(counter.read_text())
            name = (folder / "name").read_text().strip()
            found.append((name, lambda counter=counter: int(counter.read_text()) / 1e6, wrap))  # type: ignore[misc]
    return found


def _accelerator(device: str) -> list[_Counter]:
    try:
        import pynvml  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
        handle: Any = pynvml.nvmlDeviceGetHandleByIndex(int(device.partition(":")[2] or 0))
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except pynvml.NVMLError:
        return []
    return [(device, lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3, float("inf"))]
