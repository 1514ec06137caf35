"""The greedy answer, and beside it all that scores of uncertainty look at."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.arrays import Float64s, Ragged
from bench.capabilities import Machine
from bench.components import decoder
from bench.decisions import Decision, Prompt
from bench.decoders.budget import require
from bench.decoders.draws import Pool
from bench.decoders.single import decision
from bench.language import Details, Draw, Embedding, Generated, LanguageModel
from bench.models.building import named_model
from bench.seeds import derive

TOP = 5
_TOLD = Details(entropy=True, certainty=True)
_ASKED = "{prompt} {answer}\nIs this answer to the question true or false?\nIt is:"
_STATED = "{prompt} {answer}\nHow likely is this answer to be correct, from 0 to 100 percent?\nProbability:"
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*(%|percent)?")


@dataclass(frozen=True)
class Probed(Decision):
    """A decision with what the model was asked about it.

    The pool's first text is the greedy one.  states: (pool, width).  deferred: another model's answer.
    """

    p_true: float = float("nan")
    stated: float = float("nan")
    states: Float64s | None = None
    deferred: str | None = None


@decoder(
    "uncertainty",
    area="uncertainty",
    source="Fadeeva et al. 2023, LM-Polygraph (the protocol: a greedy answer judged, samples beside it); P(True): "
    "Kadavath et al. 2022; verbalised: Tian et al. 2023",
    check="uncertainty/generations-enumerated",
)
def uncertainty(
    model: LanguageModel, prompts: Sequence[Prompt], seed: int, n: int = 10, temperature: float = 1.0, top: int = TOP
) -> list[Decision]:
    """The greedy text is the answer; n samples beside it, and what the model says of the answer when asked.

    Each token comes with the entropy of its distribution where the model tells it, and the tokens of the answer with
    their `top` likeliest rivals.  The model is asked whether its answer is true (the chance of " true" against
    " false"), and how likely it is in per cent; and its states are kept where it shows them.  Confidence as in
    `greedy`: the probability of the text.
    """
    require(isinstance(n, int) and n >= 1, "uncertainty", "n", n, "a whole number of at least 1")
    require(isinstance(top, int) and top >= 1, "uncertainty", "top", top, "a whole number of at least 1")
    require(temperature > 0, "uncertainty", "temperature", temperature, "above 0")
    pools = _pools(model, prompts, seed, n, temperature, top)
    answers = [pool.texts[0].text.strip() for pool in pools]
    chances = _truths(model, prompts, answers)
    stated = _stated(model, prompts, answers, seed)
    states = _states(model, prompts, pools)
    out: list[Decision] = []
    for k, pool in enumerate(pools):
        first = decision(Pool(pool.texts[:1], pool.answers[:1]), "uncertainty")
        own = states[k] if states is not None else None
        out.append(Probed(first.answer, first.confidence, pool.texts, chances[k], stated[k], own))
    return out


@decoder(
    "cascade",
    area="uncertainty",
    source="Gupta et al. 2024, arXiv:2404.10136",
    papers=("Language Model Cascades: Token-level uncertainty and beyond",),
    check="uncertainty/deferral-curve",
)
def cascade(
    model: LanguageModel, prompts: Sequence[Prompt], seed: int, large: str = "lm-tuned", top: int = TOP
) -> list[Decision]:
    """The model's greedy answer, and beside it that of a larger one, to which unsure answers could be deferred.

    large: the larger model.  Scores of the answer's tokens say what to defer; `deferral-gain` says what it brings.
    """
    pools = _pools(model, prompts, seed, 0, 1.0, top)
    other = named_model(large, getattr(model, "machine", Machine()))
    theirs = _pools(other, prompts, seed, 0, 1.0, 0)
    out: list[Decision] = []
    for pool, larger in zip(pools, theirs, strict=True):
        first = decision(pool, "cascade")
        out.append(Probed(first.answer, first.confidence, pool.texts, deferred=larger.answers[0] or ""))
    return out


def columns(decisions: Sequence[Decision]) -> dict[str, Any]:
    """Columns of `Generations` beyond a plain pool's, as far as all decisions have them."""
    texts: list[Generated] = [text for d in decisions for text in d.pool]
    out: dict[str, Any] = {}
    if texts and all(text.details is not None or not len(text.logprobs) for text in texts):
        out |= _told(decisions)
    probed = [d for d in decisions if isinstance(d, Probed)]
    if probed and len(probed) == len(decisions):
        out["greedy"] = Ragged.of([[k == 0 for k in range(len(d.pool))] for d in probed], np.bool_)
        if not any(np.isnan(d.p_true) for d in probed):
            out["p_true"] = np.array([d.p_true for d in probed])
        if all(d.deferred is None for d in probed):
            out["stated"] = np.array([d.stated for d in probed])
        if all(d.states is not None for d in probed):
            out["states"] = Ragged.of([np.asarray(d.states).ravel() for d in probed], np.float64)
    return out


