"""Keys and values of rows that share prompts, split, and leave.

The states of a prompt are held once, whatever the number of its rows; a row holds those of its own tokens alone.
Prompts of like length stand on one shelf, so that little is padded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.arrays import Ints

_SPARE = 16

# (keys, values) of one layer, each (rows, heads, tokens, width).
Layer = tuple[Any, Any]


@dataclass(eq=False)
class Held:
    """A prompt whose states are held: how long it is, where, and how many rows and others need it."""

    length: int
    shelf: int
    slot: int
    users: int = 0


@dataclass(eq=False)
class Segment:
    """States of a row's own tokens start .. end - 1: those of one row of `block`.

    block: for every layer (rows, heads, tokens, width), of all rows that were saved together.  `parent` has the tokens
    before them.
    """

    held: Held
    parent: Segment | None
    start: int
    end: int
    block: list[Layer]
    row: int


@dataclass(eq=False)
class Shelf:
    """Prompts of up to `room` tokens: states for every layer (slots, heads, room, width), and which prompt is where."""

    room: int
    layers: list[Layer] = field(default_factory=list)
    slots: list[Held | None] = field(default_factory=list)


class RowCache:
    """States of R rows in places 0 .. R-1.  Row r is the prompt `held[r]` and `own[r]` tokens after it.

    saved[r] is its latest segment, which is the row as it is while it has no further tokens.
    """

    def __init__(self, device: Any) -> None:
        self.device = device
        self.held: list[Held] = []
        self.own: Ints = np.empty(0, dtype=np.int64)
        self.saved: list[Segment | None] = []
        self.layers: list[Layer] = []
        self.shelves: dict[int, Shelf] = {}

    @property
    def positions(self) -> Ints:
        """Position of each row's next token, (R,)."""
        return np.array([held.length for held in self.held], dtype=np.int64) + self.own

    def hold(self, layers: Sequence[Layer], row: int, length: int) -> Held:
        """Keep the first `length` states of one row of a pass as a prompt's.  Its first user is the caller."""
        room = max(_SPARE, 1 << (length - 1).bit_length())
        shelf = self.shelves.setdefault(room, Shelf(room))
        slot = shelf.slots.index(None) if None in shelf.slots else len(shelf.slots)
        if slot == len(shelf.slots):
            shelf.slots.append(None)
        have = shelf.layers[0][0].shape[0] if shelf.layers else 0
        if slot >= have:
            old = shelf.layers or [(None, None)] * len(layers)
            size = max(4, 2 * have)
            shelf.layers = [
                (_grown(k, like_k, size, room), _grown(v, like_v, size, room))
                for (k, v), (like_k, like_v) in zip(old, layers, strict=True)
            ]
        for states, new in zip(shelf.layers, layers, strict=True):
            for whole, part in zip(states, new, strict=True):
                whole[slot, :, :length] = part[row, :, :length]
        held = shelf.slots[slot] = Held(length, room, slot, 1)
        return held

    def release(self, held: Held) -> None:
        """One user fewer; a prompt without users is forgotten, and its shelf shrinks where half of it is empty."""
        held.users -= 1
        if held.users:
            return
        shelf = self.shelves[held.shelf]
        shelf.slots[held.slot] = None
        kept = [other for other in shelf.slots if other is not None]
        if not kept:
            del self.shelves[held.shelf]
        elif 2 * len(kept) <= len(shelf.slots):
            import torch

            index = torch.tensor([other.slot for other in kept], device=self.device)
            shelf.layers = [(k.index_select(0, index), v.index_select(0, index)) for k, v in shelf.layers]
            shelf.slots = list(kept)
            for slot, other in enumerate(kept):
                other.slot = slot

    def add(self, held: Sequence[Held]) -> None:
        """New rows in the next places, each a prompt and nothing of its own."""
        for one in held:
            one.users += 1
        self.held = [*self.held, *held]
        self.own = np.concatenate([self.own, np.zeros(len(held), dtype=np.int64)])
        self.saved = [*self.saved, *([None] * len(held))]

    def branch(self, parents: Ints) -> Ints:
        """Replace the rows by R' ones, each a copy of the row in place `parents[i]`; returns their places, (R',).

        The first copy of a row stays where it is, if there is room; only what must move is copied.
        """
        count = len(parents)
        places = np.full(count, -1)
        _, first = np.unique(parents, return_index=True)
        stays = first[parents[first] < count]
        places[stays] = parents[stays]
        moving = np.flatnonzero(places < 0)
        places[moving] = np.setdiff1d(np.arange(count), places[stays], assume_unique=True)
        source = np.empty(count, dtype=np.int64)
        source[places] = parents
        gone = self.held
        self.held = [gone[place] for place in source.tolist()]
        self.own = self.own[source]
        self.saved = [self.saved[place] for place in source.tolist()]
        for one in self.held:
            one.users += 1
        for one in gone:
            self.release(one)
        self._copy(parents[moving], places[moving])
        return places

    def _copy(self, sources: Ints, targets: Ints) -> None:
        import torch

        filled = self.own[targets] > 0  # a row with nothing of its own may have no room yet
        sources, targets = sources[filled], targets[filled]
        if not len(targets):
            return
        span = int(self.own[targets].max())
        self._reserve(len(self.own), span)
        source, target = (torch.from_numpy(x).to(self.device) for x in (sources, targets))
        for pair in self.layers:
            for states in pair:
                states[target, :, :span] = states[source, :, :span]

    def append(self, layer: int, new: Layer, places: Any, positions: Any) -> None:
        """Write the states (R, heads, 1, width) of one new token a row behind its own, (R,) places and positions."""
        if layer == len(self.layers):
            rows, span = len(self.own), int(self.own.max()) + 1
            self.layers.append((_grown(None, new[0], rows, _rounded(span)), _grown(None, new[1], rows, _rounded(span))))
        elif layer == 0:
            self._reserve(len(self.own), int(self.own.max()) + 1)
        for states, one in zip(self.layers[layer], new, strict=True):
            states[places, :, positions] = one[:, :, 0]

    def _reserve(self, rows: int, span: int) -> None:
        if not self.layers:
            return
        have_rows, _, have_span, _ = self.layers[0][0].shape
        if rows > have_rows or span > have_span:
            rows = have_rows if rows <= have_rows else max(rows, have_rows * 3 // 2)
            span = max(have_span, _rounded(span))
            self.layers = [(_grown(k, k, rows, span), _grown(v, v, rows, span)) for k, v in self.layers]

    def save(self, places: Sequence[int], before: Sequence[Segment | None]) -> list[Segment]:
        """The states of rows, to return to; of what `before[i]` (an earlier state of the same row) has, no copy."""
        import torch

        spans = [(one.end if one else 0, int(self.own[place])) for place, one in zip(places, before, strict=True)]
        blocks: dict[tuple[int, int], list[Layer]] = {}
        rows: list[int] = [0] * len(spans)
        for start, end in dict.fromkeys(spans):
            members = [k for k, span in enumerate(spans) if span == (start, end)]
            at = torch.tensor([places[k] for k in members], device=self.device)
            blocks[start, end] = [(k[at, :, start:end], v[at, :, start:end]) for k, v in self.layers]
            for row, k in enumerate(members):
                rows[k] = row
        out = []
        for place, parent, span, row in zip(places, before, spans, rows, strict=True):
            self.held[place].users += 1
            segment = Segment(self.held[place], parent, *span, blocks[span], row)
            self.saved[place] = segment
            out.append(segment)
        return out

    def restore(self, segments: Sequence[Segment]) -> Ints:
        """Replace the rows by saved ones; returns their places, (R',).

        Those that are still here as they were saved stay, or fork as any row does; only the others are written anew.
        """
        here = {id(one): place for place, one in enumerate(self.saved) if one and one.end == self.own[place]}
        parents = np.array([here.get(id(one), -1) for one in segments], dtype=np.int64)
        gone = np.flatnonzero(parents < 0)
        places = np.empty(len(segments), dtype=np.int64)
        places[parents >= 0] = self.branch(parents[parents >= 0])
        places[gone] = np.arange(len(self.held), len(segments))
        self.add([segments[k].held for k in gone.tolist()])
        for k, place in zip(gone.tolist(), places[gone].tolist(), strict=True):
            self.own[place], self.saved[place] = segments[k].end, segments[k]
        if len(gone):
            self._write([segments[k] for k in gone.tolist()], places[gone])
        return places

    def _write(self, segments: Sequence[Segment], places: Ints) -> None:
        """Put the states of segments, and of those before them, into places (n,): what was saved together at once."""
        import torch

        self._reserve(len(self.own), int(self.own.max(initial=0)))
        parts: dict[int, tuple[Segment, list[int], list[int]]] = {}
        for place, segment in zip(places.tolist(), segments, strict=True):
            part: Segment | None = segment
            while part is not None:
                if part.end > part.start:
                    _, rows, targets = parts.setdefault(id(part.block), (part, [], []))
                    rows.append(part.row)
                    targets.append(place)
                part = part.parent
        for one, rows, targets in parts.values():
            source, target = (torch.tensor(x, device=self.device) for x in (rows, targets))
            for states, saved in zip(self.layers, one.block, strict=True):
                for whole, piece in zip(states, saved, strict=True):
                    whole[target, :, one.start : one.end] = piece[source]


def _rounded(span: int) -> int:
    return -(-span // _SPARE) * _SPARE + _SPARE


def _grown(old: Any, like: Any, rows: int, room: int) -> Any:
    """States with room for more; zeros where nothing is yet, since what is masked must still be finite."""
    made = like.new_zeros((rows, like.shape[1], room, like.shape[3]))
    if old is not None:
        made[: old.shape[0], :, : old.shape[2]] = old
    return made
