"""A task's generation settings as bench draws texts, and a refusal of those that would change the texts unseen."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from bench.errors import UsageError
from bench.harness.documents import Ask
from bench.harness.quiet import quiet
from bench.language import Draw
from bench.seeds import derive

# Settings that say nothing at these values, and those that matter only where texts are drawn at random.
_NEUTRAL = {
    "num_beams": (1,),
    "repetition_penalty": (1, 1.0),
    "length_penalty": (1, 1.0),
    "num_return_sequences": (1,),
    "use_cache": (True, False),
    "early_stopping": (False, True),
}
_SAMPLING = {"top_k": (0, -1, None), "typical_p": (1, 1.0), "min_p": (0, 0.0, None)}


def draws(ask: Ask, prompt: str, seed: int, sample: str) -> list[Draw]:
    """One draw for each repeat, seeded by (seed, sample, repeat); greedy unless the task samples."""
    settings = normalised(ask.settings)
    sampled = bool(settings.pop("do_sample"))
    until: Sequence[str] = tuple(str(stop) for stop in settings.pop("until") if stop)
    most = int(settings.pop("max_gen_toks"))
    # The harness leaves the temperature of a task that samples, and names none, to the model: that is 1.
    temperature = float(settings.pop("temperature", 0.0)) or 1.0 if sampled else 0.0
    settings.pop("temperature", None)
    top_p = float(settings.pop("top_p", 1.0)) if sampled else 1.0
    settings.pop("top_p", None)
    for name, value in settings.items():
        if value not in _NEUTRAL.get(name, ()) and (sampled or name not in _SAMPLING):
            _refuse(name, value, _SAMPLING.get(name, ()))
    return [
        Draw(prompt, derive(seed, "lm-eval", sample, repeat), temperature, top_p, tuple(until), most)
        for repeat in range(ask.repeats)
    ]


def _refuse(name: str, value: object, harmless: Sequence[object]) -> None:
    if value in harmless:
        return
    raise UsageError(
        f"generation setting '{name}' = {value!r} is not supported",
        cause="bench samples by temperature and top_p, or takes the likeliest token",
        fix=f"ask a task without '{name}', or run it under the harness itself",
    )


@lru_cache(maxsize=256)
def _read(settings: str) -> Mapping[str, Any]:
    with quiet():
        from lm_eval.defaults import DEFAULT_MAX_GEN_TOKS
        from lm_eval.models.utils import normalize_gen_kwargs

        return dict(normalize_gen_kwargs(json.loads(settings), DEFAULT_MAX_GEN_TOKS))


def normalised(settings: str) -> dict[str, Any]:
    """As the harness's own models read them: aliases of the length, greedy unless said otherwise."""
    return dict(_read(settings))
