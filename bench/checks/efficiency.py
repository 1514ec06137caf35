"""Speculative sampling, its stopping rules, and idealised runtimes against enumeration and planted truths."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations, product
from typing import Any

import numpy as np

from bench.arrays import Float64s
from bench.checks.language import CONTEXT, chi_squared, paths, table, tiny_model
from bench.components import Truth, check
from bench.decisions import Prompt
from bench.efficiency import acceptance, stopping
from bench.efficiency.rounds import Drafting, speculate
from bench.efficiency.runtime import fit, forward_flops
from bench.seeds import generator

Path = tuple[int, ...]


@check(
    "speculative-sampling",
    area="efficiency",
    source="Chen et al. 2023: the output's law is the target's; enumeration of accepting and rejecting branches",
    papers=("Accelerating Large Language Model Decoding with Speculative Sampling",),
)
def speculative_sampling() -> list[Truth]:
    """Laws of all texts of length 3 over 4 tokens, acceptance, tokens a round, and sampled texts of two tiny models."""
    from scipy.special import chdtri

    target, draft = tabular("target"), tabular("draft")
    out = []
    policies = (("two drafts", stopping.fixed(2)), ("a threshold", stopping.threshold(0.5, 3)))
    for name, goes_on in policies:
        law = output_law(target, draft, goes_on, 3)
        apart = max(abs(law[path] - probability(target, path)) for path in product(range(4), repeat=3))
        out.append(Truth(0.0, apart, 1e-12, f"output's law against the target's, {name}"))
    p, q = target[()], draft[()]
    distance = 0.5 * float(np.abs(p - q).sum())
    out.append(Truth(1 - distance, float(acceptance.overlap(p, q)), 1e-12, "acceptance: 1 - total variation"))
    for level, drafts in ((0.7, 4), (0.3, 2), (1.0, 5)):
        expected = stopping.rate(stopping.fixed(drafts), (level,), (1.0,), 0.0, drafts)
        out.append(
            Truth(expected, stopping.tokens_per_round(level, drafts), 1e-12, f"tokens a round, {level}, {drafts}")
        )
    wanted, n = tiny_model(0), 1200
    prompts = [Prompt(str(k), CONTEXT, lambda text: text, (), 3) for k in range(n)]
    expected_law = paths({past: np.exp(row) for past, row in table(wanted, CONTEXT).items()})
    for name, goes_on in policies:
        found = speculate(wanted, tiny_model(1), prompts, 0, Drafting(goes_on))
        statistic, freedom = chi_squared(expected_law, Counter(tuple(t.token_ids.tolist()) for t, _ in found), n)
        out.append(Truth(freedom, statistic, float(chdtri(freedom, 1e-5)) - freedom, f"χ² of {n} texts, {name}"))
    itself = speculate(wanted, wanted, prompts[:50], 0, Drafting(stopping.fixed(1)))
    refused = sum(sum(t.drafted) - sum(t.passed) for _, t in itself)
    out.append(Truth(0, refused, 0, "drafts refused where the model drafts for itself"))
    return out


@check(
    "multi-draft",
    area="efficiency",
    source="Khisti et al. 2025: optimal transport as a linear program; all subsets; the schemes' branches",
    papers=("Multi-Draft Speculative Sampling: Canonical Architectures and Theoretical Limits",),
)
def multi_draft() -> list[Truth]:
    """The most that two drafts can be accepted against a linear program and all subsets; each scheme's output law."""
    rng = generator(0, "multi-draft")
    out = []
    for size in (2, 3, 4):
        p, q = rng.dirichlet(np.full(size, 0.7)), rng.dirichlet(np.full(size, 0.7))
        most = float(acceptance.optimal(p, q, 2))
        subsets = [list(some) for count in range(size + 1) for some in combinations(range(size), count)]
        least = min(float(p[some].sum() + 1 - q[some].sum() ** 2) for some in subsets)
        out.append(Truth(_transport(p, q), most, 1e-8, f"linear program, {size} tokens"))
        out.append(Truth(least, most, 1e-12, f"all subsets, {size} tokens"))
        out.append(Truth(float(acceptance.overlap(p, q)), float(acceptance.optimal(p, q, 1)), 1e-12, "one draft"))
        schemes: dict[str, tuple[Float64s, Float64s]] = {
            "by turns": (acceptance.recursive_law(p, q, 2), acceptance.recursive(p, q, 2)),
            "K-SEQ": (acceptance.k_seq_law(p, q, 2), acceptance.k_seq(p, q, 2)),
            "by importance": (
                acceptance.single_law(p, acceptance.chosen_by_importance(p, q)),
                acceptance.importance(p, q),
            ),
        }
        for name, (law, accepted) in schemes.items():
            out.append(Truth(0.0, float(np.abs(law - p).max()), 1e-12, f"law of the output, {name}, {size} tokens"))
            out.append(Truth(0.0, max(0.0, float(accepted) - most), 1e-12, f"beyond the most, {name}, {size} tokens"))
    return out


