"""Language models behind an OpenAI-compatible endpoint: vLLM, SGLang, llama.cpp, TGI, vendors."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeVar

from bench.capabilities import Machine
from bench.components import model
from bench.errors import EvaluationError, UsageError
from bench.language import Draw, Generated, Scored
from bench.models.api import generation, logprobs
from bench.models.api.client import Client
from bench.models.api.generation import Abilities, Endpoint
from bench.models.api.limits import Budget, Pace
from bench.models.api.loop import Loop
from bench.models.api.place import Place, find_place
from bench.models.api.scoring import score_text, score_tokens
from bench.models.api.server import Met, Server
from bench.models.hf.encoding import Encoder, spans

V = TypeVar("V")

# Raised whenever an answer's meaning changes: what is sent, or how it is read.
ADAPTER = 1
# Samples of a prompt in one request at most; vendors take 128.
MOST_SAMPLES = 64


class Api:
    """A model behind an endpoint (`LanguageModel`).  Making one asks nothing; the server is met when first needed.

    What came back is kept until another batch is asked, so that the samples of a batch in which one failed can be
    asked for one by one without being paid for twice.
    """

    def __init__(
        self, name: str, place: Place, endpoint: Endpoint, *, encoder: _Encoding, pace: Pace, budget: Budget,
        deadline: float,
    ) -> None:  # fmt: skip
        self.name = name
        self.endpoint: Endpoint = endpoint
        self._place, self._pace, self._budget, self._deadline = place, pace, budget, deadline
        self._encoding = encoder
        self._opened: tuple[Loop, Server] | None = None
        self._way: logprobs.Way | None = None
        self._kept: dict[Hashable, Any] = {}

    def score(self, requests: Sequence[tuple[str, str]]) -> list[Scored]:
        """Log-probabilities of the tokens of each (context, continuation), as the server tells them.

        Raises `UsageError` where the server doesn't tell those of given texts.
        """
        loop, server = self._open()
        met = self._meet()
        way: logprobs.Way = loop.run(server.way()) if self._way is None else self._way
        self._way = way
        encoder = self._encoding.encoder(met.window)

        async def ask(prompt: str | list[int], check: Callable[[logprobs.Read], Any]) -> Any:
            cost = self._budget.estimate(prompt, 1) if isinstance(prompt, str) else len(prompt) + 1
            body = logprobs.request(self.name, prompt, way)
            return await server.ask("completions", body, lambda answer: check(logprobs.read(answer, way)), cost=cost)

        jobs: dict[tuple[str, str], Callable[[], Awaitable[Scored]]] = {}
        for context, continuation in dict.fromkeys(requests):
            if encoder is None:
                jobs[context, continuation] = _later(score_text, ask, context, continuation)
            else:
                (passes,) = spans(encoder, [(context, continuation)])
                jobs[context, continuation] = _later(score_tokens, ask, encoder, passes)
        answers = self._all(jobs, sum(self._budget.estimate(c + k, 1) for c, k in jobs))
        return [answers[request] for request in requests]

    def generate(self, draws: Sequence[Draw]) -> list[Generated]:
        """One text for each draw.

        Seeds are passed on; that equal seeds give equal texts is the server's word.  Samples of one prompt go in one
        request where the server takes that, under the first one's seed.  Log-probabilities are those that the server
        tells, and NaN, one for each token, where it tells none.  There are no token ids.
        """
        _, server = self._open()
        able = self._meet().able
        path = generation.PATHS[self.endpoint]

        async def ask(draw: Draw, count: int, cost: int) -> list[Generated]:
            body = generation.request(self.name, self.endpoint, draw, count, able)
            return await server.ask(
                path, body, lambda answer: generation.read(answer, self.endpoint, draw, count, able), cost=cost
            )

        groups = [group for _, run in groupby(draws, key=_likeness) for group in _grouped(list(run), able)]
        jobs: dict[tuple[Draw, ...], Callable[[], Awaitable[list[Generated]]]] = {}
        total = 0
        for group in dict.fromkeys(groups):
            count = 1 if group[0].temperature == 0 else len(group)
            cost = self._budget.estimate(group[0].prompt, count * group[0].max_tokens)
            jobs[group] = _later(ask, group[0], count, cost)
            total += cost
        answers = self._all(jobs, total)
        texts = []
        for group in groups:
            given = answers[group]
            texts += given if len(given) == len(group) else given * len(group)
        return texts

    def fingerprint(self) -> Mapping[str, Any]:
        """What the server says of the model, and how it is asked; not where the server is."""
        met = self._meet()
        return {
            "adapter": ADAPTER,
            "model": self.name,
            "endpoint": self.endpoint,
            **self._encoding.facts(),
            **met.facts,
        }

    def _open(self) -> tuple[Loop, Server]:
        if self._opened is None:
            client = Client(self._place, self._pace, self._deadline)
            self._opened = Loop(), Server(client, self.name, self.endpoint, self._budget)
        return self._opened

    def _meet(self) -> Met:
        loop, server = self._open()
        return loop.run(server.meet())

    def _all(self, jobs: Mapping[Any, Callable[[], Awaitable[V]]], cost: int) -> dict[Any, V]:
        """All answers; raises the failure of the first job, in order, that has one."""
        if not jobs.keys() <= self._kept.keys():
            self._budget.require(cost)
            loop, _ = self._open()
            self._kept = dict(zip(jobs, loop.run(_gathered(list(jobs.values()))), strict=True))
        for job in jobs:
            if isinstance(self._kept[job], EvaluationError):
                raise self._kept[job]
        return self._kept


class _Encoding:
    """A tokenizer of one's own, where one is named: then tokens are sent, windows cut, and boundaries are exact."""

    def __init__(self, tokenizer: str | None, max_length: int, *, offline: bool) -> None:
        self.name = tokenizer
        self.max_length = max_length
        self.offline = offline
        self._tokenizer: Any = None

    def encoder(self, window: int) -> Encoder | None:
        """The encoder for a server of that window (0: unknown), of which two tokens stay free.

        The server takes all tokens as a prompt, the last one too, and makes one more.
        """
        if self.name is None:
            return None
        named = int(getattr(self._load(), "model_max_length", 0) or 0)
        length = self.max_length or window or (named if 0 < named < 10**9 else 2048)
        return Encoder(self._load(), max(1, length - 2))

    def facts(self) -> dict[str, Any]:
        """What a fingerprint says of it."""
        if self.name is None:
            return {"tokenizer": None}
        vocabulary = self._load().get_vocab()
        text = getattr(self._load(), "backend_tokenizer", None)
        said = text.to_str() if text is not None else repr(sorted(vocabulary.items()))
        return {"tokenizer": hashlib.sha256(said.encode()).hexdigest(), "max_length": self.max_length}

    def _load(self) -> Any:
        if self._tokenizer is None:
            from transformers import AutoTokenizer

            try:
                self._tokenizer = AutoTokenizer.from_pretrained(self.name, local_files_only=self.offline)
            except (OSError, ValueError) as error:
                raise UsageError(
                    f"no tokenizer in '{self.name}'",
                    cause=str(error).splitlines()[0],
                    fix="name the folder or hub name of the served model",
                ) from error
        return self._tokenizer


