"""A checkpoint in Hugging Face format: where it lies, what it is, and how it is loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

from bench.capabilities import Machine
from bench.errors import EvaluationError, UsageError, unknown_name
from bench.models.devices import device as find_device

DTYPES = {
    "auto": "auto",
    **{name: name for name in ("float64", "float32", "bfloat16", "float16")},
    "fp64": "float64",
    "fp32": "float32",
    "bf16": "bfloat16",
    "fp16": "float16",
}
# Below this many parameters a model is run in float64 and on one thread: it costs little, and makes its numbers
# the same in any batch and on any machine to far below the precision that is printed.
SMALL = 20_000_000

_FILES = ("*.json", "*.model", "*.txt", "*.jinja")


# What it is called and what loads it, where it goes on from left to right, fills in masked tokens, or names a class.
KINDS = {
    "causal": ("causal language model", "AutoModelForCausalLM"),
    "masked": ("masked language model", "AutoModelForMaskedLM"),
    "classifier": ("classifier of texts", "AutoModelForSequenceClassification"),
}


@dataclass(frozen=True)
class Checkpoint:
    """A folder or a hub name, and the conditions under which it is read.

    safetensors: read weights from safetensors files only; otherwise `.bin` files are read too (never executed:
    torch loads them with `weights_only`).  kind: one of `KINDS`.
    """

    target: str
    machine: Machine
    revision: str | None = None
    dtype: str = "auto"
    safetensors: bool = True
    kind: str = "causal"

    @property
    def patterns(self) -> tuple[str, ...]:
        """Names of the files that can change an answer."""
        weights = ("*.safetensors",) if self.safetensors else ("*.safetensors", "*.bin")
        return (*_FILES, *weights, *(("*.py",) if self.machine.trust_remote_code else ()))


@dataclass(frozen=True)
class Loaded:
    """A language model or a classifier, ready to run on its device and in its dtype, and its tokenizer."""

    model: Any
    tokenizer: Any


def dtype_name(text: str) -> str:
    """The full name of a dtype (`bf16` is `bfloat16`), or `auto`; `UsageError` for any other word."""
    if text not in DTYPES:
        raise unknown_name("dtype", text, DTYPES, listing=", ".join(DTYPES))
    return DTYPES[text]


def locate(checkpoint: Checkpoint) -> Path:
    """The local folder of a checkpoint, downloaded first where it is a hub name.

    Raises `UsageError` where there is none, `EvaluationError` where the hub can't be reached.
    """
    folder = Path(checkpoint.target).expanduser()
    if folder.is_dir():
        return folder
    looks_local = checkpoint.target.startswith((".", "/", "~")) or checkpoint.target.count("/") > 1
    if looks_local or folder.exists():
        raise UsageError(
            f"no checkpoint at '{checkpoint.target}'",
            cause="it is a file" if folder.exists() else "there is no such folder",
            fix="give the folder that holds config.json, or a hub name such as hf:ORGANISATION/NAME",
        )
    return _download(checkpoint)


def identify(checkpoint: Checkpoint) -> dict[str, Any]:
    """What names the weights: the resolved commit of a hub name, or a digest of a local folder's files."""
    folder = locate(checkpoint)
    _check_files(checkpoint, folder)
    if folder.parent.name == "snapshots":  # the hub's cache names its folders by commit
        return {"hub": checkpoint.target, "commit": folder.name}
    names = sorted({path for pattern in checkpoint.patterns for path in folder.glob(pattern)})
    lines = []
    for path in names:
        stat = path.stat()
        lines.append(f"{path.name} {_file_digest(path, stat.st_size, stat.st_mtime_ns)}")
    return {"files": hashlib.sha256("\n".join(lines).encode()).hexdigest()}


def identify_loaded(loaded: Loaded) -> dict[str, Any]:
    """The same for a model in memory: a digest of its tensors, its configuration and its tokenizer."""
    digest = hashlib.sha256(json.dumps(loaded.model.config.to_dict(), sort_keys=True, default=str).encode())
    backend = getattr(loaded.tokenizer, "backend_tokenizer", None)
    vocabulary = backend.to_str() if backend is not None else json.dumps(loaded.tokenizer.get_vocab(), sort_keys=True)
    digest.update(vocabulary.encode())
    for name, tensor in sorted(loaded.model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().double().numpy().tobytes())
    return {"memory": digest.hexdigest()}


def load(checkpoint: Checkpoint) -> Loaded:
    """The model in evaluation mode, on the machine's device; raises three-line errors for whatever is missing."""
    import transformers

    device = find_device(checkpoint.machine.device)
    folder = locate(checkpoint)
    _check_files(checkpoint, folder)
    trust = checkpoint.machine.trust_remote_code
    options = {"trust_remote_code": trust, "local_files_only": checkpoint.machine.offline or not trust}
    with _quiet():
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder), **options)
        except Exception as error:
            raise _no_tokenizer(checkpoint, error) from error
        try:
            model, info = getattr(transformers, KINDS[checkpoint.kind][1]).from_pretrained(
                str(folder),
                dtype=_torch_dtype(checkpoint.dtype, device.type, small=_is_small(folder)),
                use_safetensors=True if checkpoint.safetensors else None,
                output_loading_info=True,
                **options,
            )
        except Exception as error:
            raise _no_model(checkpoint, error) from error
    # transformers fills what a file lacks with random numbers and a warning; that is no evaluation of anything.
    absent = sorted(info["missing_keys"]) + sorted(str(key) for key in info.get("mismatched_keys", ()))
    if absent:
        raise EvaluationError(
            f"the weights of '{checkpoint.target}' are incomplete",
            cause=f"{len(absent)} tensors are missing or of another shape, such as {absent[0]}",
            fix="save the checkpoint again with model.save_pretrained",
        )
    return Loaded(model.to(device=device).eval(), tokenizer)


