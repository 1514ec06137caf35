"""Perplexity consistency and RPC against enumeration, hand-worked pools and simulated mixtures."""

from __future__ import annotations

import math

import numpy as np

from bench.arrays import Float64s, Ragged
from bench.checks.cases import exact, simulated
from bench.checks.language import CONTEXT, VOCABULARY, Spinner, paths, table, tiny_model
from bench.components import Truth, check
from bench.decisions import Prompt
from bench.decoders.consistency import Weibulls, fit_weibulls, kept, masses, perplexity_consistency, rpc
from bench.decoders.draws import draw_pools
from bench.seeds import generator

_SOURCE = "Zhou et al. 2025; the law of all texts of a tiny model, enumerated"


def _first(text: str) -> str | None:
    return text[:1] or None


def _prompts(count: int) -> list[Prompt]:
    return [Prompt(str(k), CONTEXT, _first, (), 3) for k in range(count)]


def _answer(path: tuple[int, ...]) -> str | None:
    return _first("".join(VOCABULARY[k] for k in path if k > 1))


@check("perplexity-consistency", area="reasoning", source=_SOURCE)
def consistency() -> list[Truth]:
    """Shares of answers, exactly; squared errors of its mass and of a vote's share, against their closed forms.

    With all paths seen, an answer's share is its probability.  The mass of k samples misses p(1 - p)^k of a path of
    probability p, so its squared error is Σ p q (1 - p - q)^k over pairs of an answer's paths; a vote's is p(1 - p)/k.
    """
    model = tiny_model(2)
    law = paths({past: np.exp(row) for past, row in table(model, CONTEXT).items()})
    answers = [_answer(path) for path in law]
    probs = np.array(list(law.values()))
    best = max({a for a in answers if a}, key=lambda a: sum(p for b, p in zip(answers, probs, strict=True) if a == b))
    own = np.array([p for a, p in zip(answers, probs, strict=True) if a == best])
    truth = float(own.sum())
    every = masses(answers, probs, list(law), pruned=False)
    out = [exact(truth, every[best], f"share of '{best}' with all {len(law)} paths seen")]
    decided = perplexity_consistency(model, _prompts(40), 0, n=12, temperature=1.0)
    apart = 0.0
    for decision in decided:
        seen = {tuple(text.token_ids.tolist()) for text in decision.pool}
        mass = sum(law[path] for path in seen if _answer(path) == decision.answer)
        apart = max(apart, abs(decision.confidence - mass / sum(law[path] for path in seen)))
    out.append(Truth(0.0, apart, 1e-9, "confidence of the decoder against the paths that it saw"))
    for k in (4, 16):
        pools = draw_pools(model, _prompts(300), "perplexity-consistency", k, k, 1.0, 1.0)
        drawn: list[float] = []
        votes: list[float] = []
        for pool in pools:
            distinct = {path: float(text.logprobs.sum()) for text in pool.texts for path in [tuple(text.token_ids)]}
            found = [p for path, p in distinct.items() if _answer(path) == best]
            drawn.append(float(np.exp(found).sum()))
            votes.append(pool.answers.count(best) / k)
        unseen = (1 - own[:, None] - own[None, :]) ** k
        np.fill_diagonal(unseen, (1 - own) ** k)
        out.append(
            simulated(float(own @ unseen @ own), (np.array(drawn) - truth) ** 2, f"squared error of mass, k = {k}")
        )
        out.append(simulated(truth * (1 - truth) / k, (np.array(votes) - truth) ** 2, f"of a vote's share, k = {k}"))
    return out


@check("rpc", area="reasoning", source="Zhou et al. 2025; pools worked by hand; maximum likelihood of a mixture")
def pruning() -> list[Truth]:
    """Pools with known outcomes; a fitted mixture's likelihood is stationary; its parameters are those simulated."""
    answers = ["b", "b", "b", "b", "a", "a", "a", None]
    probs = np.array([0.021, 0.026, 0.033, 0.029, 0.81, 0.86, 0.79, 0.024])
    ids = list(range(len(answers)))
    pruned = masses(answers, probs, ids, pruned=True)
    out = [exact(1.0, pruned.get("a", 0.0), "share of three likely paths among four unlikely ones, pruned")]
    whole = masses(answers, probs, ids, pruned=False)
    out.append(exact(2.46 / probs.sum(), whole["a"], "not pruned"))
    twice = masses([*answers, "b"], np.append(probs, 0.033), [*ids, 2], pruned=False)
    out.append(exact(whole["b"], twice["b"], "a path seen twice counts once"))
    # Of paths that are equally probable and all distinct, the share is that of a vote.
    even = masses(answers, np.full(len(answers), 0.1), ids, pruned=True)
    out.append(exact(4 / 8, even["b"], "equal probabilities: a majority vote"))
    out.append(Truth(1, int(kept(np.array([0.3])).sum()), 0, "paths kept of one"))
    out.append(_against_votes())
    truth = Weibulls(0.4, np.array([2.0, 6.0]), np.array([0.1, 0.8]))
    fits = [_simulated_fit(truth, 2000, seed) for seed in range(16)]
    slope = max(_slope(values, fit) for values, fit in fits)
    out.append(Truth(0.0, slope, 1e-3, "slope of the mean log-likelihood at the fit"))
    for name, value, found in (
        ("share of the lower", truth.share, [fit.share for _, fit in fits]),
        ("shape of the lower", truth.shapes[0], [fit.shapes[0] for _, fit in fits]),
        ("scale of the upper", truth.scales[1], [fit.scales[1] for _, fit in fits]),
    ):
        out.append(simulated(float(value), np.array(found), f"{name}, mean of 16 fits to 2,000 values"))
    return out


