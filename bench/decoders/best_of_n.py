"""Several texts, of which a verifier picks one: best-of-N, adaptive in their number, or voting with its scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.arrays import Float64s
from bench.components import decoder
from bench.decisions import Cost, Decision, Prompt
from bench.decoders.budget import longest, require, require_budget
from bench.decoders.draws import Pool, draw_pools, drawn
from bench.decoders.self_consistency import elect
from bench.language import Draw, Generated, LanguageModel, SteppedModel
from bench.seeds import derive
from bench.verifiers.judging import DEFAULT, Judge, Verify

BAG = "Bag of Tricks for Inference-time Computation of LLM Reasoning"
ADAPTIVE = "Adaptive Inference-Time Compute: LLMs Can Predict if They Can Do Better, Even Mid-Generation"


@decoder(
    "best-of-n",
    source="Stiennon et al. 2020; Cobbe et al. 2021, Training Verifiers to Solve Math Word Problems",
    papers=(BAG,),
    check="best-of-n",
)
def best_of_n(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    n: int = 8,
    temperature: float = 0.7,
    top_p: float = 1.0,
    verifier: str | Verify = DEFAULT,
    fpr: float = 0.0,
    fnr: float = 0.0,
    budget: int = 0,
) -> list[Decision]:
    """Of n samples the one that a verifier scores highest, the first of equals; its score is the confidence.

    Where no answer can be read from it, it is the best of those from which one can.  fpr, fnr: the verifier's dial.
    """
    name = "best-of-n"
    judge = Judge(model, name, seed, verifier, fpr, fnr)
    pools = draw_pools(model, prompts, name, seed, n, temperature, top_p, budget=budget)
    scores = judge_pools(judge, prompts, pools)
    return [
        picked(pool, own, Cost.of(pool.texts) + judge.cost(prompt))
        for prompt, pool, own in zip(prompts, pools, scores, strict=True)
    ]


@decoder(
    "verifier-vote",
    source="Li et al. 2023, Making Language Models Better Reasoners with Step-Aware Verifier (weighted vote)",
    papers=(BAG,),
    check="best-of-n",
)
def verifier_vote(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    n: int = 8,
    temperature: float = 0.7,
    top_p: float = 1.0,
    verifier: str | Verify = DEFAULT,
    fpr: float = 0.0,
    fnr: float = 0.0,
    budget: int = 0,
) -> list[Decision]:
    """The answer of most weight among n samples, each weighing what a verifier scores it; confidence as in voting."""
    name = "verifier-vote"
    judge = Judge(model, name, seed, verifier, fpr, fnr)
    pools = draw_pools(model, prompts, name, seed, n, temperature, top_p, budget=budget)
    out = []
    for prompt, pool, own in zip(prompts, pools, judge_pools(judge, prompts, pools), strict=True):
        found = elect(pool, own) if own.sum() > 0 else Decision("", 0.0, pool.texts)
        cost = Cost.of(pool.texts) + judge.cost(prompt)
        out.append(Decision(found.answer, found.confidence, pool.texts, cost=cost))
    return out


@decoder(
    "best-of-n-adaptive",
    source="Manvi, Singh and Ermon 2024, Adaptive Inference-Time Compute",
    papers=(ADAPTIVE,),
    check="adaptive-sampling",
)
def best_of_n_adaptive(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    n: int = 16,
    enough: float = 0.9,
    temperature: float = 0.7,
    heat: float = 1.0,
    verifier: str | Verify = DEFAULT,
    fpr: float = 0.0,
    fnr: float = 0.0,
    budget: int = 0,
) -> list[Decision]:
    """`best-of-n` that stops at the first sample which the verifier scores at least `enough`, or after n.

    The score stands for the chance that a fresh sample would be no better.  The k-th sample (from 0) is drawn at
    temperature · heat^k.  With a budget there is no n: it goes on while another text surely fits.
    """
    name = "best-of-n-adaptive"
    require(isinstance(n, int) and n >= 1, name, "n", n, "a whole number of at least 1")
    require(0 <= enough <= 1, name, "enough", enough, "from 0 to 1")
    require(temperature >= 0, name, "temperature", temperature, "at least 0")
    require(0 < heat <= 2, name, "heat", heat, "above 0 and at most 2")
    require_budget(name, budget)
    judge = Judge(model, name, seed, verifier, fpr, fnr)
    pools: list[list[Generated]] = [[] for _ in prompts]
    scores: list[list[float]] = [[] for _ in prompts]
    going = list(range(len(prompts)))
    while going:
        begun = len(pools[going[0]])  # the same of all that go on
        # A model that runs here draws twice as many at once each time: what comes after the last is left out.
        ahead = max(1, begun) if isinstance(model, SteppedModel) else 1
        each = [(k, begun + more) for k in going for more in range(ahead)]
        texts = drawn(
            model,
            [
                _draw(prompts[k], derive(seed, name, prompts[k].id, number), temperature * heat**number, budget)
                for k, number in each
            ],
        )
        made = dict(zip(each, texts, strict=True))
        for number in range(begun, begun + ahead):
            new = [made[k, number] for k in going]
            for k, text, score in zip(going, new, judge([prompts[k] for k in going], new).tolist(), strict=True):
                pools[k].append(text)
                scores[k].append(score)
            going = [k for k in going if scores[k][-1] < enough and _goes_on(prompts[k], pools[k], n, budget)]
    return [
        picked(
            Pool(tuple(pool), tuple(prompt.extract(text.text) for text in pool)),
            np.array(own),
            Cost.of(pool) + judge.cost(prompt),
        )
        for prompt, pool, own in zip(prompts, pools, scores, strict=True)
    ]


def _draw(prompt: Prompt, seed: int, temperature: float, budget: int) -> Draw:
    return Draw(prompt.text, seed, min(temperature, 10.0), 1.0, prompt.stop, longest(budget, prompt.max_tokens))


def _goes_on(prompt: Prompt, pool: Sequence[Generated], n: int, budget: int) -> bool:
    if not budget:
        return len(pool) < n
    return sum(max(1, len(text.token_ids)) for text in pool) + prompt.max_tokens <= budget


def judge_pools(judge: Judge, prompts: Sequence[Prompt], pools: Sequence[Pool]) -> list[Float64s]:
    """The verifier's scores of each pool's texts, asked for together."""
    each = judge(
        [prompt for prompt, pool in zip(prompts, pools, strict=True) for _ in pool.texts],
        [text for pool in pools for text in pool.texts],
    )
    ends = np.cumsum([len(pool.texts) for pool in pools])
    return list(np.split(each, ends[:-1]))


def picked(pool: Pool, scores: Float64s, cost: Cost) -> Decision:
    """The answer of the text of highest score (n,) among those that give one; its score is the confidence."""
    readable = np.array([answer is not None for answer in pool.answers])
    if not readable.any():
        return Decision("", 0.0, pool.texts, cost=cost)
    best = int(np.where(readable, scores, -np.inf).argmax())
    answer = pool.answers[best]
    return Decision(answer or "", float(scores[best]), pool.texts, cost=cost)
