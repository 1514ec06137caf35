"""Log-probabilities of given tokens: the head of a causal language model, applied where a score is asked, in slices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.arrays import AnyArray, Bools, Float64s, Ints
from bench.language import Details, TokenDetails

# Bytes of logits made at once.  A slice is two buffers of it, made once: fresh memory of that size costs a CPU as
# much time in page faults as the matrix product does.
_SLICE = 64 << 20
_LEAST_ROWS, _MOST_ROWS = 16, 512


@dataclass(frozen=True)
class Scores:
    """Of one span's scored tokens: log-probabilities in nats, whether each was the model's first choice, and more."""

    logprobs: Float64s
    first: Bools
    details: TokenDetails | None = None


class Sheet:
    """Scores of all tokens of a call, filled in whatever order they come."""

    def __init__(self, total: int, details: Details) -> None:
        self.total = total
        self.details = details
        self.columns: dict[str, AnyArray] = {}

    def put(self, slots: Ints, **columns: AnyArray) -> None:
        """Write values (k, ...) of each column at the slots (k,)."""
        for name, values in columns.items():
            if name not in self.columns:
                self.columns[name] = np.zeros((self.total, *values.shape[1:]), dtype=values.dtype)
            self.columns[name][slots] = values

    def scores(self, start: int, end: int) -> Scores:
        """The scores of slots [start, end)."""
        columns = {name: values[start:end] for name, values in self.columns.items()}
        logprobs = columns.pop("logprobs", np.empty(0))
        first = columns.pop("first", np.empty(0, dtype=bool))
        return Scores(logprobs, first, TokenDetails(**columns) if self.details else None)


class Head:
    """Reads scores off the hidden states of a model.

    direct: the head alone makes logits of the last hidden states, and is applied to slices of them.  Where something
    follows it (scales, soft caps), the model makes its logits by itself, and `tokens` bounds what one pass may have.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.module = model.get_output_embeddings()
        self.direct = self.module is not None and _is_direct(model, self.module)
        self.vocabulary = int(model.config.get_text_config(decoder=True).vocab_size)
        if self.module is not None and hasattr(self.module, "weight"):
            self.vocabulary = int(self.module.weight.shape[0])
        self.rows = min(_MOST_ROWS, max(_LEAST_ROWS, _SLICE // (4 * self.vocabulary) // 16 * 16))
        self._logits: Any = None
        self._normal: Any = None

    @property
    def tokens(self) -> int:
        """Tokens that one pass may have, so that its logits stay within bounds."""
        return 1 << 60 if self.direct else max(64, (_SLICE << 2) // (4 * self.vocabulary))

    def score(
        self, tokens: Any, places: tuple[Ints, Ints], items: tuple[Ints, Ints, Ints], sheet: Sheet, **options: Any
    ) -> None:
        """Run tokens (B, T), and write to the sheet what was asked.

        places: distinct (rows, positions) (k,) that are scored.  items: the place among them of each score, the token
        that is wanted there, and its slot.  Without any, the model's body runs alone.
        """
        import torch

        if not len(items[0]):
            self.model.base_model(input_ids=tokens, **options)
            return
        where = tuple(torch.from_numpy(p).to(tokens.device) for p in places)
        if self.direct:
            hidden = self.model.base_model(input_ids=tokens, **options)[0]
            everything = len(places[0]) == hidden.shape[0] * hidden.shape[1]
            states = hidden.flatten(0, 1) if everything else hidden[where]
            for start in range(0, len(states), self.rows):
                part = states[start : start + self.rows]
                self._read(self.logits(part), part, start, items, sheet)
            return
        with _captured(self.model.base_model) as bodies:
            logits = forward_at(self.model, tokens, *places, **options)
        states = bodies[0][where]
        for start in range(0, len(states), self.rows):
            end = start + self.rows
            self._read(logits[start:end], states[start:end], start, items, sheet)

    def logits(self, states: Any) -> Any:
        """Logits (k, V) of hidden states (k, d), k at most `rows`; valid until the next call."""
        import torch

        if type(self.module) is not torch.nn.Linear:
            return self.module(states)
        if self._logits is None:
            self._logits = states.new_empty((self.rows, self.vocabulary))
        out = self._logits[: len(states)]
        weight = self.module.weight.t()
        if self.module.bias is None:
            return torch.mm(states, weight, out=out)
        return torch.addmm(self.module.bias, states, weight, out=out)

    def _read(self, logits: Any, states: Any, start: int, items: tuple[Ints, Ints, Ints], sheet: Sheet) -> None:
        import torch

        rows, targets, slots = items
        if len(logits) < len(states) or start or (len(rows) and rows.max() >= len(logits)):
            chosen = np.flatnonzero((rows >= start) & (rows < start + len(logits)))
            rows, targets, slots = rows[chosen] - start, targets[chosen], slots[chosen]
        row, target = (torch.from_numpy(x).to(logits.device) for x in (rows, targets))
        normal = log_softmax(logits, self._buffer(logits))
        sheet.put(
            slots,
            logprobs=normal[row, target].double().cpu().numpy(),
            first=_first(logits, row, target).cpu().numpy(),
            **details_of(sheet.details, normal, states, row, target),
        )

    def _buffer(self, logits: Any) -> Any:
        import torch

        dtype = torch.promote_types(logits.dtype, torch.float32)
        if self._normal is None or self._normal.dtype != dtype or self._normal.device != logits.device:
            self._normal = logits.new_empty((self.rows, logits.shape[-1]), dtype=dtype)
        return self._normal[: len(logits)]


def log_softmax(logits: Any, out: Any = None) -> Any:
    """Normalised over the last axis, in float32 or, for logits in float64, in float64."""
    import torch

    return torch.log_softmax(logits, -1, dtype=torch.promote_types(logits.dtype, torch.float32), out=out)


def _first(logits: Any, row: Any, target: Any) -> Any:
    """Whether each target is what `argmax` gives; that costs a CPU several times the maximum, and seldom decides."""
    best = logits[row, target] == logits.amax(-1)[row]
    candidates = best.nonzero()[:, 0]
    if len(candidates):
        best[candidates] = logits[row[candidates]].argmax(-1) == target[candidates]
    return best


def details_of(details: Details, normal: Any, states: Any, row: Any, target: Any) -> dict[str, AnyArray]:
    """Columns of what was asked for beside the log-probability."""
    if not details:
        return {}
    out = {"token_ids": target.cpu().numpy()}
    if details.rank:
        parts = zip(row.split(len(normal)), target.split(len(normal)), strict=True)  # no larger than the slice is
        above = [(normal[r] > normal[r, t][:, None]).sum(-1).cpu().numpy() for r, t in parts]
        out["rank"] = 1 + np.concatenate(above)
    if details.entropy:
        # What has no probability at all adds nothing.
        out["entropy"] = -(normal.exp() * normal.clamp(min=-1e30)).sum(-1)[row].double().cpu().numpy()
    if details.top:
        values, ids = normal.topk(min(details.top, normal.shape[-1]), dim=-1)
        out["top_ids"] = ids[row].cpu().numpy()
        out["top_logprobs"] = values[row].double().cpu().numpy()
        out["top_mass"] = values.double().exp().sum(-1)[row].cpu().numpy()
    if details.certainty:
        uniform = -normal.clamp(min=-1e30).mean(-1, dtype=normal.dtype).double()
        out["certainty"] = (uniform - np.log(normal.shape[-1]))[row].cpu().numpy()
    if details.hidden:
        out["hidden"] = states[row].double().cpu().numpy()
    return out


def _is_direct(model: Any, head: Callable[[Any], Any]) -> bool:
    """Whether the model's logits are its head's of its body's last states, and nothing more."""
    import torch

    tokens = torch.arange(1, 4, device=model.device)[None] % model.get_input_embeddings().weight.shape[0]
    try:
        with torch.inference_mode():
            theirs = model(input_ids=tokens, use_cache=False).logits
            ours = head(model.base_model(input_ids=tokens, use_cache=False)[0])
    except (TypeError, ValueError, AttributeError, IndexError, KeyError, RuntimeError):
        return False
    return bool(torch.equal(ours, theirs))


def forward_at(model: Any, tokens: Any, rows: Ints, positions: Ints, **options: Any) -> Any:
    """Logits (k, V) at k places (row, position) of tokens (B, T); the head is applied there and nowhere else.

    The head is reached through a hook on its module, so that whatever the architecture does to logits after it
    (scaling, soft caps) is done here too.  A model without such a head is run in full, and then indexed.
    """
    import torch

    where = (torch.from_numpy(rows).to(tokens.device), torch.from_numpy(positions).to(tokens.device))
    with _narrowed(model, where, tokens.shape) as narrowed:
        logits = model(input_ids=tokens, **options).logits
    return logits[0] if narrowed else logits[where]


@contextmanager
def _narrowed(model: Any, where: tuple[Any, Any], shape: tuple[int, int]) -> Iterator[list[bool]]:
    done: list[bool] = []

    def narrow(_module: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if done or not inputs or inputs[0].shape[:-1] != shape:
            return None
        done.append(True)
        return (inputs[0][where][None], *inputs[1:])

    head = model.get_output_embeddings()
    if head is None:
        yield done
        return
    handle = head.register_forward_pre_hook(narrow)
    try:
        yield done
    finally:
        handle.remove()


@contextmanager
def _captured(module: Any) -> Iterator[list[Any]]:
    """The first output of each call of a module."""
    seen: list[Any] = []
    handle = module.register_forward_hook(lambda _module, _inputs, output: seen.append(output[0]))
    try:
        yield seen
    finally:
        handle.remove()
