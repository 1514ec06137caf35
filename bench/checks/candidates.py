"""Candidates, orders and members, on tables and Gaussians."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from bench.checks.cases import ERRORS, exact, ids, measured
from bench.components import Truth, check
from bench.estimators.candidates import both_ways, over_orders, prior_bias, prior_normalised, recall_at
from bench.estimators.masked import ordered
from bench.estimators.membership import found_at, min_k, min_k_plus, moments, offline_lira, online_lira
from bench.records.detection import Detection
from bench.references.chains import sticky
from bench.seeds import generator

PRIORS = "Bidirectional Likelihood Estimation with Multi-Modal Large Language Models for Text-Video Retrieval"
ORDERS = "Order Matters: Sequence to sequence for sets"
CANARY = "Canary in a Coalmine: Better Membership Inference with Ensembled Adversarial Queries"


@check("likelihood/candidate-priors", area="likelihood", source="Bayes' rule on a table", papers=(PRIORS,))
def candidate_priors() -> list[Truth]:
    """Normalised by its prior a candidate ranks as the query given it; a strong prior is turned from wrong to right."""
    joint = generator(0, "candidates").dirichlet(np.full(42, 0.5)).reshape(6, 7)
    prior, query = np.log(joint.sum(axis=0)), np.log(joint.sum(axis=1))
    forward, backward = np.log(joint) - query[:, None], np.log(joint) - prior
    pmi = prior_normalised(forward, prior)
    best = backward.argmax(axis=1)
    told = np.log(np.array([[0.1, 0.9], [0.02, 0.98]]) * np.array([0.5, 0.5])[:, None])
    forced = told - np.logaddexp.reduce(told, axis=1, keepdims=True)
    weight = np.logaddexp.reduce(told, axis=0)
    right = np.array([0, 1])
    by_hand = np.mean([(np.argsort(-row, kind="stable")[:2] == b).any() for row, b in zip(forward, best, strict=True)])
    return [
        exact(0.0, float(np.abs(pmi - (backward - query[:, None])).max()), "alpha 1: pointwise mutual information"),
        exact(1.0, float(recall_at(pmi, best, 1).mean()), "ranks as log p(q | c)"),
        exact(0.0, float(np.abs(prior_normalised(forward, prior, 0.0) - forward).max()), "alpha 0: plain likelihood"),
        exact(0.5, float(recall_at(forced, right, 1).mean()), "a prior of nine to one decides"),
        exact(1.0, float(recall_at(prior_normalised(forced, weight), right, 1).mean()), "and is turned"),
        exact(float(by_hand), float(recall_at(forward, best, 2).mean()), "recall at 2 by sorting"),
        exact(0.0, float(np.abs(both_ways(forward, backward, prior) - pmi - backward).max()), "both ways"),
        exact(1.0, float(prior_bias(np.tile(prior, (3, 1)), prior)), "bias of scores that are the prior"),
    ]  # fmt: skip


@check("likelihood/orders", area="likelihood", source="the chain rule", papers=(ORDERS,))
def orders() -> list[Truth]:
    """All orders of an exact joint agree; those of one that looks at too little don't; sets sum over orders."""
    chain = sticky(3)
    rows = chain.sample(30, 4, generator(0, "orders"))
    every = np.array(list(permutations(range(4))))
    wide, turns = np.repeat(rows, len(every), axis=0), np.tile(every, (len(rows), 1))
    found = over_orders(ordered(chain.conditionals, wide, turns).reshape(len(rows), -1))

    def shortsighted(symbols: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        # It sees the left neighbour only, which is all that the order from left to right needs.
        sees = np.ones_like(hidden)
        logs = np.zeros((*symbols.shape, 3)) + np.log(1 / 3)
        sees[:, 1:] = hidden[:, :-1]
        logs[:, 1:] = np.where(sees[:, 1:, None], np.log(1 / 3), np.log(chain.step)[symbols[:, :-1]])
        return logs

    short = ordered(shortsighted, wide, turns).reshape(len(rows), -1)
    summed = over_orders(short)
    return [
        exact(0.0, float(found["spread"].max()), "spread of an exact joint"),
        exact(0.0, float(np.abs(found["variables"] - chain.log_prob(rows)).max()), "mixture over orders is log p"),
        exact(0.0, float(np.abs(short[:, 0] - chain.log_prob(rows)).max()), "a shortsighted model, left to right"),
        exact(1.0, float(summed["spread"].mean() > 0.5), "its orders differ"),
        exact(1.0, float((summed["variables"] < summed["best"]).all()), "mean over orders below the best"),
        exact(float(np.log(24)), float((summed["set"] - summed["variables"]).mean()), "a set sums 24 orders"),
    ]


@check("likelihood/membership", area="likelihood", source="closed forms of normal scores", papers=(CANARY,))
def membership() -> list[Truth]:
    """AUROC and finds at low false-alarm rates in closed form; calibrated scores; Min-K% by hand."""
    from scipy.special import ndtr, ndtri

    draws, n, lift = generator(0, "membership"), 20_000, 1.2
    members = np.arange(2 * n) < n
    hardness = 3 * draws.normal(size=2 * n)
    plain = hardness + draws.normal(size=2 * n) + lift * members
    outside = hardness[:, None] + draws.normal(size=(2 * n, 64))
    inside = outside + lift
    fair = plain - hardness
    area = measured("auroc", Detection(ids=ids(2 * n), scores=-fair, positive=~members))
    rate = float(ndtr(ndtri(0.01) + lift))
    error = ERRORS * (1 / n) ** 0.5
    ratio, offline = online_lira(plain, inside, outside), offline_lira(plain, outside)
    logs = np.log(draws.dirichlet(np.ones(6), size=9))
    mean, spread = moments(logs)
    probs = np.exp(logs)
    by_hand = (probs * logs).sum(axis=1)
    tokens = logs[:, 0]
    return [
        Truth(float(ndtr(lift / 2**0.5)), area, error, "AUROC of two normals"),
        Truth(rate, found_at(fair, members, 0.01), 0.025, "members found at 1 % false alarms"),
        Truth(rate, found_at(ratio, members, 0.01), 0.035, "by the ratio of shadow normals"),
        Truth(rate, found_at(offline, members, 0.01), 0.035, "by non-member shadows alone"),
        exact(1.0, float(found_at(plain, members, 0.01) < rate / 2), "uncalibrated, hard texts hide them"),
        Truth(0.01, found_at(fair, draws.random(2 * n) < 0.5, 0.01), error, "found where nobody is a member"),
        exact(float(np.sort(tokens)[:3].mean()), min_k(tokens, 0.34), "Min-K% by hand"),
        exact(0.0, float(np.abs(mean - by_hand).max()), "moments: minus the entropy"),
        exact(
            float((probs * (logs - by_hand[:, None]) ** 2).sum(axis=1).mean()),
            float((spread**2).mean()),
            "and the variance",
        ),
        exact(float(((tokens - by_hand) / spread).min()), min_k_plus(tokens, mean, spread, 0.1), "Min-K%++ by hand"),
    ]
