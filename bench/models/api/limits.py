"""How hard a server is asked: requests at once, requests a minute, and tokens in all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bench.errors import IncompleteError, UsageError

# Requests at once to begin with: enough to see that more would go well, few enough for a small server.
FIRST = 4


@dataclass
class Pace:
    """When the next request may go.

    Requests at once follow AIMD (Chiu and Jain 1989): one more for each round of answers that went well, half as many
    when the server is overloaded, within [1, most].  A server that asks for a pause gets it from all requests.
    per_minute: requests a minute, evenly spaced; 0: no such limit.
    """

    most: int
    per_minute: float = 0.0
    limit: float = field(init=False)
    _under_way: int = field(default=0, init=False)
    _next: float = field(default=0.0, init=False)
    _pause_end: float = field(default=0.0, init=False)
    _cut: float = field(default=0.0, init=False)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition, init=False)

    def __post_init__(self) -> None:
        self.limit = float(min(FIRST, self.most))

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[float]:
        """Hold one of the places; gives the time at which the request began."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._under_way < int(self.limit))
            self._under_way += 1
        try:
            while (wait := self._wait()) > 0:
                await asyncio.sleep(wait)
            yield time.monotonic()
        finally:
            async with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def _wait(self) -> float:
        """Seconds until this request may go; 0 takes its place in the minute."""
        now = time.monotonic()
        if now < self._pause_end:
            return self._pause_end - now
        if self.per_minute <= 0:
            return 0.0
        if now < self._next:
            return self._next - now
        self._next = now + 60.0 / self.per_minute
        return 0.0

    def good(self) -> None:
        """An answer came."""
        self.limit = min(float(self.most), self.limit + 1.0 / self.limit)

    def overloaded(self, began: float, pause: float | None) -> None:
        """The request that began then was turned away; all wait for `pause` seconds if the server said so.

        Requests that were under way together tell of one overload, so the limit is halved once for all of them.
        """
        now = time.monotonic()
        if pause is not None:
            self._pause_end = max(self._pause_end, now + pause)
        if began >= self._cut:
            self.limit, self._cut = max(1.0, self.limit / 2.0), now


@dataclass
class Budget:
    """Tokens that may be spent: prompts and answers, as the server counts them; 0: as many as it takes.

    The cost of a batch is estimated before any of it is sent, so that the limit falls between batches and nothing
    that was paid for is thrown away.
    """

    limit: int = 0
    spent: int = 0
    _begun: bool = field(default=False, init=False)
    _bytes: int = field(default=0, init=False)
    _prompt_tokens: int = field(default=0, init=False)

    def estimate(self, prompt: str, new: int) -> int:
        """Tokens that a request costs at most: its prompt by the tokens a byte seen so far, all new tokens."""
        rate = self._prompt_tokens / self._bytes if self._bytes else 1 / 3
        return round(len(prompt.encode()) * rate) + 1 + new

    def require(self, tokens: int) -> None:
        """Raise `IncompleteError` where a batch of that cost would go over the limit, `UsageError` if the first would.

        The batches before it are kept, and the run can be continued.
        """
        if not self.limit or self.spent + tokens <= self.limit:
            self._begun = True
            return
        if not self._begun:
            raise UsageError(
                f"one batch may cost {tokens:,} tokens, and the budget is {self.limit:,}",
                cause="nothing was asked, since a batch that is not finished is lost",
                fix="raise budget=, or ask fewer samples at a time: --batch-size",
            )
        raise IncompleteError(
            f"the budget of {self.limit:,} tokens is spent",
            cause=f"{self.spent:,} were used, and the next batch may cost {tokens:,}; finished batches are kept",
            fix="bench eval --resume RUN goes on with a budget of the same size",
        )

    def spend(self, prompt: str, usage: tuple[int, int] | None, estimate: int) -> None:
        """Count an answer: (prompt, new) tokens as the server says, or the estimate where it says nothing."""
        self.spent += sum(usage) if usage is not None else estimate
        if usage is not None and prompt:
            self._bytes += len(prompt.encode())
            self._prompt_tokens += usage[0]
