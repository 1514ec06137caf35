"""Language models and decoders against enumeration: vocabularies so small that every text can be listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import product
from math import factorial, log, prod

import numpy as np

from bench.arrays import Float64s
from bench.components import Truth, check
from bench.decisions import Prompt
from bench.decoders.self_consistency import self_consistency
from bench.language import Draw, Generated, Scored
from bench.models.hf.adapter import HuggingFace
from bench.models.hf.checkpoint import Loaded
from bench.seeds import generator

VOCABULARY = ("<s>", "</s>", "a", "b", "c", "d")
_END = "</s>"
CONTEXT = "ab"


def tiny_model(seed: int = 0) -> HuggingFace:
    """A random two-layer Llama in float64 over six tokens, one character each but for the two that begin and end."""
    import torch
    from tokenizers import Tokenizer, decoders, models
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(vocab={token: k for k, token in enumerate(VOCABULARY)}, merges=[]))
    tokenizer.decoder = decoders.Fuse()
    config = LlamaConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=32,
        bos_token_id=0,
        eos_token_id=1,
        initializer_range=0.3,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = LlamaForCausalLM(config).double().eval()
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token=_END)  # noqa: S106
    return HuggingFace(Loaded(network, wrapped))


@check("language-scores", area="likelihood", source="the chain rule: a model's probabilities of all texts sum to one")
def scores() -> list[Truth]:
    """Sums of exp(score) over all continuations of 1 to 4 tokens; texts without context against the begin token's."""
    model = tiny_model()
    out = []
    for length in range(1, 5):
        texts = ["".join(tokens) for tokens in product(VOCABULARY, repeat=length)]
        for context in (CONTEXT, "<s>"):
            total = sum(float(np.exp(s.logprobs.sum())) for s in model.score([(context, text) for text in texts]))
            out.append(Truth(1.0, total, 1e-9, f"{len(texts)} continuations of {length} tokens after '{context}'"))
    # A text that opens with the begin token has it for its context; any other is put after it.
    texts = [text for text in texts if not text.startswith("<s>")]
    bare, begun = (model.score([(context, text) for text in texts]) for context in ("", "<s>"))
    apart = max(float(np.abs(a.logprobs - b.logprobs).max()) for a, b in zip(bare, begun, strict=True))
    out.append(Truth(0.0, apart, 1e-9, "without context against the begin token as context"))
    return out


@check("language-sampling", area="reasoning", source="Pearson's χ² of sampled texts against enumerated probabilities")
def sampling() -> list[Truth]:
    """Frequencies of 4,000 texts of up to three tokens: χ² within its 1e-4 quantile, with and without truncation."""
    from scipy.special import chdtri

    model, n = tiny_model(), 4000
    logs = table(model, CONTEXT)
    out = []
    for temperature, top_p in ((1.0, 1.0), (0.7, 1.0), (1.5, 0.8)):
        expected = paths({past: _tempered(row, temperature, top_p) for past, row in logs.items()})
        draws = [Draw(CONTEXT, k, temperature, top_p, stop=(), max_tokens=3) for k in range(n)]
        seen = Counter(tuple(text.token_ids.tolist()) for text in model.generate(draws))
        impossible = sum(count for path, count in seen.items() if expected.get(path, 0.0) == 0.0)
        statistic, freedom = chi_squared(expected, seen, n)
        name = f"temperature {temperature}, top_p {top_p}"
        quantile = float(chdtri(freedom, 1e-4))
        out.append(Truth(freedom, statistic, quantile - freedom, f"χ² of {n} texts, {name}"))
        out.append(Truth(0, impossible, 0, f"texts of probability 0, {name}"))
    return out


@check("language-greedy", area="reasoning", source="the chain of likeliest tokens, by enumeration")
def greedy() -> list[Truth]:
    """The greedy text of five models: its tokens and its log-probability against the enumerated chain."""
    out = []
    for seed in range(5):
        model = tiny_model(seed)
        logs = table(model, CONTEXT)
        path: tuple[int, ...] = ()
        chain = 0.0
        while len(path) < 3 and path[-1:] != (1,):
            row = logs[path]
            chain += float(row.max())
            path = (*path, int(row.argmax()))
        (text,) = model.generate([Draw(CONTEXT, seed=0, stop=(), max_tokens=3)])
        out.append(Truth(1, float(tuple(text.token_ids.tolist()) == path), 0, f"tokens of the chain, model {seed}"))
        out.append(Truth(chain, float(text.logprobs.sum()), 1e-9, f"log-probability of the chain, model {seed}"))
    return out


