"""Attention of a pass over its own subtrees and over the path below them, for whatever model takes it.

Transformers lets attention be exchanged by name.  Here it is exchanged by one that knows the pass under way: each
token sees the whole path, and within the pass itself and what it stands on.  *Cascade* computes the two parts apart
and merges them exactly by their log-sum-exps; it works on kernels that return those.  *Dense* gives one mask to the
public `scaled_dot_product_attention`, on any device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from bench.models.hf.packing import Pass

NAME = "bench_tree"
# Attention that is not what is computed here, by the name under which a model asks for it.
_FOREIGN = ("softcap", "s_aux", "position_bias", "alibi", "head_mask", "layer_head_mask")
# Tokens of whole subtrees that attend together: a mask wastes the square of their number, a call has a price.
_CPU_TILE, _DEVICE_TILE = 128, 1024
# An accelerator's kernel wants the rows of a mask to begin at multiples of so many values.
_ALIGNED = 16


class ForeignAttentionError(Exception):
    """The model's attention is of a kind that the tree does not compute."""


@dataclass
class Paths:
    """Keys and values of the path by layer: (1, heads, room, width) each, made when first written."""

    keys: dict[int, Any] = field(default_factory=dict)
    values: dict[int, Any] = field(default_factory=dict)
    room: int = 0

    def reserve(self, tokens: int) -> None:
        """Have room for so many tokens; what was kept is lost where the room must grow."""
        if tokens > self.room:
            self.keys.clear()
            self.values.clear()
            self.room = -(-tokens // 256) * 256

    def put(self, layer: int, start: int, key: Any, value: Any) -> None:
        """Write keys and values (1, heads, n, width) at the tokens from `start` on."""
        if layer not in self.keys:
            self.keys[layer] = key.new_empty((*key.shape[:2], self.room, key.shape[3]))
            self.values[layer] = value.new_empty((*value.shape[:2], self.room, value.shape[3]))
        end = start + key.shape[2]
        self.keys[layer][:, :, start:end] = key
        self.values[layer][:, :, start:end] = value

    def to(self, layer: int, end: int) -> tuple[Any, Any]:
        """Keys and values of the first `end` tokens."""
        return self.keys[layer][:, :, :end], self.values[layer][:, :, :end]


@dataclass
class Running:
    """The pass under way: `calls` counts the layers that attended, `window` the narrowest window that one asked for."""

    work: Pass
    paths: Paths
    dense: bool
    calls: int = 0
    window: int = 1 << 60
    masks: list[tuple[int, int, Any]] | None = None


_RUNNING: ContextVar[Running] = ContextVar("bench_tree_pass")


@contextmanager
def attending(model: Any) -> Iterator[None]:
    """The model attends by the pass under way, and by its own means again afterwards."""
    from transformers import AttentionInterface

    before = model.config._attn_implementation  # noqa: SLF001 - the library has no other name for it
    AttentionInterface.register(NAME, tree_attention)
    model.set_attn_implementation(NAME)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


@contextmanager
def running(work: Pass, paths: Paths, *, dense: bool) -> Iterator[Running]:
    """The pass that `tree_attention` is to serve."""
    now = Running(work, paths, dense)
    token = _RUNNING.set(now)
    try:
        yield now
    finally:
        _RUNNING.reset(token)


def tree_attention(
    module: Any, query: Any, key: Any, value: Any, attention_mask: Any, scaling: float | None = None, **options: Any
) -> tuple[Any, None]:
    """Attention (1, N, heads, width) of query (1, heads, N, width) over the path and the pass; see the file.

    Raises `ForeignAttentionError` for a kind of attention that it doesn't compute.
    """
    now = _RUNNING.get()
    now.calls += 1
    _refuse_foreign(now, attention_mask, options)
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    layer, depth = int(module.layer_idx), now.work.depth
    if now.work.keep or now.dense:
        now.paths.put(layer, depth, key, value)
    if now.masks is None:
        now.masks = _masks(now, query)
    attend = _dense if now.dense else _cascade
    return attend(now, layer, query, key, value, scale), None


def _refuse_foreign(now: Running, mask: Any, options: dict[str, Any]) -> None:
    for name in _FOREIGN:
        if options.get(name) is not None:
            raise ForeignAttentionError(f"its attention takes '{name}'")
    if mask is not None:
        raise ForeignAttentionError("its attention brings a mask of its own")
    if options.get("is_causal") is False:
        raise ForeignAttentionError("its attention is not causal")
    if options.get("sliding_window") is not None:
        now.window = min(now.window, int(options["sliding_window"]))


def _masks(now: Running, query: Any) -> list[tuple[int, int, Any]]:
    """(start, end, mask) of each tile, the same for all layers; no mask: each token is below the one before it."""
    import torch

    work = now.work
    if now.dense:
        if not work.depth and work.is_chain(0, len(work)):
            return [(0, len(work), None)]
        seen = torch.ones((len(work), work.depth + len(work)), dtype=torch.bool)
        seen[:, work.depth :] = torch.from_numpy(work.visible(0, len(work)))
        return [(0, len(work), seen.to(query.device))]
    tile = _CPU_TILE if query.device.type == "cpu" else _DEVICE_TILE
    out = []
    for start, end in work.tiles(tile):
        bias = None
        if not work.is_chain(start, end):
            hidden = torch.from_numpy(~work.visible(start, end)).to(query.device)
            width = end - start if query.device.type == "cpu" else -(-(end - start) // _ALIGNED) * _ALIGNED
            bias = query.new_zeros((1, 1, end - start, width))[..., : end - start]
            bias.masked_fill_(hidden, float("-inf"))
        out.append((start, end, bias))
    return out


def _dense(now: Running, layer: int, query: Any, key: Any, value: Any, scale: float) -> Any:
    from torch.nn.functional import scaled_dot_product_attention

    mask = now.masks[0][2] if now.masks else None
    key, value = now.paths.to(layer, now.work.depth + key.shape[2])
    out = scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask=mask,
        is_causal=mask is None,
        scale=scale,
        enable_gqa=query.shape[1] != key.shape[1],
    )
    return out.transpose(1, 2)


def _cascade(now: Running, layer: int, query: Any, key: Any, value: Any, scale: float) -> Any:
    import torch

    kernel = _kernel(query.device.type)
    masks = now.masks or []
    if len(masks) == 1:
        own, weight = kernel(query, key, value, scale, masks[0][2], masks[0][2] is None)
        own = own.transpose(1, 2)
    else:
        shape = (1, query.shape[2], query.shape[1], value.shape[3])
        own, weight = query.new_empty(shape), None
        for start, end, mask in masks:
            part, sums = kernel(
                query[:, :, start:end], key[:, :, start:end], value[:, :, start:end], scale, mask, mask is None
            )
            if weight is None:
                weight = sums.new_empty((*sums.shape[:2], query.shape[2]))
            own[:, start:end] = part.transpose(1, 2)
            weight[:, :, start:end] = sums
    if not now.work.depth:
        return own
    before, sums = kernel(query, *now.paths.to(layer, now.work.depth), scale, None, False)
    share = torch.sigmoid(weight - sums).transpose(1, 2)[..., None].to(query.dtype)
    return torch.lerp(before.transpose(1, 2), own, share)


Kernel = Callable[[Any, Any, Any, float, Any, bool], tuple[Any, Any]]


@cache
def _kernel(device: str) -> Kernel:
    """The kernel that gives attention (1, heads, N, width) and its log-sum-exp (1, heads, N) on that kind of device."""
    import torch

    aten = torch.ops.aten

    def on_cpu(q: Any, k: Any, v: Any, scale: float, mask: Any, causal: bool) -> tuple[Any, Any]:
        return aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, causal, attn_mask=mask, scale=scale)  # noqa: SLF001

    def on_cuda(q: Any, k: Any, v: Any, scale: float, mask: Any, causal: bool) -> tuple[Any, Any]:
        groups = q.shape[1] // k.shape[1]
        if groups > 1:
            k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
        if mask is None and q.dtype in {torch.float16, torch.bfloat16}:
            out, sums, *_ = aten._scaled_dot_product_flash_attention(q, k, v, 0.0, causal, False, scale=scale)  # noqa: SLF001
            return out, sums
        if mask is not None:
            mask = mask.expand(1, q.shape[1], -1, -1)
        out, sums, *_ = aten._scaled_dot_product_efficient_attention(q, k, v, mask, True, 0.0, causal, scale=scale)  # noqa: SLF001
        return out, sums[:, :, : q.shape[2]]  # the kernel rounds the number of its sums up

    kernels = {"cpu": on_cpu, "cuda": on_cuda}
    if device not in kernels:
        raise ForeignAttentionError(f"no kernel on '{device}' tells its log-sum-exp")
    return kernels[device]
