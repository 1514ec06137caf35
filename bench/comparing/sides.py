"""What the user may name as a side of a comparison: `RUN`, `RUN@MODEL`, or a baseline file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.comparing.evidence import Side
from bench.comparing.gathering import side
from bench.errors import IncompleteError, NotComparableError, UsageError, unknown_name
from bench.runners.folder import RunFolder


def run_side(text: str) -> Side:
    """A run, or one model of it: `RUN` or `RUN@MODEL`.  A path that exists is taken whole.

    Raises `UsageError` for what is no run and for a model that is not in it, `IncompleteError` for a run without
    results, and `EvaluationError` for one that is damaged.
    """
    path, at, model = text.rpartition("@")
    folder, model = (Path(text), "") if not at or Path(text).exists() else (Path(path), model)
    run = RunFolder.open(folder)
    models = list(dict.fromkeys(cell.subject for cell in run.cells))
    if model and model not in models:
        raise unknown_name("model", model, models, listing=f"it has {', '.join(models)}")
    return side(run, text, model=model)


def run_sides(texts: Sequence[str]) -> list[Side]:
    """The sides of a comparison: the runs named, or the models of the one that is named alone."""
    if len(texts) == 1:
        run = RunFolder.open(Path(texts[0]))
        models = list(dict.fromkeys(cell.subject for cell in run.cells))
        if len(models) < 2:
            raise UsageError(
                f"'{texts[0]}' has one model",
                cause="a comparison needs two sides",
                fix="name a second run, or a run of several models",
            )
        return [side(run, model, model=model) for model in models]
    return [run_side(text) for text in texts]


def gate_side(text: str) -> Side:
    """A run, one model of it, or a baseline file.  What is missing or damaged cannot be compared with: exit 4."""
    path = Path(text)
    if path.is_file() or path.suffix == ".json":
        from bench.gates.baseline import read

        return read(path)
    try:
        return run_side(text)
    except IncompleteError as error:
        raise NotComparableError(error.what, cause=error.cause, fix=error.fix) from error
    except UsageError as error:
        if "run folder" not in error.what:
            raise
        raise NotComparableError(
            f"there is no baseline '{text}'",
            cause=error.cause,
            fix="name a run folder, or a file that bench baseline save wrote",
        ) from error
