"""One server in use: who it says it is, what it can do, and what its failures mean for the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from bench.errors import BenchError, EvaluationError, IncompleteError, UsageError
from bench.language import Draw
from bench.models.api import generation, logprobs
from bench.models.api.answers import usage
from bench.models.api.client import Client
from bench.models.api.failures import AttemptError, MalformedError, RefusedError, TransientError
from bench.models.api.generation import Abilities, Endpoint
from bench.models.api.limits import Budget

T = TypeVar("T")
Answer = dict[str, Any]

# Seconds for the first contact: a wrong address should not be tried for minutes.
FIRST_CONTACT = 20.0
# Seconds for the list of models, without which it goes too.
LISTING = 6.0
# So many requests in a row that fail, with none between them that goes well, are the server's fault.
STREAK = 8
# What of a model's entry says which model it is; the rest is the time, permissions and the like.
_SAYS = ("id", "root", "parent", "max_model_len", "context_length", "meta")
_PROBE = Draw("1 + 1 =", seed=1, temperature=1.0, stop=(), max_tokens=1)
_TEXT = "one two three"


@dataclass(frozen=True)
class Met:
    """What the first contact told: facts that name the model, its window (0: unknown), and what the server can do."""

    facts: Mapping[str, Any]
    model: str
    window: int
    able: Abilities


class Server:
    """Asks a server, counts what that costs, and turns failures into what they mean.

    A failure of one request is an `EvaluationError`: data.  One of the server is an `IncompleteError`, which stops the
    run so that it can be continued; a server that refuses or answers untruly whatever is asked is a `UsageError`.
    """

    def __init__(self, client: Client, model: str, endpoint: Endpoint, budget: Budget) -> None:
        self.client = client
        self.model = model
        self.endpoint: Endpoint = endpoint
        self.budget = budget
        self._met: Met | None = None
        self._streak = 0

    async def ask(self, path: str, body: Mapping[str, Any], read: Callable[[Answer], T], *, cost: int) -> T:
        """What `read` makes of the answer.  cost: the tokens that were estimated for it."""
        try:
            answer = await self.client.ask(path, body, self._counted(body, read, cost))
        except AttemptError as error:
            raise self._verdict(error) from error
        self._streak = 0
        return answer

    def _counted(self, body: Mapping[str, Any], read: Callable[[Answer], T], cost: int) -> Callable[[Answer], T]:
        def counted(answer: Answer) -> T:
            prompt = body.get("prompt", "")
            self.budget.spend(prompt if isinstance(prompt, str) else "", usage(answer), cost)
            if self._met is not None and str(answer.get("model", "")) != self._met.model:
                raise IncompleteError(
                    f"the server answers as '{answer.get('model')}' now",
                    cause=f"it was '{self._met.model}' when the run began; answers of two models are not mixed",
                    fix="serve the model again, then bench eval --resume RUN",
                )
            return read(answer)

        return counted

    async def meet(self) -> Met:
        """Who the server is and what it can do; asked once.  Raises `UsageError`, `EvaluationError`."""
        if self._met is None:
            try:
                entry = await self._entry()
                able, first = await self._able()
            except AttemptError as error:
                raise self._verdict(error) from error
            window = next((v for k in ("max_model_len", "context_length") if isinstance(v := entry.get(k), int)), 0)
            facts = {"listed": entry, "system_fingerprint": first.get("system_fingerprint")}
            model = str(first.get("model", ""))
            self._met = Met({**facts, "answers as": model}, model, window, able)
        return self._met

    async def _entry(self) -> dict[str, Any]:
        """What the server lists of the model; nothing where it keeps no list, or fails to make it."""
        try:
            listed = await self.client.ask("models", None, lambda answer: answer.get("data"), deadline=LISTING)
        except AttemptError as error:
            locked = isinstance(error, RefusedError) and error.status in {401, 403}
            if locked or (isinstance(error, TransientError) and error.whole):
                raise
            return {}
        entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
        own = next((entry for entry in entries if entry.get("id") == self.model), {})
        return {key: own[key] for key in _SAYS if own.get(key) is not None}

    async def _able(self) -> tuple[Abilities, Answer]:
        error: AttemptError | None = None
        for able in generation.abilities(self.endpoint):
            count = 2 if able.many else 1

            def read(answer: Answer, able: Abilities = able, count: int = count) -> Answer:
                generation.read(answer, self.endpoint, _PROBE, count, able)
                return answer

            body = generation.request(self.model, self.endpoint, _PROBE, count, able)
            try:
                return able, await self._first(generation.PATHS[self.endpoint], body, read)
            except (RefusedError, MalformedError) as failure:
                if isinstance(failure, RefusedError) and failure.status in {401, 403, 404, 405}:
                    raise
                # Of several refusals, the first that came to a server without wishes says most.
                error = failure if error is None or able.length == "max_tokens" else error
        assert error is not None  # noqa: S101 - there was something to try
        raise error

    async def way(self) -> logprobs.Way:
        """How the server tells the log-probabilities of a given text; `UsageError` where it doesn't."""
        reasons = []
        if self.endpoint == "chat":
            reasons.append("a chat endpoint only answers; write endpoint=completions if the server has that too")
        for way in logprobs.WAYS if self.endpoint == "completions" else ():
            body = logprobs.request(self.model, _TEXT, way)

            def read(answer: Answer, way: logprobs.Way = way) -> logprobs.Way:
                logprobs.places(logprobs.read(answer, way), _TEXT)
                return way

            try:
                return await self._first("completions", body, read)
            except (RefusedError, MalformedError) as error:
                reasons.append(f"{way}: {error}")
            except TransientError as error:
                raise self._verdict(error) from error
        raise UsageError(
            f"'api:{self.model}' gives no log-probabilities of given texts",
            cause="; ".join(reasons),
            fix="ask it tasks whose answers are generated, or serve the model with vLLM, or load it with hf:",
        )

    async def _first(self, path: str, body: Mapping[str, Any] | None, read: Callable[[Answer], T]) -> T:
        return await self.client.ask(path, body, read, deadline=min(FIRST_CONTACT, self.client.deadline))

    def _verdict(self, error: AttemptError) -> BenchError:
        where = f"'{self.client.place.base_url}'"
        if isinstance(error, RefusedError):
            return self._refusal(error, where)
        self._streak += 1
        if isinstance(error, MalformedError):
            if self._streak >= STREAK:
                return UsageError(
                    f"what {where} answers cannot be true",
                    cause=f"{self._streak} requests in a row; the last: {error}",
                    fix="mend the server, then bench eval --resume RUN",
                )
            return EvaluationError("the answer cannot be true", cause=str(error), fix="mend the server")
        if self._met is None:
            return EvaluationError(
                f"no answer from {where}", cause=str(error), fix="start the server, or mend base_url= or the proxy"
            )
        if (isinstance(error, TransientError) and error.whole) or self._streak >= STREAK:
            return IncompleteError(
                f"{where} stopped answering",
                cause=f"{error}, for {self.client.deadline:g} s; finished batches are kept",
                fix="bench eval --resume RUN once it answers again",
            )
        return EvaluationError(f"no answer within {self.client.deadline:g} s", cause=str(error), fix="try again")

    def _refusal(self, error: RefusedError, where: str) -> BenchError:
        if error.status in {401, 403}:
            held = "the key was sent" if self.client.place.key else "no key was sent: set BENCH_API_KEY"
            return UsageError(f"{where} lets nobody in without the right key", cause=str(error), fix=held)
        if error.status in {404, 405} or error.status < 400:
            return UsageError(
                f"{where} has no model '{self.model}' under '{generation.PATHS[self.endpoint]}'",
                cause=str(error),
                fix="mend the name, base_url= (it ends in /v1) or endpoint=",
            )
        if self._met is None:
            return UsageError(
                f"{where} refuses the simplest request", cause=str(error), fix="mend the server's set-up, or endpoint="
            )
        return EvaluationError("the server refuses the request", cause=str(error), fix="see what it says")
