"""The field's images, tables and event sequences, from small files in their own formats."""

from __future__ import annotations

import gzip
import io
import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from bench.components import Task
from bench.errors import UsageError
from bench.examples import Examples
from bench.field import densities
from bench.field.reading import Hub
from bench.models.densities import Gaussian
from bench.models.events import hawkes, marked_renewal, poisson
from bench.records import Density, Events
from bench.references.events import Hawkes, gathered, unpacked
from bench.registry import find
from bench.runners.ask import ask
from bench.tasks.likelihood import field_events, field_images, field_tables

DRAWS = np.random.default_rng(0)


def grey(n: int, *shape: int) -> np.ndarray:
    return DRAWS.integers(0, 256, (n, *shape), dtype=np.uint8)


def idx(images: np.ndarray) -> bytes:
    return struct.pack(">4i", 0x803, *images.shape) + images.tobytes()


def encoded(image: np.ndarray) -> dict[str, bytes | str]:
    file = io.BytesIO()
    Image.fromarray(image.squeeze()).save(file, "png")
    return {"bytes": file.getvalue(), "path": "x.png"}


def _cifar_binary(folder: Path, train: np.ndarray, test: np.ndarray) -> None:
    for name, images in (("data_batch_1.bin", train[:2]), ("data_batch_2.bin", train[2:]), ("test_batch.bin", test)):
        rows = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
        (folder / name).write_bytes(np.hstack([np.full((len(rows), 1), 7, np.uint8), rows]).tobytes())
    (folder / "batches.meta.txt").write_text("airplane\n")


def _cifar_npz(folder: Path, train: np.ndarray, test: np.ndarray) -> None:
    for name, images in (("train.npz", train), ("test.npz", test)):
        np.savez(
            folder / name, data=images.transpose(0, 3, 1, 2).reshape(len(images), -1), labels=np.zeros(len(images))
        )


def _cifar_parquet(folder: Path, train: np.ndarray, test: np.ndarray) -> None:
    for name, images in (("train-00000.parquet", train), ("test-00000.parquet", test)):
        pq.write_table(pa.table({"img": [encoded(i) for i in images], "label": [0] * len(images)}), folder / name)


@pytest.mark.parametrize("write", [_cifar_binary, _cifar_npz, _cifar_parquet])
def test_cifar10_in_each_of_its_formats(tmp_path: Path, write: Callable[[Path, np.ndarray, np.ndarray], None]) -> None:
    train, test = grey(3, 32, 32, 3), grey(2, 32, 32, 3)
    write(tmp_path, train, test)
    examples = field_images.cifar10(0, path=str(tmp_path))
    assert examples.levels == 256
    np.testing.assert_array_equal(examples.split("train").inputs, train)
    np.testing.assert_array_equal(examples.split("test").inputs, test)


