"""How much memory work has held."""

from __future__ import annotations

import sys


def most_held(device: str) -> int:
    """The most bytes held at once since the process began: on the accelerator, or on a CPU by the whole process.

    0 where the system doesn't tell.
    """
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.max_memory_allocated(device))
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
