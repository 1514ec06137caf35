"""The field's images, 256 grey levels a channel: MNIST, CIFAR-10, and ImageNet at 32 and 64 pixels."""

from __future__ import annotations

import numpy as np

from bench.components import task
from bench.examples import Examples
from bench.field.numbers import Images, images
from bench.field.reading import Hub
from bench.records import Density

LEVELS = 256
_IMAGENET = (
    "Russakovsky et al. 2015, ImageNet; downsampled by van den Oord et al. 2016, arXiv:1601.06759, and by "
    "Chrabaszcz et al. 2017, arXiv:1707.08819"
)


@task("likelihood/cifar10", needs="density", yields=Density,
      source="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images")  # fmt: skip
def cifar10(seed: int, path: str = "") -> Examples:
    """Bits/dim of CIFAR-10's 10,000 test images, 32 x 32 x 3; 50,000 are for training.

    Inputs are levels 0..255, (height, width, channel).  path: the folder of the binary version
    (`cifar-10-batches-bin`), .npz, .npy or .parquet files called train* and test*, or one file of test images.
    """
    del seed  # the images are given
    hubs = {split: Hub("uoft-cs/cifar10", split) for split in ("train", "test")}
    patterns = {"train": ("data_batch_*.bin", "*train*"), "test": ("test_batch.bin", "*test*")}
    return _examples("cifar10", images(hubs, path, patterns, (32, 32, 3), "img"))


@task("likelihood/mnist", needs="density", yields=Density, source="LeCun et al. 1998, The MNIST database")
def mnist(seed: int, path: str = "") -> Examples:
    """Bits/dim of MNIST's 10,000 test images, 28 x 28, at their 256 levels; 60,000 are for training.

    path: the folder of its four files (also .gz), .npz, .npy or .parquet files called train* and test*, or one file of
    test images.
    """
    del seed
    hubs = {split: Hub("ylecun/mnist", split) for split in ("train", "test")}
    patterns = {
        "train": ("train-images*", "train*.np[yz]", "train*.parquet"),
        "test": ("t10k-images*", "test*.np[yz]", "test*.parquet"),
    }
    return _examples("mnist", images(hubs, path, patterns, (28, 28, 1)))


@task("likelihood/imagenet-32", needs="density", yields=Density, source=_IMAGENET)
def imagenet_32(seed: int, path: str = "") -> Examples:
    """Bits/dim of ImageNet's 50,000 validation images at 32 x 32; models are trained elsewhere.

    There are two downsamplings, whose likelihoods differ: most published figures are about the older one
    (`valid_32x32`, a folder of .png); the hub's, and `val_data.npz`, are of the newer, with antialiasing.
    """
    del seed
    return _imagenet(32, path)


@task("likelihood/imagenet-64", needs="density", yields=Density, source=_IMAGENET)
def imagenet_64(seed: int, path: str = "") -> Examples:
    """As `likelihood/imagenet-32`, at 64 x 64."""
    del seed
    return _imagenet(64, path)


def _imagenet(side: int, path: str) -> Examples:
    hubs = {"test": Hub(f"benjamin-paine/imagenet-1k-{side}x{side}", "validation")}
    patterns = {"test": ("val*.npz", "val*.npy", "val*.parquet", "*.png")}
    return _examples(f"imagenet{side}", images(hubs, path, patterns, (side, side, 3)))


def _examples(name: str, found: dict[str, Images]) -> Examples:
    return Examples.join(
        {
            split: Examples(
                ids=np.char.add(f"{name}-{split}-", np.char.zfill(np.arange(len(part)).astype(np.str_), 5)),
                inputs=part,
                levels=LEVELS,
            )
            for split, part in found.items()
        }
    )
