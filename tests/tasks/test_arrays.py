"""What every task on arrays keeps to."""

from typing import Any

import numpy as np
import pytest

from bench.components import Task
from bench.examples import Examples
from bench.records import Classification, Density, Probed, Regression
from bench.registry import components
from bench.tasks.calibration.digits import FLIPPED, flipped, noisy_truth
from bench.tasks.calibration.links import LINKS, rendered
from bench.tasks.ood.digits import EACH

KINDS = {Classification, Density, Probed, Regression}
# Whose data is the user's, or on a hub: tests/field holds those to files of their format.
AWAY = ("field_events", "field_images", "field_tables", "field_texts", "ood.images", "ood.intents", "uncertainty.uci")
TASKS = {
    name: task for name, task in components(Task).items() if task.yields in KINDS
    and task.function.__module__.startswith("bench.tasks.") and not task.function.__module__.endswith(AWAY)
}  # fmt: skip


# Whose data are the same for every seed, and whose source may say the same thing twice.
FIXED = {"calibration/digits", "likelihood/digits", "likelihood/digits-binary", "ood/digits-near",
         "uncertainty/diabetes"}  # fmt: skip
LEFT_OUT = {"ood/series"}  # which windows it has hangs on where the seed puts the anomalies
WITHOUT_TRAINING = {"likelihood/gp-evidence"}  # each sample is a whole data set, whose law the model is told
REPEATING = {"likelihood/chain", "likelihood/digits-binary", "likelihood/sentences"}


def made(name: str, seed: int = 0) -> Examples:
    examples = TASKS[name].function(seed)
    assert isinstance(examples, Examples)
    return examples


def equal(a: Examples, b: Examples) -> bool:
    names = ("ids", "inputs", "targets", "groups", "ood", "dataset", "truth")
    pairs = [(getattr(a, n), getattr(b, n)) for n in names]
    return all(
        (x is None) == (y is None) and (x is None or np.array_equal(x, y, equal_nan=np.asarray(x).dtype.kind == "f"))
        for x, y in pairs
    )


def test_all_are_there() -> None:
    links = {f"calibration/links-{name}" for name in ("linear", "sigmoid", "centred", "skewed", "discrete")}
    assert set(TASKS) >= links | {
        "calibration/digits", "calibration/digits-rotated", "calibration/digits-noise",
        "calibration/digits-label-noise", "likelihood/digits", "likelihood/gaussian-mixture",
        "ood/digits-near", "ood/digits-far", "ood/digits-corrupted", "ood/cancer", "ood/gaussians",
        "uncertainty/diabetes", "uncertainty/digits-selective", "uncertainty/digits-ambiguous",
    }  # fmt: skip


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_its_seed(name: str) -> None:
    examples = made(name)
    assert equal(examples, made(name))
    if name not in LEFT_OUT:
        np.testing.assert_array_equal(examples.ids, made(name, seed=1).ids[: len(examples)])
    assert (examples.splits is None) == (name in WITHOUT_TRAINING)
    assert examples.splits is None or set(np.unique(examples.splits)) >= {"train", "test"}
    assert len(examples.split("test")) >= 150
    assert np.isfinite(np.asarray(examples.inputs)).all()


@pytest.mark.parametrize("name", TASKS)
def test_rows_keep_the_rules_of_their_record(name: str) -> None:
    examples, task = made(name), TASKS[name]
    n = len(examples)
    common: dict[str, Any] = {
        "ids": examples.ids,
        "groups": examples.groups,
        "splits": examples.splits,
        "ood": examples.ood,
    }
    if issubclass(task.yields, Classification):
        Classification(
            **common, labels=np.asarray(examples.targets), truth=examples.truth, logits=np.zeros((n, examples.classes))
        )
        assert (np.asarray(examples.split("train").targets) >= 0).all()
        assert (np.asarray(examples.split("calibration").targets) >= 0).all()
    elif task.yields is Regression:
        Regression(**common, y=np.asarray(examples.targets), mean=np.zeros(n), std=np.ones(n))
    else:
        assert examples.targets is None
        Density(**common, log_prob=np.zeros(n), dim=np.ones(n, dtype=int), truth=examples.truth, levels=examples.levels)


def test_shifts_share_one_fit_and_one_calibration() -> None:
    clean = made("calibration/digits")
    for name in ("calibration/digits-rotated", "calibration/digits-noise", "uncertainty/digits-selective"):
        for split in ("train", "calibration"):
            assert equal(clean.split(split), made(name).split(split))
        assert not equal(clean.split("test"), made(name).split("test"))
        np.testing.assert_array_equal(clean.split("test").ids, made(name).split("test").ids)
    noisy = made("calibration/digits-label-noise")
    for split in ("calibration", "test", "train"):
        np.testing.assert_array_equal(clean.split(split).inputs, noisy.split(split).inputs)
    np.testing.assert_array_equal(clean.split("calibration").targets, noisy.split("calibration").targets)


