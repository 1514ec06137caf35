from __future__ import annotations

import numpy as np
import pytest

from bench.arrays import Bools, Float64s, Ints
from bench.checks.masked import arbitrary, everything
from bench.errors import UsageError
from bench.estimators.masked import FORMS, Remembered, bound, enumerated, form_of, sampled
from bench.estimators.residual import effective
from bench.examples import Examples
from bench.models.building import NotSuited
from bench.models.masked import counted, masked_diffusion, masked_oracle
from bench.references.chains import sticky
from bench.tasks.likelihood.sequences import likelihood_chain, likelihood_sentences, source, vocabulary


def test_conditionals_are_those_of_the_enumerated_joint() -> None:
    chain, listed = sticky(3), everything(4)
    mass = np.exp(chain.log_prob(listed))
    assert mass.sum() == pytest.approx(1, abs=1e-12)
    hidden = np.array([[True, False, True, True]])
    row = np.array([[0, 2, 0, 0]])
    fits = mass * (listed[:, 1] == 2)
    for place in (0, 2, 3):
        by_hand = np.bincount(listed[:, place], weights=fits, minlength=3) / fits.sum()
        np.testing.assert_allclose(np.exp(chain.conditionals(row, hidden))[0, place], by_hand, atol=1e-12)


def test_samples_of_a_chain_follow_it() -> None:
    chain = sticky(3)
    rows = chain.sample(20_000, 3, np.random.default_rng(0))
    refitted = counted(rows, 3, smoothing=0.0)
    np.testing.assert_allclose(refitted.step, chain.step, atol=0.015)
    np.testing.assert_allclose(refitted.start, chain.start, atol=0.015)


def test_a_row_is_bounded_alike_in_any_batch() -> None:
    rows = everything()[::31]
    for form in FORMS:
        whole = bound(arbitrary(), rows, form, draws=3, seed=4)
        single = bound(arbitrary(), rows[2:3], form, draws=3, seed=4)
        assert whole.log_prob[2] == single.log_prob[0]
        assert whole.likelihood == "lower"


def test_the_bound_of_perturbed_conditionals_is_below_the_truth() -> None:
    chain, listed = sticky(3), everything()

    def dulled(rows: Ints, hidden: Bools) -> Float64s:
        return np.log(0.8 * np.exp(chain.conditionals(rows, hidden)) + 0.2 / 3)

    mass = np.exp(chain.log_prob(listed))
    assert mass @ enumerated(dulled, listed) < -chain.entropy(5) - 0.02


def test_remembering_changes_no_answer_and_runs_less() -> None:
    rows = everything()[::9]
    memory = Remembered(arbitrary())
    np.testing.assert_array_equal(enumerated(memory, rows), enumerated(arbitrary(), rows))
    assert memory.run < memory.asked


def test_confident_sampling_fills_every_place() -> None:
    start = np.zeros((50, 5), dtype=np.int64)
    rows, run = sampled(
        arbitrary(), start, np.ones_like(start, dtype=bool), 2, np.random.default_rng(0), confident=True
    )
    assert run == 2
    assert rows.min() >= 0
    assert rows.max() <= 2


def test_equal_weights_are_all_effective() -> None:
    np.testing.assert_allclose(effective(np.zeros((2, 7))), 7)


def test_bad_requests_are_refused() -> None:
    with pytest.raises(UsageError, match="no form 'time-ish'"):
        form_of("time-ish")
    with pytest.raises(UsageError, match="cannot be enumerated"):
        enumerated(arbitrary(), np.zeros((1, 20), dtype=np.int64))
    with pytest.raises(NotSuited):
        masked_oracle().fit(likelihood_sentences(0).split("train"), 0)


def test_the_oracle_meets_the_entropy_of_its_source() -> None:
    examples = likelihood_chain(0)
    test = examples.split("test")
    oracle = masked_oracle()
    oracle.fit(examples.split("train"), 0)
    found = oracle.density(np.asarray(test.inputs))
    truth = np.asarray(test.truth)
    gap = found.log_prob - truth
    assert abs(gap.mean()) < 4.5 * gap.std() / len(gap) ** 0.5
    assert -truth.mean() == pytest.approx(source().entropy(12), abs=0.5)


@pytest.mark.parametrize("energy", [0.0, 1.0])
def test_a_trained_filler_learns_and_repeats_itself(energy: float) -> None:
    examples = likelihood_chain(0)
    train, test = examples.split("train"), examples.split("test").take(np.arange(100))
    model = masked_diffusion(steps=40, width=16, energy=energy)
    model.fit(train, 0)
    found = model.density(np.asarray(test.inputs))
    again = masked_diffusion(steps=40, width=16, energy=energy)
    again.fit(train, 0)
    np.testing.assert_array_equal(found.log_prob, again.density(np.asarray(test.inputs)).log_prob)
    kl = (np.asarray(test.truth) - found.log_prob).mean()
    # Independent symbols would cost 12 log 4 = 16.6 nats against 13; the chain behind the energy is the true one.
    assert kl < (0.3 if energy else 3.7)
    assert found.mc_error is not None
    assert found.likelihood == "lower"


def test_sentences_fit_their_vocabulary() -> None:
    examples: Examples = likelihood_sentences(0)
    assert examples.levels == len(vocabulary())
    assert examples.truth is not None
    assert np.isfinite(examples.truth).all()
    np.testing.assert_array_equal(likelihood_sentences(0).inputs, examples.inputs)
