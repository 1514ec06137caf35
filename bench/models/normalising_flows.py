"""Normalising flows through zuko: small ones trained here, and flows of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.capabilities import LogDensity, Machine
from bench.components import model
from bench.errors import UsageError
from bench.examples import Examples
from bench.models import importing
from bench.models.building import facts
from bench.models.densities import training_rows
from bench.models.dequantisation import LEARNT, METHODS, Noise, dequantised, lower_bound
from bench.models.modules import load, seeded, train
from bench.models.scaling import Scale, flat
from bench.models.shelf import Arrays, digest_of, kept
from bench.models.user_flows import Grey
from bench.seeds import derive, row_normals

if TYPE_CHECKING:
    import torch
    from torch import Tensor

KINDS = ("nsf", "maf", "gf")
HIDDEN = (64, 64)
STEPS, BATCH, RATE = 400, 256, 2e-3
EDGE = 1e-9  # noise is kept this far within the cell, where its logit is a number
ROWS = 2048
MARGIN = 1e-3  # of the range of grey levels, left free at either end: the logit of an end is a number
HELD = 10  # one in so many training rows of discrete data tells when to stop
DECAY = 1.0  # of weights, for discrete data: few rows of many dimensions
_RECIPE = 2  # raised when a change alters trained weights


@dataclass(frozen=True, eq=False)
class View:
    """How a flow sees points: standardised, those of discrete data after a logit of their place in (0, levels)."""

    levels: int
    scale: Scale

    @staticmethod
    def of(rows: Float64s, levels: int, seed: int) -> View:
        """By what training rows (n, d) show."""
        import torch

        if not levels:
            return View(0, Scale.of(rows))
        points = torch.as_tensor(dequantised(rows, seed))
        return View(levels, Scale.of(_opened(points, levels)[0].numpy()))

    def __call__(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Points (b, d) as seen, and the log |det| of that map at each, (b,)."""
        import torch

        stretch = torch.full((len(points),), -float(np.log(self.scale.width).sum()), dtype=points.dtype)
        if self.levels:
            points, more = _opened(points, self.levels)
            stretch = stretch + more
        return _apply(self.scale, points), stretch


@dataclass
class TrainedFlow:
    """A flow fitted to the task's rows in so many steps; discrete ones are dequantised by uniform or learnt noise."""

    kind: str
    dequantisation: str
    draws: int
    steps: int = STEPS
    levels: int = 0
    seed: int = 0
    flow: Any = field(default=None, repr=False)
    noise: Noise | None = field(default=None, repr=False)
    view: View | None = field(default=None, repr=False)

    def fit(self, train: Examples, seed: int) -> None:
        """Train by maximum likelihood (or, of discrete data, its bound), or take from the shelf."""
        import torch

        rows = training_rows(train)
        self.levels, self.seed = train.levels, seed
        view = self.view = View.of(rows, self.levels, seed)
        scale = Scale.of(rows)
        learnt = bool(self.levels) and self.dequantisation in LEARNT
        key = {
            "data": digest_of(rows), "levels": self.levels, "kind": self.kind, "learnt": learnt, "seed": seed,
            "steps": self.steps,
            "recipe": _RECIPE, "torch": torch.__version__, "zuko": version("zuko"),
        }  # fmt: skip
        width = rows.shape[1]
        with seeded(derive(seed, "flow")):
            self.flow = _made(self.kind, width)
            noise = _made("maf", width, context=width) if learnt else None
        modules = [m for m in (self.flow, noise) if m is not None]
        arrays = kept("flow", key, lambda: _trained(Bound(self.flow, view, noise, scale), rows, seed, self.steps))
        load(modules, arrays)
        self.noise = None if noise is None else drawn_noise(noise, scale, seed)

    def density(self, inputs: AnyArray) -> LogDensity:
        """Exact log-density, nats, (b,); of discrete data a lower bound on the log-mass."""
        rows = flat(inputs)
        if not self.levels:
            assert self.view is not None  # noqa: S101 - fit comes first
            stretch = np.full(len(rows), -float(np.log(self.view.scale.width).sum()))
            return LogDensity(self.log_density(rows), log_det=stretch)
        return lower_bound(self.log_density, rows, self.seed, self.draws, self.dequantisation, self.noise)

    def log_density(self, rows: Float64s) -> Float64s:
        """Log-density of points (n, d), nats, (n,); of grey levels that of points dequantised."""
        assert self.view is not None  # noqa: S101 - fit comes first
        return _log_prob(self.flow(), self.view, rows)

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        said = {"kind": self.kind, "dequantisation": self.dequantisation, "draws": self.draws}
        return facts("flow", said, "numpy", "torch", "zuko")


