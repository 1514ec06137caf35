"""Masked diffusion on sequences short enough to list every mask, every order and every sequence."""

from __future__ import annotations

from itertools import product
from math import log

import numpy as np

from bench.arrays import Bools, Float64s, Ints
from bench.checks.cases import ERRORS, exact, simulated
from bench.components import Truth, check
from bench.estimators.masked import FORMS, Denoiser, bound, enumerated, guided, ordered, sampled, surprise
from bench.estimators.residual import ChainCorrected, bracket, resampled
from bench.models.masked import EDLM, RADD, SMDM
from bench.references.chains import Chain, sticky
from bench.seeds import generator

LENGTH, SYMBOLS = 5, 3


def everything(length: int = LENGTH, symbols: int = SYMBOLS) -> Ints:
    """All sequences, (V^L, L)."""
    return np.array(list(product(range(symbols), repeat=length)), dtype=np.int64)


def arbitrary(seed: int = 0, symbols: int = SYMBOLS) -> Denoiser:
    """A denoiser that is no model's: its answers differ at random with what is seen, and agree with no joint."""
    weights = generator(seed, "arbitrary-denoiser").normal(size=(16, symbols + 1, symbols))

    def denoiser(rows: Ints, hidden: Bools) -> Float64s:
        seen = np.where(hidden, symbols, rows)
        length = rows.shape[1]
        logits = np.stack(
            [sum(weights[(5 * i + 3 * j) % 16, seen[:, j]] for j in range(length)) for i in range(length)], axis=1
        )
        return logits - np.logaddexp.reduce(logits, axis=2, keepdims=True)

    return denoiser


@check("likelihood/masked-forms", area="likelihood", source="Ou et al. 2024, by enumeration", papers=(RADD, SMDM))
def masked_forms() -> list[Truth]:
    """Four forms agree for a denoiser that is no model's; exact conditionals give the entropy on average."""
    chain, some = sticky(SYMBOLS), everything()[::17]
    wild = arbitrary()
    count = enumerated(wild, some, "count")
    out = [
        Truth(float(count.mean()), float(enumerated(wild, some, form).mean()), 1e-9, f"form '{form}' against 'count'")
        for form in FORMS
    ]
    listed = everything()
    mass = np.exp(chain.log_prob(listed))
    bounds = enumerated(chain.conditionals, listed)
    out.append(exact(chain.entropy(LENGTH), float(-mass @ bounds), "exact conditionals: entropy of the source"))
    loose = [float(-mass @ enumerated(chain.conditionals, listed, "count", steps)) for steps in (4, 64)]
    out.append(Truth(1.0, float(loose[0] > loose[1] > chain.entropy(LENGTH)), 0.0, "4, 64 and endless steps fall"))
    truth = enumerated(wild, listed)
    for form in FORMS:
        found = bound(wild, listed, form, draws=8)
        out.append(simulated(0.0, found.log_prob - truth, f"form '{form}' by 8 draws, less its exact value"))
    return out


@check("likelihood/masked-scoring", area="likelihood", source="Nie et al. 2024, by enumeration", papers=(SMDM,))
def masked_scoring() -> list[Truth]:
    """Orders, conditions, guidance and samplers against the chain rule and against listed probabilities."""
    chain, listed = sticky(SYMBOLS), everything()
    draws = generator(0, "masked-scoring")
    wild = arbitrary()
    order = np.broadcast_to(draws.permutation(LENGTH), listed.shape)
    given = np.zeros(listed.shape, dtype=bool)
    given[:, 1] = True
    alone = np.log(np.array([np.exp(chain.log_prob(listed))[listed[:, 1] == v].sum() for v in range(SYMBOLS)]))
    told = ordered(chain.conditionals, listed, np.where(given, -1.0, order).argsort(axis=1), given)
    sharper = guided(wild, given[0], 0.0)(listed, ~given)
    steered = guided(wild, given[0], 1.5)
    twice, once = wild(listed, ~given), wild(listed, np.ones_like(given))
    by_hand = 2.5 * twice - 1.5 * once
    by_hand -= np.logaddexp.reduce(by_hand, axis=2, keepdims=True)
    n = 20_000
    start = np.zeros((n, 3), dtype=np.int64)
    rows, run = sampled(wild, start, np.ones_like(start, dtype=bool), 3, draws)
    small = everything(3)
    mixture = np.array([_mixture(wild, row) for row in small])
    law = np.exp(mixture)
    seen = np.bincount(rows @ np.array([9, 3, 1]), minlength=27)
    chi = float(((seen - n * law) ** 2 / (n * law)).sum())
    return [
        exact(1.0, float(np.exp(ordered(wild, listed, order)).sum()), "one order: masses of all sequences"),
        exact(1.0, float(law.sum()), "order-averaged model: masses of all sequences"),
        exact(1.0, float((mixture > enumerated(wild, small)).all()), "it lies above the bound, for every sequence"),
        exact(0.0, float(np.abs(told - chain.log_prob(listed) + alone[listed[:, 1]]).max()), "log p(y | c)"),
        exact(0.0, float(np.abs(sharper - twice).max()), "guidance of strength 0"),
        exact(0.0, float(np.abs(steered(listed, ~given) - by_hand).max()), "guidance of strength 1.5 by hand"),
        Truth(26.0, chi, ERRORS * (2 * 26) ** 0.5, "χ² of 20,000 ancestral samples, 26 degrees of freedom"),
        exact(3.0, run, "network evaluations of a sample of three"),
    ]


