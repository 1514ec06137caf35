"""Language models in Hugging Face format: a local folder, a hub name, or a model in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from importlib.metadata import version
from itertools import islice
from typing import Any

import numpy as np

from bench.arrays import Float64s
from bench.capabilities import Machine
from bench.components import model
from bench.efficiency.energy import EnergyMeter
from bench.efficiency.memory import most_held
from bench.efficiency.peak import matmul_peak
from bench.efficiency.runtime import forward_flops
from bench.errors import BenchError, UsageError, unknown_name
from bench.language import Details, Draw, Generated, Scored, Session, TokenDetails, UnorderedPrompt
from bench.models.hf.batching import Batching, batching
from bench.models.hf.checkpoint import Checkpoint, Loaded, dtype_name, identify, identify_loaded, load, settle
from bench.models.hf.encoding import Encoder, opening, render, spans, window_length
from bench.models.hf.engine import Engine
from bench.models.hf.flops import weight_flops
from bench.models.hf.generation import generate_draws
from bench.models.hf.objectives import OBJECTIVES, MaskedEngine, PrefixEngine, edges
from bench.models.hf.rows import Rows, choose_rows
from bench.models.hf.scoring import Scores
from bench.models.hf.selftest import ENGINES, choose_engine
from bench.models.hf.session import open_session
from bench.models.hf.unordered import UnorderedEngine, laid
from bench.usage import Usage

# Raised whenever an answer's meaning changes: how texts are encoded, windows cut or noise used.
ADAPTER = 2


class HuggingFace:
    """A causal language model (`LanguageModel`).  Making one is cheap; weights load when it is first asked.

    max_length: tokens in one pass (0: as the model says).  stride: see `Encoder`.  chat_template: contexts and prompts
    are put as a user's turn through the tokenizer's template.  engine: what scores, see `choose_engine`.
    objective: causal; prefix, a context that sees itself whole; masked, pseudo-log-likelihoods (see `objectives`).
    """

    def __init__(
        self,
        source: Checkpoint | Loaded,
        *,
        batch: int = 0,
        chat_template: bool = False,
        max_length: int = 0,
        stride: int = 0,
        engine: str = "auto",
        objective: str = "causal",
    ) -> None:
        if objective not in OBJECTIVES:
            raise unknown_name("objective", objective, OBJECTIVES, listing=", ".join(OBJECTIVES))
        if engine not in ENGINES:
            raise unknown_name("engine", engine, ENGINES, listing=", ".join(ENGINES))
        if max_length < 0 or stride < 0:
            raise UsageError(
                "max_length and stride can't be negative", cause="they count tokens", fix="leave them out, or 0"
            )
        self.source = source
        self.batch = batch
        self.chat_template = chat_template
        self.max_length = max_length
        self.stride = stride
        self.engine = engine
        self.objective = objective
        self._ready: _Ready | None = None
        self._broken: BenchError | None = None
        self._writing = Usage()
        self._rows: Callable[..., Rows] | None = None

    def score(self, requests: Sequence[tuple[str, str]], details: Details | None = None) -> list[Scored]:
        """Log-probabilities of the tokens of each (context, continuation); see `spans` for how texts become tokens.

        A continuation longer than the model's window is scored in several.  Softmax in float32 or wider.
        """
        ready = self._open()
        wanted = details or Details()
        passes = spans(ready.encoder, requests)
        scores = iter(ready.engine.score([span for several in passes for span in several], wanted))
        return [
            _scored(list(islice(scores, len(several))), len(continuation.encode()))
            for several, (_, continuation) in zip(passes, requests, strict=True)
        ]

    def score_sets(self, requests: Sequence[tuple[UnorderedPrompt, str]]) -> list[Scored]:
        """Log-probabilities of each continuation of a prompt whose parts have no order (see `unordered`)."""
        ready = self._open()
        engine = UnorderedEngine(ready.loaded.model, batching(ready.loaded.model.device.type, self.batch))
        found = engine.score([laid(ready.encoder, prompt, text) for prompt, text in requests], Details())
        ready.engine.meter.add(engine.meter)
        return [_scored([one], len(text.encode())) for one, (_, text) in zip(found, requests, strict=True)]

    def states(self, requests: Sequence[tuple[str, str]]) -> Float64s:
        """Mean state of the last layer over each continuation's tokens, as each was predicted (`Embedding`)."""
        scored = self.score(requests, Details(hidden=True))
        rows = [None if s.details is None or not s.tokens else s.details.hidden for s in scored]
        width = next((r.shape[1] for r in rows if r is not None), 0)
        return np.array([np.zeros(width) if r is None else r.mean(axis=0) for r in rows]).reshape(len(rows), width)

    def prepare(self, requests: Sequence[tuple[str, str]]) -> None:
        """Look at some of the requests that will come in many calls of `score`.

        What they share is run once for all calls, and no score depends on which calls came before.
        """
        ready = self._open()
        ready.engine.prepare([])
        ready.engine.prepare([span for several in spans(ready.encoder, requests) for span in several])

    def usage(self) -> Usage:
        """What it has cost so far, and which engine scores; nothing before the model was first asked."""
        if self._ready is None:
            return Usage()
        ready, total = self._ready, self._ready.engine.meter.copy()
        total.add(self._writing)
        body, head = ready.flops
        run = total.scored_tokens_run + total.prompt_tokens_run + total.generated_tokens_run
        total.flops = float(body * run + head * total.looks if body else 0)
        total.peak = matmul_peak(ready.loaded.model.device, ready.loaded.model.dtype)
        total.memory = most_held(str(ready.loaded.model.device))
        total.joules = ready.energy.joules()
        return total

    def generate(self, draws: Sequence[Draw]) -> list[Generated]:
        """A text for each draw, which depends on that draw alone."""
        if self.objective != "causal":
            raise UsageError(
                f"a model with objective={self.objective} writes no texts",
                cause="they are written from left to right",
                fix="name a causal model for tasks whose answers are generated",
            )
        ready = self._open()
        return generate_draws(ready.loaded, ready.encoder, draws, ready.generating, self._way(ready), self._writing)

    def session(self, prompts: Sequence[str], max_tokens: int) -> Session:
        """Rows that fork, reorder and come back, one for each prompt to begin with (see `Session`)."""
        ready = self._open()
        return open_session(ready.loaded, ready.encoder, prompts, max_tokens, self._way(ready), self._writing)

    def _way(self, ready: _Ready) -> Callable[..., Rows]:
        if self._rows is None:
            self._rows = choose_rows(ready.loaded.model)
        return self._rows

    @property
    def machine(self) -> Machine:
        """Where and how it runs."""
        return self.source.machine if isinstance(self.source, Checkpoint) else Machine()

    def token_flops(self) -> int:
        """Floating-point operations of the matrix products for one token (see `forward_flops`)."""
        return forward_flops(self._open().loaded.model.config, 1)

    def output_embedding(self) -> Float64s:
        """The matrix from its last hidden state to its logits, (V, d) (`Projecting`)."""
        weights: Float64s = self._open().loaded.model.get_output_embeddings().weight.detach().double().cpu().numpy()
        return weights

    def render(self, messages: Sequence[Mapping[str, str]], *, prefill: bool) -> str:
        """A conversation through the tokenizer's chat template (`Conversational`)."""
        return render(self._open().loaded.tokenizer, messages, prefill=prefill)

    def opening(self) -> str:
        """The token with which the tokenizer begins each text, as text (`Opening`)."""
        return opening(self._open().loaded.tokenizer)

    def fingerprint(self) -> Mapping[str, Any]:
        """The weights' digest or commit, the dtype and device kind, how texts are put, and the libraries' versions."""
        facts: dict[str, Any] = {
            "adapter": ADAPTER,
            "chat_template": self.chat_template,
            "max_length": self.max_length,
            "stride": self.stride,
            "engine": self.engine,
            "objective": self.objective,
            "torch": version("torch"),
            "transformers": version("transformers"),
        }
        if isinstance(self.source, Checkpoint):
            facts |= identify(self.source)
            facts |= {"dtype": dtype_name(self.source.dtype), "device": self.source.machine.device.partition(":")[0]}
        else:
            facts |= identify_loaded(self.source)
        return facts

    def _open(self) -> _Ready:
        if self._broken is not None:  # what could not be loaded once is not tried again for each sample
            raise self._broken
        if self._ready is None:
            try:
                loaded = load(self.source) if isinstance(self.source, Checkpoint) else self.source
            except BenchError as error:
                self._broken = error
                raise
            settle(loaded)
            length = window_length(loaded.model.config, loaded.tokenizer, self.max_length)
            try:
                engine, encoder = self._engine(loaded, length)
            except BenchError as error:
                self._broken = error
                raise
            generating = batching(loaded.model.device.type, self.batch, cached=True)
            energy = EnergyMeter(str(loaded.model.device))
            self._ready = _Ready(loaded, encoder, engine, generating, weight_flops(loaded.model), energy)
        return self._ready

    def _engine(self, loaded: Loaded, length: int) -> tuple[Engine, Encoder]:
        limits = batching(loaded.model.device.type, self.batch)
        if self.objective == "masked":
            begin, _ = edges(loaded.tokenizer)
            # The tokens at both ends take places too, and what is scored is fed.
            encoder = Encoder(loaded.tokenizer, max(1, length - 3), self.stride, self.chat_template, *begin)
            return MaskedEngine(loaded.model, loaded.tokenizer, limits), encoder
        encoder = Encoder(loaded.tokenizer, length, self.stride, self.chat_template)
        if self.objective == "prefix":
            return PrefixEngine(loaded.model, limits), encoder
        return choose_engine(loaded, limits, self.engine, length=length, rows=self.batch), encoder