@check(
    "speculative-stopping",
    area="efficiency",
    source="Huang et al. 2024: dynamic programming and every stopping rule of a small decision process",
    papers=("SpecDec++: Boosting Speculative Decoding via Adaptive Candidate Lengths",),
)
def speculative_stopping() -> list[Truth]:
    """The best rate against all 2^7 rules of three drafts, and against the best threshold of a longer process."""
    levels, chances, cost = (0.9, 0.4), (0.5, 0.5), 0.2
    places = [path for length in range(3) for path in product(range(2), repeat=length)]
    every = max(
        _rate_of({path for path, on in zip(places, chosen, strict=True) if on}, levels, chances, cost)
        for chosen in product((False, True), repeat=len(places))
    )
    reached, goes_on = stopping.best(levels, chances, cost, 3)
    out = [
        Truth(every, reached, 1e-12, "the best of all stopping rules of three drafts"),
        Truth(reached, stopping.rate(goes_on, levels, chances, cost, 3), 1e-12, "the rule has that rate"),
    ]
    for cost_ in (0.05, 0.15, 0.4):
        top, rule = stopping.best((0.95, 0.6, 0.2), (0.6, 0.3, 0.1), cost_, 5)
        limits = np.linspace(0, 1, 201)
        rates = [
            stopping.rate(stopping.threshold(h, 5), (0.95, 0.6, 0.2), (0.6, 0.3, 0.1), cost_, 5)
            for h in limits.tolist()
        ]
        out.append(Truth(0.0, max(0.0, max(rates) - top), 1e-12, f"a threshold beyond the best, cost {cost_}"))
        turns = [sum(np.diff([rule(depth, s) for s in np.linspace(0, 1, 400).tolist()]) != 0) for depth in range(5)]
        out.append(Truth(0, sum(max(0, int(turn) - 1) for turn in turns), 0, f"no threshold at a depth, cost {cost_}"))
    return out


@check(
    "idealised-runtime",
    area="efficiency",
    source="Narayanan et al. 2023: planted coefficients; torch.utils.flop_counter",
    papers=("Cheaply Evaluating Inference Efficiency Metrics for Autoregressive Transformer APIs",),
)
def idealised_runtime() -> list[Truth]:
    """Planted f and g from timings with added contention, and the operations of two tiny transformers counted."""
    rng = generator(0, "idealised-runtime")
    planted, knot, trials, scale = np.array([0.05, 1e-4, 2e-4, 0.01]), 512.0, 30, 0.02
    p, o = (x.ravel() for x in np.meshgrid([16, 64, 128, 256, 512, 768, 1024, 1536], [1, 8, 32, 64]))
    exact = planted[0] + planted[1] * p + planted[2] * np.maximum(p - knot, 0) + planted[3] * o
    seconds = np.repeat(exact, trials) + rng.exponential(scale, len(exact) * trials)
    found = fit(np.repeat(p, trials), np.repeat(o, trials), seconds, (knot,))
    errors = np.sqrt(np.diag(found.covariance))
    out = []
    for k, name in enumerate(("constant", "prompt token", "prompt token beyond 512", "output token")):
        left = scale / trials if k == 0 else 0.0  # what contention the fastest of the trials still has, on average
        value = float(found.coefficients[k])
        out.append(Truth(float(planted[k]) + left, value, 4 * float(errors[k]), f"seconds, {name}"))
    for name, model in _counted():
        out.append(Truth(_flops(model, 24), forward_flops(model.config, 24), 0, f"operations of {name}"))
    return out


