"""Probabilistic integral circuits: continuous states on a tree, summed over at the nodes of a quadrature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.arrays import AnyArray, Float64s, Ints
from bench.capabilities import LogDensity
from bench.components import model
from bench.errors import UsageError
from bench.estimators.circuits import LatentTree
from bench.estimators.integral import materialised, nodes
from bench.examples import Examples
from bench.models.building import NotSuited, facts
from bench.models.circuits import Asked
from bench.models.densities import training_rows
from bench.models.descent import descend
from bench.models.discrete import levels_of, maximum_tree, mutual_information, pair_counts
from bench.models.scaling import flat
from bench.models.shelf import Arrays, digest_of, kept
from bench.references import trees
from bench.seeds import derive, generator
from bench.tasks.likelihood.gaussian_tree import PIC

if TYPE_CHECKING:
    from torch import Tensor

CHECK = "likelihood/integral-circuits"
REACH = 6.0  # of the quadrature of standard normal states
WAVES, WIDTH, FEATURES = 4, 32, 16
STEPS, BATCH, RATE, DECAY = 300, 128, 1e-2, 0.05
_RECIPE = 1  # raised when a change alters trained weights


@dataclass
class GaussianTree:
    """The tree behind `likelihood/gaussian-tree`, its states summed over at so many nodes."""

    nodes: int

    def fit(self, train: Examples, seed: int) -> None:  # noqa: ARG002 - nothing is learnt
        """Data of another source is refused."""
        if train.levels or flat(train.inputs).shape[1] != len(trees.PARENTS):
            raise NotSuited(
                "integral-tree does not know this data",
                cause=f"its source is continuous in {len(trees.PARENTS)} dimensions",
                fix="ask it about likelihood/gaussian-tree",
            )

    def density(self, inputs: AnyArray) -> LogDensity:
        """Log-density by quadrature, (b,): an estimate, off to either side."""
        return LogDensity(
            integrated(flat(inputs), self.nodes), likelihood="estimate", estimator=f"quadrature ({self.nodes} nodes)"
        )

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        return facts("integral-tree", {"nodes": self.nodes}, "numpy")


@model("integral-tree", gives="density", source="Gala et al. 2024, arXiv:2310.16986", papers=(PIC,), check=CHECK)
def integral_tree(nodes: int = 64) -> GaussianTree:
    """The exact laws of a tree of Gaussian states, integrated by Gauss-Legendre quadrature: what its nodes lose.

    nodes: of each state, on [-6, 6].
    """
    return GaussianTree(_enough("integral-tree", nodes))


def integrated(rows: Float64s, count: int) -> Float64s:
    """Log-density of rows (n, 5) of the tree of Gaussian states, by `count` nodes, (n,)."""
    size, (at, _) = len(trees.PARENTS), nodes(count, REACH)
    tree = materialised(
        trees.PARENTS,
        lambda z: trees.log_normal(z, np.zeros_like(z), 1.0),
        [trees.bond] * size,
        [lambda z: np.empty((len(z), 0))] * size,
        count,
        REACH,
    )
    return tree.upward(np.exp(trees.log_normal(rows.T[:, :, None], at[None, None, :], trees.NOISE)))[2]


@dataclass
class IntegralCircuit(Asked):
    """Small networks over continuous states, made into a circuit of `nodes` states by quadrature."""

    nodes: int = 32

    def fit(self, train: Examples, seed: int) -> None:
        """Train the networks on the tree of greatest mutual information, or take them from the shelf."""
        import torch

        rows = levels_of(training_rows(train), train.levels)
        self.levels = train.levels
        parents = maximum_tree(mutual_information(pair_counts(rows, self.levels)))
        key = {
            "data": digest_of(rows), "levels": self.levels, "nodes": self.nodes, "seed": seed, "recipe": _RECIPE,
            "torch": torch.__version__,
        }  # fmt: skip
        found = kept("integral-circuit", key, lambda: _trained(rows, self.levels, parents, self.nodes, seed))
        arrays = {k: torch.as_tensor(v.astype(np.float64)) for k, v in found.items()}
        with torch.inference_mode():
            prior, step, leaf = (logs.exp().numpy() for logs in _laws(arrays, self.nodes))
        self.tree = LatentTree(parents, prior, step, leaf)

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        return facts("integral-circuit", {"nodes": self.nodes}, "numpy", "scipy", "torch")


@model("integral-circuit", gives="density", source="Gala et al. 2024, arXiv:2310.16986", papers=(PIC,), check=CHECK)
def integral_circuit(nodes: int = 32) -> IntegralCircuit:
    """A probabilistic integral circuit over discrete data: continuous states behind the variables, on a Chow-Liu tree.

    Networks of the state give each variable's values and its children's states.  nodes: of the quadrature that makes it
    a circuit, which sums to 1 and whose log-masses are exact.  It trains in under a minute, and is kept afterwards.
    """
    return IntegralCircuit(nodes=_enough("integral-circuit", nodes))


def _enough(name: str, count: int) -> int:
    if count < 2:
        raise UsageError(f"{name} cannot have nodes={count}", cause="a state has two nodes at least", fix="nodes=32")
    return count


def _laws(a: dict[str, Tensor], count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Log-laws at the nodes: of the root's state (N,), of states given the parent's (D, N, N), of values (D, N, V).

    All networks share the features of a state in [-1, 1] that the first two layers make.
    """
    import torch

    places, weights = (torch.as_tensor(x, dtype=a["w0"].dtype) for x in nodes(count, 1.0))
    angles = torch.pi * places[:, None] * torch.arange(1, WAVES + 1)
    seen = torch.cat([places[:, None], angles.sin(), angles.cos()], dim=1)
    features = torch.nn.functional.silu(seen @ a["w0"] + a["b0"]) @ a["w1"]
    share = weights.log()
    prior = (features @ a["root"] + share).log_softmax(dim=0)
    step = torch.einsum("pf,dfg,cg->dpc", features, a["step"], features) + share
    leaf = torch.einsum("nf,dfv->dnv", features, a["leaf"]) + a["bias"][:, None, :]
    return prior, step.log_softmax(dim=2), leaf.log_softmax(dim=2)


