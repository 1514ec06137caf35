"""Densities of your own as bench asks them: here one Gaussian, four times, in place of what you trained.

bench eval -m velocity:examples/density.py:velocity -m score:examples/density.py:score -m latent:examples/density.py:Vae
  -m energy:examples/density.py:energy -t likelihood/gaussian-mixture
"""

import torch

VARIANCE = 8.25  # of the ring's points, in each of the two directions


def velocity():
    """A callable (x, t) that gives dx/dt, from noise at time 0 to data at time 1."""
    return lambda x, t: x * ((VARIANCE * t - (1 - t)) / (VARIANCE * t**2 + (1 - t) ** 2))[:, None]


def score():
    """A callable (x, t) that gives the gradient of log p, under the diffusion sde=vp (beta from .1 to 20)."""
    return lambda x, t: -x / (1 + (VARIANCE - 1) * torch.exp(-0.1 * t - 9.95 * t**2))[:, None]


def energy():
    """A callable of rows (n, d) in numpy that gives E; its constant is found by importance sampling."""
    return lambda rows: (rows**2).sum(axis=1) / (2 * VARIANCE)


class Vae:
    """encode(x) gives mean and standard deviation of z; decode(z) the distribution of x."""

    def encode(self, x):
        """A little wider than the posterior."""
        return x * (VARIANCE - 1) ** 0.5 / VARIANCE, torch.full_like(x, 1.1 * VARIANCE**-0.5)

    def decode(self, z):
        """Noise of standard deviation 1."""
        return torch.distributions.Normal(z * (VARIANCE - 1) ** 0.5, 1.0)
