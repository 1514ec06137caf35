"""Post-hoc OOD scores against their formulas written out once more, and against pytorch-ood where it is installed."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from bench.arrays import Float64s
from bench.components import NotApplicable, Score
from bench.errors import RecordError
from bench.records import Classification
from bench.records.head import packed, unpacked
from bench.registry import components
from bench.scores.conjugate import chosen, conjnorm
from bench.scores.features import head_of
from bench.scores.geometry import fdbd, gradnorm, she
from bench.scores.logits import gedi_energy, gen, kl_matching, msp_scaled
from bench.scores.neighbours import knn, nnguide
from bench.scores.ood import mahalanobis, relative_mahalanobis
from bench.scores.shaping import ash_b, ash_p, ash_s, dice, react, scale
from bench.scores.subspaces import residual, vim

WIDTH, CLASSES = 16, 5
draws = np.random.default_rng(5)
WEIGHT, BIAS = draws.standard_normal((CLASSES, WIDTH)), draws.standard_normal(CLASSES)


def record(n: int, seed: int, *, head: bool = True) -> Classification:
    random = np.random.default_rng(seed)
    features = np.maximum(random.standard_normal((n, WIDTH)) + 0.5, 0).astype(np.float32)
    logits = features.astype(np.float64) @ WEIGHT.T + BIAS
    labels = np.where(random.random(n) < 0.8, logits.argmax(axis=1), random.integers(0, CLASSES, n))
    return Classification(
        ids=np.arange(n).astype(str),
        labels=labels,
        logits=logits,
        features=features,
        head=packed(WEIGHT, BIAS) if head else "",
    )


TRAIN, TEST = record(400, 0), record(70, 1)
POSTHOC = (react, dice, ash_p, ash_b, ash_s, scale, residual, vim, fdbd, she, nnguide, kl_matching, conjnorm)


def peer(name: str) -> Any:
    """A detector of pytorch-ood; its own package imports torchvision, which the detectors do without."""
    if "pytorch_ood" not in sys.modules:
        found = importlib.util.find_spec("pytorch_ood")
        if found is None or found.submodule_search_locations is None:
            pytest.skip("pytorch-ood is not installed")
        package = ModuleType("pytorch_ood")
        package.__path__ = list(found.submodule_search_locations)
        sys.modules["pytorch_ood"] = package
    return getattr(importlib.import_module("pytorch_ood.detector"), name)


def energies(features: Float64s) -> Float64s:
    return np.asarray(-np.log(np.exp(features @ WEIGHT.T + BIAS).sum(axis=1)))


def both() -> tuple[Float64s, Float64s]:
    assert TRAIN.features is not None
    assert TEST.features is not None
    return TRAIN.features.astype(float), TEST.features.astype(float)


def test_shaping_agrees_with_a_loop_over_samples() -> None:
    bank, points = both()
    np.testing.assert_allclose(react(TEST, TRAIN), energies(np.minimum(points, np.percentile(bank, 90))), rtol=1e-5)
    part = bank.mean(axis=0) * WEIGHT
    kept = np.where(part > np.percentile(part, 90), WEIGHT, 0)
    np.testing.assert_allclose(dice(TEST, TRAIN), -np.log(np.exp(points @ kept.T + BIAS).sum(axis=1)), rtol=1e-5)
    for score, percentile in ((ash_p, 65), (ash_b, 65), (ash_s, 90), (scale, 85)):
        rows = []
        for x in points:
            k = WIDTH - int(np.round(WIDTH * percentile / 100))
            top = np.argsort(-x)[:k]
            pruned = np.zeros(WIDTH)
            pruned[top] = x[top]
            ratio = np.exp(x.sum() / x[top].sum())
            alive = top[x[top] > 0]
            filled = np.zeros(WIDTH)
            filled[alive] = x.sum() / len(alive)
            rows.append({ash_p: pruned, ash_b: filled, ash_s: pruned * ratio, scale: x * ratio}[score])
        np.testing.assert_allclose(score(TEST, TRAIN), energies(np.array(rows)), rtol=2e-5, err_msg=score.__name__)


def test_vim_agrees_with_scikit_learns_covariance() -> None:
    from scipy.special import logsumexp
    from sklearn.covariance import EmpiricalCovariance

    bank, points = both()
    origin = -np.linalg.pinv(WEIGHT) @ BIAS
    values, vectors = np.linalg.eig(EmpiricalCovariance(assume_centered=True).fit(bank - origin).covariance_)
    basis = vectors.T[np.argsort(-values)[WIDTH // 2 :]].T
    lengths = np.linalg.norm((points - origin) @ basis, axis=1)
    np.testing.assert_allclose(residual(TEST, TRAIN), lengths, rtol=1e-5)
    alpha = TRAIN.logits.max(axis=1).mean() / np.linalg.norm((bank - origin) @ basis, axis=1).mean()
    np.testing.assert_allclose(vim(TEST, TRAIN), alpha * lengths - logsumexp(TEST.logits, axis=1), rtol=1e-5, atol=1e-5)


def test_geometry_agrees_with_its_definitions() -> None:
    from scipy.special import logsumexp

    bank, points = both()
    mean, fits = bank.mean(axis=0), TRAIN.logits.argmax(axis=1) == TRAIN.labels
    expected, patterns = [], np.stack([bank[fits & (c == TRAIN.labels)].mean(axis=0) for c in range(CLASSES)])
    guides = bank / np.linalg.norm(bank, axis=1)[:, None] * logsumexp(TRAIN.logits, axis=1)[:, None]
    for x, logits in zip(points, TEST.logits, strict=True):
        top = logits.argmax()
        gaps = [
            abs(logits[top] - logits[c]) / np.linalg.norm(WEIGHT[top] - WEIGHT[c]) for c in range(CLASSES) if c != top
        ]
        guide = np.sort(guides @ x / np.linalg.norm(x))[-10:].mean()
        expected.append((-np.mean(gaps) / np.linalg.norm(x - mean), -patterns[top] @ x, -logsumexp(logits) * guide))
    for score, column in zip((fdbd, she, nnguide), np.array(expected).T, strict=True):
        np.testing.assert_allclose(score(TEST, TRAIN), column, rtol=2e-5)


def test_logit_scores_agree_with_scipy() -> None:
    from scipy.special import logsumexp, softmax
    from scipy.stats import entropy

    p = softmax(TEST.logits, axis=1)
    np.testing.assert_allclose(gen(TEST), (p**0.1 * (1 - p) ** 0.1).sum(axis=1), rtol=1e-9)
    two = np.sort(p, axis=1)[:, -2:]
    np.testing.assert_allclose(gen(TEST, top=2), (two**0.1 * (1 - two) ** 0.1).sum(axis=1), rtol=1e-9)
    np.testing.assert_allclose(msp_scaled(TEST), 1 - softmax(TEST.logits / 1000, axis=1).max(axis=1), rtol=1e-12)
    np.testing.assert_allclose(gedi_energy(TEST, temperature=2.0), -logsumexp(TEST.logits / 2, axis=1), rtol=1e-12)
    fitted, named = softmax(TRAIN.logits, axis=1), TRAIN.logits.argmax(axis=1)
    typical = [fitted[named == c].mean(axis=0) for c in range(CLASSES)]
    expected = np.min([[entropy(row, d) for d in typical] for row in p], axis=1)
    np.testing.assert_allclose(kl_matching(TEST, TRAIN), expected, rtol=1e-9, atol=1e-12)
    assert TEST.features is not None
    norm = np.abs(TEST.features).sum(axis=1) * np.abs(1 - CLASSES * p).sum(axis=1)
    np.testing.assert_allclose(gradnorm(TEST), -norm, rtol=1e-6)


def test_gen_of_a_class_that_cannot_be_is_finite() -> None:
    r = Classification(ids=np.array(["a"]), labels=np.zeros(1, int), logits=np.array([[0.0, -np.inf, 0.0]]))
    np.testing.assert_allclose(gen(r), [2 * 0.25**0.1], rtol=1e-12)
    np.testing.assert_allclose(kl_matching(r, r), [0.0], atol=1e-12)


def test_the_scores_agree_with_pytorch_ood() -> None:
    import torch

    def tensor(values: Any) -> Any:
        return torch.tensor(np.asarray(values), dtype=torch.float32)

    linear = torch.nn.Linear(WIDTH, CLASSES)
    linear.weight.data, linear.bias.data = tensor(WEIGHT), tensor(BIAS)
    bank, points, labels = tensor(TRAIN.features), tensor(TEST.features), torch.tensor(TRAIN.labels)
    maps = {"backbone": torch.nn.Identity(), "head": lambda x: linear(x.flatten(1))}
    flat = points[:, :, None, None]
    w = {"encoder": None, "w": linear.weight, "b": linear.bias}
    sides = {
        vim: peer("ViM")(d=WIDTH // 2, **w).fit_features(bank, labels).predict_features(points),
        dice: peer("DICE")(p=0.9, **w).fit_features(bank, labels).predict_features(points),
        react: peer("ReAct")(**maps).fit_feature_maps(bank[:, :, None, None], labels).predict_feature_maps(flat),
        ash_p: peer("ASH")(variant="ash-p", percentile=0.65, **maps).predict_feature_maps(flat),
        ash_s: peer("ASH")(variant="ash-s", percentile=0.9, **maps).predict_feature_maps(flat),
        scale: peer("SCALE")(percentile=0.85, **maps).predict_feature_maps(flat),
        she: peer("SHE")(torch.nn.Identity(), linear).fit_features(bank, labels).predict_features(points),
        fdbd: peer("fDBD")(torch.nn.Identity(), linear).fit_features(bank).predict_features(points),
        nnguide: peer("NNGuide")(torch.nn.Identity(), linear, k=10).fit_features(bank, labels).predict_features(points),
        kl_matching: peer("KLMatching")(None).fit_logits(tensor(TRAIN.logits)).predict_logits(tensor(TEST.logits)),
        knn: peer("KNN")(None, k=10).fit_features(bank, labels).predict_features(points),
    }
    for score, theirs in sides.items():
        np.testing.assert_allclose(
            score(TEST, TRAIN), theirs.detach().numpy(), rtol=1e-4, atol=1e-4, err_msg=score.__name__
        )
    # They take means over classes, and clip probabilities at 1e-7, which these rows don't reach.
    means = peer("GEN").score(tensor(TEST.logits)).numpy() * CLASSES
    plain = (TEST.probs > 1e-6).all(axis=1)
    np.testing.assert_allclose(gen(TEST)[plain], means[plain], rtol=1e-5)


def test_a_head_goes_into_text_and_back_exactly() -> None:
    weight, bias = unpacked(packed(WEIGHT, BIAS))
    np.testing.assert_array_equal(weight, WEIGHT)
    np.testing.assert_array_equal(bias, BIAS)
    with pytest.raises(RecordError, match="not finite"):
        packed(np.full((2, 2), np.nan), np.zeros(2))
    with pytest.raises(RecordError, match="cannot be read"):
        unpacked("4:rubbish!")


@pytest.mark.parametrize("score", POSTHOC)
def test_a_head_that_is_missing_is_worked_out(score: Any) -> None:
    bare = replace(TRAIN, head=""), replace(TEST, head="")
    np.testing.assert_allclose(score(bare[1], bare[0]), score(TEST, TRAIN), rtol=1e-4, atol=1e-4)


def test_logits_that_no_linear_layer_gives_are_refused() -> None:
    bent = replace(TEST, head="", logits=TEST.logits**2)
    with pytest.raises(NotApplicable, match="no linear function"):
        head_of(bent, replace(TRAIN, head=""))


def test_features_below_zero_are_refused_where_activations_are_due() -> None:
    assert TEST.features is not None
    shifted = replace(TEST, features=TEST.features - 1)
    for score in (ash_p, ash_b, ash_s, scale):
        with pytest.raises(NotApplicable, match="below 0"):
            score(shifted, TRAIN)


@pytest.mark.parametrize("score", [*POSTHOC, mahalanobis, relative_mahalanobis, knn])
def test_scores_are_those_of_each_row_and_ignore_ood_training_rows(score: Any) -> None:
    strange = replace(
        TEST, ids=np.char.add("x", TEST.ids), labels=np.full(len(TEST), -1), ood=np.ones(len(TEST), dtype=bool)
    )
    mixed = Classification.concatenate([replace(TRAIN, ood=np.zeros(len(TRAIN), dtype=bool)), strange])
    whole = score(TEST, TRAIN)
    np.testing.assert_allclose(score(TEST, mixed), whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(score(TEST.take(np.arange(9, 3, -1)), TRAIN), whole[9:3:-1], rtol=1e-5, atol=1e-6)
    assert len(score(TEST.take(np.empty(0, dtype=np.int64)), TRAIN)) == 0


def test_conjnorm_finds_the_norm_that_data_was_drawn_from() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 250)
    means = 6 * random.standard_normal((4, 3))
    assert chosen(means[labels] + random.standard_normal((1000, 3)), labels) == 2.0


def test_there_are_twenty_scores_for_a_classifier_with_features() -> None:
    assert len([s for s in components(Score).values() if s.of is Classification]) >= 20
