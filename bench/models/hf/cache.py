"""A key-value cache that grows in place, for batches whose rows split and leave."""

from __future__ import annotations

from functools import cache
from typing import Any

_SPARE = 16


def growing_cache(config: Any) -> Any:
    """Transformers' cache for a model, with its plain layers replaced by ones that keep spare room.

    The library's own layer copies all it holds at every token.  Layers of other kinds (sliding windows, recurrent
    states) stay the library's.
    """
    from transformers.cache_utils import DynamicCache, DynamicLayer

    made = DynamicCache(config=config)
    made.layers = [_growing_layer()() if type(layer) is DynamicLayer else layer for layer in made.layers]
    if made.layer_class_to_replicate is DynamicLayer:
        made.layer_class_to_replicate = _growing_layer()
    return made


@cache
def _growing_layer() -> type:
    from transformers.cache_utils import DynamicLayer

    class GrowingLayer(DynamicLayer):  # type: ignore[misc]  # the library is untyped
        """Keys and values (rows, heads, tokens, width) as views of buffers with room for more tokens."""

        def update(self, key_states: Any, value_states: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
            """Append the new tokens' states; returns all states."""
            if not self.is_initialized:
                self.lazy_initialization(key_states, value_states)
                self.length = 0
                self.room: tuple[Any, Any] = (key_states[:, :, :0], value_states[:, :, :0])
            start, self.length = self.length, self.length + key_states.shape[2]
            if self.room[0].shape[2] < self.length:
                self.room = (_enlarged(self.room[0], start, self.length), _enlarged(self.room[1], start, self.length))
            self.room[0][:, :, start : self.length] = key_states
            self.room[1][:, :, start : self.length] = value_states
            self._look()
            return self.keys, self.values

        def reorder_cache(self, beam_idx: Any) -> None:
            """Keep the rows at the given indices, in that order; a row may be kept more than once."""
            if self.is_initialized:
                self.room = (self.room[0].index_select(0, beam_idx), self.room[1].index_select(0, beam_idx))
                self._look()

        def _look(self) -> None:
            self.keys, self.values = self.room[0][:, :, : self.length], self.room[1][:, :, : self.length]

    return GrowingLayer


def _enlarged(buffer: Any, used: int, needed: int) -> Any:
    rows, heads, _, width = buffer.shape
    larger = buffer.new_zeros((rows, heads, -(-(needed + 1) // _SPARE) * _SPARE, width))
    larger[:, :, :used] = buffer[:, :, :used]
    return larger
