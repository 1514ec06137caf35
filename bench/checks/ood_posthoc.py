"""Post-hoc OOD scores on records whose answers follow by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.components import Truth, check
from bench.records import Classification
from bench.records.head import packed
from bench.scores.geometry import fdbd, gradnorm, she
from bench.scores.logits import gedi_energy, gen, kl_matching, msp_scaled
from bench.scores.neighbours import nnguide
from bench.scores.ood import energy
from bench.scores.shaping import ash_b, ash_p, ash_s, dice, react, scale
from bench.scores.subspaces import residual, vim
from bench.seeds import generator


@check("ood/logit-scores", area="ood", source="algebra")
def logit_scores() -> list[Truth]:
    """GEN of a uniform and a certain answer, two classes at a temperature, and divergences of two coins."""
    uniform = _record(np.zeros((1, 4)))
    certain = _record(np.array([[800.0, 0.0, 0.0, 0.0]]))
    pair = _record(np.array([[3.0, 0.0]]))
    coins = np.log(np.array([[0.8, 0.2], [0.8, 0.2], [0.3, 0.7]]))
    train = _record(coins, labels=[0, 1, 1])
    asked = _record(np.log(np.array([[0.8, 0.2], [0.5, 0.5]])))
    near = float((0.5 * np.log(0.5 / np.array([[0.8, 0.2], [0.3, 0.7]]))).sum(axis=1).min())
    found = kl_matching(asked, train)
    return [
        Truth(4 * (0.25 * 0.75) ** 0.1, float(gen(uniform)[0]), 1e-12, "GEN of the uniform"),
        Truth(2 * (0.25 * 0.75) ** 0.1, float(gen(uniform, top=2)[0]), 1e-12, "GEN of two classes of it"),
        Truth(0.0, float(gen(certain)[0]), 1e-12, "GEN of a certain answer"),
        Truth(1 / (1 + np.exp(0.003)), float(msp_scaled(pair)[0]), 1e-14, "1 - max p at T = 1000"),
        Truth(0.0, float(found[0]), 1e-12, "KL to its own class"),
        Truth(near, float(found[1]), 1e-12, "KL of a fair coin to the nearer of two"),
    ]


@check("ood/gedi-marginal", area="ood", source="marginalisation")
def gedi_marginal() -> list[Truth]:
    """Logits that are log joint densities of a mixture of two Gaussians: the score is -log p(x), which integrates to 1.

    Adding g(x) to all logits moves the score by -g(x) and no probability: what a classifier leaves open.
    """
    x = np.linspace(-14, 14, 20_001)
    means, stds, shares = np.array([-2.0, 3.0]), np.array([1.0, 0.5]), np.array([0.7, 0.3])
    z = (x[:, None] - means) / stds
    joint = np.log(shares / (stds * np.sqrt(2 * np.pi))) - z**2 / 2
    density = np.exp(joint).sum(axis=1)
    record = _record(joint)
    found = gedi_energy(record)
    moved = _record(joint + np.sin(x)[:, None])
    change = gedi_energy(moved) - found + np.sin(x)
    return [
        Truth(0.0, float(np.abs(np.exp(-found) - density).max()), 1e-14, "exp(-score) is the density"),
        Truth(1.0, float(np.exp(-found).sum() * (x[1] - x[0])), 1e-9, "integral"),
        Truth(0.0, float(np.abs(change).max()), 1e-12, "g(x) moves the score"),
        Truth(0.0, float(np.abs(moved.probs - record.probs).max()), 1e-12, "and no probability"),
    ]


@check("ood/shaping", area="ood", source="algebra")
def shaping() -> list[Truth]:
    """One sample of activations 4, 3, 2, 1 and two classes, so that each change can be made by hand.

    The first class's logit is the sum of the activations, the second's is 0: the energy is -softplus(sum).
    """
    activations = np.array([[4.0, 3.0, 2.0, 1.0]])
    head = np.array([[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]]), np.zeros(2)
    one = _record(np.array([[10.0, 0.0]]), activations, head)
    train = replace(_joined(one, one), features=np.array([[4.0, 3.0, 2.0, 1.0], [0.0, 0.0, 0.0, 0.0]]))
    cut = float(np.percentile([4.0, 3, 2, 1, 0, 0, 0, 0], 90))
    cases = [
        (react(one, train), cut + 3 + 2 + 1, "ReAct"),
        (react(one, train, percentile=100), 10.0, "ReAct that cuts nothing"),
        (dice(one, train), 4.0, "DICE keeps one weight of eight"),
        (ash_p(one, train, percentile=50), 7.0, "ASH-P"),
        (ash_b(one, train, percentile=50), 10.0, "ASH-B"),
        (ash_s(one, train, percentile=50), 7 * np.exp(10 / 7), "ASH-S"),
        (scale(one, train, percentile=50), 10 * np.exp(10 / 7), "SCALE"),
    ]
    # Float32 arithmetic of a number near 40.
    return [Truth(-float(np.logaddexp(0, total)), float(found[0]), 1e-5, label) for found, total, label in cases]


@check("ood/vim-subspace", area="ood", source="geometry")
def vim_subspace() -> list[Truth]:
    """Training features within a plane through the origin of the logits: a step out of it is the residual.

    d = 4, so the rule's subspace has two dimensions.  ViM's alpha is then free (the training residual is 0), so it is
    checked on features whose residual is 1 everywhere: alpha is their mean largest logit.
    """
    draws = generator(0, "check", "vim")
    half = np.concatenate([5 * draws.standard_normal((200, 2)), np.zeros((200, 2))], axis=1)
    plane = np.concatenate([half, half])  # each point is lifted to both sides, so that lift and plane don't correlate
    head = np.array([[1.0, 0.0, 0.0, 0.0], [-1.0, 0.5, 0.0, 0.0]]), np.zeros(2)
    out = plane[:50].copy()
    out[:, 2:] = 3.0 * np.stack([np.cos(np.arange(50)), np.sin(np.arange(50))], axis=1)
    signs = np.repeat([1.0, -1.0], 200)
    off = plane + signs[:, None] * np.array([0.0, 0.0, 0.6, 0.8])
    train, lifted = (_record(x @ head[0].T, x, head) for x in (plane, off))
    asked = _record(out @ head[0].T, out, head)
    alpha = float(lifted.logits.max(axis=1).mean())
    expected = alpha * residual(asked, lifted) + energy(asked)
    return [
        Truth(0.0, float(np.abs(residual(train, train)).max()), 1e-5, "residual within the plane"),
        Truth(0.0, float(np.abs(residual(asked, train) - 3).max()), 1e-5, "residual 3 out of it"),
        Truth(0.0, float(np.abs(residual(lifted, lifted) - 1).max()), 1e-5, "residual of the lifted rows"),
        Truth(0.0, float(np.abs(vim(asked, lifted) - expected).max()) / alpha, 1e-5, "alpha"),
    ]


@check("ood/gradnorm", area="ood", source="the gradient, one weight at a time")
def gradnorm_by_differences() -> list[Truth]:
    """The closed form against central differences of the loss in every weight of the last layer."""
    draws = generator(0, "check", "gradnorm")
    features, weight = np.abs(draws.standard_normal((3, 4))).astype(np.float32), draws.standard_normal((5, 4))

    def loss(w: Float64s) -> Float64s:
        logits = features.astype(np.float64) @ w.T
        return -(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).sum(axis=1)

    total, step = np.zeros(3), 1e-5
    for place in np.ndindex(weight.shape):
        nudge = np.zeros_like(weight)
        nudge[place] = step
        total += np.abs(loss(weight + nudge) - loss(weight - nudge)) / (2 * step)
    found = -gradnorm(_record(features.astype(np.float64) @ weight.T, features))
    return [
        Truth(float(t), float(v), 1e-6 * float(t), f"row {i}")
        for i, (t, v) in enumerate(zip(total, found, strict=True))
    ]


@check("ood/boundaries", area="ood", source="plane geometry")
def boundaries() -> list[Truth]:
    """Two classes in the plane, parted by x = 0: fDBD is |x| over the distance to the mean; SHE an inner product."""
    head = np.array([[1.0, 0.0], [-1.0, 0.0]]), np.zeros(2)
    bank = np.array([[3.0, 1.0], [1.0, 1.0], [-2.0, 0.0], [4.0, -5.0]])
    train = _record(bank @ head[0].T, bank, head, labels=[0, 0, 1, 1])  # the last is classified wrongly
    point = np.array([[2.0, 2.0]])
    asked = _record(point @ head[0].T, point, head)
    mean = bank.mean(axis=0)
    return [
        Truth(-2.0 / float(np.linalg.norm(point - mean)), float(fdbd(asked, train)[0]), 1e-9, "fDBD"),
        Truth(-(2 * 2.0 + 2 * 1.0), float(she(asked, train)[0]), 1e-9, "SHE"),
        Truth(
            -(-5 * -2.0),
            float(she(_record(np.array([[-5.0, 5.0]]), np.array([[-5.0, 9.0]])), train)[0]),
            1e-9,
            "SHE, 2",
        ),
    ]


@check("ood/neighbours", area="ood", source="geometry of the circle")
def neighbours() -> list[Truth]:
    """A bank of one direction: NNGuide is the product of both confidences and the cosine between them."""
    head = np.array([[1.0, 0.0], [0.0, 1.0]]), np.zeros(2)
    bank = np.tile([[2.0, 0.0]], (12, 1))
    train = _record(bank @ head[0].T, bank, head)
    angle = np.deg2rad(60.0)
    point = 5 * np.array([[np.cos(angle), np.sin(angle)]])
    asked = _record(point @ head[0].T, point, head)
    own, other = -float(energy(asked)[0]), float(np.logaddexp(2.0, 0.0))
    return [Truth(-own * other * 0.5, float(nnguide(asked, train)[0]), 1e-5, "NNGuide at 60 degrees")]


def _joined(*parts: Classification) -> Classification:
    renamed = [replace(p, ids=np.char.add(p.ids, f"-{i}")) for i, p in enumerate(parts)]
    return Classification.concatenate(renamed)


def _record(
    logits: Float64s,
    features: AnyArray | None = None,
    head: tuple[Float64s, Float64s] | None = None,
    labels: list[int] | None = None,
) -> Classification:
    n = len(logits)
    return Classification(
        ids=np.arange(n).astype(np.str_),
        labels=np.zeros(n, dtype=np.int64) if labels is None else np.array(labels),
        logits=logits,
        features=features,
        head="" if head is None else packed(*head),
    )
