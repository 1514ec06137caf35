"""Each kind of predictions, read from each type of file, becomes the record that it says."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.errors import UsageError
from bench.predictions import read_predictions, sources
from bench.predictions.conventions import CONVENTIONS, SUFFIXES, example, facts
from bench.records import Choices, Classification, Density, Generations, Record, Regression, Scores, Tokens
from tests.predictions.files import as_csv, as_npz, as_parquet, write

TABLES = ("csv", "parquet")
# Numbers that a detour over fewer digits or over float32 would change.
AWKWARD = [0.1, 1 / 3, math.pi * 1e-7, -1.7976931348623157e308, 5e-324, -0.0, 123456789.12345679]


def only(path: Path, kind: str) -> Any:
    records = read_predictions(path, kind)
    assert list(records) == ["preds"]
    return records["preds"]


@pytest.mark.parametrize("kind", CONVENTIONS)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_examples_that_are_shown_can_be_read(
    kind: str, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = example(CONVENTIONS[kind], suffix)
    if suffix == "csv":
        Path("preds.csv").write_text(text)
    else:
        exec(text, {})  # noqa: S102 - the user would paste it, too
    records = read_predictions(Path(f"preds.{suffix}"), kind)
    assert all(isinstance(record, Record) and record.kind == kind for record in records.values())
    assert {len(record) for record in records.values()} == {2 if kind == "generations" else 3}
    assert text in "\n".join(line.removeprefix("    ") for line in facts(kind)["text"]) + "\n"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_numbers_are_kept_exactly(suffix: str, tmp_path: Path) -> None:
    columns = {"y": AWKWARD, "mean": AWKWARD[::-1], "std": np.abs(AWKWARD).tolist()}
    columns["std"][5] = 1.0
    record: Regression = only(write(tmp_path, suffix, columns), "regression")
    for name, values in columns.items():
        assert getattr(record, name).tobytes() == np.array(values).tobytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_logits_and_what_goes_with_them(suffix: str, tmp_path: Path) -> None:
    logits = np.array([[0.5, -1.25, -np.inf], [2.0, 0.1, 0.3], [0.0, 0.0, 0.0]])
    columns: dict[str, Any] = {
        "id": ["x", "y", "z"], "label": [0, 2, -1], "group": ["g", "g", "h"], "split": ["train", "test", "test"],
        "weight": [1.0, 0.0, 2.5], "ood": [False, False, True], "dataset": ["in", "in", "far"],
        "logit_0": logits[:, 0], "logit_1": logits[:, 1], "logit_2": logits[:, 2], "note": ["1", "2", "3"],
    }  # fmt: skip
    record: Classification = only(write(tmp_path, suffix, columns), "classification")
    assert record.ids.tolist() == ["x", "y", "z"]
    np.testing.assert_array_equal(record.logits, logits)
    np.testing.assert_array_equal(record.labels, [0, 2, -1])
    expected = {"groups": "group", "splits": "split", "weights": "weight", "ood": "ood", "dataset": "dataset"}
    for mine, theirs in expected.items():
        assert getattr(record, mine).tolist() == columns[theirs]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_probabilities_become_logits(suffix: str, tmp_path: Path) -> None:
    probs = np.array([[0.7, 0.3, 0.0], [0.2, 0.2, 0.6]])
    columns = {"label": [0, 2], **{f"prob_{k}": probs[:, k] for k in range(3)}}
    record: Classification = only(write(tmp_path, suffix, columns), "classification")
    np.testing.assert_allclose(record.probs, probs, atol=1e-15)
    assert record.ids.tolist() == ["1", "2"]


def test_numbered_columns_stand_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    classes = [*range(9, -1, -1), 11, 10]
    columns = {"label": [3], **{f"logit_{k}": [float(k)] for k in classes}}
    record: Classification = only(write(tmp_path, "csv", columns), "classification")
    assert record.logits.tolist() == [[float(k) for k in range(12)]]


@pytest.mark.parametrize("width", [2, -1])
def test_vectors_in_one_list_column(width: int, tmp_path: Path) -> None:
    probs = [[0.25, 0.75], [0.5, 0.5]]
    table = pa.table({"label": pa.array([0, 1], pa.int8()), "probs": pa.array(probs, pa.list_(pa.float32(), width))})
    pq.write_table(table, tmp_path / "preds.parquet")
    record: Classification = only(tmp_path / "preds.parquet", "classification")
    np.testing.assert_allclose(record.probs, probs, atol=1e-15)


def test_a_vector_may_be_json_in_csv(tmp_path: Path) -> None:
    path = as_csv(tmp_path / "preds.csv", {"label": [0, 1], "logits": [[0.5, -1.5], [1e-300, 2]]})
    record: Classification = only(path, "classification")
    assert record.logits.tolist() == [[0.5, -1.5], [1e-300, 2.0]]


def test_arrays_of_an_ensemble(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    members = np.log(rng.dirichlet(np.ones(3), size=(5, 4)))
    path = as_npz(
        tmp_path / "preds.npz",
        {"labels": [0, 1, 2, 0, 1], "logits": members.mean(1), "members": members, "features": rng.normal(size=(5, 7))},
    )
    record: Classification = only(path, "classification")
    np.testing.assert_array_equal(record.members, members)
    assert record.features is not None
    assert record.features.shape == (5, 7)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_quantiles_are_sorted_by_level(suffix: str, tmp_path: Path) -> None:
    columns = {"y": [1.0, 2.0], "q_0.5": [1.0, 2.0], "q_0.05": [0.0, 0.5], "q_0.95": [3.0, 2.0]}
    record: Regression = only(write(tmp_path, suffix, columns), "regression")
    assert record.levels == (0.05, 0.5, 0.95)
    np.testing.assert_array_equal(record.quantiles, [[0.0, 1.0, 3.0], [0.5, 2.0, 2.0]])


def test_quantiles_as_one_array_with_levels(tmp_path: Path) -> None:
    quantiles = [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    y = [0.5, 2.5, 4.5]
    from_npz = only(
        as_npz(tmp_path / "preds.npz", {"y": y, "quantiles": quantiles, "levels": [0.1, 0.9]}), "regression"
    )
    table = pa.table({"y": y, "quantiles": pa.array(quantiles, pa.list_(pa.float64(), 2))})
    pq.write_table(table.replace_schema_metadata({"levels": "[0.1, 0.9]"}), tmp_path / "preds.parquet")
    from_metadata = only(tmp_path / "preds.parquet", "regression")
    columns = {"y": y, "quantiles": quantiles, "levels": [[0.1, 0.9]] * 3}
    from_column = only(as_parquet(tmp_path / "preds.parquet", columns), "regression")
    for record in (from_npz, from_metadata, from_column):
        assert record.levels == (0.1, 0.9)
        np.testing.assert_array_equal(record.quantiles, quantiles)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_samples(suffix: str, tmp_path: Path) -> None:
    samples = np.random.default_rng(1).normal(size=(3, 12))
    columns = {"y": [0.0, 1.0, 2.0], **{f"sample_{k}": samples[:, k] for k in range(12)}}
    record: Regression = only(write(tmp_path, suffix, columns), "regression")
    np.testing.assert_array_equal(record.samples, samples)


@pytest.mark.parametrize("suffix", TABLES)
def test_choices_of_different_number(suffix: str, tmp_path: Path) -> None:
    loglik = [[-1.5, -2.25], [-3.0, -0.1, -np.inf], [-2.0, -2.5]]
    columns = {"label": [0, 1, 1], "loglik": loglik, "bytes": [[4, 6], [5, 5, 7], [1, 1]]}
    if suffix == "csv":
        columns["loglik"] = [[-1.5, -2.25], [-3.0, -0.1, float("-inf")], [-2.0, -2.5]]
    record: Choices = only(write(tmp_path, suffix, columns), "choices")
    assert [row.tolist() for row in record.loglik] == loglik  # type: ignore[attr-defined]
    assert record.bytes is not None
    assert [row.tolist() for row in record.bytes] == columns["bytes"]  # type: ignore[attr-defined]
    assert record.tokens is None


def test_choices_from_npz(tmp_path: Path) -> None:
    ragged = {"labels": [0, 2], "loglik": [-1.0, -2.0, -3.0, -2.0, -1.0], "loglik_offsets": [0, 2, 5]}
    record: Choices = only(as_npz(tmp_path / "preds.npz", ragged), "choices")
    assert [record.loglik[i].tolist() for i in range(2)] == [[-1.0, -2.0], [-3.0, -2.0, -1.0]]
    square = {"labels": [0, 1], "loglik": [[-1.0, -2.0], [-3.0, -2.0]]}
    record = only(as_npz(tmp_path / "preds.npz", square), "choices")
    assert record.loglik.lengths.tolist() == [2, 2]


@pytest.mark.parametrize("suffix", TABLES)
def test_tokens(suffix: str, tmp_path: Path) -> None:
    columns = {"logprobs": [[-0.1, -0.2, -3.0], [-1.0]], "bytes": [12, 3], "words": [2, 1]}
    record: Tokens = only(write(tmp_path, suffix, columns), "tokens")
    np.testing.assert_allclose(record.log_prob, [-3.3, -1.0])
    assert record.bytes.tolist() == [12, 3]


def test_the_dimension_is_a_column_or_one_value(tmp_path: Path) -> None:
    log_prob = [-10.5, -11.0]
    column = only(as_csv(tmp_path / "preds.csv", {"log_prob": log_prob, "dim": [4, 8]}), "density")
    single = only(as_npz(tmp_path / "preds.npz", {"log_prob": log_prob, "dim": 4, "levels": 17}), "density")
    facts_ = {"dim": "4", "levels": "17", "likelihood": "lower"}
    pq.write_table(pa.table({"log_prob": log_prob}).replace_schema_metadata(facts_), tmp_path / "preds.parquet")
    metadata: Density = only(tmp_path / "preds.parquet", "density")
    assert column.dim.tolist() == [4, 8]
    assert single.dim.tolist() == [4, 4]
    assert (single.levels, single.likelihood) == (17, "exact")
    assert (metadata.dim.tolist(), metadata.levels, metadata.likelihood) == ([4, 4], 17, "lower")


def test_each_score_is_a_record(tmp_path: Path) -> None:
    columns = {"ood": ["true", "False", "0"], "score_a": [3.0, 1.0, 2.0], "score_b-2": [0.0, 0.5, 1.0]}
    records = read_predictions(write(tmp_path, "csv", columns), "ood")
    assert list(records) == ["preds:a", "preds:b-2"]
    first = records["preds:a"]
    assert isinstance(first, Scores)
    assert first.scores.tolist() == [3.0, 1.0, 2.0]
    assert first.ood is not None
    assert first.ood.tolist() == [True, False, False]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_failed_rows_are_counted_and_not_read(suffix: str, tmp_path: Path) -> None:
    columns = {"id": ["a", "b", "c"], "y": [1.0, np.nan, 2.0], "mean": [1.0, 0.0, 2.0], "std": [1.0, -1.0, 1.0]}
    path = write(tmp_path, suffix, {**columns, "failed": [False, True, False]})
    record: Regression = only(path, "regression")
    assert record.ids.tolist() == ["a", "c"]
    assert record.n_failed == 1


def test_failed_rows_of_ragged_arrays(tmp_path: Path) -> None:
    arrays = {
        "labels": [0, 9, 1], "loglik": [-1.0, -2.0, 5.0, -3.0, -1.0], "loglik_offsets": [0, 2, 3, 5],
        "failed": [False, True, False],
    }  # fmt: skip
    record: Choices = only(as_npz(tmp_path / "preds.npz", arrays), "choices")
    assert [record.loglik[i].tolist() for i in range(2)] == [[-1.0, -2.0], [-3.0, -1.0]]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_one_sample_is_enough(suffix: str, tmp_path: Path) -> None:
    record: Regression = only(write(tmp_path, suffix, {"y": [1.0], "mean": [0.5], "std": [2.0]}), "regression")
    assert len(record) == 1


def test_pandas_types_are_read(tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame(
        {
            "label": [0.0, 1.0],
            "logit_0": np.array([0.5, 1.5], dtype=np.float16),
            "logit_1": [1, 2],
            "group": pd.Categorical(["g", "h"]),
            "id": [10, 11],
            "ood": [0, 1],
        }
    )
    frame.to_parquet(tmp_path / "preds.parquet")
    record: Classification = only(tmp_path / "preds.parquet", "classification")
    assert record.labels.tolist() == [0, 1]
    assert record.logits.tolist() == [[0.5, 1.0], [1.5, 2.0]]
    assert record.groups is not None
    assert (record.ids.tolist(), record.groups.tolist()) == (["10", "11"], ["g", "h"])


@pytest.mark.parametrize("suffix", TABLES)
def test_batches_join_seamlessly(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    n = 1000
    loglik = [np.sort(-rng.exponential(size=rng.integers(2, 6))).tolist() for _ in range(n)]
    columns = {"label": [0] * n, "loglik": loglik, "failed": (rng.random(n) < 0.1).tolist()}
    path = write(tmp_path, suffix, columns)
    whole: Choices = only(path, "choices")
    monkeypatch.setattr(sources, "ROWS", 7)
    parts: Choices = only(path, "choices")
    assert whole.ids.tolist() == parts.ids.tolist()
    assert whole.loglik.values.tobytes() == parts.loglik.values.tobytes()
    assert whole.loglik.offsets.tolist() == parts.loglik.offsets.tolist()
    assert whole.n_failed == parts.n_failed == sum(columns["failed"])


GENERATED: dict[str, list[Any]] = {
    "prompt_id": ["p", "q", "p", "p", "q", "r", "s", "s", "t"],
    "text": ["t0", "t1", "t2, with a comma", "t3\nand a line", "t4", "t5", "t6", "t7", "t8"],
    "logprob": [-1.0, -2.0, -4.0, -5.0, -0.5, -0.7, -1.0, -2.0, -3.0],
    "tokens": [2, 1, 3, 1, 2, 1, 1, 1, 1],
    "correct": [False, True, True, True, False, True, False, False, False],
    "answer": ["8", "4", "7", "7", "5", "9", "", "", "x"],
    "group": ["g", "h", "g", "g", "h", "h", "h", "h", "h"],
}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_generations_vote_by_prompt(suffix: str, tmp_path: Path) -> None:
    record: Generations = only(write(tmp_path, suffix, GENERATED), "generations")
    assert record.ids.tolist() == ["p", "q", "r", "s", "t"]
    # p: two votes beat the more probable single one.  q: a tie, which probability decides.  s: nothing was readable.
    assert record.answer.tolist() == ["7", "5", "9", "", "x"]
    assert record.correct.tolist() == [True, False, True, False, False]
    np.testing.assert_allclose(record.confidence, [2 / 3, 1 / 2, np.exp(-0.7), 0.0, np.exp(-3.0)])
    assert record.text[0].tolist() == ["t0", "t2, with a comma", "t3\nand a line"]
    assert record.logprob[1].tolist() == [-2.0, -0.5]
    assert record.answers is not None
    assert record.corrects is not None
    assert record.answers[0].tolist() == ["8", "7", "7"]
    assert record.corrects[0].tolist() == [False, True, True]
    assert record.groups is not None
    assert record.groups.tolist() == ["g", "h", "h", "h", "h"]


def test_equal_votes_are_weighed_by_their_total_probability(tmp_path: Path) -> None:
    columns = {
        "prompt_id": ["p"] * 4, "text": list("abcd"), "tokens": [1] * 4, "answer": ["u", "v", "v", "u"],
        "logprob": np.log([0.3, 0.2, 0.2, 0.05]), "correct": [False, True, True, False],
    }  # fmt: skip
    record: Generations = only(as_csv(tmp_path / "preds.csv", columns), "generations")
    assert record.answer.tolist() == ["v"]
    assert record.confidence.tolist() == [0.5]


def test_without_answers_the_most_probable_generation_speaks(tmp_path: Path) -> None:
    columns = {key: values for key, values in GENERATED.items() if key != "answer"}
    record: Generations = only(as_csv(tmp_path / "preds.csv", columns), "generations")
    assert record.answer.tolist() == ["t0", "t4", "t5", "t6", "t8"]
    assert record.correct.tolist() == [False, False, True, False, False]
    np.testing.assert_allclose(record.confidence, np.exp([-1.0, -0.5, -0.7, -1.0, -3.0]))
    assert record.answers is None


def test_token_log_probabilities_follow_their_prompt(tmp_path: Path) -> None:
    columns = {
        "prompt_id": ["p", "q", "p"], "text": ["a", "b", "c"], "logprob": [-3.0, -1.0, -2.0], "tokens": [2, 1, 1],
        "correct": [True, False, True], "token_logprobs": [[-1.0, -2.0], [-1.0], [-2.0]],
    }  # fmt: skip
    record: Generations = only(as_parquet(tmp_path / "preds.parquet", columns), "generations")
    assert record.token_logprobs is not None
    assert [record.token_logprobs[i].tolist() for i in range(2)] == [[-1.0, -2.0, -2.0], [-1.0]]


def test_a_prompt_fails_when_all_its_generations_did(tmp_path: Path) -> None:
    failed = [prompt in {"r", "s"} or i == 0 for i, prompt in enumerate(GENERATED["prompt_id"])]
    record: Generations = only(as_csv(tmp_path / "preds.csv", {**GENERATED, "failed": failed}), "generations")
    assert record.ids.tolist() == ["q", "p", "t"]
    assert record.n_failed == 2


def test_the_answer_agrees_with_counting_by_hand(tmp_path: Path) -> None:
    """Against a plain loop, on many random pools."""
    rng = np.random.default_rng(3)
    n = 400
    prompts, answers = rng.integers(0, 60, n).astype(str), rng.choice(["", "1", "2", "3"], n)
    logprob = -rng.exponential(size=n)
    columns = {
        "prompt_id": prompts, "text": np.arange(n).astype(str), "logprob": logprob, "tokens": [1] * n,
        "correct": answers == "2", "answer": answers,
    }  # fmt: skip
    record: Generations = only(as_npz(tmp_path / "preds.npz", columns), "generations")
    for i, prompt in enumerate(record.ids):
        pool = np.flatnonzero(prompts == prompt)
        ballots: dict[str, list[float]] = {}
        for row in pool:
            if answers[row]:
                ballots.setdefault(answers[row], []).append(math.exp(logprob[row]))
        best = max(ballots, key=lambda a: (len(ballots[a]), sum(ballots[a])), default="")
        assert record.answer[i] == best
        if best and len(pool) > 1:
            assert record.confidence[i] == pytest.approx(len(ballots[best]) / len(pool))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_student_t_and_a_mixture(suffix: str, tmp_path: Path) -> None:
    student = {"y": [1.0, 2.0], "location": [0.5, 0.0], "scale": [1.0, 2.0], "df": [3.0, 1.5]}
    record: Regression = only(write(tmp_path, suffix, student), "regression")
    assert (record.form, record.df.tolist()) == ("student", [3.0, 1.5])  # type: ignore[union-attr]
    parts = {f"mixture_{what}_{k}": [0.5, 0.25 + 0.5 * k] for what in ("mean", "std", "weight") for k in range(2)}
    record = only(write(tmp_path, suffix, {"y": [1.0, 2.0], **parts}), "regression")
    assert record.form == "mixture"
    np.testing.assert_array_equal(record.mixture_weights, [[0.5, 0.5], [0.25, 0.75]])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_intervals_have_one_level(suffix: str, tmp_path: Path) -> None:
    columns: dict[str, Any] = {"y": [1.0, 2.0], "lower": [0.0, -np.inf], "upper": [1.0, np.inf], "level": [0.8, 0.8]}
    record: Regression = only(write(tmp_path, suffix, columns), "regression")
    assert (record.form, record.level) == ("interval", 0.8)
    np.testing.assert_array_equal(record.upper, [1.0, np.inf])
    with pytest.raises(UsageError, match="'level' is missing"):
        read_predictions(write(tmp_path, suffix, {k: v for k, v in columns.items() if k != "level"}), "regression")
    with pytest.raises(UsageError, match="'level'"):
        read_predictions(write(tmp_path, suffix, {**columns, "level": [0.8, 0.9]}), "regression")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_crossing_quantiles_are_kept_as_they_are(suffix: str, tmp_path: Path) -> None:
    columns = {"y": [1.0, 1.0], "q_0.1": [0.0, 2.0], "q_0.9": [1.0, 1.5]}
    record: Regression = only(write(tmp_path, suffix, columns), "regression")
    np.testing.assert_array_equal(record.quantiles, [[0.0, 1.0], [2.0, 1.5]])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_prediction_sets(suffix: str, tmp_path: Path) -> None:
    columns = {
        "label": [0, 1], "prob_0": [0.7, 0.4], "prob_1": [0.3, 0.6],
        "set_0": [True, True], "set_1": [False, True], "level": [0.9, 0.9],
    }  # fmt: skip
    record: Classification = only(write(tmp_path, suffix, columns), "classification")
    assert record.sets is not None
    assert record.sets.tolist() == [[True, False], [True, True]]
    assert record.level == 0.9


def test_member_quantiles_of_an_archive(tmp_path: Path) -> None:
    members = np.arange(12.0).reshape(2, 3, 2)
    arrays = {"y": [1.0, 2.0], "quantiles": members.mean(1), "member_quantiles": members, "levels": [0.1, 0.9]}
    record: Regression = only(as_npz(tmp_path / "preds.npz", arrays), "regression")
    np.testing.assert_array_equal(record.member_quantiles, members)