def _log_prob(laws: tuple[Tensor, Tensor, Tensor], order: list[int], parents: Ints, rows: Tensor) -> Tensor:
    """Log-masses of rows (b, D), from the leaves of the tree to its root, (b,)."""
    prior, step, leaf = laws
    below = [leaf[i][:, rows[:, i]].T for i in range(rows.shape[1])]  # (b, N) each
    total = rows.new_zeros(len(rows), dtype=leaf.dtype)
    for i in reversed(order[1:]):
        top = below[i].amax(dim=1, keepdim=True).detach()
        total = total + top[:, 0]
        message = (below[i] - top).exp() @ step[i].exp().T
        below[parents[i]] = below[parents[i]] + message.clamp_min(1e-30).log()
    return total + (below[order[0]] + prior).logsumexp(dim=1)


def _trained(rows: Ints, levels: int, parents: Ints, count: int, seed: int) -> Arrays:
    """By maximum likelihood of the circuit that the quadrature makes."""
    import torch

    start = torch.Generator().manual_seed(derive(seed, "integral-circuit") % 2**63)
    draws, dim = generator(seed, "integral-circuit", "batches"), rows.shape[1]
    shapes = {
        "w0": (2 * WAVES + 1, WIDTH), "w1": (WIDTH, FEATURES), "root": (FEATURES,), "step": (dim, FEATURES, FEATURES),
        "leaf": (dim, FEATURES, levels),
    }  # fmt: skip
    arrays = {
        k: torch.randn(shape, generator=start) * shape[-2 if len(shape) > 1 else 0] ** -0.5
        for k, shape in shapes.items()
    }
    shown = np.stack([np.bincount(rows[:, i], minlength=levels) + 1.0 for i in range(dim)])
    arrays |= {
        "b0": torch.zeros(WIDTH),
        "bias": torch.as_tensor(np.log(shown / shown.sum(axis=1, keepdims=True))).float(),
    }
    for p in arrays.values():
        p.requires_grad_()
    empty = np.zeros((dim, 1, 1))
    order = LatentTree(parents, np.ones(1), empty, empty).order
    data = torch.as_tensor(rows)

    def loss() -> Tensor:
        batch = data[torch.as_tensor(draws.integers(len(rows), size=BATCH))]
        return -_log_prob(_laws(arrays, count), order, parents, batch).mean()

    names = list(arrays)
    found = descend([arrays[k] for k in names], loss, steps=STEPS, rate=RATE, average=0.98, clip=50.0, decay=DECAY)
    return {k: p.numpy() for k, p in zip(names, found, strict=True)}
