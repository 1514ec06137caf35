"""Attention of one new token a row over the row's prompt, which rows share, and over the row's own tokens.

The keys of a prompt are read once for all of its rows.  A row's scores over both parts meet in one softmax, which is
exact.  It goes through transformers' public interface (`AttentionInterface`), so every architecture that uses the
interface takes part; sliding windows, soft caps and attention sinks are done here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from bench.models.hf.cache import Layer, RowCache, Shelf

_NAME = "bench_rows"
_UNKNOWN = ("position_bias", "head_mask")


@dataclass(frozen=True, eq=False)
class _Group:
    """The rows of one shelf in one step.

    members: (slots × g,) rows by prompt, padded with any row; filled: (n,) the places in `members` that are no padding;
    rows: (n,) the row at each of them.  whole: `members` are all rows in order, none of them padding.
    """

    shelf: Shelf
    length: int
    members: Any
    filled: Any
    rows: Any
    whole: bool


class Step:
    """One step of all rows of a cache: which rows share which prompt, and what each may look at."""

    def __init__(self, states: RowCache) -> None:
        import torch

        self.states = states
        self.calls = 0
        device = states.device
        self.groups = [group for shelf in states.shelves.values() if (group := _group(states, shelf)) is not None]
        self.longest = max(group.length for group in self.groups)
        self.span = int(states.own.max()) + 1
        self.own = torch.from_numpy(states.own.copy()).to(device)
        self.places = torch.arange(len(states.own), device=device)
        self._lengths = torch.tensor([held.length for held in states.held], device=device)
        self._hidden: dict[int, Any] = {}

    def hidden(self, window: int) -> Any:
        """What a row must not look at, (R, 1, 1, longest + span); a window counts the newest token."""
        import torch

        if window not in self._hidden:
            device = self.states.device
            prompt = torch.arange(self.longest, device=device)[None]
            own = torch.arange(self.span, device=device)[None]
            length, last = self._lengths[:, None], self.own[:, None]
            hidden = torch.cat([prompt >= length, own > last], dim=1)
            if window:
                far = torch.cat([length + last - prompt, last - own], dim=1) >= window
                hidden |= far
            self._hidden[window] = hidden[:, None, None]
        return self._hidden[window]

    def attend(self, layer: int, query: Any, new: Layer, scale: float, window: int, cap: float, sinks: Any) -> Any:
        """The attention (R, 1, H, D') of a query (R, H, 1, D), once the new token's own states are kept."""
        import torch

        rows, heads, _, width = query.shape
        self.calls += 1
        self.states.append(layer, new, self.places, self.own)
        keys, values = (states[:rows, :, : self.span] for states in self.states.layers[layer])
        key_heads = keys.shape[1]
        query = query.reshape(rows, key_heads, heads // key_heads, width)
        scores = query.new_empty((*query.shape[:3], self.longest + self.span))
        scores[..., self.longest :] = torch.matmul(query, keys.transpose(-1, -2))
        for group in self.groups:
            shared = group.shelf.layers[layer][0][: len(group.shelf.slots), :, : group.length]
            part = torch.matmul(_folded(query, group), shared.transpose(-1, -2))
            _put(scores, group, _unfolded(part, query.shape[2]))
        scores *= scale
        if cap:
            scores = cap * torch.tanh(scores / cap)
        scores.masked_fill_(self.hidden(window), -torch.inf)
        weights = _softmax(scores, sinks).to(query.dtype)
        out = torch.matmul(weights[..., self.longest :], values)
        for group in self.groups:
            shared = group.shelf.layers[layer][1][: len(group.shelf.slots), :, : group.length]
            part = _unfolded(torch.matmul(_folded(weights[..., : group.length], group), shared), query.shape[2])
            if group.whole:
                out += part
            else:
                out.index_add_(0, group.rows, part[group.filled])
        return out.reshape(rows, 1, heads, -1)


def _group(states: RowCache, shelf: Shelf) -> _Group | None:
    import torch

    rows = np.array([r for r, held in enumerate(states.held) if held.shelf == shelf.room], dtype=np.int64)
    if not len(rows):
        return None
    slot = np.array([states.held[r].slot for r in rows.tolist()])
    counts = np.bincount(slot, minlength=len(shelf.slots))
    order = np.argsort(slot, kind="stable")
    within = np.empty(len(rows), dtype=np.int64)
    within[order] = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    filled = slot * int(counts.max()) + within
    members = np.zeros(len(shelf.slots) * int(counts.max()), dtype=np.int64)
    members[filled] = rows
    whole = len(rows) == len(states.held) == len(members) and np.array_equal(members, np.arange(len(rows)))
    length = max(states.held[r].length for r in rows.tolist())
    on = [torch.from_numpy(x).to(states.device) for x in (members, filled, rows)]
    return _Group(shelf, length, on[0], on[1], on[2], whole)


def _folded(values: Any, group: _Group) -> Any:
    """(R, h, q, x) of rows as (slots, h, g × q, x) of prompts."""
    own = values if group.whole else values[group.members]
    _, heads, queries, width = own.shape
    slots = len(group.shelf.slots)
    return own.reshape(slots, -1, heads, queries, width).transpose(1, 2).reshape(slots, heads, -1, width)


def _unfolded(values: Any, queries: int) -> Any:
    """(slots, h, g × q, x) of prompts as (slots × g, h, q, x)."""
    slots, heads, _, width = values.shape
    return values.reshape(slots, heads, -1, queries, width).transpose(1, 2).reshape(-1, heads, queries, width)


def _put(scores: Any, group: _Group, part: Any) -> None:
    if group.whole:
        scores[..., : group.length] = part
    else:
        scores[group.rows, :, :, : group.length] = part[group.filled]


def _softmax(scores: Any, sinks: Any) -> Any:
    """Over the last axis in float32 or wider; `sinks` (H,) are scores of a place that gives nothing."""
    import torch

    wide = torch.promote_types(scores.dtype, torch.float32)
    if sinks is None:
        return scores.softmax(-1, dtype=wide)
    sink = sinks.reshape(1, *scores.shape[1:3], 1).expand(scores.shape[0], -1, -1, -1)
    return torch.cat([scores, sink.to(scores.dtype)], dim=-1).softmax(-1, dtype=wide)[..., :-1]


_STEP: ContextVar[Step] = ContextVar("step")


@contextmanager
def stepping(model: Any, states: RowCache) -> Iterator[Any]:
    """Within it the model takes one token for each row, with what this gives as `past_key_values`."""
    _register()
    before = model.config._attn_implementation  # noqa: SLF001 - has no other name
    step = Step(states)
    token = _STEP.set(step)
    model.config._attn_implementation = _NAME  # noqa: SLF001
    try:
        yield _passing()(int(states.positions.max()))
    finally:
        model.config._attn_implementation = before  # noqa: SLF001
        _STEP.reset(token)
    layers = model.config.get_text_config(decoder=True).num_hidden_layers
    if step.calls != layers:  # another kind of layer, or attention that goes past the interface
        raise NotImplementedError(f"{step.calls} calls of attention for {layers} layers")
    states.own = states.own + 1


def _attention(
    module: Any, query: Any, key: Any, value: Any, _mask: Any, scaling: float | None = None, **options: Any
) -> tuple[Any, None]:
    unknown = [name for name in _UNKNOWN if options.get(name) is not None]
    if unknown or query.shape[2] != 1:
        raise NotImplementedError(f"attention with {', '.join(unknown) or 'several tokens a row'}")
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    window, cap = options.get("sliding_window") or 0, options.get("softcap") or 0.0
    return _STEP.get().attend(module.layer_idx, query, (key, value), scale, window, cap, options.get("s_aux")), None


@cache
def _register() -> None:
    from transformers import AttentionInterface

    AttentionInterface.register(_NAME, _attention)


@cache
def _passing() -> type:
    from transformers.cache_utils import Cache, DynamicLayer

    class Passing(Cache):  # type: ignore[misc]  # the library is untyped
        """Hands the new states on to the attention, which keeps them."""

        def __init__(self, length: int) -> None:
            super().__init__(layer_class_to_replicate=DynamicLayer)
            self.length = length

        def update(self, key_states: Any, value_states: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
            """The new states as they are."""
            return key_states, value_states

        def get_seq_length(self, *_: Any, **__: Any) -> int:
            """Tokens of the longest row."""
            return self.length

    return Passing
