"""The embedded base model as a server's insides: its true log-probabilities, and texts drawn from them."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

CHECKPOINT = Path(__file__).parents[3] / "bench" / "zoo" / "checkpoints" / "lm-base"
NAME = "lm-base"
EOS = 2


@dataclass(frozen=True)
class Text:
    """A generated text: its tokens as texts, their log-probabilities, and why it ended."""

    tokens: tuple[str, ...]
    logprobs: tuple[float, ...]
    text: str
    finish: str


class Brain:
    """The checkpoint in float64, asked by one thread at a time."""

    def __init__(self) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.tokenizer: Any = AutoTokenizer.from_pretrained(str(CHECKPOINT))
        self.model: Any = AutoModelForCausalLM.from_pretrained(str(CHECKPOINT)).double().eval()
        self._lock = threading.Lock()
        self.read = lru_cache(maxsize=4096)(self._read)
        self.write = lru_cache(maxsize=4096)(self._write)

    def encode(self, text: str, *, begin: bool = True) -> tuple[int, ...]:
        """Tokens, with the one that begins a text in front if `begin`."""
        return tuple(self.tokenizer(text, add_special_tokens=begin)["input_ids"])

    def pieces(self, tokens: tuple[int, ...]) -> list[str]:
        """Each token as text; the bytes of a character that several tokens make belong to the last of them."""
        out, done = [], ""
        for end in range(1, len(tokens) + 1):
            text = self.tokenizer.decode(tokens[:end], clean_up_tokenization_spaces=False).removesuffix("\ufffd")
            out.append(text[len(done) :])
            done = text
        return out

    def _read(self, tokens: tuple[int, ...]) -> Any:
        """Log-probabilities (len(tokens), V) of the token after each."""
        import torch

        with self._lock, torch.inference_mode():
            return self.model(torch.tensor([tokens])).logits[0].log_softmax(-1).numpy()

    def _write(self, tokens: tuple[int, ...], seed: int, heat: float, most: int, stop: tuple[str, ...]) -> Text:
        """At most `most` new tokens; the stop string is in the tokens and not in the text."""
        import torch

        draw = np.random.default_rng(seed)
        new: list[int] = []
        logprobs: list[float] = []
        given, past = torch.tensor([tokens]), None
        with self._lock, torch.inference_mode():
            while len(new) < most:
                out = self.model(given, past_key_values=past, use_cache=True)
                past, logits = out.past_key_values, out.logits[0, -1]
                log_p = logits.log_softmax(-1)
                if heat == 0:
                    token = int(log_p.argmax())
                else:
                    p = (logits / heat).softmax(-1).numpy()
                    token = int(draw.choice(len(p), p=p / p.sum()))
                new.append(token)
                logprobs.append(float(log_p[token]))
                if token == EOS:
                    break
                text = self.tokenizer.decode(new, skip_special_tokens=True)
                if any(s in text for s in stop):
                    break
                given = torch.tensor([[token]])
        text = self.tokenizer.decode(new, skip_special_tokens=True)
        cuts = [text.find(s) for s in stop if s in text]
        finish = "stop" if cuts or new[-1] == EOS else "length"
        return Text(tuple(self.pieces(tuple(new))), tuple(logprobs), text[: min(cuts)] if cuts else text, finish)


@cache
def brain() -> Brain:
    """The one of this test run."""
    return Brain()