def output_law(
    target: dict[Path, Float64s], draft: dict[Path, Float64s], goes_on: stopping.GoesOn, length: int
) -> dict[Path, float]:
    """Law of the texts of `length` tokens that rounds of drafts come to, by summing over all branches."""
    law = dict.fromkeys(product(range(len(target[()])), repeat=length), 0.0)
    # A round from each prefix: chance of the prefix, and then each run of drafts, of how many pass, of the last token.
    reached: dict[Path, float] = {(): 1.0}
    while reached:
        after: defaultdict[Path, float] = defaultdict(float)
        for prefix, chance in reached.items():
            for text, part in _round(target, draft, goes_on, prefix, length).items():
                after[text] += chance * part
        for text in [text for text in after if len(text) == length]:
            law[text] += after.pop(text)
        reached = dict(after)
    return law


def _round(
    target: dict[Path, Float64s], draft: dict[Path, Float64s], goes_on: stopping.GoesOn, prefix: Path, length: int
) -> dict[Path, float]:
    out: defaultdict[Path, float] = defaultdict(float)
    stack: list[tuple[Path, float, float]] = [((), 1.0, 1.0)]  # drafts, their chance, their foreseen chance to pass
    while stack:
        drafts, chance, kept = stack.pop()
        room = length - len(prefix) - 1
        if len(drafts) < room and goes_on(len(drafts), kept):
            law = draft[prefix + drafts]
            foreseen = float(np.exp(0.5 * (law * np.log(law)).sum()))
            stack += [((*drafts, token), chance * float(p), kept * foreseen) for token, p in enumerate(law)]
            continue
        for place, token in enumerate(drafts):
            at = prefix + drafts[:place]
            passes = min(1.0, float(target[at][token] / draft[at][token]))
            for other, p in enumerate(acceptance.residual(target[at], draft[at])):
                out[(*at, other)] += chance * (1 - passes) * float(p)
            chance *= passes
        for other, p in enumerate(target[prefix + drafts]):
            out[(*prefix, *drafts, other)] += chance * float(p)
    return out


def tabular(name: str) -> dict[Path, Float64s]:
    """A model over four tokens: the law of the next one after each prefix of up to two."""
    rng = generator(0, "speculative-sampling", name)
    return {past: rng.dirichlet(np.ones(4)) for length in range(3) for past in product(range(4), repeat=length)}


def probability(model: dict[Path, Float64s], path: Path) -> float:
    """Probability of a text under a tabular model."""
    return float(np.prod([model[path[:k]][token] for k, token in enumerate(path)]))


def _transport(target: Float64s, draft: Float64s) -> float:
    """The largest chance that the output is one of two independent drafts, over all couplings with the right laws."""
    from scipy.optimize import linprog

    size = len(target)
    pairs = list(product(range(size), repeat=2))
    index = {(*pair, out): k for k, (pair, out) in enumerate(product(pairs, range(size)))}
    gain = np.array([-1.0 if out in (a, b) else 0.0 for a, b, out in index])
    rules, values = [], []
    for pair in pairs:
        rules.append([1.0 if key[:2] == pair else 0.0 for key in index])
        values.append(draft[pair[0]] * draft[pair[1]])
    for token in range(size):
        rules.append([1.0 if key[2] == token else 0.0 for key in index])
        values.append(target[token])
    return -float(np.asarray(linprog(gain, A_eq=np.array(rules), b_eq=np.array(values)).fun))


def _rate_of(goes_on: set[Path], levels: tuple[float, ...], chances: tuple[float, ...], cost: float) -> float:
    """Rate of a rule that goes on after the sequences of levels in the set, by summing over all of them."""
    tokens, spent = 1.0, 1.0
    stack: list[tuple[Path, float, float]] = [((), 1.0, 1.0)]
    while stack:
        seen, chance, kept = stack.pop()
        if seen in goes_on:
            spent += chance * cost
            for k, (level, p) in enumerate(zip(levels, chances, strict=True)):
                tokens += chance * p * kept * level
                stack.append(((*seen, k), chance * p, kept * level))
    return tokens / spent


def _counted() -> list[tuple[str, Any]]:
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    gpt2 = GPT2Config(vocab_size=50, n_embd=32, n_layer=3, n_head=4, n_positions=64, bos_token_id=0, eos_token_id=1)
    llama = LlamaConfig(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=40,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    return [("a GPT-2", GPT2LMHeadModel(gpt2)), ("a Llama", LlamaForCausalLM(llama))]


def _flops(model: Any, tokens: int) -> int:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    model.set_attn_implementation("eager")  # whose products are all counted
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(input_ids=torch.ones((1, tokens), dtype=torch.long))
    return int(counter.get_total_flops())
