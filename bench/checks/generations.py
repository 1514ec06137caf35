"""Uncertainty of generations: a model whose texts can all be listed, graphs of known spectra, cases by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bench.arrays import Ragged
from bench.checks.language import CONTEXT, paths, table, tiny_model
from bench.components import Truth, check
from bench.decisions import Prompt
from bench.decoders.uncertainty import columns, uncertainty
from bench.language import Draw, Generated
from bench.records import Generations
from bench.scores import answers, semantic

LENGTH = 3


def pool(texts: list[list[str]], logprobs: list[list[float]] | None = None, **more: Any) -> Generations:
    """A record with these draws of each prompt; without log-probabilities, all are log 1/2."""
    n = len(texts)
    logs = logprobs or [[math.log(0.5)] * len(row) for row in texts]
    common: dict[str, Any] = {
        "ids": np.array([f"p{i}" for i in range(n)]),
        "answer": np.array([row[0] for row in texts], dtype=object),
        "correct": np.ones(n, dtype=bool),
        "confidence": np.full(n, 0.5),
        "text": Ragged.of(texts, object),
        "logprob": Ragged.of(logs, np.float64),
        "tokens": Ragged.of([[max(1, len(t)) for t in row] for row in texts], np.int64),
    }
    return Generations(**common | more)


def generated(texts: list[Generated], **more: Any) -> Generations:
    """A record of one prompt whose pool is what a model generated."""
    return pool(
        [[text.text for text in texts]],
        [[float(text.logprobs.sum()) for text in texts]],
        tokens=Ragged.of([[len(text.logprobs) for text in texts]], np.int64),
        token_logprobs=Ragged.of([np.concatenate([text.logprobs for text in texts])], np.float64),
        **more,
    )


@check(
    "uncertainty/generations-enumerated",
    area="uncertainty",
    source="all texts of a six-token model, listed with their probabilities",
    papers=("Rethinking Uncertainty Estimation in Natural Language Generation",),
)
def enumerated() -> list[Truth]:
    """Scores of tokens and of draws against sums over every text of up to three tokens."""
    model = tiny_model()
    logs = table(model, CONTEXT)
    law = paths({past: np.exp(row) for past, row in logs.items()})
    (decision,) = uncertainty(model, [Prompt("p", CONTEXT, lambda t: t or "none", (), LENGTH)], 0, n=4)
    greedy = decision.pool[0]
    more = columns([decision])
    record = generated(list(decision.pool), **more)
    rows = [logs[tuple(greedy.token_ids[:k].tolist())] for k in range(len(greedy.token_ids))]
    entropies = [float(-(np.exp(r) * r).sum()) for r in rows]
    certainty = [float(-r.mean() - math.log(len(r))) for r in rows]
    nll = float(answers.g_nll(record)[0])
    mode = -math.log(max(law.values()))
    chained = -sum(float(r[t]) for r, t in zip(rows, greedy.token_ids.tolist(), strict=True))
    out = [
        Truth(chained, nll, 1e-9, "G-NLL of the greedy chain"),
        Truth(1.0, float(nll >= mode - 1e-9), 0, "G-NLL is at least the likeliest text's"),
        Truth(float(np.mean(entropies)), float(answers.mean_token_entropy(record)[0]), 1e-9, "mean token entropy"),
        Truth(float(np.max(entropies)), float(answers.max_token_entropy(record)[0]), 1e-9, "max token entropy"),
        Truth(-float(np.mean(certainty)), float(answers.self_certainty(record)[0]), 1e-9, "self-certainty"),
        Truth(math.exp(chained / len(rows)), float(answers.sequence_perplexity(record)[0]), 1e-9, "perplexity"),
    ]
    return out + _entropies(model, law) + _discrete()


def _entropies(model: Any, law: dict[tuple[int, ...], float]) -> list[Truth]:
    """Entropies of texts by sampling, and over meanings from all texts at once."""
    texts = model.generate([Draw(CONTEXT, k, 1.0, stop=(), max_tokens=LENGTH) for k in range(1000)])
    sampled = generated(texts)
    exact = -sum(p * math.log(p) for p in law.values())
    spread = np.std([-t.logprobs.sum() for t in texts]) / math.sqrt(len(texts))
    found = float(semantic.predictive_entropy(sampled)[0])
    every = list(law)
    names = ["".join("abcdef"[t] for t in path) for path in every]
    # Texts mean the same where they end alike.
    meaning = [name[-1:] for name in names]
    listed = pool([names], [[math.log(law[path]) for path in every]], answers=Ragged.of([meaning], object))
    shares = np.array([sum(p for p, m in zip(law.values(), meaning, strict=True) if m == k) for k in set(meaning)])
    over = float(-(shares * np.log(shares)).sum())
    # "a" is an article, and normalising would take it out.
    return [
        Truth(exact, found, 4 * float(spread), "entropy of texts, 1,000 draws"),
        Truth(over, float(semantic.semantic_entropy(listed, relation="exact")[0]), 1e-9, "semantic entropy, all texts"),
        Truth(len(shares), float(semantic.semantic_sets(listed, relation="exact")[0]), 0, "meanings"),
    ]


def _discrete() -> list[Truth]:
    """Shares (1/2, 1/4, 1/4), a text drawn twice, and what the model said of itself."""
    texts = [["x one", "X  one.", "two", "three"]]
    logs = [[math.log(p) for p in (0.4, 0.1, 0.2, 0.1)]]
    record = pool(texts, logs, p_true=np.array([0.75]), stated=np.array([0.9]))
    twice = pool([["x", "x", "y", "z"]], [[math.log(p) for p in (0.5, 0.5, 0.2, 0.2)]])
    shares = np.array([0.5, 0.2, 0.2]) / 0.9
    return [
        Truth(1.5 * math.log(2), float(semantic.semantic_entropy_discrete(record)[0]), 1e-12, "discrete entropy"),
        Truth(3, float(semantic.semantic_sets(record)[0]), 0, "meanings after normalising"),
        Truth(0.5, float(semantic.disagreement(record)[0]), 1e-12, "draws that say something else"),
        Truth(
            float(-(shares * np.log(shares)).sum()),
            float(semantic.semantic_entropy(twice)[0]),
            1e-12,
            "a text drawn twice counts once",
        ),
        Truth(
            -(2 * math.log(0.5) + 2 * math.log(0.2)) / 4,
            float(semantic.semantic_entropy_mc(twice)[0]),
            1e-12,
            "Monte-Carlo semantic entropy",
        ),
        Truth(
            -float(np.mean(np.array(logs) / [[5, 7, 3, 5]])),
            float(semantic.normalised_predictive_entropy(record)[0]),
            1e-12,
            "entropy per token",
        ),
        Truth(0.25, float(answers.p_true(record)[0]), 1e-12, "P(True)"),
        Truth(0.1, float(answers.verbalised(record)[0]), 1e-12, "stated confidence"),
    ]


@check(
    "uncertainty/generation-spectra",
    area="uncertainty",
    source="graphs of c cliques: eigenvalues 0 and 1 of the normalised Laplacian, heat kernels in closed form",
)
def spectra() -> list[Truth]:
    """Draws in cliques of sizes (3, 2, 1), and all alike, and all unlike."""
    cliques = pool([["p", "p", "p", "q", "q", "s"]])
    alike, unlike = pool([["p"] * 4]), pool([["p", "q", "s", "u"]])
    m, time = 4, 0.3
    one = math.exp(-time * m)  # eigenvalues of the heat kernel of a full graph: 1 and, m - 1 times, exp(-t m)
    diagonal = (1 + (m - 1) * one) / m
    values = np.array([1.0, *[one] * (m - 1)]) / (diagonal * m)
    rng = np.random.default_rng(0)
    states = rng.standard_normal((1, 4, 7))
    centred = states[0] - states[0].mean(axis=1, keepdims=True)
    logs = np.log(np.linalg.eigvalsh(centred @ centred.T) + 1e-3)
    stated = pool([["p", "q", "s", "u"]], states=Ragged.of(states.reshape(1, -1), np.float64))
    return [
        Truth(3, float(semantic.eigv(cliques)[0]), 1e-9, "EigV counts cliques"),
        Truth(0, float(semantic.eccentricity(alike)[0]), 1e-7, "eccentricity, all alike"),
        Truth(
            math.sqrt(3 - sum(_square_mean(k, 6) for k in (3, 2, 1))),
            float(semantic.eccentricity(cliques)[0]),
            1e-9,
            "eccentricity of cliques",
        ),
        Truth(1 - 14 / 36, float(semantic.degree(cliques)[0]), 1e-12, "degree"),
        Truth(1 - 8 / 30, float(semantic.lexical_similarity(cliques)[0]), 1e-12, "lexical similarity"),
        Truth(
            float(-(values * np.log(values)).sum()),
            float(semantic.kernel_language_entropy(alike)[0]),
            1e-9,
            "kernel language entropy, all alike",
        ),
        Truth(math.log(4), float(semantic.kernel_language_entropy(unlike)[0]), 1e-9, "kernel entropy, all unlike"),
        Truth(float(logs.mean()), float(semantic.eigenscore(stated)[0]), 1e-9, "EigenScore"),
    ]


def _square_mean(size: int, draws: int) -> float:
    """Of a clique's unit eigenvector, constant on its members: draws times the square of its mean."""
    return draws * (math.sqrt(size) / draws) ** 2


