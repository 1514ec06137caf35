"""A small OpenAI-compatible server of the standard library, with a real model inside and faults on demand."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.models.api.brain import NAME, brain

Body = dict[str, Any]
# The name of a fault for a request, given its body and how often this body has come ("" for none).
Faults = Callable[[Body, int], str]


@dataclass
class Habits:
    """What the server does and doesn't."""

    echo: bool = True
    prompt_logprobs: bool = False
    begin: bool = True
    tokens: bool = True
    many: bool = True
    logprobs: bool = True
    chat: bool = True
    offsets: bool = True
    usage: bool = True
    length: str = "max_tokens"
    key: str = ""
    window: int = 512
    reported: str = NAME
    fingerprint: str = "fp-1"
    room: int = 1_000
    faults: Faults = lambda _body, _times: ""


@dataclass
class Served:
    """A running server, its habits, and what it saw."""

    habits: Habits
    port: int = 0
    bodies: list[Body] = field(default_factory=list)
    faulted: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    under_way: int = 0
    peak: int = 0
    closed: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def spec(self) -> str:
        return f"api:{NAME},base_url={self.base_url}"


@contextmanager
def serving(habits: Habits | None = None) -> Iterator[Served]:
    """A server on a free port of this machine, for as long as the block runs."""
    served = Served(habits or Habits())
    brain()  # loaded before anyone waits for it

    class Handler(_Handler):
        state = served

    server = _Quiet(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.closed = True
        server.shutdown()
        server.server_close()
        thread.join()


class _Quiet(ThreadingHTTPServer):
    """Clients that go away are no news."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class RefusalError(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    state: Served

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        pass

    def do_GET(self) -> None:
        self.state.paths.append(self.path)
        try:
            self._admit()
        except RefusalError as refusal:
            self._send(refusal.status, {"error": {"message": str(refusal)}})
            return
        self._send(200, {"object": "list", "data": [
            {"id": NAME, "object": "model", "created": int(time.time()), "max_model_len": self.state.habits.window}
        ]})  # fmt: skip

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        state = self.state
        if state.closed:  # connections that were kept alive end with the server
            self.close_connection = True
            return
        with state.lock:
            times = sum(body == other for other in state.bodies)
            state.bodies.append(body)
            state.headers.append(dict(self.headers))
            state.paths.append(self.path)
            state.times.append(time.monotonic())
            state.under_way += 1
            state.peak = max(state.peak, state.under_way)
            full = state.under_way > state.habits.room
        try:
            fault = "429" if full else state.habits.faults(body, times)
            if fault:
                state.faulted.append(fault)
            self._answer(body, fault)
        finally:
            with state.lock:
                state.under_way -= 1

    def _admit(self) -> None:
        key = self.state.habits.key
        sent = self.headers.get("Authorization", "")
        if key and sent != f"Bearer {key}":
            raise RefusalError(401, f"wrong key: {sent}")

    def _answer(self, body: Body, fault: str) -> None:
        if fault in {"429", "429-date", "500", "503", "html", "slow", "400", "echo-key"}:
            self._refuse(fault)
            return
        try:
            self._admit()
            answer = answers(self.path, body, self.state.habits)
        except RefusalError as refusal:
            self._send(refusal.status, {"error": {"message": str(refusal), "code": refusal.status}})
            return
        if fault == "pause":
            time.sleep(0.02)
        if fault == "error-200":
            answer = {"error": {"message": "out of memory", "code": 500}}
        spoil(answer, fault)
        raw = json.dumps(answer).encode()
        if fault == "html-200":
            raw = b"<html><body>Gateway</body></html>"
        if fault == "truncated":
            raw = raw[: len(raw) // 2]
        self._raw(200, raw, cut=fault == "hang-up", drip=fault == "drip")

    def _refuse(self, fault: str) -> None:
        later = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
        if fault == "slow":
            time.sleep(0.5)
            self._send(200, {})
        elif fault == "html":
            self._raw(502, b"<html><body><h1>Bad gateway</h1></body></html>")
        elif fault == "echo-key":
            self._send(500, {"error": {"message": f"internal: {dict(self.headers)}"}})
        else:
            status = int(fault[:3])
            after = {"429": {"Retry-After": "0.05"}, "429-date": {"Retry-After": later}}.get(fault, {})
            self._send(status, {"error": {"message": "not now"}}, after)

    def _send(self, status: int, answer: Body, headers: dict[str, str] | None = None) -> None:
        self._raw(status, json.dumps(answer).encode(), headers)

    def _raw(
        self, status: int, raw: bytes, headers: dict[str, str] | None = None, *, cut: bool = False, drip: bool = False
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        try:
            if drip:
                for byte in raw[:20]:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.05)
            if cut or drip:
                self.wfile.write(raw[: len(raw) // 2])
                self.wfile.flush()
                self.close_connection = True
                return
            self.wfile.write(raw)
        except (BrokenPipeError, ConnectionResetError):  # the client has gone
            self.close_connection = True


def spoil(answer: Body, fault: str) -> None:  # noqa: C901 - one branch a lie
    """Make a true answer a lie of that name."""
    choices = answer.get("choices", [])
    if fault == "extra-choice":
        choices.append({**choices[0], "index": len(choices)})
    elif fault == "no-choice":
        choices.pop()
    elif fault == "same-index":
        for choice in choices:
            choice["index"] = 1
    elif fault == "reordered":
        choices.reverse()
    elif fault == "null":
        choices[0]["logprobs"] = None
    elif fault == "other-text":
        tokens = choices[0]["logprobs"]["tokens"]
        tokens[1 if len(tokens) > 1 else 0] = "Something else"
    elif fault in {"nan", "positive", "infinite"}:
        choices[0]["logprobs"]["token_logprobs"][-1] = {"nan": float("nan"), "positive": 0.5, "infinite": 1e999}[fault]
    elif fault == "short":
        choices[0]["logprobs"]["token_logprobs"].pop()
    elif fault == "cut-tokens":
        for name in ("tokens", "token_logprobs", "top_logprobs", "text_offset"):
            choices[0]["logprobs"][name] = choices[0]["logprobs"][name][:-2]


def answers(path: str, body: Body, habits: Habits) -> Body:  # noqa: C901 - one branch a habit
    """The true answer to a request."""
    chat = path.endswith("/chat/completions")
    if body.get("model") != NAME:
        raise RefusalError(404, f"no model {body.get('model')}")
    if (chat and not habits.chat) or not (chat or path.endswith("/completions")):
        raise RefusalError(404, f"no path {path}")
    if body.get("n", 1) > 1 and not habits.many:
        raise RefusalError(422, "n is not supported")
    if not habits.logprobs and body.get("logprobs"):
        raise RefusalError(422, "logprobs are not supported")
    if body.get("echo") and not habits.echo:
        raise RefusalError(400, "echo is not supported with logprobs")
    if "prompt_logprobs" in body and not habits.prompt_logprobs:
        raise RefusalError(422, "prompt_logprobs: extra fields not permitted")
    if habits.length not in body:
        raise RefusalError(400, f"unsupported parameter; use '{habits.length}' instead")
    prompt = body["messages"][0]["content"] if chat else body["prompt"]
    if isinstance(prompt, list) and not habits.tokens:
        raise RefusalError(400, "prompt must be a string")
    tokens = brain().encode(prompt, begin=habits.begin) if isinstance(prompt, str) else tuple(prompt)
    if len(tokens) + body[habits.length] > habits.window:
        raise RefusalError(400, f"{len(tokens)} tokens are more than the window of {habits.window}")
    made = [
        choice({**body, "max_tokens": body[habits.length]}, tokens, chat, number) for number in range(body.get("n", 1))
    ]
    new = sum(one.pop("_new") for one in made)
    answer: Body = {"id": "x", "model": habits.reported, "system_fingerprint": habits.fingerprint, "choices": made}
    if habits.usage:
        answer["usage"] = {"prompt_tokens": len(tokens), "completion_tokens": new, "total_tokens": len(tokens) + new}
    if not habits.offsets:
        for one in made:
            (one.get("logprobs") or {}).pop("text_offset", None)
    return answer


def choice(body: Body, tokens: tuple[int, ...], chat: bool, number: int) -> Body:
    """One choice: the text number `number` of this request."""
    stop = body.get("stop", [])
    text = brain().write(
        tokens or (1,), body.get("seed", 0) + 1_000_003 * number, body["temperature"], body["max_tokens"],
        (stop,) if isinstance(stop, str) else tuple(stop),
    )  # fmt: skip
    made: Body = {"index": number, "finish_reason": text.finish, "_new": len(text.tokens)}
    if chat:
        entries = [{"token": t, "logprob": p} for t, p in zip(text.tokens, text.logprobs, strict=True)]
        return made | {
            "message": {"role": "assistant", "content": text.text},
            "logprobs": {"content": entries} if body.get("logprobs") else None,
        }
    pieces: list[Any] = [*text.tokens]
    values: list[Any] = [*text.logprobs]
    tops: list[Any] = [{t: p} for t, p in zip(text.tokens, text.logprobs, strict=True)]
    if body.get("echo"):
        given = echo(tokens)
        pieces, values, tops = given[0] + pieces, given[1] + values, given[2] + tops
    ends = [len("".join(pieces[:k])) for k in range(len(pieces))]
    made["text"] = (brain().tokenizer.decode(tokens, skip_special_tokens=True) if body.get("echo") else "") + text.text
    if body.get("logprobs"):
        made["logprobs"] = {"tokens": pieces, "token_logprobs": values, "top_logprobs": tops, "text_offset": ends}
    if "prompt_logprobs" in body:
        made["prompt_logprobs"] = [None] + [
            {str(t): {"logprob": v, "rank": 1 if top and v >= max(top.values()) else 2, "decoded_token": piece}}
            for t, piece, v, top in list(zip(tokens, *echo(tokens), strict=True))[1:]
        ]
    return made


def echo(tokens: tuple[int, ...]) -> tuple[list[Any], list[Any], list[Any]]:
    """Of each token of a prompt: its text, its log-probability, and the likeliest in its place; none for the first."""
    table = brain().read(tokens)
    values = [None] + [float(table[k - 1, token]) for k, token in enumerate(tokens) if k]
    tops: list[Any] = [None]
    for k, token in enumerate(tokens):
        if k:
            best = int(table[k - 1].argmax())
            tops.append({f"own {k}": float(table[k - 1, token]), f"best {k}": float(table[k - 1, best])})
    return brain().pieces(tokens), values, tops
