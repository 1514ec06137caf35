"""What a run says of itself before it starts: versions, hardware, the state of the user's git checkout."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import __version__

if TYPE_CHECKING:
    from bench.config import RunConfig

# What numbers depend on; what is not installed is left out.
LIBRARIES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "torch",
    "transformers",
    "tokenizers",
    "pandas",
    "pyarrow",
    "statsmodels",
)
DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")


def manifest(config: RunConfig, suite: str) -> dict[str, Any]:
    """What run.json says beside the facts that `RunFolder.create` writes itself.

    Nothing in it names the user, an environment variable's value or a credential.
    """
    return {
        "suite": suite,
        "seed": config.seed,
        "config": config.as_json(),
        "versions": versions(),
        "hardware": hardware(),
        "git": git_state(Path.cwd()),
    }


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that numbers depend on."""
    found = {"python": platform.python_version(), "bench": __version__}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, Any]:
    """Processor, cores, memory and accelerator."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "memory_gib": round(pages / 2**30, 1),
        "accelerator": _accelerator(),
    }


def _accelerator() -> str:
    """Name of the first accelerator.  Torch, which takes 160 MB, is asked only where a driver is, or it is here."""
    if os.name == "posix" and "torch" not in sys.modules and not any(Path(file).exists() for file in DRIVERS):
        return "none"
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none"


def git_state(folder: Path) -> dict[str, Any]:
    """Commit and cleanliness of the checkout around `folder`; empty outside one or without git."""
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return {}
    return {
        "commit": commit,
        "branch": _git(folder, "rev-parse", "--abbrev-ref", "HEAD"),
        "dirty": bool(_git(folder, "status", "--porcelain")),
    }


def _git(folder: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603, S607
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor()
    )
