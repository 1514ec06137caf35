"""Small language models trained on the procedural text, shipped with the package as reference models."""

from pathlib import Path

CHECKPOINTS = Path(__file__).parent / "checkpoints"
NAMES = ("lm-base", "lm-tuned", "lm-small")


def checkpoint(name: str) -> Path:
    """The Hugging Face folder of a shipped model; ``ValueError`` for a name that is not one of ``NAMES``."""
    if name not in NAMES:
        raise ValueError(f"the zoo has {', '.join(NAMES)}, not {name!r}")
    return CHECKPOINTS / name
