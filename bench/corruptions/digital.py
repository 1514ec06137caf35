"""Digital changes: light, stretching, coarse pixels, JPEG.  Images (n, h, w, c) in [0, 1]; severity 1 to 5."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.corruptions.fields import grid, length, sampled, smoothed

BRIGHTER = (0.1, 0.2, 0.3, 0.4, 0.5)
CONTRAST = (0.4, 0.3, 0.2, 0.1, 0.05)
# Of images of 244 a side, as the authors state them: strength and smoothness of the displacement, and of the shear.
ELASTIC = ((488, 170.8, 24.4), (488, 19.52, 48.8), (12.2, 2.44, 4.88), (17.08, 2.44, 4.88), (29.28, 2.44, 4.88))
ELASTIC_SIDE = 244
COARSE = (0.6, 0.5, 0.4, 0.3, 0.25)
QUALITY = (25, 18, 15, 10, 7)
LUMA = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    dtype=np.float64,
)
CHROMA = np.full((8, 8), 99.0)
CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]
# ITU-R BT.601, full range, as JFIF has it.
TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


def brightness(images: Float64s, severity: int, _: np.random.Generator) -> Float64s:
    """Value (the largest channel) raised by a constant, hue and saturation as they were."""
    top = images.max(axis=3, keepdims=True)
    raised = np.clip(top + BRIGHTER[severity - 1], 0, 1)
    return np.where(top > 0, images * raised / np.where(top > 0, top, 1.0), raised)


def contrast(images: Float64s, severity: int, _: np.random.Generator) -> Float64s:
    """Differences from the channel's mean shrink."""
    means = images.mean(axis=(1, 2), keepdims=True)
    return np.asarray((images - means) * CONTRAST[severity - 1] + means, dtype=np.float64)


def elastic_transform(images: Float64s, severity: int, draws: np.random.Generator) -> Float64s:
    """A random affine change of three points, then a smooth random displacement of each pixel."""
    strength, smooth, shear = ELASTIC[severity - 1]
    n, unit = len(images), length(images) * 224 / ELASTIC_SIDE
    y, x = (axis - (side - 1) / 2 for axis, side in zip(grid(images), images.shape[1:3], strict=True))
    # The authors move three points a third of the side from the middle by up to `shear`; to first order that is this.
    third = max(min(images.shape[1:3]) / 3, 1.0)
    bend = draws.uniform(-shear, shear, size=(6, n, 1, 1)) * unit / third
    rows = y + bend[0] * y + bend[1] * x + bend[2] * third / 2
    columns = x + bend[3] * y + bend[4] * x + bend[5] * third / 2
    pushed = smoothed(draws.uniform(-1, 1, size=(*images.shape[:3], 2)), smooth * unit) * strength * unit
    middle = (images.shape[1] - 1) / 2, (images.shape[2] - 1) / 2
    return sampled(images, rows + middle[0] + pushed[..., 0], columns + middle[1] + pushed[..., 1])


def pixelate(images: Float64s, severity: int, _: np.random.Generator) -> Float64s:
    """Fewer pixels: means over boxes, each then a block."""
    across = [_coarse(side, COARSE[severity - 1]) for side in images.shape[1:3]]
    return np.einsum("ij,njkc,lk->nilc", across[0], images, across[1], optimize=True)


def _coarse(side: int, share: float) -> Float64s:
    """(side, side): each of `share` x side boxes by the mean of what it covers, edges by their part; then repeated."""
    boxes = max(int(side * share), 1)
    edges = np.linspace(0, side, boxes + 1)
    low, high = np.arange(side), np.arange(1, side + 1)
    cover = np.maximum(np.minimum(edges[1:, None], high) - np.maximum(edges[:-1, None], low), 0.0)
    return np.asarray((cover / cover.sum(axis=1, keepdims=True))[(np.arange(side) * boxes) // side], dtype=np.float64)


def jpeg_compression(images: Float64s, severity: int, _: np.random.Generator) -> Float64s:
    """What JPEG loses at a quality of 25 to 7: rounded cosine coefficients of blocks of 8 x 8."""
    quality = QUALITY[severity - 1]
    scale = 5000 // quality
    tables = [np.clip(np.floor((t * scale + 50) / 100), 1, 255) for t in (LUMA, CHROMA)]
    coloured = images.shape[3] == 3
    levels = np.round(images * 255)
    planes = levels @ TO_YCC.T + [0, 128, 128] if coloured else levels
    out = np.stack(
        [_blockwise(planes[..., c], tables[int(coloured and c > 0)]) for c in range(planes.shape[3])], axis=3
    )
    return np.round((out - [0, 128, 128]) @ np.linalg.inv(TO_YCC).T if coloured else out) / 255


def _blockwise(plane: Float64s, table: Float64s) -> Float64s:
    from scipy.fft import dctn, idctn

    n, h, w = plane.shape
    padded = np.pad(plane, ((0, 0), (0, -h % 8), (0, -w % 8)), mode="edge") - 128
    blocks = padded.reshape(n, padded.shape[1] // 8, 8, padded.shape[2] // 8, 8).swapaxes(2, 3)
    kept = np.round(dctn(np.round(blocks), axes=(3, 4), norm="ortho") / table) * table
    back = np.clip(np.round(idctn(kept, axes=(3, 4), norm="ortho")) + 128, 0, 255)
    return np.asarray(back.swapaxes(2, 3).reshape(padded.shape)[:, :h, :w], dtype=np.float64)
