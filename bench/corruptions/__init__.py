"""The fifteen common corruptions at five severities, for any array of images.

Kinds and severities follow ImageNet-C.  Lengths there are pixels of images of 224 a side, and scale with the side here;
images below 32 a side are treated as if they had 32, so that a blur of a small image is one.  Three kinds differ from
the authors' program, and so do numbers made with them: fog and frost come from random fields with a power-law spectrum,
since the authors' fractal wraps and their frost is photographs, and JPEG keeps the colour at full resolution.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.corruptions.blurs import defocus_blur, glass_blur, motion_blur, zoom_blur
from bench.corruptions.digital import brightness, contrast, elastic_transform, jpeg_compression, pixelate
from bench.corruptions.noises import gaussian_noise, impulse_noise, shot_noise
from bench.corruptions.weather import fog, frost, snow
from bench.errors import UsageError, unknown_name

SEVERITIES = (1, 2, 3, 4, 5)
KINDS: dict[str, Callable[[Float64s, int, np.random.Generator], Float64s]] = {
    "gaussian-noise": gaussian_noise,
    "shot-noise": shot_noise,
    "impulse-noise": impulse_noise,
    "defocus-blur": defocus_blur,
    "glass-blur": glass_blur,
    "motion-blur": motion_blur,
    "zoom-blur": zoom_blur,
    "snow": snow,
    "frost": frost,
    "fog": fog,
    "brightness": brightness,
    "contrast": contrast,
    "elastic-transform": elastic_transform,
    "pixelate": pixelate,
    "jpeg-compression": jpeg_compression,
}


def corrupted(images: AnyArray, kind: str, severity: int, draws: np.random.Generator) -> Float64s:
    """Images (n, h, w) or (n, h, w, channels) with values in [0, 1], changed; of the same shape and range.

    kind: one of `KINDS`.  severity: 1 to 5.  Raises `UsageError` for others, and for values outside [0, 1].
    """
    if kind not in KINDS:
        raise unknown_name("corruption", kind, KINDS)
    if severity not in SEVERITIES:
        raise UsageError(f"severity {severity} is none", cause="there are five, from 1 to 5", fix="write 1 to 5")
    values = np.asarray(images, dtype=np.float64)
    if values.ndim not in {3, 4} or not ((values >= 0) & (values <= 1)).all():
        raise UsageError(
            "these are no images that can be corrupted",
            cause=f"their shape is {values.shape}, and their values lie in [{values.min(initial=0):g}, "
            f"{values.max(initial=0):g}]",
            fix="give (n, h, w) or (n, h, w, channels) with values in [0, 1]",
        )
    coloured = values[..., None] if values.ndim == 3 else values
    return np.clip(KINDS[kind](coloured, severity, draws), 0.0, 1.0).reshape(values.shape)
