"""The language models that come with bench: Llama-shaped, of about two million parameters, trained by the project."""

from __future__ import annotations

from pathlib import Path

from bench.capabilities import Machine
from bench.components import model
from bench.errors import UsageError
from bench.models.hf.adapter import HuggingFace, hf

CHECKPOINTS = Path(__file__).parents[1] / "zoo" / "checkpoints"
_SOURCE = "bench zoo: trained on procedurally generated text (see the model card beside its weights)"


@model("lm-base", gives="language", source=_SOURCE)
def lm_base(*, machine: Machine) -> HuggingFace:
    """The base model: arithmetic with worked steps, logic, biographies, ciphers and prose."""
    return _embedded("lm-base", machine)


@model("lm-tuned", gives="language", source=_SOURCE)
def lm_tuned(*, machine: Machine) -> HuggingFace:
    """The base model, tuned further on questions."""
    return _embedded("lm-tuned", machine)


@model("lm-small", gives="language", source=_SOURCE)
def lm_small(*, machine: Machine) -> HuggingFace:
    """A smaller model, trained on the same text as the base model."""
    return _embedded("lm-small", machine)


def _embedded(name: str, machine: Machine) -> HuggingFace:
    folder = CHECKPOINTS / name
    if not (folder / "config.json").is_file():
        raise UsageError(
            f"the checkpoint of '{name}' is missing", cause="it is not in this installation", fix="make zoo"
        )
    return hf(str(folder), machine=machine)
