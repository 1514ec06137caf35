"""What bench finds on this machine: versions, device, room, and whether it can run without a network."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CORE = ("numpy", "scipy", "scikit-learn", "torch", "transformers", "datasets", "lm-eval", "pyarrow", "pandas")
EXTRAS: dict[str, tuple[str, ...]] = {
    "harness": ("accelerate",),
    "math": ("math-verify",),
    "flows": ("zuko",),
    "ode": ("torchdiffeq",),
    "sbi": ("sbi",),
    "ray": ("ray",),
    "api": ("httpx", "tenacity"),
    "vllm": ("vllm",),
}
# A run of the largest built-in suite stays far below this.
ROOM = 200_000_000


@dataclass(frozen=True)
class Finding:
    """One fact: `ok` is false for what would stop a run; `fix` says what to do, where there is something."""

    topic: str
    name: str
    value: str
    ok: bool = True
    fix: str = ""


def findings(out: Path) -> Iterator[Finding]:
    """Look at everything, cheapest first; `out` is where run folders would be written."""
    yield from _versions()
    yield from _machine()
    yield from _folders(out)
    yield from _offline()
    yield from _suites()
    yield from _extras()


def _versions() -> Iterator[Finding]:
    from bench import __version__

    yield Finding("version", "bench", __version__)
    python_ok = sys.version_info >= (3, 11)
    yield Finding("version", "python", platform.python_version(), python_ok, "" if python_ok else "use Python >= 3.11")
    for package in CORE:
        found = _version(package)
        yield Finding("version", package, found or "missing", found is not None, "" if found else "pip install bench")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _machine() -> Iterator[Finding]:
    yield Finding("machine", "system", platform.platform(terse=True))
    yield Finding(
        "machine", "cores", str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
    )
    if importlib.util.find_spec("torch") is None:
        return
    import torch

    yield Finding("machine", "torch threads", str(torch.get_num_threads()))
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            yield Finding("machine", f"cuda:{index}", f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB")
    else:
        yield Finding("machine", "device", "cpu (torch sees no CUDA device)")


def _folders(out: Path) -> Iterator[Finding]:
    existing = next(p for p in (out.absolute(), *out.absolute().parents) if p.exists())
    writable = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
    yield Finding(
        "folder", "runs", f"{out} ({'writable' if writable else 'not writable'})", writable,
        "" if writable else "choose another folder: --out DIR or BENCH_OUT",
    )  # fmt: skip
    free = shutil.disk_usage(existing).free
    yield Finding(
        "folder", "free space", f"{free / 1e9:.1f} GB", free >= ROOM,
        "" if free >= ROOM else f"free at least {ROOM / 1e6:.0f} MB, or choose another disk: --out DIR",
    )  # fmt: skip
    cache = Path(os.environ.get("HF_HOME") or Path("~/.cache/huggingface").expanduser())
    yield Finding("folder", "Hugging Face cache", f"{cache} ({'there' if cache.is_dir() else 'empty'})")


def _offline() -> Iterator[Finding]:
    forced = os.environ.get("HF_HUB_OFFLINE", "") not in {"", "0"}
    yield Finding("offline", "HF_HUB_OFFLINE", "set: nothing is downloaded" if forced else "not set")
    yield Finding("offline", "credentials", "HF_TOKEN is set" if os.environ.get("HF_TOKEN") else "no HF_TOKEN")


def _suites() -> Iterator[Finding]:
    from bench.errors import BenchError
    from bench.registry import find
    from bench.specs import parse
    from bench.suites import FOLDER, read

    for path in sorted(FOLDER.glob("*.yaml")):
        try:
            suite = read(path)
            for cell in suite.cells:
                for kind, texts in (("model", cell.models), ("task", cell.tasks), ("decoder", cell.decoders)):
                    for text in texts:
                        find(kind, parse(text).name)
        except BenchError as error:
            yield Finding("suite", path.stem, error.what, ok=False, fix=error.fix)
            continue
        tasks = {task for cell in suite.cells for task in cell.tasks}
        models = {model for cell in suite.cells for model in cell.models}
        yield Finding("suite", suite.name, f"{len(models)} models, {len(tasks)} tasks, all known")


def _extras() -> Iterator[Finding]:
    for extra, packages in EXTRAS.items():
        missing = [package for package in packages if _version(package) is None]
        value = "installed" if not missing else f"not installed ({', '.join(missing)})"
        yield Finding("extra", extra, value, fix=f"pip install 'bench[{extra}]'" if missing else "")
