"""The draws of each prompt, and how alike they are: what scores of generations have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.arrays import AnyArray, Float64s, Ints, Ragged
from bench.components import NotApplicable
from bench.latest import latest
from bench.records import Generations


@dataclass(frozen=True, eq=False)
class Draws:
    """The draws of all prompts, greedy texts left out, in rows by prompt.

    rows: positions among all generations (total,), with offsets.  owner: (total,) the prompt of each.
    """

    record: Generations
    rows: Ragged

    @cached_property
    def texts(self) -> AnyArray:
        """The text of each draw, (total,)."""
        return np.asarray(self.record.text.values[self.rows.values])

    @cached_property
    def meanings(self) -> AnyArray:
        """What each draw answered: the answer read from it, or, where none can be read, its text, (total,)."""
        answers = self.record.answers
        if answers is None:
            return self.texts
        read = answers.values[self.rows.values]
        return np.where(read == "", self.texts, read)

    @cached_property
    def logprobs(self) -> Float64s:
        """Log-probability of each draw, nats, (total,); `NotApplicable` where the model told none."""
        values = np.asarray(self.record.logprob.values, dtype=np.float64)[self.rows.values]
        if np.isnan(values).any():
            raise NotApplicable("the model told no log-probabilities")
        return values

    @cached_property
    def tokens(self) -> Ints:
        """Tokens of each draw, (total,)."""
        return np.asarray(self.record.tokens.values)[self.rows.values]

    @property
    def owner(self) -> Ints:
        """The prompt of each draw, (total,)."""
        return np.repeat(np.arange(len(self.rows)), self.rows.lengths)

    def mean(self, values: Float64s) -> Float64s:
        """Mean over each prompt's draws of values (total,): (n,)."""
        return Ragged(values, self.rows.offsets).sums() / self.rows.lengths

    def by_size(self) -> Iterator[tuple[Ints, Ints]]:
        """Prompts with equally many draws, (r,), and the places (r, m) of these among all draws."""
        lengths = self.rows.lengths
        for m in np.unique(lengths):
            prompts = np.flatnonzero(lengths == m)
            yield prompts, self.rows.offsets[:-1][prompts][:, None] + np.arange(m)

    def over_similarities(self, similar: list[Float64s], function: Callable[[Float64s], Float64s]) -> Float64s:
        """A function of similarity matrices (r, m, m) -> (r,), asked of all prompts: (n,)."""
        out = np.empty(len(self.rows))
        for prompts, _ in self.by_size():
            out[prompts] = function(np.stack([similar[i] for i in prompts.tolist()]))
        return out


@latest
def draws(record: Generations) -> Draws:
    """The draws; `NotApplicable` where a prompt has fewer than two."""
    sampled = record.sampled
    counts = Ragged(sampled.astype(np.float64), record.text.offsets).sums().astype(np.int64)
    if not len(record) or counts.min() < 2:
        raise NotApplicable("some prompt has fewer than two samples")
    return Draws(record, Ragged(np.flatnonzero(sampled), np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)))


def token_rows(record: Generations, name: str) -> Ragged:
    """A column of tokens with one row a generation, all pools end to end: (total generations) rows.

    `NotApplicable` where the record lacks it or the model told none.
    """
    column: Ragged | None = getattr(record, name)
    if column is None:
        raise NotApplicable(f"the record has no '{name}'")
    if column.values.dtype.kind == "f" and np.isnan(column.values).any():
        raise NotApplicable(f"the model told no '{name}'")
    return Ragged(column.values, np.concatenate([[0], np.cumsum(record.tokens.values)]).astype(np.int64))


def of_answer(record: Generations, name: str) -> Ragged:
    """A column of tokens for the generation that stands for each answer, (n,) rows; each has a token at least."""
    rows = token_rows(record, name).take(record.chosen)
    if len(rows) and rows.lengths.min() < 1:
        raise NotApplicable("some answer has no token")
    return rows