@check("uncertainty/relevance", area="uncertainty", source="Duan et al. 2024, worked by hand")
def relevance() -> list[Truth]:
    """Shifting attention to relevance on two draws whose likeness and tokens are counted by hand."""
    logs = [[math.log(0.5) + math.log(0.25), math.log(0.125)]]
    record = pool(
        [["red fox", "fox"]],
        logs,
        tokens=Ragged.of([[2, 1]], np.int64),
        token_logprobs=Ragged.of([[math.log(0.5), math.log(0.25), math.log(0.125)]], np.float64),
        pieces=Ragged.of([["red", " fox", "fox"]], object),
    )
    # Each word alone shares 2 / 3 with both: both matter alike; a text of one word loses all.
    first, second = -(math.log(0.5) + math.log(0.25)) / 2, -math.log(0.125)
    like, t = 2 / 3, 1e-3

    def shifted(p: float, q: float) -> float:
        return -(math.log(p + like * q / t) + math.log(q + like * p / t)) / 2

    return [
        Truth((first + second) / 2, float(semantic.token_sar(record)[0]), 1e-12, "token SAR"),
        Truth(shifted(0.125, 0.125), float(semantic.sentence_sar(record)[0]), 1e-12, "sentence SAR"),
        Truth(shifted(math.exp(-first), math.exp(-second)), float(semantic.sar(record)[0]), 1e-12, "SAR"),
    ]


@check("uncertainty/claim-conditioned", area="uncertainty", source="Fadeeva et al. 2024, worked by hand")
def claims() -> list[Truth]:
    """Two tokens: a rival of other case means the same, another word is opposed."""
    record = pool(
        [["Paris now", "Rome"]],
        tokens=Ragged.of([[2, 1]], np.int64),
        greedy=Ragged.of([[True, False]], np.bool_),
        pieces=Ragged.of([["Paris", " now", "Rome"]], object),
        alternatives=Ragged.of([["Paris", "paris", "Rome", " now", " then", "."]], object),
        alternative_logprobs=Ragged.of([np.log([0.5, 0.1, 0.3, 0.6, 0.3, 0.05])], np.float64),
    )
    expected = 1 - 0.6 / 0.9 * 0.6 / 0.95
    return [Truth(expected, float(answers.claim_conditioned(record)[0]), 1e-12, "1 - product of P(same claim)")]