@model(
    "flow",
    gives="density",
    source="Durkan et al. 2019 (nsf), Papamakarios et al. 2017 (maf), Meng et al. 2020 (gf); zuko",
    check="likelihood/variational-dequantisation",
)
def flow(kind: str = "nsf", dequantisation: str = "uniform", draws: int = 8) -> TrainedFlow:
    """A small normalising flow of zuko's, trained in under a minute and kept for the next run.

    kind: nsf (neural spline), maf (masked autoregressive) or gf (Gaussianisation).  dequantisation, of discrete data:
    uniform, importance (of `draws` draws), variational (noise that is learnt with the flow) or variational-importance.
    Discrete data is seen through a logit of its range, with weight decay, and as early in training as a tenth of the
    training rows, kept apart, fares best: `likelihood/digits` comes to 91.6 nats, independent pixels to 107.9.
    """
    if kind not in KINDS or dequantisation not in METHODS + LEARNT or draws < 1:
        raise UsageError(
            f"flow cannot have kind={kind},dequantisation={dequantisation},draws={draws}",
            cause=f"kind is one of {', '.join(KINDS)}, dequantisation of {', '.join(METHODS + LEARNT)}",
            fix="bench show model flow",
        )
    return TrainedFlow(kind, dequantisation, draws)


@dataclass
class UserZuko:
    """A trained flow of the user's: calling it gives a distribution with `log_prob`."""

    flow: Any
    grey: Grey
    device: str
    identity: dict[str, Any]

    def density(self, inputs: AnyArray) -> LogDensity:
        """Log-density, nats, (b,), in the data's own units; of discrete data a lower bound on the log-mass."""
        import torch

        rows = flat(inputs)
        dtype = next((p.dtype for p in self.flow.parameters()), torch.float64)

        def of(points: Float64s) -> Float64s:
            with torch.no_grad():
                said = self.flow().log_prob(torch.as_tensor(self.grey.seen(points), dtype=dtype, device=self.device))
            return said.double().cpu().numpy() + self.grey.stretch(points.shape[1])

        if not self.grey.levels:
            return LogDensity(of(rows))
        found = lower_bound(of, rows, 0, self.grey.draws, self.grey.dequantisation)
        return replace(found, log_det=np.full(len(rows), self.grey.stretch(rows.shape[1])))

    def fingerprint(self) -> dict[str, Any]:
        """Target, weights, parameters and versions."""
        return self.identity


@model("zuko", gives="density", source="Rozet et al. 2022, zuko", check="likelihood/variational-dequantisation")
def zuko_flow(
    target: str,
    machine: Machine,
    levels: int = 0,
    low: float = -1.0,
    high: float = 1.0,
    dequantisation: str = "uniform",
    draws: int = 8,
) -> UserZuko:
    """A trained flow of zuko's (or any module that gives a distribution when called), over flat rows.

    target: `module:factory` or `file.py:factory`, which returns it with its weights.  levels, low, high: grey levels
    and the range over which it saw them.  dequantisation: uniform or importance, with that many draws.
    """
    from bench.models.torch import digest

    held = importing.call(importing.load_callable(target), target, {})
    if not callable(held) or not hasattr(held, "parameters"):
        raise UsageError(
            f"'{target}' gave no flow", cause=f"it returned {type(held).__name__}", fix="return a zuko flow, trained"
        )
    grey = Grey(levels, low, high, dequantisation, draws)
    said = {"target": target, "source": importing.source_digest(target), "weights": digest(held), **vars(grey)}
    held = held.to(machine.device).eval().requires_grad_(False)
    return UserZuko(held, grey, machine.device, facts("zuko", said, "numpy", "torch"))


def learnt_noise(
    log_density: Callable[[Tensor], Tensor], rows: Float64s, seed: int, steps: int = STEPS
) -> tuple[Any, Scale]:
    """A conditional flow over the unit cube that raises E log q(x + u) - log r(u | x) for a density q that stays.

    log_density: of points (b, d), differentiable.  Returned with the scale by which it sees rows (n, d).
    """
    import torch

    scale = Scale.of(rows)
    with seeded(derive(seed, "noise")):
        noise = _made("maf", rows.shape[1], context=rows.shape[1])
    data, draws = torch.as_tensor(rows), torch.Generator().manual_seed(derive(seed, "noise", "batch") % 2**63)

    def loss() -> Tensor:
        x = data[torch.randint(len(data), (BATCH,), generator=draws)]
        shift, logs = _noise_at(noise, _apply(scale, x), torch.randn(x.shape, generator=draws, dtype=x.dtype))
        return (logs - log_density(x + shift)).mean()

    train([noise], loss, steps=steps, rate=RATE)
    return noise, scale


