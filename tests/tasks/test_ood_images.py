"""Lists of images as OpenOOD has them, with small files that the test makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.errors import UsageError
from bench.examples import Examples
from bench.runners.identity import fingerprint
from bench.tasks.ood.images import ImageFile, ood_images

image = pytest.importorskip("PIL.Image")


def draw(path: Path, value: int, side: int = 10) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.fromarray(np.full((side, side, 3), value, dtype=np.uint8)).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    lists = tmp_path / "benchmark_imglist" / "cifar10"
    lists.mkdir(parents=True)
    sets = {"train_cifar10": 4, "test_cifar10": 3, "test_cifar100": 2, "test_tin": 1, "test_mnist": 1, "test_svhn": 1,
            "test_texture": 1, "test_places365": 1}  # fmt: skip
    for place, (name, count) in enumerate(sets.items()):
        lines = []
        for i in range(count):
            draw(tmp_path / "images_classic" / name / f"a {i}.png", 20 * place + i)
            lines.append(f"{name}/a {i}.png {i % 2}")
        (lists / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def pixels(examples: Examples) -> np.ndarray:
    return np.asarray(examples.inputs, dtype=np.float64)


def test_openoods_protocol_is_read_from_its_folders(root: Path) -> None:
    examples = ood_images(0, root=str(root), benchmark="cifar10", size=8)
    test = examples.split("test")
    assert test.ood is not None
    assert test.dataset is not None
    assert test.targets is not None
    assert len(examples.split("train")) == 4
    assert examples.classes == 2
    assert list(np.unique(test.dataset[test.ood])) == [
        "far/mnist", "far/places365", "far/svhn", "far/texture", "near/cifar100", "near/tin",
    ]  # fmt: skip
    assert test.targets.tolist() == [0, 1, 0] + [-1] * 7
    shown = pixels(test)
    assert shown.shape == (10, 8, 8, 3)
    np.testing.assert_allclose(shown[0], 20 / 255)
    np.testing.assert_allclose(shown[4], 41 / 255)


def test_own_lists_need_no_folders_of_openood(tmp_path: Path) -> None:
    draw(tmp_path / "in.png", 255)
    draw(tmp_path / "out.png", 0)
    (tmp_path / "in.txt").write_text("in.png 3\n")
    (tmp_path / "out.txt").write_text("out.png -1\n\n")
    examples = ood_images(0, root=str(tmp_path), test="in.txt", far="out.txt", size=0)
    np.testing.assert_allclose(pixels(examples)[:, 0, 0, 0], [1, 0])
    before = fingerprint(examples.inputs)
    draw(tmp_path / "in.png", 254)
    again = ood_images(0, root=str(tmp_path), test="in.txt", far="out.txt", size=0)
    assert fingerprint(again.inputs) != before


def test_what_is_wrong_is_named(root: Path) -> None:
    with pytest.raises(UsageError, match="needs lists"):
        ood_images(0)
    with pytest.raises(UsageError, match="no benchmark"):
        ood_images(0, root=str(root), benchmark="cifar11")
    with pytest.raises(UsageError, match="cannot be read"):
        ood_images(0, root=str(root), test="none.txt", far="none.txt")
    bad = root / "bad.txt"
    bad.write_text("test_tin/a 0.png\n")
    with pytest.raises(UsageError, match=r"line 1, is no path and label"):
        ood_images(0, root=str(root), test="bad.txt", far="bad.txt")
    bad.write_text("nowhere.png 1\n")
    with pytest.raises(UsageError, match=r"line 1, names an image that is not there"):
        ood_images(0, root=str(root), test="bad.txt", far="bad.txt")
    (root / "text.png").write_text("no image")
    with pytest.raises(Exception, match="cannot be read as an image"):
        np.asarray(ImageFile(str(root / "text.png"), "", 0))
