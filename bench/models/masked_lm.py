"""The masked-diffusion language model that comes with bench: it fills in hidden tokens behind a prompt."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.arrays import Bools, Float64s, Ints
from bench.capabilities import Machine
from bench.components import model
from bench.errors import UsageError
from bench.language import Draw, Generated, Scored
from bench.models.building import facts
from bench.models.hf.checkpoint import Checkpoint, Loaded, identify, identify_loaded, load, settle
from bench.models.hf.encoding import Encoder, prompts, spans, window_length
from bench.models.hf.stops import texts_of
from bench.models.lm import CHECKPOINTS
from bench.models.unmasking import unmask
from bench.seeds import generator
from bench.usage import Usage

# Rows of a pass: those of a small model, whose canvases are short.
_ROWS = 256
ADAPTED = "Gong et al. 2024, Scaling Diffusion Language Models via Adaptation from Autoregressive Models"


class MaskedLM:
    """A language model that fills in hidden tokens (`Denoising`), made of a causal one whose attention sees both sides.

    The state of the token before a place says what stands there.  The padding token stands for a hidden one.  As a
    `LanguageModel` it goes from left to right, a token a pass, with all later ones hidden, so that the probabilities of
    all texts of a canvas sum to one.
    """

    def __init__(self, source: Checkpoint | Loaded, canvas: int) -> None:
        self.source = source
        self.canvas = canvas
        self._ready: tuple[Loaded, Encoder] | None = None
        self._used = Usage(engine="masked")

    def encoded(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """See `Denoising`."""
        return prompts(self._open()[1], texts, [self.canvas] * len(texts))

    def fill(self, before: Sequence[tuple[int, ...]], tokens: Ints, hidden: Bools) -> Float64s:
        """See `Denoising`."""
        import torch

        began = time.perf_counter()
        loaded, _ = self._open()
        network = loaded.model
        mask = loaded.tokenizer.pad_token_id
        never = [mask, *([loaded.tokenizer.bos_token_id] if loaded.tokenizer.bos_token_id is not None else [])]
        out = []
        for start in range(0, len(before), _ROWS):
            some = range(start, min(start + _ROWS, len(before)))
            length = max(len(before[k]) for k in some) + tokens.shape[1]
            fed = np.full((len(some), length), mask, dtype=np.int64)
            for row, k in enumerate(some):
                own = len(before[k])
                fed[row, :own] = before[k]
                fed[row, own : own + tokens.shape[1]] = np.where(hidden[k], mask, tokens[k])
            starts = np.array([len(before[k]) for k in some])
            real = np.arange(length)[None] < (starts + tokens.shape[1])[:, None]
            place = torch.from_numpy(starts[:, None] + np.arange(tokens.shape[1]) - 1).to(network.device)
            with torch.inference_mode():
                seen = torch.from_numpy(real).to(network.device)[:, None, None].expand(-1, 1, length, -1)
                given = torch.from_numpy(fed).to(network.device)
                states = network.base_model(input_ids=given, attention_mask=seen).last_hidden_state
                states = states.gather(1, place[..., None].expand(-1, -1, states.shape[-1]))
                logits = network.get_output_embeddings()(states)
                logits[..., never] = -torch.inf
                out.append(logits.double().log_softmax(-1).cpu().numpy())
            self._used.forwards += 1
            self._used.generated_tokens_run += int(real.sum())
            self._used.looks += place.numel()
        self._used.seconds += time.perf_counter() - began
        return np.concatenate(out)

    def read(self, tokens: Sequence[int], stop: Sequence[str]) -> tuple[str, int, bool]:
        """See `Denoising`."""
        texts = texts_of(self._open()[0])
        for end in range(1, len(tokens) + 1):
            text = texts.closed(tokens[:end], stop)
            if text is not None:
                return text, end, True
        return texts.decode(tuple(tokens)), len(tokens), False

    def generate(self, draws: Sequence[Draw]) -> list[Generated]:
        """See `LanguageModel`; a text is at most one canvas long."""
        for draw in draws:
            if draw.reshape is not None or draw.top_p < 1 or draw.details:
                raise UsageError(
                    "this model draws its tokens as they are",
                    cause="it was asked to cut or reshape their probabilities, or to tell more of them",
                    fix="take another decoder: greedy, sample, self-consistency, hex",
                )
        out: list[Generated | None] = [None] * len(draws)
        kinds = {(draw.temperature, draw.max_tokens, draw.stop) for draw in draws}
        for temperature, most, stop in sorted(kinds):
            own = [k for k, d in enumerate(draws) if (d.temperature, d.max_tokens, d.stop) == (temperature, most, stop)]
            length = min(self.canvas, most)
            noise = np.array([generator(draws[k].seed).random(length) for k in own])
            asked = self.encoded([draws[k].prompt for k in own])
            for k, made in zip(own, unmask(self, asked, noise, stop, 1, temperature), strict=True):
                out[k] = made.generated
        self._used.prompt_tokens += sum(map(len, self.encoded([draw.prompt for draw in draws])))
        found = [one for one in out if one is not None]
        self._used.generated_tokens += sum(len(one.token_ids) for one in found)
        return found

    def score(self, requests: Sequence[tuple[str, str]]) -> list[Scored]:
        """See `LanguageModel`: each token given those before it, with the rest of its canvas hidden."""
        _, encoder = self._open()
        passes = spans(encoder, requests)
        asked = [
            (span.tokens[: span.first], span.tokens[span.first : end], span.tokens[end])
            for several in passes
            for span in several
            for end in range(span.first, len(span.tokens))
        ]
        truth = np.array([token for *_, token in asked], dtype=np.int64)
        logs = self._after([(prompt, past) for prompt, past, _ in asked]) if asked else np.empty((0, 1))
        found = np.take_along_axis(logs, truth[:, None], axis=1)[:, 0]
        first = logs.argmax(axis=1) == truth
        ends = np.cumsum([sum(len(span.tokens) - span.first for span in several) for several in passes])
        self._used.scored_tokens += len(asked)
        return [
            Scored(own, bool(greedy.all()), len(text.encode()))
            for own, greedy, (_, text) in zip(
                np.split(found, ends[:-1]), np.split(first, ends[:-1]), requests, strict=True
            )
        ]

    def _after(self, pasts: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]) -> Float64s:
        """Log-probabilities (n, V) of what follows each (prompt, tokens of the canvas); full canvases become prompt."""
        before, tokens = [], np.zeros((len(pasts), self.canvas), dtype=np.int64)
        hidden = np.ones(tokens.shape, dtype=np.bool_)
        at = np.empty(len(pasts), dtype=np.int64)
        for k, (prompt, past) in enumerate(pasts):
            whole = len(past) - len(past) % self.canvas
            before.append((*prompt, *past[:whole]))
            at[k] = len(past) - whole
            tokens[k, : at[k]], hidden[k, : at[k]] = past[whole:], False
        return self.fill(before, tokens, hidden)[np.arange(len(pasts)), at]

    def usage(self) -> Usage:
        """What it has cost so far."""
        return self._used.copy()

    def fingerprint(self) -> Mapping[str, Any]:
        """The weights' digest, the canvas, and versions."""
        own = identify(self.source) if isinstance(self.source, Checkpoint) else identify_loaded(self.source)
        return facts("masked-lm", {"canvas": self.canvas, **own}, "torch", "transformers")

    def _open(self) -> tuple[Loaded, Encoder]:
        if self._ready is None:
            loaded = load(self.source) if isinstance(self.source, Checkpoint) else self.source
            settle(loaded)
            length = window_length(loaded.model.config, loaded.tokenizer)
            self._ready = loaded, Encoder(loaded.tokenizer, length)
        return self._ready


@model("lm-masked", gives="language", source=f"bench zoo; {ADAPTED}", check="hex")
def lm_masked(*, machine: Machine) -> MaskedLM:
    """A masked-diffusion model of worked sums, 48 tokens long: `lm-tuned`, taught to see what stands on both sides.

    For `--decoder hex`.  It knows `reasoning/arithmetic` alone.
    """
    folder = CHECKPOINTS / "lm-masked"
    if not (folder / "config.json").is_file():
        raise UsageError("the checkpoint of 'lm-masked' is missing", cause="it is not installed", fix="make zoo")
    # Unlike the causal models, no text of it is compared with one from another batch: float32 is enough.
    dtype = "float32" if machine.dtype == "auto" else machine.dtype
    return MaskedLM(Checkpoint(str(folder), machine, None, dtype, True), canvas=48)