def _mixture(denoiser: Denoiser, row: Ints) -> float:
    """Logarithm of the mean over all orders of the probability of one row."""
    from itertools import permutations

    orders = np.array(list(permutations(range(len(row)))))
    found = ordered(denoiser, np.repeat(row[None], len(orders), axis=0), orders)
    return float(np.logaddexp.reduce(found) - log(len(orders)))


@check("likelihood/masked-energy", area="likelihood", source="Xu et al. 2024, by enumeration", papers=(EDLM,))
def masked_energy() -> list[Truth]:
    """Z, marginals, kernel and bound of a corrected denoiser; the bracket of log Z; and the form that is no bound."""
    chain, listed = sticky(SYMBOLS), everything()
    wild, draws = arbitrary(), generator(0, "masked-energy")
    rows = listed[::7]
    hidden = draws.random(rows.shape) < 0.6
    mass = np.exp(chain.log_prob(listed))
    agrees = (listed[None] == rows[:, None]) | hidden[:, None]
    fits = agrees.all(axis=2)
    half = ChainCorrected(wild, chain, 0.5)
    marginals, log_z = half.posterior(rows, hidden)
    logs = wild(rows, hidden)
    joint = np.where(hidden[:, None], np.take_along_axis(logs[:, None], listed[None, :, :, None], axis=3)[..., 0], 0.0)
    weight = np.where(fits, np.exp(0.5 * joint.sum(axis=2)) * mass**0.5, 0.0)
    ones = (listed[:, :, None] == np.arange(SYMBOLS)).astype(np.float64)
    by_hand = np.einsum("bm,mlv->blv", weight / weight.sum(axis=1, keepdims=True), ones)
    carried = ChainCorrected(wild, chain, 1.0, carry=True).posterior(rows, hidden)[1]
    kept = ChainCorrected(wild, chain, 1.0).posterior(rows, hidden)[1]
    full = enumerated(ChainCorrected(wild, chain, 1.0), listed)
    none = enumerated(ChainCorrected(wild, chain, 0.0), rows) - enumerated(wild, rows)
    return [
        exact(0.0, float(np.abs(carried).max()), "log Z, symbols carried over"),
        exact(0.0, float(np.abs(kept - np.log(np.where(fits, mass, 0).sum(axis=1))).max()), "log Z is p(seen)"),
        exact(0.0, float(np.abs(log_z - np.log(weight.sum(axis=1))).max()), "log Z at strength .5, by listing"),
        exact(0.0, float(np.abs(np.exp(marginals) - by_hand).max()), "marginals at strength .5, by listing"),
        exact(chain.entropy(LENGTH), float(-mass @ full), "strength 1: entropy of the chain"),
        exact(0.0, float(np.abs(none).max()), "strength 0: bound of the denoiser itself"),
        *_brackets(chain, wild, draws),
        exact(log(2) / 2, _joint_form(), "joint form for two equal bits, below their entropy log 2: no bound"),
    ]


def _brackets(chain: Chain, denoiser: Denoiser, draws: np.random.Generator) -> list[Truth]:
    """Both ends of log Z, averaged over many brackets, and the distance of resampled symbols from the posterior."""
    listed = everything(3)
    logs = denoiser(listed[:1], np.ones((1, 3), dtype=bool))[0]
    proposal = np.exp(logs[np.arange(3), listed].sum(axis=1))
    log_weights = chain.log_prob(listed) - np.log(proposal)
    distances = []
    for k in (1, 4, 64):
        picks = draws.choice(len(listed), size=(20_000, k), p=proposal / proposal.sum())
        kept = resampled(listed[picks], log_weights[picks], draws) @ np.array([9, 3, 1])
        share = np.bincount(kept, minlength=27) / len(kept)
        distances.append(float(np.abs(share - np.exp(chain.log_prob(listed))).sum() / 2))
    picks = draws.choice(len(listed), size=(4_000, 64), p=proposal / proposal.sum())
    low, high = bracket(log_weights[picks])
    spread = ERRORS * float(high.std() + low.std()) / len(high) ** 0.5
    holds = low.mean() - spread <= 0.0 <= high.mean() + spread and low.mean() < high.mean()
    return [
        exact(1.0, float(holds), "the bracket from 64 draws holds log Z = 0 on average"),
        exact(1.0, float(distances[0] > distances[1] > distances[2]), "resampling nears the posterior: 1, 4, 64 draws"),
    ]


def _joint_form() -> float:
    """∫ E[-log p(all hidden symbols together | seen)] dt / t for two equal fair bits, by quadrature."""
    nodes, share = np.polynomial.legendre.leggauss(16)
    time = (nodes + 1) / 2
    pair = Chain(np.array([0.5, 0.5]), np.array([[1.0, 0.0], [0.0, 1.0]]))
    with np.errstate(divide="ignore"):
        first = surprise(pair.conditionals, np.zeros((1, 2), dtype=np.int64), np.ones((1, 2), dtype=bool))[0, 0]
    # Both are hidden with chance t², and cost log 2 together; a single hidden one costs nothing.
    return float((share / 2 * time**2 * first / time).sum())