def _likeness(draw: Draw) -> tuple[Any, ...]:
    return draw.prompt, draw.temperature, draw.top_p, draw.stop, draw.max_tokens


def _grouped(draws: list[Draw], able: Abilities) -> list[tuple[Draw, ...]]:
    """Draws of one prompt in the requests that they make; greedy ones are all one."""
    if draws[0].temperature == 0:
        return [tuple(draws)]
    size = MOST_SAMPLES if able.many else 1
    return [tuple(draws[k : k + size]) for k in range(0, len(draws), size)]


def _later(function: Callable[..., Awaitable[V]], *given: Any) -> Callable[[], Awaitable[V]]:
    return lambda: function(*given)


async def _gathered(jobs: Sequence[Callable[[], Awaitable[Any]]]) -> list[Any]:
    """Results or failures in the jobs' order, whatever the order of the answers.

    What is wrong with the server or the budget ends all of them.
    """

    async def one(job: Callable[[], Awaitable[Any]]) -> Any:
        try:
            return await job()
        except EvaluationError as error:
            return error

    tasks = [asyncio.create_task(_coroutine(one(job))) for job in jobs]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def _coroutine(work: Coroutine[Any, Any, Any]) -> Any:
    return await work


@model("api", gives="language", source="OpenAI's completions and chat interfaces; Gao et al., lm-evaluation-harness")
def api(
    target: str,
    *,
    machine: Machine,
    base_url: str | None = None,
    endpoint: str = "completions",
    key_variable: str | None = None,
    tokenizer: str | None = None,
    max_length: int = 0,
    concurrency: int = 32,
    per_minute: float = 0.0,
    budget: int = 0,
    deadline: float = 600.0,
) -> Api:
    """A model behind an OpenAI-compatible endpoint: `api:NAME,base_url=http://127.0.0.1:8000/v1`.

    base_url: the server, up to and with /v1 (or OPENAI_BASE_URL).  endpoint: completions, or chat, which generates but
    does not score.  The key is read from BENCH_API_KEY, OPENAI_API_KEY, or the variable that key_variable names.
    tokenizer: the model's, as a folder or hub name; then tokens are sent, and long texts are cut into windows of
    max_length (0: as the server says).  concurrency: most requests at once; how many go is found out.  per_minute:
    most requests a minute, 0 for no limit.  budget: tokens that one session may spend before it stops, to be resumed;
    0 for no limit.  deadline: seconds for one request, with all its retries.
    """
    if endpoint not in generation.PATHS:
        raise UsageError(
            f"'api' has no endpoint '{endpoint}'", cause="it is completions or chat", fix="write endpoint=chat"
        )
    wrong = [
        name for name, value, least in (
            ("concurrency", concurrency, 1), ("per_minute", per_minute, 0), ("budget", budget, 0),
            ("max_length", max_length, 0),
        ) if value < least
    ]  # fmt: skip
    if wrong or deadline <= 0:
        raise UsageError(
            f"'api' can't take that {(*wrong, 'deadline')[0]}",
            cause="concurrency is at least 1, deadline above 0, the others at least 0",
            fix="bench show model api",
        )
    return Api(
        target,
        find_place(base_url, key_variable),
        "chat" if endpoint == "chat" else "completions",
        encoder=_Encoding(tokenizer, max_length, offline=machine.offline),
        pace=Pace(concurrency, per_minute),
        budget=Budget(budget),
        deadline=deadline,
    )