def settle(loaded: Loaded) -> None:
    """Set the process up for a model that is about to be asked."""
    import torch

    if loaded.model.device.type == "cpu" and loaded.model.num_parameters() < SMALL:
        # For the whole process, which is meant: threads cost a small model more than they give, the more so where
        # cores are shared, and a fixed number keeps the order of its sums, so its last digits, the same everywhere.
        torch.set_num_threads(1)


def _torch_dtype(name: str, device: str, *, small: bool) -> Any:
    import torch

    if dtype_name(name) != "auto":
        return getattr(torch, dtype_name(name))
    if small and device != "mps":  # Apple's GPUs have no float64
        return torch.float64
    return torch.bfloat16 if device == "cuda" else torch.float32


def _is_small(folder: Path) -> bool:
    """Whether float64 is the dtype of choice; mixtures of experts have no kernels for it."""
    config = (folder / "config.json").read_text(encoding="utf-8")
    return "expert" not in config and _parameters(folder) < SMALL


def _parameters(folder: Path) -> float:
    """Number of parameters in a folder's weights: from the headers of safetensors files, else from their size.

    Known before loading, since the dtype must be: casting a loaded model would cast its float32 tables too.
    """
    from safetensors import safe_open

    files = list(folder.glob("*.safetensors"))
    if not files:
        return sum(path.stat().st_size for path in folder.glob("*.bin")) / 4
    total = 0
    for path in files:
        with safe_open(str(path), "pt") as tensors:
            total += sum(prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
    return total


def _check_files(checkpoint: Checkpoint, folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise UsageError(
            f"'{checkpoint.target}' is no checkpoint",
            cause="the folder has no config.json",
            fix="give the folder that model.save_pretrained wrote",
        )
    if checkpoint.safetensors and not any(folder.glob("*.safetensors")):
        raise UsageError(
            f"'{checkpoint.target}' has no safetensors weights",
            cause="other formats can carry code, and are read only on request",
            fix=f"convert it, or if you trust it: hf:{checkpoint.target},safetensors=false",
        )


def _no_tokenizer(checkpoint: Checkpoint, error: Exception) -> UsageError:
    if "trust_remote_code" in str(error):
        return _wants_code(checkpoint)
    return UsageError(
        f"'{checkpoint.target}' has no tokenizer that can be read",
        cause=_first_line(error),
        fix="save it beside the weights with tokenizer.save_pretrained",
    )


def _no_model(checkpoint: Checkpoint, error: Exception) -> UsageError | EvaluationError:
    if "trust_remote_code" in str(error):
        return _wants_code(checkpoint)
    if isinstance(error, ValueError):
        name, loader = KINDS[checkpoint.kind]
        return UsageError(
            f"'{checkpoint.target}' is no {name}",
            cause=_first_line(error),
            fix=f"give a checkpoint that {loader} loads",
        )
    return EvaluationError(
        f"the weights of '{checkpoint.target}' can't be loaded",
        cause=_first_line(error),
        fix="save or download the checkpoint again",
    )


def _wants_code(checkpoint: Checkpoint) -> UsageError:
    return UsageError(
        f"'{checkpoint.target}' brings its own code",
        cause="running a checkpoint's code is off unless asked for",
        fix="read the code, then add --trust-remote-code",
    )


def _download(checkpoint: Checkpoint) -> Path:
    from huggingface_hub import errors as hub
    from huggingface_hub import snapshot_download

    name = checkpoint.target if checkpoint.revision is None else f"{checkpoint.target}@{checkpoint.revision}"
    offline = checkpoint.machine.offline
    with _quiet():
        try:
            folder = snapshot_download(
                checkpoint.target,
                revision=checkpoint.revision,
                allow_patterns=list(checkpoint.patterns),
                local_files_only=offline,
            )
        except hub.HFValidationError as error:
            raise UsageError(
                f"'{name}' is neither a folder nor a hub name", cause=_first_line(error), fix="check its spelling"
            ) from error
        except hub.GatedRepoError as error:
            raise UsageError(
                f"'{name}' is gated", cause="its owner lets only some accounts read it", fix="hf auth login"
            ) from error
        except (hub.RepositoryNotFoundError, hub.RevisionNotFoundError) as error:
            raise UsageError(
                f"no model '{name}'",
                cause="there is no such folder, and the hub has no such model or revision, or it is private",
                fix="check its spelling, or hf auth login",
            ) from error
        except Exception as error:
            fix = f"hf download {checkpoint.target}, then run again"
            raise EvaluationError(
                f"'{name}' is not here",
                cause="offline, and it is not in the local cache" if offline else f"no hub: {_first_line(error)}",
                fix=(f"without --offline: {fix}" if offline else f"with a network: {fix}") + ", or give a local folder",
            ) from error
    return Path(folder)


@cache
def _file_digest(path: Path, size: int, modified: int) -> str:  # noqa: ARG001 - they key the cache
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars or advice from the libraries: what there is to say, an error says."""
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    hub_bars = not are_progress_bars_disabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    disable_progress_bars()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
        if hub_bars:
            enable_progress_bars()


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]