class Spinner:
    """A model that answers from a fixed distribution, whatever it is asked; "" stands for no readable answer."""

    def __init__(self, answers: Sequence[str], probs: Sequence[float]) -> None:
        self.answers = answers
        self.probs = probs

    def score(self, requests: Sequence[tuple[str, str]]) -> list[Scored]:
        """It has no texts to score."""
        raise NotImplementedError

    def generate(self, draws: Sequence[Draw]) -> list[Generated]:
        """One answer a draw, by its seed; its log-probability is that of the answer."""
        ends = np.cumsum(self.probs)
        picks = [int(np.searchsorted(ends, generator(draw.seed).random() * ends[-1], side="right")) for draw in draws]
        return [Generated(self.answers[k], np.array([k]), np.array([log(self.probs[k])]), True) for k in picks]


@check(
    "self-consistency",
    area="reasoning",
    source="Wang et al. 2023; accuracy of a plurality of n votes by enumeration of the multinomial",
)
def votes() -> list[Truth]:
    """Accuracy and mean confidence over 4,000 prompts, within 4 standard errors of the enumerated expectations."""
    answers, probs, prompts = ("right", "wrong", "other", ""), (0.4, 0.3, 0.2, 0.1), 4000
    asked = [Prompt(str(k), "?", lambda text: text or None, ("\n",), 1) for k in range(prompts)]
    out = []
    for n in (3, 8):
        accuracy, confidence, spread = expected_vote(probs, n)
        decisions = self_consistency(Spinner(answers, probs), asked, 0, n=n)
        right = float(np.mean([d.answer == "right" for d in decisions]))
        share = float(np.mean([d.confidence for d in decisions]))
        error = (accuracy * (1 - accuracy) / prompts) ** 0.5
        out.append(Truth(accuracy, right, 4 * error, f"accuracy of {n} votes"))
        out.append(Truth(confidence, share, 4 * spread / prompts**0.5, f"mean confidence of {n} votes"))
    return out


def expected_vote(probs: Sequence[float], n: int) -> tuple[float, float, float]:
    """P(the first answer wins), mean and standard deviation of the winner's share, over n votes.

    The last of `probs` is that of no readable answer.  Of equal votes the answer of larger probability wins.
    """
    accuracy = mean = square = 0.0
    for counts in product(range(n + 1), repeat=len(probs)):
        if sum(counts) != n:
            continue
        mass = factorial(n) * prod(p**c / factorial(c) for p, c in zip(probs, counts, strict=True))
        readable = counts[:-1]
        best = max(range(len(readable)), key=lambda k: (readable[k], readable[k] * probs[k]))
        share = readable[best] / n
        accuracy += mass * (best == 0 and share > 0)
        mean += mass * share
        square += mass * share**2
    return accuracy, mean, (square - mean**2) ** 0.5


def table(model: HuggingFace, context: str) -> dict[tuple[int, ...], Float64s]:
    """Log-probabilities (V,) of the next token after each sequence of up to two tokens, from `score`."""
    ids = range(len(VOCABULARY))
    pasts = [past for length in range(3) for past in product(ids, repeat=length)]
    requests = [(context, "".join(VOCABULARY[k] for k in (*past, token))) for past in pasts for token in ids]
    last = iter(float(s.logprobs[-1]) for s in model.score(requests))
    return {past: np.array([next(last) for _ in ids]) for past in pasts}


def _tempered(logs: Float64s, temperature: float, top_p: float) -> Float64s:
    """Probabilities (V,) at a temperature, cut to the smallest set of likeliest tokens of mass top_p."""
    probs = np.exp(logs / temperature)
    probs /= probs.sum()
    order = np.argsort(-probs, kind="stable")
    before = np.cumsum(probs[order]) - probs[order]
    probs[order[before >= top_p]] = 0
    return probs / probs.sum()


def paths(law: dict[tuple[int, ...], Float64s]) -> dict[tuple[int, ...], float]:
    """Probability of each text of up to three tokens that its end token or its length ends."""
    out: dict[tuple[int, ...], float] = {}
    open_paths: dict[tuple[int, ...], float] = {(): 1.0}
    for length in range(1, 4):
        longer = {(*past, k): p * float(q) for past, p in open_paths.items() for k, q in enumerate(law[past])}
        out |= {path: p for path, p in longer.items() if path[-1] == 1 or length == 3}
        open_paths = {path: p for path, p in longer.items() if path[-1] != 1}
    return out


def chi_squared(expected: dict[tuple[int, ...], float], seen: Counter[tuple[int, ...]], n: int) -> tuple[float, int]:
    """Pearson's statistic and its degrees of freedom; texts expected fewer than five times are one cell."""
    cells = [(n * p, seen[path]) for path, p in expected.items() if n * p >= 5]
    rest = (n - sum(e for e, _ in cells), n - sum(o for _, o in cells))
    cells += [rest] if rest[0] >= 5 else []
    return float(sum((o - e) ** 2 / e for e, o in cells)), len(cells) - 1
