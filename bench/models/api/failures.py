"""How an attempt to ask a server can fail: for now, for good, or with an answer that cannot be true."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


class AttemptError(Exception):
    """One attempt failed; the text says how."""


class TransientError(AttemptError):
    """It may go well later: a lost connection, a time-out, 408, 409, 429 or 5xx.

    overloaded: the server has too much to do.  after: seconds that it asked to be left alone.  whole: it is the
    server's state, not this request's: nothing else would be answered either.
    """

    def __init__(
        self, reason: str, *, overloaded: bool = False, after: float | None = None, whole: bool = False
    ) -> None:
        super().__init__(reason)
        self.overloaded = overloaded
        self.after = after
        self.whole = whole


class RefusedError(AttemptError):
    """The server understood and said no: a status of 3xx or 4xx that asking again does not change."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"HTTP {status}: {reason}")
        self.status = status


class MalformedError(AttemptError):
    """The answer is not what its own protocol says: not JSON, cut short, or at odds with what was asked."""


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a `Retry-After` header asks for, in either form (RFC 9110, 10.2.3); `None` for one that says none.

    >>> retry_after("2")
    2.0
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - (now or datetime.now(UTC))).total_seconds()
    return max(0.0, seconds) if seconds == seconds and seconds != float("inf") else None  # noqa: PLR0124 - NaN