def drawn_noise(noise: Any, scale: Scale, seed: int) -> Noise:
    """The learnt noise of rows, each row's from (seed, the draw, the row itself) alone."""
    import torch

    def draw(rows: Float64s, number: int) -> tuple[Float64s, Float64s]:
        normals = torch.as_tensor(row_normals(rows, rows.shape[1], seed, "learnt-noise", number))
        with torch.no_grad():
            shift, logs = _noise_at(noise, torch.as_tensor(scale.apply(rows)), normals)
        return shift.numpy(), logs.numpy()

    return draw


def _noise_at(noise: Any, seen: Tensor, normals: Tensor) -> tuple[Tensor, Tensor]:
    """Noise within the cell (b, d) from normals (b, d), and its log-density (b,)."""
    import torch

    said = noise(seen)
    # An autoregressive map from normals to noise takes one pass this way, and one for each dimension the other way.
    point, stretch = said.transform.call_and_ladj(normals)
    logistic = torch.nn.functional.logsigmoid
    # u = sigmoid(v): log |du/dv| = log u + log(1 - u).
    within = (logistic(point) + logistic(-point)).sum(dim=1)
    base = -0.5 * (normals.square() + float(np.log(2 * np.pi))).sum(dim=1)
    return point.sigmoid().clamp(EDGE, 1 - EDGE), base - stretch - within


@dataclass(frozen=True, eq=False)
class Bound:
    """What training lowers: the mean surprise at points, or of discrete data the bound that its noise gives."""

    flow: Any
    view: View
    noise: Any
    scale: Scale

    def __call__(self, x: Tensor, draws: torch.Generator) -> Tensor:
        """Mean over rows (b, d), nats."""
        import torch

        logs: Tensor | float = 0.0
        if self.noise is not None:
            normals = torch.randn(x.shape, generator=draws, dtype=x.dtype)
            shift, logs = _noise_at(self.noise, _apply(self.scale, x), normals)
            x = x + shift
        elif self.view.levels:
            x = x + torch.rand(x.shape, generator=draws, dtype=x.dtype)
        seen, stretch = self.view(x)
        return (logs - self.flow().log_prob(seen) - stretch).mean()


def _trained(bound: Bound, rows: Float64s, seed: int, steps: int) -> Arrays:
    import torch

    draws = torch.Generator().manual_seed(derive(seed, "flow", "batch") % 2**63)
    data = torch.as_tensor(rows)[torch.randperm(len(rows), generator=draws)]
    count = len(rows) // HELD if bound.view.levels else 0
    kept_apart, data = data[:count], data[count:]

    def loss() -> Tensor:
        return bound(data[torch.randint(len(data), (BATCH,), generator=draws)], draws)

    def held() -> float:
        # The same noise at each look, so that looks differ by the flow alone.
        return bound(kept_apart, torch.Generator().manual_seed(derive(seed, "flow", "held") % 2**63)).item()

    modules = [m for m in (bound.flow, bound.noise) if m is not None]
    if not count:
        return train(modules, loss, steps=steps, rate=RATE)
    return train(modules, loss, steps=steps, rate=RATE, decay=DECAY, held=held)


def _opened(points: Tensor, levels: int) -> tuple[Tensor, Tensor]:
    """Points (b, d) in (0, levels) over the whole line, by a logit, and the log |det| of that map, (b,)."""
    share = MARGIN + (1 - 2 * MARGIN) * points / levels
    slope = -share.log() - (-share).log1p() + float(np.log((1 - 2 * MARGIN) / levels))
    return share.logit(), slope.sum(dim=1)


def _apply(scale: Scale, rows: Tensor) -> Tensor:
    import torch

    return (rows - torch.as_tensor(scale.mean)) / torch.as_tensor(scale.width)


def _log_prob(said: Any, view: View, rows: Float64s) -> Float64s:
    import torch

    parts = []
    with torch.no_grad():
        for start in range(0, len(rows), ROWS):
            seen, stretch = view(torch.as_tensor(rows[start : start + ROWS]))
            parts.append((said.log_prob(seen) + stretch).numpy())
    return np.concatenate(parts) if parts else np.empty(0)


def _made(kind: str, width: int, context: int = 0) -> Any:
    """A flow of zuko's in float64, from torch's generator."""
    from zuko import flows

    made = {
        "nsf": lambda: flows.NSF(width, context, transforms=3, hidden_features=HIDDEN),
        "maf": lambda: flows.MAF(width, context, transforms=2 if context else 5, hidden_features=HIDDEN),
        "gf": lambda: flows.GF(width, context, transforms=3, components=8, hidden_features=HIDDEN),
    }
    return made[kind]().double()
