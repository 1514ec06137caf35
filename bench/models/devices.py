"""Where models work: a device by its name, refused where this machine has none of that name."""

from __future__ import annotations

from typing import Any

from bench.errors import UsageError


def device(name: str) -> Any:
    """The torch device that `name` means: auto (CUDA where there is one), cpu, cuda, cuda:N or mps.

    Raises `UsageError` for another word, and for a device that this machine lacks.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(name)
    except RuntimeError as error:
        raise _absent(name, "it is auto, cpu, cuda, cuda:N or mps") from error
    if found.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if count == 0:
            raise _absent(name, "torch finds no CUDA device here")
        if (found.index or 0) >= count:
            raise _absent(name, f"this machine has {count}, counted from 0")
    elif found.type == "mps" and not torch.backends.mps.is_available():
        raise _absent(name, "torch finds no Apple GPU here")
    elif found.type not in {"cpu", "mps"}:
        raise _absent(name, "it is auto, cpu, cuda, cuda:N or mps")
    return found


def _absent(name: str, cause: str) -> UsageError:
    return UsageError(f"no device '{name}'", cause=cause, fix="--device cpu, or --device auto")