@dataclass(frozen=True)
class _Ready:
    """What is there once the weights are loaded."""

    loaded: Loaded
    encoder: Encoder
    engine: Engine
    generating: Batching
    flops: tuple[int, int]
    energy: EnergyMeter


def _scored(parts: Sequence[Scores], size: int) -> Scored:
    """One continuation's scores from those of its windows."""
    logprobs = np.concatenate([part.logprobs for part in parts]) if parts else np.empty(0)
    return Scored(logprobs, all(bool(part.first.all()) for part in parts), size, _joined([p.details for p in parts]))


def _joined(parts: Sequence[TokenDetails | None]) -> TokenDetails | None:
    there = [part for part in parts if part is not None]
    if not there:
        return None
    names = [field.name for field in fields(TokenDetails) if getattr(there[0], field.name) is not None]
    return TokenDetails(**{name: np.concatenate([getattr(part, name) for part in there]) for name in names})


@model(
    "hf",
    gives="language",
    source="Wolf et al. 2020, Transformers; Gao et al., lm-evaluation-harness (encoding)",
    check="language-scores",
)
def hf(
    target: str,
    *,
    machine: Machine,
    revision: str | None = None,
    dtype: str = "auto",
    chat_template: bool = False,
    max_length: int = 0,
    stride: int = 0,
    safetensors: bool = True,
    objective: str = "causal",
) -> HuggingFace:
    """A causal language model from a folder or the hub: `hf:PATH-OR-NAME,dtype=bfloat16,chat_template=true`.

    dtype auto: float64 below 20 million parameters (exact, and cheap at that size), else bfloat16 on CUDA and float32
    elsewhere.  safetensors=false also reads `.bin` weights.  The checkpoint's own code runs only with
    --trust-remote-code.  objective: causal, prefix (the context sees itself whole) or masked (pseudo-log-likelihoods).
    """
    chosen = dtype_name(str(dtype) if dtype != "auto" else machine.dtype)
    source = Checkpoint(target, machine, str(revision) if revision is not None else None, chosen, safetensors)
    source = replace(source, kind="masked" if objective == "masked" else "causal")
    return HuggingFace(
        source,
        batch=machine.batch,
        chat_template=chat_template,
        max_length=max_length,
        stride=stride,
        engine=machine.engine,
        objective=objective,
    )
