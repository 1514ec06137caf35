"""Requests that come back: pooled connections, retries until a deadline, answers that are read before they count."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from bench import __version__
from bench.errors import UsageError
from bench.models.api.failures import AttemptError, MalformedError, RefusedError, TransientError, retry_after
from bench.models.api.limits import Pace
from bench.models.api.place import Place

if TYPE_CHECKING:
    import httpx
    from tenacity import RetryCallState

T = TypeVar("T")
Answer = dict[str, Any]

# Seconds to connect; seconds at most before the first retry, doubled for each further one up to the longest.
CONNECT, FIRST_WAIT, LONGEST_WAIT = 10.0, 0.5, 30.0
# A hung attempt leaves time for two more.
ATTEMPTS_IN_DEADLINE = 3
# An answer that cannot be true is asked for again so often: a proxy may have cut it.
MALFORMED_ATTEMPTS = 3
# Bytes of an answer that no request of ours can have.
LARGEST = 256 << 20
# Statuses that may be another next time, beside 5xx (RFC 9110; 429: RFC 6585).
AGAIN = frozenset({408, 409, 429})
OVERLOADED = frozenset({429, 503})


class Client:
    """Asks one server.  Each request has `deadline` seconds for all its attempts and the waits between them."""

    def __init__(self, place: Place, pace: Pace, deadline: float) -> None:
        try:
            import httpx
            import tenacity  # noqa: F401 - needed at the first request
        except ImportError as error:
            raise UsageError(
                "models behind an API need the extra 'api'",
                cause=f"the package '{error.name}' is not installed",
                fix="pip install 'bench[api]'",
            ) from error
        self.place = place
        self.pace = pace
        self.deadline = deadline
        headers = {"User-Agent": f"bench/{__version__}"}
        if place.key:
            headers["Authorization"] = f"Bearer {place.key}"
        self._http = httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(None, connect=CONNECT),
            limits=httpx.Limits(max_connections=pace.most, max_keepalive_connections=pace.most),
        )

    async def ask(
        self, path: str, body: Mapping[str, Any] | None, read: Callable[[Answer], T], *, deadline: float = 0.0
    ) -> T:
        """What `read` makes of the answer: of a POST of `body`, or a GET where there is none.

        `read` raises `MalformedError` for an answer that cannot be.  Raises `RefusedError` at once, `TransientError`
        when the deadline has come, and `MalformedError` after a few attempts.
        """
        from tenacity import AsyncRetrying, retry_if_exception_type

        end = _End(deadline or self.deadline)
        retrying = AsyncRetrying(
            retry=retry_if_exception_type((TransientError, MalformedError)), wait=_wait, stop=end, reraise=True
        )
        return await retrying(self._once, path, body, read, end)

    async def _once(self, path: str, body: Mapping[str, Any] | None, read: Callable[[Answer], T], end: _End) -> T:
        queued = time.monotonic()
        async with self.pace.turn() as began:
            try:
                async with asyncio.timeout(end.left(queued)):
                    answer = read(await self._answer(path, body))
            except TimeoutError as error:
                self.pace.overloaded(began, None)
                raise TransientError("no answer in time", overloaded=True) from error
            except TransientError as error:
                if error.overloaded:
                    self.pace.overloaded(began, error.after)
                raise
            self.pace.good()
            return answer

    async def _answer(self, path: str, body: Mapping[str, Any] | None) -> Answer:
        """The JSON object that the server sends; its key is in no text that leaves here."""
        import httpx

        url, method = f"{self.place.base_url}/{path}", "GET" if body is None else "POST"
        try:
            async with self._http.stream(method, url, json=body) as response:
                text = self.place.redacted((await _body(response)).decode("utf-8", errors="replace"))
        except httpx.TransportError as error:
            unreached = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError)
            raise TransientError(_words(error), whole=unreached) from error
        except (httpx.DecodingError, httpx.InvalidURL) as error:
            raise MalformedError(_words(error)) from error
        if response.status_code != 200:
            raise _failure(response.status_code, _message(text), retry_after(response.headers.get("Retry-After")))
        return _parsed(text)


class _End:
    """When to stop asking: at the deadline, counted from the first attempt, or after too many untrue answers."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.began = 0.0
        self.malformed = 0

    def left(self, queued: float) -> float:
        """Seconds for the next attempt, which has waited for its turn since `queued`: that time is not the server's."""
        now = time.monotonic()
        self.began = self.began + now - queued if self.began else now
        return min(self.seconds / ATTEMPTS_IN_DEADLINE, max(0.001, self.began + self.seconds - now))

    def __call__(self, state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, MalformedError):
            self.malformed += 1
        late = time.monotonic() + (state.upcoming_sleep or 0.0) >= self.began + self.seconds
        return late or self.malformed >= MALFORMED_ATTEMPTS


def _wait(state: RetryCallState) -> float:
    """Seconds before the next attempt: what the server asked for, else exponential; never the same for two requests."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, TransientError) and error.after is not None:
        return error.after + random.uniform(0.0, FIRST_WAIT / 4)
    return random.uniform(0.0, min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** (state.attempt_number - 1)))


async def _body(response: httpx.Response) -> bytes:
    received = bytearray()
    async for chunk in response.aiter_bytes():
        received += chunk
        if len(received) > LARGEST:
            raise MalformedError(f"the answer is longer than {LARGEST >> 20} MiB")
    return bytes(received)


def _parsed(text: str) -> Answer:
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"the answer is no JSON, or cut short: {_short(text)!r}") from error
    if not isinstance(answer, dict):
        raise MalformedError("the answer is no JSON object")
    if answer.get("error"):
        told = answer["error"]
        code = told.get("code") if isinstance(told, dict) else None
        message = f"an error in an answer of status 200: {_message(text)}"
        if isinstance(code, int) and (code in AGAIN or code >= 500):
            raise TransientError(message, overloaded=code in OVERLOADED, whole=code in OVERLOADED)
        raise MalformedError(message)
    return answer


def _failure(status: int, message: str, after: float | None) -> AttemptError:
    if status in AGAIN or status >= 500:
        busy = status in OVERLOADED
        return TransientError(f"HTTP {status}: {message}", overloaded=busy, after=after, whole=busy)
    return RefusedError(status, message or "no reason given")


def _message(text: str) -> str:
    """What an error answer says, as one short line: servers put it in various places, or send a page."""
    try:
        told: Any = json.loads(text)
        for key in ("error", "message", "detail"):
            told = told[key] if isinstance(told, dict) and key in told else told
    except (ValueError, RecursionError):
        told = text
    return _short(told if isinstance(told, str) else json.dumps(told))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 200 else line[:197] + "..."


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
