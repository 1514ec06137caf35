"""Importing and calling the harness without its log, its bars and its repeated work."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any


@contextmanager
def quiet() -> Iterator[None]:
    """The harness speaks through bench's errors and results; its warnings and progress bars are held back."""
    logger = logging.getLogger("lm_eval")
    before = logger.level
    logger.setLevel(logging.ERROR)
    restore = _without_bars()
    try:
        yield
    finally:
        logger.setLevel(before)
        for function in restore:
            function()


def compile_templates_once() -> None:
    """Keep compiled jinja templates: the harness compiles a task's template anew for each document."""
    from lm_eval import utils

    if not hasattr(utils.env.from_string, "cache_info"):
        utils.env.from_string = lru_cache(maxsize=1024)(utils.env.from_string)


def _without_bars() -> list[Any]:
    """Switch off the bars of `datasets` and of the harness's loop over documents; returns what switches them on."""
    from datasets.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
    from lm_eval.api import task

    restore: list[Any] = []
    if not are_progress_bars_disabled():
        disable_progress_bars()
        restore.append(enable_progress_bars)
    shown = task.tqdm
    task.tqdm = lambda items, **_: items
    restore.append(lambda: setattr(task, "tqdm", shown))
    return restore
