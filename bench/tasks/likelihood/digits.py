"""The likelihood of handwritten digits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.components import task
from bench.examples import Examples
from bench.records import Density
from bench.references.digits import LEVELS, SOURCE, TOP, digits


@task("likelihood/digits", needs="density", yields=Density, source=SOURCE)
def likelihood_digits(seed: int) -> Examples:  # noqa: ARG001 - the split is fixed
    """Log-mass of 8 x 8 digits at their true 17 grey levels, 0..16; bits/dim need no offset for a scale of 256."""
    parts = {
        name: replace(part, inputs=np.rint(np.asarray(part.inputs) * TOP), targets=None, classes=0, levels=LEVELS)
        for name in ("train", "calibration", "test")
        if (part := digits(name))
    }
    return Examples.join(parts)


@task("likelihood/digits-binary", needs="density", yields=Density, source=SOURCE)
def likelihood_digits_binary(seed: int) -> Examples:
    """Log-mass of 8 x 8 digits made black and white: 1 where a pixel is at 8 of 16 or above; 2 levels."""
    whole = likelihood_digits(seed)
    return replace(whole, inputs=(np.asarray(whole.inputs) >= TOP / 2).astype(np.float64), levels=2)