@pytest.mark.parametrize("packed", [False, True])
def test_mnist_and_its_bits(tmp_path: Path, packed: bool) -> None:
    train, test = grey(20, 28, 28), grey(4, 28, 28)
    for name, images in (("train", train), ("t10k", test)):
        path = tmp_path / f"{name}-images-idx3-ubyte"
        whole = idx(images)
        (path.with_name(path.name + ".gz") if packed else path).write_bytes(gzip.compress(whole) if packed else whole)
        (tmp_path / f"{name}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 0x801, 1) + b"\0")
    examples = field_images.mnist(0, path=str(tmp_path))
    np.testing.assert_array_equal(np.asarray(examples.split("test").inputs)[..., 0], test)
    model = Gaussian()
    model.fit(examples.split("train"), 0)
    record = ask(model, find(Task, "likelihood/mnist"), None, examples.split("test"), 0).record
    assert isinstance(record, Density)
    assert (record.levels, record.likelihood, record.dequantisation) == (256, "lower", "uniform")
    assert record.dim.tolist() == [784] * 4


def test_imagenet_from_archives_and_pictures(tmp_path: Path) -> None:
    images = grey(3, 32, 32, 3)
    np.savez(tmp_path / "val_data.npz", data=images.transpose(0, 3, 1, 2).reshape(3, -1), mean=np.zeros(3072))
    np.testing.assert_array_equal(field_images.imagenet_32(0, path=str(tmp_path / "val_data.npz")).inputs, images)
    folder = tmp_path / "valid_64x64"
    folder.mkdir()
    wide = grey(2, 64, 64, 3)
    for i, image in enumerate(wide):
        Image.fromarray(image).save(folder / f"{i}.png")
    np.testing.assert_array_equal(field_images.imagenet_64(0, path=str(folder)).inputs, wide)
    with pytest.raises(UsageError, match="other images"):
        field_images.imagenet_64(0, path=str(tmp_path / "val_data.npz"))
    with pytest.raises(UsageError, match="no test split"):
        field_images.mnist(0, path=str(tmp_path))


def test_images_of_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    images = {"train": grey(2, 32, 32, 3), "test": grey(3, 32, 32, 3)}

    def held(name: str, config: str | None, split: str, revision: str | None) -> object:
        assert (name, config, revision) == ("uoft-cs/cifar10", None, None)
        return datasets.Dataset.from_dict(
            {"img": [encoded(i) for i in images[split]]}, features=datasets.Features({"img": datasets.Image()})
        )

    monkeypatch.setattr(datasets, "load_dataset", held)
    examples = field_images.cifar10(0)
    np.testing.assert_array_equal(examples.split("test").inputs, images["test"])
    assert Hub("uoft-cs/cifar10", "test").config is None


def test_broken_images_are_told(tmp_path: Path) -> None:
    path = tmp_path / "t10k-images-idx3-ubyte"
    path.write_bytes(idx(grey(2, 28, 28))[:-1])
    with pytest.raises(UsageError, match="can't be read"):
        field_images.mnist(0, path=str(path))
    short = tmp_path / "test_batch.bin"
    short.write_bytes(b"\0" * 3074)
    with pytest.raises(UsageError, match="can't be read as bin"):
        field_images.cifar10(0, path=str(short))


def test_power_is_prepared_as_published(tmp_path: Path) -> None:
    rows = DRAWS.standard_normal((1000, 8))
    np.save(tmp_path / "data.npy", rows)
    examples = field_tables.power(0, path=str(tmp_path / "data.npy"))
    assert [len(examples.split(s)) for s in ("train", "calibration", "test")] == [810, 90, 100]
    shuffled = rows.copy()
    np.random.RandomState(42).shuffle(shuffled)
    known = np.asarray(examples.inputs)
    # The time has no noise: it is the sixth of eight columns less two, and tells the order of rows.
    fitted = shuffled[:900, 7]
    expected = (shuffled[:, 7] - fitted.mean()) / fitted.std()
    np.testing.assert_allclose(known[:, 5], expected, atol=1e-12)
    np.testing.assert_allclose(known[:900].mean(axis=0), 0, atol=1e-12)
    # Noise of a thousandth, a hundredth and one unit: the rest of a column is what was there.
    slopes = np.polyfit(known[:, 0], shuffled[:, 0], 1)
    assert np.abs(np.polyval(slopes, known[:, 0]) - shuffled[:, 0]).max() < 1e-3
    slopes = np.polyfit(known[:, 1], shuffled[:, 2], 1)
    assert 4e-3 < np.abs(np.polyval(slopes, known[:, 1]) - shuffled[:, 2]).max() < 1e-2


def test_gas_drops_sensors_that_repeat_others(tmp_path: Path) -> None:
    base = DRAWS.standard_normal((300, 3))
    held = {"Time": np.arange(300.0), "Meth": base[:, 0], "Eth": base[:, 1]}
    held |= {"R1": base[:, 0], "R2": base[:, 0] + 1e-3 * base[:, 1], "R3": base[:, 1], "R4": base[:, 2]}
    for suffix in ("csv", "parquet"):
        path = tmp_path / f"gas.{suffix}"
        table = pa.table(held)
        if suffix == "csv":
            path.write_text(
                ",".join(held) + "\n" + "\n".join(",".join(map(str, r)) for r in zip(*held.values(), strict=True))
            )
        else:
            pq.write_table(table, path)
        examples = field_tables.gas(0, path=str(path))
        assert np.asarray(examples.inputs).shape == (300, 3)
        assert [len(examples.split(s)) for s in ("train", "calibration", "test")] == [243, 27, 30]
        np.testing.assert_allclose(np.corrcoef(np.asarray(examples.inputs)[:, 1], base[:, 1])[0, 1], 1, atol=1e-12)


def test_hepmass_takes_signal_and_drops_features_that_repeat(tmp_path: Path) -> None:
    def written(name: str, n: int, more: str) -> np.ndarray:
        rows = np.column_stack(
            [DRAWS.integers(0, 2, n), DRAWS.standard_normal(n), DRAWS.integers(0, 3, n), DRAWS.standard_normal(n)]
        )
        lines = ["# label,f0,f1,f2" + more.replace("0", "mass"), *(",".join(map(str, r)) + more for r in rows)]
        (tmp_path / name).write_text("\n".join(lines) + "\n")
        return rows

    train, test = written("1000_train.csv", 400, ""), written("1000_test.csv", 100, ",0")
    examples = field_tables.hepmass(0, path=str(tmp_path))
    signal = train[train[:, 0] == 1]
    held = len(signal) // 10
    assert [len(examples.split(s)) for s in ("train", "calibration", "test")] == [
        len(signal) - held, held, int((test[:, 0] == 1).sum()),
    ]  # fmt: skip
    expected = (signal[:, [1, 3]] - signal[:, [1, 3]].mean(axis=0)) / signal[:, [1, 3]].std(axis=0, ddof=1)
    np.testing.assert_allclose(np.asarray(examples.split("train").inputs), expected[:-held], atol=1e-9)
    with pytest.raises(UsageError, match="prepared by its training rows"):
        field_tables.hepmass(0, path=str(tmp_path / "1000_test.csv"))


def test_miniboone_and_bsds300(tmp_path: Path) -> None:
    np.save(tmp_path / "data.npy", DRAWS.standard_normal((200, 43)))
    examples = field_tables.miniboone(0, path=str(tmp_path / "data.npy"))
    assert np.asarray(examples.split("test").inputs).shape == (20, 43)
    h5py = pytest.importorskip("h5py")
    splits = {name: DRAWS.standard_normal((n, 63)) for name, n in (("train", 9), ("validation", 2), ("test", 3))}
    with h5py.File(tmp_path / "BSDS300.hdf5", "w") as file:
        for name, rows in splits.items():
            file[name] = rows
    np.savez(tmp_path / "BSDS300.npz", **splits)  # type: ignore[arg-type]
    for suffix in ("hdf5", "npz"):
        examples = field_tables.bsds300(0, path=str(tmp_path / f"BSDS300.{suffix}"))
        np.testing.assert_array_equal(examples.split("calibration").inputs, splits["validation"])
    with pytest.raises(UsageError, match="needs its files"):
        field_tables.bsds300(0)
    assert set(densities.PREPARED) == set(field_tables.FILES)


SEQUENCES = [
    {"time_since_start": [5.0, 6.0, 8.5], "type_event": [1, 0, 1], "dim_process": 2, "seq_idx": 0},
    {"time_since_start": [0.0, 0.5, 1.0, 4.0], "type_event": [0, 0, 1, 1], "dim_process": 2, "seq_idx": 1},
]  # fmt: skip


def easytpp(folder: Path) -> Examples:
    for name in ("train", "dev"):
        (folder / f"{name}.json").write_text(json.dumps(SEQUENCES))
    (folder / "test.jsonl").write_text("\n".join(map(json.dumps, SEQUENCES)))
    return field_events.likelihood_easytpp(0, path=str(folder))


def test_easytpp_starts_at_the_first_event_and_ends_at_the_last(tmp_path: Path) -> None:
    examples = easytpp(tmp_path)
    assert [len(examples.split(s)) for s in ("train", "calibration", "test")] == [2, 2, 2]
    test = examples.split("test")
    events = unpacked(np.asarray(test.inputs))
    assert events.horizon.tolist() == [3.5, 4.0]
    assert events.scored.sum(axis=1).tolist() == [2, 3]
    model = poisson()
    model.fit(examples.split("train"), 0)
    record = ask(model, find(Task, "likelihood/easytpp"), None, test, 0).record
    assert isinstance(record, Events)
    assert record.dim.tolist() == [2, 3]
    rates = np.array([2.5, 3.5]) / 7.5 / 1.0  # half an event more of each mark: see HawkesModel.fit
    marks = [[0, 1], [0, 1, 1]]
    expected = [np.log(rates[m]).sum() - rates.sum() * t for m, t in zip(marks, (3.5, 4.0), strict=True)]
    np.testing.assert_allclose(record.log_prob, expected, rtol=1e-12)
    assert record.residuals is not None
    assert record.residuals.lengths.tolist() == [3, 4]
    for other in (hawkes(), marked_renewal()):
        other.fit(examples.split("train"), 0)
        assert np.isfinite(other.density(np.asarray(test.inputs)).log_prob).all()


def test_an_opening_event_excites_and_is_not_scored() -> None:
    process = Hawkes(np.array([0.4]), np.array([[0.5]]), 1.2)
    events = gathered(1, np.zeros(2, int), np.array([0.0, 0.8]), np.zeros(2, int), 0.8)
    found, increments = process.log_prob(events)
    rate = 0.4 + 0.5 * 1.2 * np.exp(-1.2 * 0.8)
    compensator = 0.4 * 0.8 + 0.5 * (1 - np.exp(-1.2 * 0.8))
    np.testing.assert_allclose(found, [np.log(rate) - compensator], rtol=1e-12)
    np.testing.assert_allclose(increments[0], [0.0, compensator, 0.0], atol=1e-15)


def test_wrong_sequences_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "test.json"
    path.write_text(json.dumps([SEQUENCES[0] | {"time_since_start": [3.0, 2.0, 4.0]}]))
    with pytest.raises(UsageError, match="row 0"):
        field_events.likelihood_easytpp(0, path=str(path))
    with pytest.raises(UsageError, match="no set"):
        field_events.likelihood_easytpp(0, name="taxis")