def test_noise_follows_the_seed() -> None:
    for name in TASKS:
        fixed = name in FIXED
        assert equal(made(name, 0), made(name, 1)) == fixed, name


def test_no_sample_is_in_two_splits() -> None:
    for name in TASKS:
        if name in REPEATING:
            continue
        examples = made(name)
        train = {row.tobytes() for row in np.asarray(examples.split("train").inputs)}
        test = [row.tobytes() for row in np.asarray(examples.split("test").inputs)]
        assert not any(row in train for row in test), name


def test_flips_have_the_stated_rate_and_spread() -> None:
    labels = np.repeat(np.arange(10), 5000)
    noisy = flipped(labels, FLIPPED, np.random.default_rng(0))
    n = len(labels)
    assert (noisy != labels).mean() == pytest.approx(FLIPPED, abs=4 * np.sqrt(FLIPPED * (1 - FLIPPED) / n))
    counts = np.bincount((noisy - labels) % 10, minlength=10)[1:] / n
    np.testing.assert_allclose(counts, noisy_truth(labels[:1], FLIPPED)[0, 1], atol=4 * np.sqrt(0.022 / n))
    np.testing.assert_array_equal(flipped(labels, 0.0, np.random.default_rng(0)), labels)


def test_outcomes_of_links_follow_the_truth() -> None:
    for name in LINKS:
        test = made(f"calibration/links-{name}").split("test")
        p, y = np.asarray(test.truth)[:, 1], np.asarray(test.targets)
        z = (y - p).sum() / np.sqrt((p * (1 - p)).sum())
        upper = p > np.median(p)
        z_upper = (y - p)[upper].sum() / np.sqrt((p * (1 - p))[upper].sum())
        assert abs(z) < 4
        assert abs(z_upper) < 4


def test_an_image_determines_its_latent() -> None:
    # Columns are brightness * constant * exp(-(j - c)^2 / 2): the log-ratio of neighbours is linear in c = 1 + 5 z.
    draws = np.random.default_rng(0)
    z = draws.random(100)
    images = rendered(z, draws.uniform(2, 5, 100), draws.uniform(0.6, 1, 100))
    columns = images.sum(axis=1)
    centre = np.log(columns[:, 4] / columns[:, 3]) + 3.5
    np.testing.assert_allclose((centre - 1) / 5, z, atol=1e-10)


def test_ood_near_holds_the_classes_apart() -> None:
    examples = made("ood/digits-near")
    assert examples.classes == 6
    test = examples.split("test")
    assert test.ood is not None
    assert set(np.unique(np.asarray(test.targets)[~test.ood])) == set(range(6))
    assert (np.asarray(test.targets)[test.ood] == -1).all()
    assert 200 < test.ood.sum() < 300


def test_ood_far_names_its_kinds_and_groups_its_sources() -> None:
    test = made("ood/digits-far").split("test")
    assert test.ood is not None
    assert test.dataset is not None
    assert test.groups is not None
    kinds, counts = np.unique(test.dataset[test.ood], return_counts=True)
    assert kinds.tolist() == ["blurred", "inverted", "noise", "permuted", "textures"]
    assert (counts == EACH).all()
    source = dict(zip(test.ids, np.asarray(test.inputs), strict=True))
    for i in np.flatnonzero(test.dataset == "inverted"):
        np.testing.assert_allclose(1 - source[test.ids[i]], source[test.groups[i]], atol=1e-12)
        assert test.groups[i] in set(test.ids[~test.ood])


def test_blends_have_two_classes_in_their_truth() -> None:
    examples = made("uncertainty/digits-ambiguous")
    assert examples.truth is not None
    assert examples.dataset is not None
    blends = examples.dataset == "blends"
    assert ((examples.truth[blends] > 0).sum(axis=1) == 2).all()
    top = examples.truth[blends].max(axis=1)
    assert top.min() >= 0.5
    assert top.max() <= 0.9
    y, truth = np.asarray(examples.targets)[blends], examples.truth[blends]
    picked = truth[np.arange(len(y)), y]
    expected, spread = (truth**2).sum(), np.sqrt(((truth**3).sum(axis=1) - (truth**2).sum(axis=1) ** 2).sum())
    assert abs(picked.sum() - expected) < 4 * spread
    assert examples.ood is not None
    assert (examples.dataset[examples.ood] == "noise").all()


def test_likelihood_digits_are_seventeen_levels() -> None:
    examples = made("likelihood/digits")
    inputs = np.asarray(examples.inputs)
    assert examples.levels == 17
    assert set(np.unique(inputs)) == set(range(17))
    assert inputs.shape[1:] == (8, 8)
