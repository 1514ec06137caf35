"""lm-evaluation-harness's own backend as an engine, to hold the others against it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.arrays import Float64s
from bench.errors import UsageError
from bench.language import Details
from bench.models.hf.encoding import Span
from bench.models.hf.scoring import Scores
from bench.usage import Usage


class HarnessEngine:
    """Scores spans by the `hf` backend of lm-evaluation-harness, with this model and these tokens.

    rows: in a batch, or `auto`, then of at most `most`.
    """

    name = "lm-eval"

    def __init__(self, loaded: Any, rows: int | str, length: int = 0, *, most: int = 64) -> None:
        self.meter = Usage(self.name)
        self.backend = _backend(loaded, rows, length, most)
        self._hook = loaded.model.register_forward_hook(self._count, with_kwargs=True)

    def close(self) -> None:
        """Count no more."""
        self._hook.remove()

    def prepare(self, spans: Sequence[Span]) -> None:
        """The harness keeps nothing between calls."""

    def score(self, spans: Sequence[Span], details: Details) -> list[Scores]:
        """Scores of each span; `UsageError` for details, which the harness does not give."""
        if details:
            raise UsageError(
                "the harness gives no details of tokens", cause="--engine lm-eval", fix="--engine tree or plain"
            )
        started = time.perf_counter()
        heard = _Ear(self.backend, [span.tokens[span.first :] for span in spans])
        self.backend.set_cache_hook(heard)
        requests = [((k, ""), list(s.tokens[: s.first]), list(s.tokens[s.first :])) for k, s in enumerate(spans)]
        answers = self.backend._loglikelihood_tokens(requests, disable_tqdm=True)  # noqa: SLF001 - what it is about
        asked = sum(len(span.tokens) - 1 for span in spans)
        self.meter.add(Usage(scored_tokens=asked, seconds=time.perf_counter() - started))
        out = []
        for k, (span, (_, greedy)) in enumerate(zip(spans, answers, strict=True)):
            # Of all tokens it says only whether each was the first choice: then so was every one, else not.
            out.append(Scores(heard.logprobs[k], np.full(len(span.tokens) - span.first, bool(greedy))))
        return out

    def _count(self, _module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], _output: Any) -> None:
        tokens = args[0] if args else kwargs.get("input_ids")
        run = int(tokens.numel()) if tokens is not None else 0
        self.meter.add(Usage(scored_tokens_run=run, looks=run, forwards=1))


class _Ear:
    """Hears each answer of the backend, and reads its tokens' log-probabilities, which the answer only sums."""

    def __init__(self, backend: Any, targets: Sequence[tuple[int, ...]]) -> None:
        self.backend = backend
        self.targets = targets
        self.logprobs: dict[int, Float64s] = {}

    def add_partial(self, _: str, request: tuple[int, str], __: Any) -> None:
        """The answer to `request` has just been computed."""
        wanted = self.targets[request[0]]
        table = self.backend.selected[-len(wanted) :]
        self.logprobs[request[0]] = table[range(len(wanted)), list(wanted)].double().cpu().numpy()


def _backend(loaded: Any, rows: int | str, length: int, most: int) -> Any:
    try:
        from lm_eval.models.huggingface import HFLM
    except ImportError as error:
        raise UsageError(
            "the harness's own model needs a package that is not installed",
            cause=str(error),
            fix="pip install 'bench[harness]'",
        ) from error

    class Backend(HFLM):  # type: ignore[misc]  # the library is untyped
        """The backend, keeping the table that it reads an answer from."""

        selected: Any = None

        def _select_cont_toks(self, *args: Any, **kwargs: Any) -> Any:
            self.selected = super()._select_cont_toks(*args, **kwargs)
            return self.selected

    return Backend(
        pretrained=loaded.model,
        tokenizer=loaded.tokenizer,
        batch_size=rows,
        max_batch_size=most,
        max_length=length or None,
        backend="causal",
        device=str(loaded.model.device),
    )