def _told(decisions: Sequence[Decision]) -> dict[str, Any]:
    def over(name: str) -> Ragged:
        rows = []
        for d in decisions:
            each = [getattr(t.details, name) for t in d.pool if t.details is not None]
            rows.append(np.concatenate(each) if each else np.empty(0))
        return Ragged.of(rows, np.float64)

    out: dict[str, Any] = {
        "token_entropies": over("entropy"),
        "token_certainties": over("certainty"),
        "pieces": Ragged.of([[p for t in d.pool for p in t.pieces] for d in decisions], object),
    }
    first = [d.pool[0] for d in decisions]
    # A text without tokens has no details, and no rivals.
    tops = [None if t.details is None else t.details.top_logprobs for t in first]
    if any(x is not None for x in tops) and all(
        x is not None or not t.pieces for x, t in zip(tops, first, strict=True)
    ):
        out["alternative_logprobs"] = Ragged.of([() if x is None else x.ravel() for x in tops], np.float64)
        out["alternatives"] = Ragged.of([[p for row in t.top_pieces for p in row] for t in first], object)
    return out


def _pools(
    model: LanguageModel, prompts: Sequence[Prompt], seed: int, n: int, temperature: float, top: int
) -> list[Pool]:
    """A greedy text for each prompt, then n samples."""
    most = Details(entropy=True, certainty=True, top=top)
    draws = []
    for p in prompts:
        draws.append(Draw(p.text, 0, 0.0, 1.0, p.stop, p.max_tokens, details=most))
        draws += [
            Draw(p.text, derive(seed, "uncertainty", p.id, k), temperature, 1.0, p.stop, p.max_tokens, details=_TOLD)
            for k in range(n)
        ]
    texts = model.generate(draws)
    pools = []
    for k, prompt in enumerate(prompts):
        own = tuple(texts[k * (n + 1) : (k + 1) * (n + 1)])
        pools.append(Pool(own, tuple(prompt.extract(text.text) for text in own)))
    return pools


def _truths(model: LanguageModel, prompts: Sequence[Prompt], answers: Sequence[str]) -> list[float]:
    """Probability of " true" among " true" and " false" after each answer."""
    asked = [_ASKED.format(prompt=p.text, answer=a) for p, a in zip(prompts, answers, strict=True)]
    scored = model.score([(text, word) for text in asked for word in (" true", " false")])
    totals = np.array([s.total for s in scored]).reshape(-1, 2)
    return [float(x) for x in 1 / (1 + np.exp(np.clip(totals[:, 1] - totals[:, 0], -700, 700)))]


def _stated(model: LanguageModel, prompts: Sequence[Prompt], answers: Sequence[str], seed: int) -> list[float]:
    """The confidence that the model states, in [0, 1]; NaN where it states none."""
    draws = [
        Draw(_STATED.format(prompt=p.text, answer=a), seed, max_tokens=12)
        for p, a in zip(prompts, answers, strict=True)
    ]
    return [read_percentage(text.text) for text in model.generate(draws)]


def read_percentage(text: str) -> float:
    """The first number of a text as a share: "85 %", "85" and ".85" are .85; NaN where there is none up to 100."""
    found = _NUMBER.search(text)
    if found is None:
        return float("nan")
    value = float(found[1])
    share = value if not found[2] and value <= 1 and "." in found[1] else value / 100
    return share if share <= 1 else float("nan")


def _states(model: LanguageModel, prompts: Sequence[Prompt], pools: Sequence[Pool]) -> list[Float64s] | None:
    if not isinstance(model, Embedding):
        return None
    pairs = [(p.text, text.text) for p, pool in zip(prompts, pools, strict=True) for text in pool.texts]
    distinct = {pair: k for k, pair in enumerate(dict.fromkeys(pairs))}
    found = model.states(list(distinct))
    each = found[[distinct[pair] for pair in pairs]]
    size = len(pools[0].texts) if pools else 1
    return [each[start : start + size] for start in range(0, len(each), size)]
