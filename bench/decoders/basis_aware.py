"""Basis-aware truncation: which tokens the model's own bottleneck proves to be possible."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.arrays import Float64s
from bench.components import decoder
from bench.decisions import Decision, Prompt
from bench.decoders.budget import require
from bench.decoders.draws import Pool
from bench.decoders.single import decision
from bench.decoders.stepping import Choice, Partial, Stepper, Stream, opened
from bench.errors import UsageError
from bench.language import LanguageModel, Projecting
from bench.seeds import generator

PAPER = "Closing the Curious Case of Neural Text Degeneration"


class BasisAware:
    """Draw a token, and keep it only if the true probability cannot be 0; otherwise draw among the others.

    basis (V, r): the directions in which the model's log-probabilities can move.  The true distribution p is taken to
    agree with the model's p̂ on them, Wᵀp = Wᵀp̂, and to exceed no p̂ / (1 - tau).  A token of p̂ ≥ tau is kept as it is;
    of a smaller one a linear programme asks whether such a p with p = 0 there exists.
    """

    def __init__(self, basis: Float64s, tau: float, temperature: float = 1.0) -> None:
        self.basis = basis
        self.tau = tau
        self.temperature = temperature
        self.solved = 0

    def __call__(self, log_probs: Float64s, _: Partial, stream: Stream) -> Choice:
        """See `Pick`."""
        heated = log_probs / self.temperature
        mass = np.exp(heated - heated.max())
        probs = np.exp(log_probs)
        best = int(log_probs.argmax())
        while mass.sum() > 0:
            upto = mass.cumsum()
            goal = min(stream.random() * upto[-1], np.nextafter(upto[-1], 0))
            token = int(np.searchsorted(upto, goal, side="right"))
            if token == best or self.accepts(probs, token):
                return Choice(token, float(log_probs[token]))
            mass[token] = 0.0
        return Choice(best, float(log_probs[best]))

    def accepts(self, probs: Float64s, token: int) -> bool:
        """Whether the token's true probability must be above 0, by the bounds on p."""
        if probs[token] >= self.tau:
            return True
        self.solved += 1
        return not feasible(probs, self.basis, self.tau, token)


def feasible(probs: Float64s, basis: Float64s, tau: float, token: int) -> bool:
    """Whether a distribution p exists with Wᵀp = Wᵀp̂, p ≤ p̂ / (1 - tau) and p = 0 at the token.

    probs (V,): p̂.  basis (V, r), r = 0 for no such constraint.  Solved by HiGHS.
    """
    from scipy.optimize import linprog

    upper = probs / (1 - tau)
    upper[token] = 0.0
    # Where p̂ itself is 0, so is p: the columns fall away.
    free = np.flatnonzero(upper > 0)
    rows = np.vstack([np.ones(len(probs)), basis.T])
    found = linprog(
        np.zeros(len(free)),
        A_eq=rows[:, free],
        b_eq=rows @ probs,
        bounds=[(0.0, most) for most in upper[free].tolist()],
        method="highs",
    )
    return int(found.status) != 2  # 2: infeasible, the only proof there is


@decoder(
    "bat",
    source="Finlayson, Hewitt, Koller, Swayamdipta and Sabharwal 2024, Closing the Curious Case",
    papers=(PAPER,),
    check="basis-aware",
)
def bat(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    tau: float = 0.02,
    rank: int = 16,
    temperature: float = 1.0,
) -> list[Decision]:
    """One sample from the tokens whose true probability cannot be 0, as far as the model's softmax bottleneck tells.

    tau: how much too small the model's probabilities of the others may make a token look.  rank: directions of the
    output embedding that are kept, by singular values (the vocabulary's size at most; more take longer).  Confidence as
    in `sample`.
    """
    require(0 < tau < 1, "bat", "tau", tau, "above 0 and below 1")
    require(isinstance(rank, int) and rank >= 0, "bat", "rank", rank, "a whole number of at least 0")
    require(temperature > 0, "bat", "temperature", temperature, "above 0")
    if not isinstance(model, Projecting):
        raise UsageError(
            "'bat' can't run on this model",
            cause="it needs the output embedding, which this model doesn't give",
            fix="take a local model (hf:…), or another truncation: eta, min-p",
        )
    pick = BasisAware(directions(model.output_embedding(), rank), tau, temperature)
    with opened(model, "bat", prompts) as session:
        stepper = Stepper(session, prompts)
        streams = [generator(seed, "bat", prompt.id) for prompt in prompts]
        grown = stepper.grow(stepper.roots, streams, pick, steps=False)
        texts = [stepper.generated(one) for one in grown]
    return [decision(Pool((t,), (p.extract(t.text),)), "bat") for p, t in zip(prompts, texts, strict=True)]


def directions(embedding: Float64s, rank: int) -> Float64s:
    """The first left singular vectors of an embedding (V, d) without its mean row, (V, rank)."""
    centred = embedding - embedding.mean(axis=0)
    left: Float64s = np.linalg.svd(centred, full_matrices=False)[0]
    return left[:, : min(rank, left.shape[1])]