def _against_votes() -> Truth:
    """A model whose four answers are equally probable: RPC by all samples is the vote over distinct answers."""
    model = Spinner(("x", "y", "z", "w"), (0.25,) * 4)
    asked = [Prompt(str(k), "?", lambda text: text or None, ("\n",), 1) for k in range(50)]
    shares = [decision.confidence for decision in rpc(model, asked, 0, n=6)]
    seen = [1 / len({text.text for text in decision.pool}) for decision in rpc(model, asked, 0, n=6)]
    return Truth(0.0, float(np.abs(np.array(shares) - np.array(seen)).max()), 1e-12, "each distinct path once")


def _simulated_fit(truth: Weibulls, n: int, seed: int) -> tuple[Float64s, Weibulls]:
    stream = generator(seed, "weibulls")
    which = (stream.random(n) >= truth.share).astype(int)
    values = truth.scales[which] * stream.weibull(truth.shapes[which])
    return values, fit_weibulls(values, rounds=2000)


def _slope(values: Float64s, fit: Weibulls) -> float:
    """The largest slope of the mean log-likelihood in share, log-shapes and log-scales, by central differences."""
    start = np.array([fit.share, *np.log(fit.shapes), *np.log(fit.scales)])

    def height(at: Float64s) -> float:
        parts = [
            math.log(weight) + np.log(k / scale) + (k - 1) * np.log(values / scale) - (values / scale) ** k
            for weight, k, scale in zip((at[0], 1 - at[0]), np.exp(at[1:3]), np.exp(at[3:5]), strict=True)
        ]
        return float(np.logaddexp(*parts).mean())

    step = 1e-5 * np.eye(5)
    return max(abs(height(start + move) - height(start - move)) / 2e-5 for move in step)


@check("reasoning-error", area="reasoning", source="Zhou et al. 2025; p(1 - p) / k, (1 - p)², and their sum")
def errors() -> list[Truth]:
    """The parts of the squared error over 3,000 pools of a model of known p, and of perplexity consistency by its law.

    With equally probable distinct texts, perplexity consistency divides the right texts seen by all texts seen.
    """
    from bench.metrics.reasoning_error import estimation_error, model_error, reasoning_error
    from bench.records import Generations

    stream, n, k, p = generator(0, "errors"), 3000, 4, 0.3
    right = stream.random((n, k + 6)) < p
    text = np.where(right, "r", "w")
    record = Generations(
        ids=np.arange(n).astype(np.str_),
        answer=np.array(["r"] * n, dtype=object),
        correct=np.ones(n, dtype=np.bool_),
        confidence=np.zeros(n),
        text=Ragged.of([list(row) for row in text], object),
        logprob=Ragged.of(np.where(right, math.log(0.3), math.log(0.7)).tolist(), np.float64),
        tokens=Ragged.of(np.ones((n, k + 6), dtype=int).tolist(), np.int64),
        corrects=Ragged.of(right.tolist(), np.bool_),
    )
    # Both texts seen: the share is p; else it is 1 or 0.
    both = 1 - p**k - (1 - p) ** k
    biased = both * (1 - p) ** 2 + (1 - p) ** k
    return [
        simulated((1 - p) ** 2 + p * (1 - p) / k, reasoning_error(record, k).values, "error of a vote"),
        simulated(p * (1 - p) / k, estimation_error(record, k).values, "estimation error of a vote"),
        simulated((1 - p) ** 2, model_error(record, k).values, "model error"),
        simulated(
            biased, reasoning_error(record, k, "perplexity-consistency").values, "error of perplexity consistency"
        ),
        simulated(
            p**k * (1 - p) ** 2 + (1 - p) ** k * p**2,
            estimation_error(record, k, "perplexity-consistency").values,
            "estimation error of perplexity consistency",
        ),
    ]
