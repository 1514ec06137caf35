"""Language models run by vLLM in this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from bench.capabilities import Machine
from bench.components import model
from bench.errors import UsageError
from bench.language import Draw, Generated, Scored
from bench.models.hf.encoding import Encoder, spans

# Raised whenever an answer's meaning changes.
ADAPTER = 1
_SEEDS = 1 << 31


class Vllm:
    """A causal language model (`LanguageModel`) in a vLLM engine, which starts when it is first asked.

    Texts become tokens as for `hf:`; log-probabilities of given texts come as `prompt_logprobs`.  The engine's prefix
    cache is off: a request for `prompt_logprobs` doesn't read it (vLLM, PR #17251), and cached prefixes have been seen
    to change what such requests return (issue #42019).
    """

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self.name = name
        self.options = {**options, "enable_prefix_caching": False}
        self._engine: Any = None

    def score(self, requests: Sequence[tuple[str, str]]) -> list[Scored]:
        """Log-probabilities of the tokens of each (context, continuation); see `hf.encoding.spans`."""
        engine, vllm = self._open()
        # The last token is part of the prompt too, and the engine must have room to make one more.
        encoder = Encoder(engine.get_tokenizer(), engine.model_config.max_model_len - 2)
        passes = spans(encoder, requests)
        flat = [span for several in passes for span in several]
        prompts = [{"prompt_token_ids": list(span.tokens)} for span in flat]
        settings = vllm.SamplingParams(temperature=1.0, max_tokens=1, prompt_logprobs=0)
        outputs = engine.generate(prompts, settings, use_tqdm=False) if prompts else []
        scored = iter(
            [_scored(out.prompt_logprobs, span.tokens, span.first) for out, span in zip(outputs, flat, strict=True)]
        )
        out = []
        for several in passes:
            own = list(islice(scored, len(several)))
            logprobs = [one.logprobs for one in own]
            out.append(Scored(np.concatenate(logprobs) if own else np.empty(0), all(one.greedy for one in own)))
        return out

    def generate(self, draws: Sequence[Draw]) -> list[Generated]:
        """A text for each draw, under its own seed; that equal seeds give equal texts is the engine's word."""
        engine, vllm = self._open()
        settings = [
            vllm.SamplingParams(
                temperature=draw.temperature,
                top_p=draw.top_p,
                seed=draw.seed % _SEEDS,
                stop=list(draw.stop),
                max_tokens=draw.max_tokens,
                logprobs=0,
            )
            for draw in draws
        ]
        outputs = engine.generate([draw.prompt for draw in draws], settings, use_tqdm=False) if draws else []
        return [_generated(output.outputs[0]) for output in outputs]

    def fingerprint(self) -> Mapping[str, Any]:
        """The name, the engine's settings and version.  Weights that change under one name are not noticed."""
        from importlib.metadata import PackageNotFoundError, version

        try:
            installed = version("vllm")
        except PackageNotFoundError as error:
            raise _missing() from error
        return {"adapter": ADAPTER, "model": self.name, "options": self.options, "vllm": installed}

    def _open(self) -> tuple[Any, Any]:
        try:
            import vllm
        except ImportError as error:
            raise _missing() from error
        if self._engine is None:
            self._engine = vllm.LLM(model=self.name, **self.options)
        return self._engine, vllm


def _scored(entries: Sequence[Mapping[int, Any] | None], tokens: Sequence[int], first: int) -> Scored:
    own = [(entries[place] or {})[tokens[place]] for place in range(first, len(tokens))]
    return Scored(np.array([entry.logprob for entry in own], dtype=np.float64), all(entry.rank == 1 for entry in own))


def _generated(output: Any) -> Generated:
    tokens = list(output.token_ids)
    logprobs = [entry[token].logprob for entry, token in zip(output.logprobs, tokens, strict=True)]
    return Generated(
        output.text,
        np.array(tokens, dtype=np.int64),
        np.array(logprobs, dtype=np.float64),
        stopped=output.finish_reason == "stop",
    )


def _missing() -> UsageError:
    return UsageError(
        "models run by vLLM need the extra 'vllm'",
        cause="the package 'vllm' is not installed",
        fix="pip install 'bench[vllm]', or serve the model elsewhere and ask it with api:",
    )


@model("vllm", gives="language", source="Kwon et al. 2023, PagedAttention; vLLM's offline interface")
def vllm(
    target: str,
    *,
    machine: Machine,
    revision: str | None = None,
    max_length: int = 0,
    memory: float = 0.9,
    tensor_parallel: int = 1,
) -> Vllm:
    """A causal language model run by vLLM: `vllm:PATH-OR-NAME,tensor_parallel=2` (extra `vllm`).

    max_length: tokens of the window (0: the model's).  memory: share of the device's memory for the engine.
    tensor_parallel: devices that share the model.  Precision is --dtype.  Its scores were held
    against `hf:` with vLLM 0.32 on a CPU; it has not been run on a GPU.
    """
    options: dict[str, Any] = {
        "dtype": machine.dtype,
        "gpu_memory_utilization": memory,
        "tensor_parallel_size": tensor_parallel,
        "trust_remote_code": machine.trust_remote_code,
        "seed": 0,
    }
    if revision is not None:
        options["revision"] = str(revision)
    if max_length:
        options["max_model_len"] = max_length
    return Vllm(target, options)
