"""Train the network of `pfn`: ``python -m bench.zoo.prior_fitted --out DIR``.

Each step draws new functions from the prior, hides some of their values, and lowers the surprise at them: the least
possible is that of the exact posterior (Müller et al. 2022).  One thread and fixed seeds, as `bench.zoo.train`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.models.descent import descend
from bench.models.modules import seeded
from bench.models.prior_fitted import CONTEXT, WEIGHTS, log_density, log_weights, network
from bench.references.functions import functions
from bench.seeds import derive, generator

NAME = "prior-fitted"
SEED = 1
STEPS, BATCH, POINTS, RATE = 10_000, 64, 2 * CONTEXT, 2e-3


def train(out: Path, steps: int = STEPS) -> Path:
    """Train and write to ``out / NAME``; returns the file."""
    from safetensors.numpy import save_file

    with seeded(derive(SEED, NAME)):
        parts = network()
    parameters = [p for part in parts for p in part.parameters()]
    loss = _surprise(parts, generator(SEED, NAME, "functions"))
    found = descend(parameters, loss, steps=steps, rate=RATE, average=0.999, clip=1.0)
    path = out / NAME / WEIGHTS.name
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({f"{i:03d}": p.numpy() for i, p in enumerate(found)}, path)
    path.chmod(0o644)
    return path


def _surprise(parts: tuple[Any, ...], draws: np.random.Generator) -> Callable[[], torch.Tensor]:
    """A loss that draws new functions at each call, and now and then tells how it went."""
    recent: list[float] = []

    def loss() -> torch.Tensor:
        x, y = (torch.as_tensor(a.astype(np.float32)) for a in functions(BATCH, POINTS, draws))
        n = int(draws.integers(CONTEXT + 1))
        logs = log_weights(parts, x[:, :n], y[:, :n], x[:, n:])
        found = -log_density(logs, y[:, n:]).mean()
        recent.append(found.item())
        if len(recent) == 100:
            sys.stderr.write(f"surprise over the last 100 steps: {np.mean(recent):.4f} nats\n")
            recent.clear()
        return found

    return loss


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and print the digest of the weights."""
    parser = argparse.ArgumentParser(prog="python -m bench.zoo.prior_fitted", description=f"Train {NAME}.")
    parser.add_argument("--out", type=Path, default=WEIGHTS.parents[1], help="folder for the weights")
    path = train(parser.parse_args(arguments).out)
    sys.stdout.write(f"{sha256(path.read_bytes()).hexdigest()}  {NAME}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
