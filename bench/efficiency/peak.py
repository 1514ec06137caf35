"""How fast a device multiplies matrices: what a model's speed is held against."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

# Side of the square matrices, and calls of which the fastest counts.
_CPU_SIDE, _DEVICE_SIDE, _CALLS = 1024, 8192, 4


def matmul_peak(device: Any, dtype: Any) -> float:
    """Floating-point operations a second of the fastest of some large matrix products, as torch runs them here.

    Measured once for each device, dtype and number of threads, in about a tenth of a second.  It is no bound by
    theory: what no product of that size reaches, a model's smaller ones don't either.
    """
    import torch

    return _measured(str(torch.device(device)), dtype, torch.get_num_threads())


@lru_cache
def _measured(device: str, dtype: Any, _threads: int) -> float:
    import torch

    side = _CPU_SIDE if device == "cpu" else _DEVICE_SIDE
    with torch.inference_mode():
        # As models multiply: on some processors a product of half floats with the plain operator is ten times slower.
        # Noise, since a processor may be faster on zeros; from a generator of its own, so that no stream is touched.
        noise = torch.randn((side, side), generator=torch.Generator().manual_seed(0))
        a = noise.to(device=device, dtype=dtype)
        fastest = float("inf")
        for _ in range(_CALLS):
            _wait(device)
            started = time.perf_counter()
            torch.nn.functional.linear(a, a)
            _wait(device)
            fastest = min(fastest, time.perf_counter() - started)
    return float(2 * side**3 / fastest)


def _wait(device: str) -> None:
    import torch

    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
