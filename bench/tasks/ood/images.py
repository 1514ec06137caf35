"""Images on disk, by lists as OpenOOD has them: a path and a label a line."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.arrays import Float64s
from bench.components import task
from bench.errors import EvaluationError, UsageError
from bench.examples import Examples
from bench.records import Probed
from bench.tasks.ood.probing import Probing
from bench.tasks.ood.wanted import METRICS, NEAR_AND_FAR, PROBES, SCORES

NAME = "ood/images"
SOURCE = "Zhang et al. 2023, OpenOOD v1.5, arXiv:2306.09301"
# What OpenOOD holds against each benchmark: near and far.
PROTOCOL: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "cifar10": (("cifar100", "tin"), ("mnist", "svhn", "texture", "places365")),
    "cifar100": (("cifar10", "tin"), ("mnist", "svhn", "texture", "places365")),
    "imagenet200": (("ssb_hard", "ninco"), ("inaturalist", "textures", "openimage_o")),
    "imagenet": (("ssb_hard", "ninco"), ("inaturalist", "textures", "openimage_o")),
}
FOLDERS = ("images_classic", "images_largescale")


@dataclass(frozen=True)
class ImageFile:
    """An image that is read when it is asked about; numpy makes an array (h, w, 3) of it, with values in [0, 1].

    digest: of the file's bytes, so that a changed image is another sample.  size: of the sides; 0 leaves them.
    """

    path: str
    digest: str
    size: int = 0

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        del copy  # it is always a new array
        return self.pixels().astype(dtype or np.float64)

    def pixels(self) -> Float64s:
        """Decode: RGB, resized by bicubic interpolation."""
        image = _pillow()
        try:
            with image.open(self.path) as opened:
                whole = opened.convert("RGB")
                if self.size:
                    whole = whole.resize((self.size, self.size), image.Resampling.BICUBIC)
                return np.asarray(whole, dtype=np.float64) / 255
        except (OSError, ValueError) as error:
            raise EvaluationError(
                f"'{self.path}' cannot be read as an image", cause=str(error), fix="take it out of its list"
            ) from error


@task(NAME, needs="classifier", yields=Probed, source=SOURCE, metrics=METRICS + NEAR_AND_FAR, scores=SCORES + PROBES)
def ood_images(
    seed: int,  # noqa: ARG001 - the lists are fixed
    root: str = "",
    lists: str = "",
    train: str = "",
    test: str = "",
    near: str = "",
    far: str = "",
    benchmark: str = "",
    size: int = 32,
) -> Examples:
    """Images in local folders, in distribution and not, by lists of `path label`: OpenOOD's protocol on your disk.

    root: the folder that paths in lists begin at.  lists: the folder of lists, if not the root.  train, test: lists in
    distribution.  near, far: lists out of distribution, several joined by `+`; labels are not looked at.  benchmark:
    cifar10, cifar100, imagenet200 or imagenet, of a root with OpenOOD's `benchmark_imglist` and image folders, instead
    of lists.  size: of the sides that all images are brought to; 0 leaves them, and then all must have one size.
    A list's name without its ending names its data set; `near/` or `far/` stands before it.  OpenOOD reports three
    checkpoints of each network, s0 to s2: -m torch:s{seed}.pt --seeds 3 asks all of them, and joins their numbers.
    """
    place = Path(root or ".")
    folder = Path(lists) if lists else place
    if benchmark:
        folder, (train, test, near, far) = _protocol(place, benchmark)
    if not test or not (near or far):
        raise UsageError(
            f"{NAME} needs lists of images",
            cause="it was told no list in distribution and one out of it",
            fix=f"{NAME},root=DIR,test=test.txt,near=near.txt, or benchmark=cifar10",
        )
    parts = {}
    inside = _listed(place, folder / test, size, "", outside=False)
    tested = [inside]
    for kind, names in (("near", near), ("far", far)):
        tested += [_listed(place, folder / name, size, f"{kind}/", outside=True) for name in names.split("+") if name]
    if train:
        parts["train"] = _listed(place, folder / train, size, "", outside=False)
    parts["test"] = Examples.join({str(i): part for i, part in enumerate(tested)})
    return Examples.join(parts)


def _protocol(root: Path, benchmark: str) -> tuple[Path, tuple[str, str, str, str]]:
    if benchmark not in PROTOCOL:
        raise UsageError(
            f"'{benchmark}' is no benchmark of OpenOOD here",
            cause="known are " + ", ".join(PROTOCOL),
            fix="give lists instead: train=, test=, near=, far=",
        )
    near, far = ("+".join(f"test_{name}.txt" for name in names) for names in PROTOCOL[benchmark])
    folder = root / "benchmark_imglist" / benchmark
    return folder, (f"train_{benchmark}.txt", f"test_{benchmark}.txt", near, far)


def _listed(root: Path, path: Path, size: int, prefix: str, *, outside: bool) -> Examples:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"list '{path}' cannot be read", cause=str(error), fix="check root= and lists=") from error
    files, labels, names = [], [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        name, _, label = line.strip().rpartition(" ")
        try:
            labels.append(-1 if outside else int(label))
        except ValueError as error:
            raise UsageError(
                f"'{path}', line {number}, is no path and label", cause=f"it reads {line!r}", fix="write: a/b.png 3"
            ) from error
        files.append(_found(root, name, path, number, size))
        names.append(name)
    if not files:
        raise UsageError(f"list '{path}' is empty", cause="it names no image", fix="give one with images")
    n = len(files)
    dataset = prefix + path.stem.removeprefix("test_").removeprefix("train_")
    ids = np.array([f"{path.stem}:{name}" for name in names])
    return Examples(
        ids=ids,
        inputs=files,
        targets=np.array(labels, dtype=np.int64),
        groups=ids,
        ood=np.full(n, outside),
        dataset=np.full(n, dataset),
        classes=0 if outside else max(labels) + 1,
        asker=Probing(),
    )


def _found(root: Path, name: str, path: Path, number: int, size: int) -> ImageFile:
    for folder in (root, *(root / f for f in FOLDERS)):
        place = folder / name
        if place.is_file():
            return ImageFile(str(place), hashlib.blake2b(place.read_bytes(), digest_size=16).hexdigest(), size)
    raise UsageError(
        f"'{path}', line {number}, names an image that is not there",
        cause=f"there is no '{root / name}'",
        fix="check root=, or take the line out",
    )


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise UsageError("images cannot be read", cause="Pillow is not installed", fix="pip install pillow") from error
    return Image
