"""Sets of programs as one program with holes: subtrees whose tokens a model is unsure of are left open."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from bench.arrays import Bools, Float64s
from bench.conformal.thresholds import pac_errors
from bench.errors import RecordError

_NO = float("inf")


@dataclass(frozen=True, eq=False)
class Node:
    """A node of a program's tree: what it says without its children, and the nats that its own tokens cost."""

    label: str
    nll: float = 0.0
    children: tuple[Node, ...] = field(default=())

    @cached_property
    def size(self) -> int:
        """Nodes of the subtree."""
        return 1 + sum(child.size for child in self.children)

    @cached_property
    def total(self) -> float:
        """Nats of the subtree."""
        return self.nll + sum(child.total for child in self.children)

    def walk(self) -> Iterator[Node]:
        """The subtree's nodes, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


def parse(source: str, starts: Sequence[int] = (), logprobs: Sequence[float] = ()) -> Node:
    """The tree of a Python program; each token's nats go to the smallest node that spans its first character.

    starts: where in the text each token begins.  Raises `RecordError` for a text that is no Python.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise RecordError("the text is no Python program", cause=str(error), fix="leave it out of the set") from error
    lines = np.cumsum([0, *(len(line) for line in source.splitlines(keepends=True))])
    encoded = [line.encode() for line in source.splitlines(keepends=True)]

    def place(line: int, column: int) -> int:
        # ast counts a column in bytes of UTF-8.
        return int(lines[line - 1]) + len(encoded[line - 1][:column].decode())

    def spans(node: ast.AST) -> tuple[int, int]:
        if isinstance(node, ast.Module):
            return 0, len(source)
        if isinstance(node, ast.expr | ast.stmt | ast.arg | ast.keyword | ast.alias | ast.ExceptHandler):
            return place(node.lineno, node.col_offset), place(node.end_lineno or node.lineno, node.end_col_offset or 0)
        # Others, such as all arguments of a function, have no place of their own but that of what is in them.
        inner = [span for child in ast.iter_child_nodes(node) if (span := spans(child))[1] > 0]
        return (min(s for s, _ in inner), max(e for _, e in inner)) if inner else (-1, -1)

    costs = sorted(zip(starts, (-float(x) for x in logprobs), strict=True))

    def build(node: ast.AST, owned: list[tuple[int, float]]) -> Node:
        children, left = [], owned
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr_context):
                continue
            begin, end = spans(child)
            own = [pair for pair in left if begin <= pair[0] < end]
            left = [pair for pair in left if not begin <= pair[0] < end]
            children.append(build(child, own))
        return Node(_said(node), sum(cost for _, cost in left), tuple(children))

    return build(tree, costs)


def _said(node: ast.AST) -> str:
    """The node's type and what it holds that is no node: names, constants, operators' own types."""
    own = [
        f"{name}={value!r}"
        for name, value in ast.iter_fields(node)
        if not isinstance(value, ast.AST)
        and not (isinstance(value, list) and any(isinstance(v, ast.AST) for v in value))
    ]
    return f"{type(node).__name__}({', '.join(own)})"


def holes(root: Node, limit: float, most: int, before: frozenset[int] = frozenset()) -> frozenset[int] | None:
    """The fewest nodes to leave out, as at most `most` subtrees, so that what is kept costs at most `limit` nats.

    Returns the subtrees' roots by their number in `walk`'s order; `None` where even the bare root as a hole is not
    allowed (most = 0).  before: subtrees that must be left out still, so that smaller limits give larger sets.  Exact,
    by dynamic programming over (subtrees, nodes left out); of equals the cheapest is kept.
    """
    numbers = {id(node): k for k, node in enumerate(root.walk())}
    table, picks = _table(root, most, before, numbers)
    fit = [(r, k) for k in range(most + 1) for r in range(root.size + 1) if table[k, r] <= limit]
    if not fit:
        return None
    removed, used = min(fit, key=lambda pair: (pair[0], table[pair[1], pair[0]]))
    return frozenset(picks[used, removed])


def _table(
    node: Node, most: int, before: frozenset[int], numbers: dict[int, int]
) -> tuple[Float64s, dict[tuple[int, int], tuple[int, ...]]]:
    """Least nats kept with k holes and r nodes left out, (most + 1, size + 1), and which holes those are."""
    number = numbers[id(node)]
    table = np.full((most + 1, node.size + 1), _NO)
    picks: dict[tuple[int, int], tuple[int, ...]] = {}
    if number not in before:
        table[0, 0], picks[0, 0] = node.nll, ()
        for child in node.children:
            theirs, chosen = _table(child, most, before, numbers)
            joined = np.full_like(table, _NO)
            found: dict[tuple[int, int], tuple[int, ...]] = {}
            for k, r in list(picks):
                for k2, r2 in chosen:
                    if k + k2 > most:
                        continue
                    cost = table[k, r] + theirs[k2, r2]
                    if cost < joined[k + k2, r + r2]:
                        joined[k + k2, r + r2] = cost
                        found[k + k2, r + r2] = picks[k, r] + chosen[k2, r2]
            table, picks = joined, found
    if most >= 1 and table[1, node.size] > 0:
        table[1, node.size], picks[1, node.size] = 0.0, (number,)
    return table, picks


def covers(partial: Node, left_out: frozenset[int], gold: Node) -> bool:
    """Whether a program is in the set: equal to the partial one wherever that has no hole."""
    numbers = {id(node): k for k, node in enumerate(partial.walk())}

    def same(a: Node, b: Node) -> bool:
        if numbers[id(a)] in left_out:
            return True
        if a.label != b.label or len(a.children) != len(b.children):
            return False
        return all(map(same, a.children, b.children))

    return same(partial, gold)


def nested(root: Node, limits: Sequence[float], most: int) -> list[frozenset[int]]:
    """Holes at each limit, falling: each program's set holds those before it; where nothing fits, all is a hole."""
    out: list[frozenset[int]] = []
    before: frozenset[int] = frozenset()
    for limit in limits:
        # No set that holds those before it leaves out fewer nodes than they do.
        if _kept(root, before) > limit:
            found = holes(root, limit, most, before)
            before = frozenset([0]) if found is None else found
        out.append(before)
    return out


def _kept(root: Node, left_out: frozenset[int]) -> float:
    """Nats of the nodes that are in no hole."""
    numbers = {id(node): k for k, node in enumerate(root.walk())}

    def cost(node: Node) -> float:
        return 0.0 if numbers[id(node)] in left_out else node.nll + sum(map(cost, node.children))

    return cost(root)


def pac_choice(misses: Bools, epsilon: float, delta: float) -> int:
    """Of K nested families of sets, smallest sets first, the first that misses few enough; -1 where none does.

    misses: (n, K), whether the true program of a calibration row is outside its set.  As the sets are nested, the
    family chosen misses more than epsilon with probability delta at most.  Source: Khakhar et al. 2023.
    """
    good = np.flatnonzero(misses.sum(axis=0) <= pac_errors(len(misses), epsilon, delta))
    return int(good[0]) if len(good) else -1
