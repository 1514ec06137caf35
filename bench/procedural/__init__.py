"""Seeded generators of text whose answers are known by construction."""

from bench.procedural.items import Item, Split, split_of
from bench.procedural.kinds import DIFFICULTIES, KINDS, extract_answer, items, stream

__all__ = ["DIFFICULTIES", "KINDS", "Item", "Split", "extract_answer", "items", "split_of", "stream"]
