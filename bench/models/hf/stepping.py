"""Token after token through a causal language model, for rows that split, merge and leave."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from bench.arrays import Ints
from bench.models.hf.cache import growing_cache
from bench.models.hf.scoring import forward_at

LOG = logging.getLogger("bench")


class Stepper(Protocol):
    """Rows of tokens, all of one length, and the model's logits after them."""

    def start(self, tokens: Ints) -> Any:
        """Logits (R, V) after the rows of tokens (R, T)."""
        ...

    def step(self, parents: Ints, tokens: Ints) -> Any:
        """Logits (R', V) of new rows: row i is the row `parents[i]` with `tokens[i]` after it."""
        ...


class CachedStepper:
    """Holds the keys and values of what was fed, and feeds each token once."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.cache = growing_cache(model.config)
        self.rows = 0

    def start(self, tokens: Ints) -> Any:
        """See `Stepper`."""
        self.rows = len(tokens)
        return _last_logits(self.model, tokens, past_key_values=self.cache, use_cache=True)

    def step(self, parents: Ints, tokens: Ints) -> Any:
        """See `Stepper`."""
        import torch

        if not np.array_equal(parents, np.arange(self.rows)):
            self.cache.reorder_cache(torch.from_numpy(parents).to(self.model.device))
        self.rows = len(tokens)
        return _last_logits(self.model, tokens[:, None], past_key_values=self.cache, use_cache=True)


class PlainStepper:
    """Holds the tokens alone, and feeds all of them each time: slow, and right for every architecture."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.tokens: Ints = np.empty((0, 0), dtype=np.int64)

    def start(self, tokens: Ints) -> Any:
        """See `Stepper`."""
        self.tokens = tokens
        return _last_logits(self.model, tokens, use_cache=False)

    def step(self, parents: Ints, tokens: Ints) -> Any:
        """See `Stepper`."""
        return self.start(np.concatenate([self.tokens[parents], tokens[:, None]], axis=1))


def choose_stepper(model: Any) -> Callable[[Any], Stepper]:
    """`CachedStepper` where the model's cache is found to change nothing, else `PlainStepper`.

    Some architectures (recurrent ones above all) take a cache of another kind and ignore this one without a word.
    """
    try:
        apart = _cache_error(model)
    except (TypeError, ValueError, AttributeError, IndexError, KeyError, NotImplementedError, RuntimeError) as error:
        apart, reason = float("inf"), f"{type(error).__name__}: {error}"
    else:
        reason = f"it changes logits by {apart:.2g} of their range"
    if apart <= _tolerance(model):
        return CachedStepper
    LOG.warning("no key-value cache for %s (%s): each token runs its whole text", type(model).__name__, reason)
    return PlainStepper


def _cache_error(model: Any) -> float:
    """Largest difference between cached and plain logits, of two rows that swap and split, over the logits' range."""
    import torch

    size = int(model.get_input_embeddings().weight.shape[0])
    rows = np.arange(3, 9).reshape(2, 3) % size
    steps = [(np.array([1, 0, 1]), np.arange(3) % size), (np.array([2, 0]), np.arange(4, 6) % size)]
    cached, plain = CachedStepper(model), PlainStepper(model)
    with torch.inference_mode():
        pairs = [(cached.start(rows), plain.start(rows))]
        pairs += [(cached.step(*step), plain.step(*step)) for step in steps]
    gaps = [float((a.double() - b.double()).abs().max() / (b.max() - b.min()).double()) for a, b in pairs]
    return float(np.max(gaps))  # NaN stays NaN, and passes no comparison


def _tolerance(model: Any) -> float:
    import torch

    return 1e-3 if model.dtype in {torch.float32, torch.float64} else 0.05


def _last_logits(model: Any, tokens: Ints, **options: Any) -> Any:
    """Logits (R, V) after the last of tokens (R, T)."""
    import torch

    last = np.full(len(tokens), tokens.shape[1] - 1)
    fed = torch.from_numpy(np.ascontiguousarray(tokens)).to(model.device)
    return forward_at(model, fed, np.arange(len(tokens)), last, **options)
