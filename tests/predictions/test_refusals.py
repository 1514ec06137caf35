"""Wrong files of predictions: the error names the file, the column, the row, its id and the rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.errors import ExitCode, UsageError
from bench.predictions import read_predictions, sources
from tests.predictions.files import as_csv, as_npz, as_parquet, write

SUFFIXES = ("csv", "parquet", "npz")
NAN, INF = float("nan"), float("inf")


def refused(path: Path, kind: str, *words: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        read_predictions(path, kind)
    assert caught.value.exit_code == ExitCode.USAGE
    text = str(caught.value)
    assert text.count("\n") == 2
    for word in words:
        assert word in text, text
    return caught.value


def probs(**changes: Any) -> dict[str, Any]:
    columns = {
        "id": ["a", "b", "c"], "label": [0, 1, 1], "prob_0": [0.7, 0.4, 0.0], "prob_1": [0.3, 0.6, 1.0],
    }  # fmt: skip
    return {name: values for name, values in {**columns, **changes}.items() if values is not None}


# (kind, columns, the words that the error must hold); the wrong row is the second unless it says otherwise.
VALUES: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("classification", probs(prob_1=[0.3, NAN, 1.0]), ("'prob_1', row 2 (id 'b') is nan", "from 0 to 1", "1 of 3")),
    ("classification", probs(prob_1=[0.3, -0.6, 1.0]), ("'prob_1', row 2 (id 'b') is -0.6", "from 0 to 1")),
    ("classification", probs(prob_1=[0.3, 1.5, 1.0]), ("'prob_1', row 2 (id 'b') is 1.5", "from 0 to 1")),
    ("classification", probs(prob_1=[0.3, 0.598, 1.0]), ("'prob_0 ... prob_1', row 2", "sum to 1 (within 0.001)")),
    ("classification", probs(label=[0, 2, 1]), ("'label', row 2 (id 'b') is 2", "in 0 .. 1")),
    ("classification", probs(label=[0, -1, 1]), ("'label', row 2 (id 'b') is -1", "in 0 .. 1")),
    ("classification", probs(label=[0, -2, 1], ood=[False, True, False]), ("'label', row 2 (id 'b') is -2",)),
    ("classification", probs(label=[0, 0.5, 1]), ("'label', row 2 (id 'b') is 0.5", "a whole number")),
    ("classification", probs(id=["a", "c", "c"]), ("'id', row 3 is 'c', as row 2 is", "unique")),
    ("classification", probs(weight=[1.0, -1.0, 1.0]), ("'weight', row 2", "at least 0")),
    ("classification", probs(weight=[1.0, INF, 1.0]), ("'weight', row 2", "finite")),
    ("classification", probs(split=["test", "tset", "test"]), ("'split', row 2", "tset", "train, calibration or test")),
    ("classification", probs(ood=[0, 2, 1]), ("'ood', row 2 (id 'b') is", "true or false")),
    ("classification", probs(prob_1=None, prob_0=[1.0] * 3, label=[0] * 3), ("has one class",)),
    ("classification", {"label": [0, 1], "logit_0": [1.0, NAN], "logit_1": [0.0, 1.0]}, ("'logit_0', row 2",)),
    ("classification", {"label": [0, 1], "logit_0": [1.0, INF], "logit_1": [0.0, 1.0]}, ("'logit_0', row 2",)),
    ("classification", {"label": [0, 1], "logit_0": [1.0, -INF], "logit_1": [0.0, -INF]}, ("row 2", "above -inf")),
    ("classification", probs(truth_0=[1.0, 0.5, 0.0], truth_1=[0.0, 0.4, 1.0]), ("'truth_0 ... truth_1', row 2",)),
    ("classification", probs(feature_0=[1.0, NAN, 0.0]), ("'feature_0', row 2", "numbers")),
    ("regression", {"y": [1.0, INF], "mean": [1.0, 1.0], "std": [1.0, 1.0]}, ("'y', row 2 (id '2')", "finite")),
    ("regression", {"y": [1.0, 1.0], "mean": [1.0, 1.0], "std": [1.0, 0.0]}, ("'std', row 2", "above 0")),
    ("regression", {"y": [1.0, 1.0], "sample_0": [1.0, NAN]}, ("'sample_0', row 2 (id '2') is nan", "finite")),
    ("regression", {"y": [1.0, 1.0], "location": [0.0, 0.0], "scale": [1.0, 1.0], "df": [3.0, 0.0]}, ("'df', row 2",)),
    ("regression", {"y": [1.0, 1.0], "lower": [0.0, 2.0], "upper": [1.0, 1.5], "level": [0.9, 0.9]},
     ("'upper', row 2", "at least 'lower'")),
    ("regression", {"y": [1.0, 1.0], "mixture_mean_0": [0.0, 2.0], "mixture_std_0": [1.0, 1.5],
     "mixture_weight_0": [1.0, 0.5]}, ("'mixture_weight_0 ... mixture_weight_0', row 2", "sum to 1")),
    ("density", {"log_prob": [-1.0, NAN], "dim": [2, 2]}, ("'log_prob', row 2", "below infinity")),
    ("density", {"log_prob": [-1.0, INF], "dim": [2, 2]}, ("'log_prob', row 2", "below infinity")),
    ("density", {"log_prob": [-1.0, -2.0], "dim": [2, 0]}, ("'dim', row 2", "at least 1")),
    ("density", {"log_prob": [-1.0, -2.0], "dim": [2, 2], "levels": [17, 16]}, ("'levels', row 2", "same in every")),
    ("density", {"log_prob": [-1.0, -2.0], "dim": [2, 2], "levels": [1, 1]}, ("'levels' is 1",)),
    ("density", {"log_prob": [-1.0], "dim": [2], "likelihood": ["bound"]}, ("'likelihood' is 'bound'", "lower")),
    ("density", {"log_prob": [-1.0, -2.0], "dim": [2, 2], "ess": [3.0, -1.0]}, ("'ess', row 2", "at least 0")),
    ("ood", {"score": [1.0, NAN], "ood": [True, False]}, ("'score', row 2", "a number")),
    ("ood", {"score_x": [1.0, NAN], "ood": [True, False]}, ("'score_x', row 2", "a number")),
]  # fmt: skip


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(("kind", "columns", "words"), VALUES, ids=[f"{v[0]}-{v[2][0]}" for v in VALUES])
def test_wrong_values(suffix: str, kind: str, columns: dict[str, Any], words: tuple[str, ...], tmp_path: Path) -> None:
    path = write(tmp_path, suffix, columns)
    refused(path, kind, str(path), *words, f"bench show record {kind}" if "as row" not in words[0] else "fix: ")


CHOICES: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"label": [0, 0], "loglik": [[-1.0, -2.0], [-1.0]]}, ("'loglik', row 2", "at least two")),
    ({"label": [0, 0], "loglik": [[-1.0, -2.0], [-1.0, 0.5]]}, ("'loglik', row 2", "at most 0")),
    ({"label": [0, 0], "loglik": [[-1.0, -2.0], [-1.0, NAN]]}, ("'loglik', row 2", "at most 0")),
    ({"label": [0, 0], "loglik": [[-1.0, -2.0], [-INF, -INF]]}, ("'loglik', row 2", "above -inf")),
    ({"label": [0, 2], "loglik": [[-1.0, -2.0], [-1.0, -1.0]]}, ("'label', row 2", "position of a choice")),
    ({"label": [0, 0], "loglik": [[-1.0, -2.0]] * 2, "bytes": [[1, 1], [1]]}, ("'bytes', row 2", "as 'loglik'")),
    ({"label": [0, 0], "loglik": [[-1.0, -2.0]] * 2, "tokens": [[1, 1], [1, 0]]}, ("'tokens', row 2", "at least 1")),
]  # fmt: skip


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(("columns", "words"), CHOICES)
def test_wrong_choices(suffix: str, columns: dict[str, Any], words: tuple[str, ...], tmp_path: Path) -> None:
    refused(write(tmp_path, suffix, columns), "choices", *words)


def generated(**changes: Any) -> dict[str, Any]:
    columns = {
        "prompt_id": ["p", "p"], "text": ["a", "b"], "logprob": [-1.0, -2.0], "tokens": [1, 1],
        "correct": [True, True], "answer": ["1", "1"],
    }  # fmt: skip
    return {**columns, **changes}


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (generated(correct=[True, False]), ("'correct', row 2", "equal answers")),
        (generated(answer=["1", ""]), ("'correct', row 2", "no answer could be read")),
        (generated(logprob=[-1.0, 2.0]), ("'logprob', row 2", "at most 0")),
        (generated(logprob=[-1.0, NAN]), ("'logprob', row 2", "at most 0")),
        (generated(tokens=[1, 0]), ("'tokens', row 2", "at least 1")),
        (generated(group=["g", "h"]), ("'group', row 2", "the same in all rows of a prompt")),
        (generated(token_logprobs=[[-1.0], [-1.0, -1.0]]), ("'token_logprobs', row 2", "as many")),
        (generated(token_logprobs=[[-1.0], [-4.0]]), ("'logprob', row 2", "sum of 'token_logprobs'")),
        (generated(text=["a", 3]), ("'text'",)),
    ],
)
def test_wrong_generations(columns: dict[str, Any], words: tuple[str, ...], tmp_path: Path) -> None:
    suffix = "csv" if columns["text"] == ["a", "b"] else "npz"
    if suffix == "npz":
        columns["text"] = [1, 3]
    refused(write(tmp_path, suffix, columns), "generations", *words)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("kind", "columns", "words"),
    [
        ("classification", {"lable": [0], "prob_0": [0.5], "prob_1": [0.5]}, ("'label", "rename 'lable'")),
        ("classification", {"label": [0], "p0": [0.5], "p1": [0.5]}, ("prob_0, prob_1", "p0, p1")),
        ("classification", probs(prob_1=None, prob_2=[0.3, 0.6, 1.0]), ("'prob_1' is missing", "'prob_2' is there")),
        ("classification", probs(logit_0=[0.0] * 3, logit_1=[0.0] * 3), ("says it twice", "'logit_0' and 'prob_0'")),
        ("classification", probs(labels=[0, 1, 1]), ("'label' and 'labels' are the same thing",)),
        ("classification", probs(wieghts=[1, 1, 1]), ("'wieghts' is not known", "rename it to 'weights'")),
        ("regression", {"mean": [1.0], "std": [1.0]}, ("'y' is missing",)),
        ("regression", {"y": [1.0], "mean": [1.0]}, ("'std' is missing", "'mean' comes with it")),
        ("regression", {"y": [1.0], "std": [1.0]}, ("'mean' is missing", "'std' comes with it")),
        ("regression", {"y": [1.0], "q_0.5": [1.0], "q_0.50": [1.0]}, ("'q_0.50' is the level of 'q_0.5'",)),
        ("regression", {"y": [1.0], "q_1.5": [1.0]}, ("'q_1.5' is no level between 0 and 1",)),
        ("regression", {"y": [1.0], "mean": [1.0], "std": [1.0], "q_0.5": [1.0]}, ("'mean' and 'q_0.5'",)),
        ("density", {"log_prob": [-1.0]}, ("'dim' is missing",)),
        ("ood", {"ood": [True]}, ("score_ONE",)),
        ("ood", {"score": [1.0]}, ("'ood' is missing",)),
    ],
)
def test_wrong_columns(suffix: str, kind: str, columns: dict[str, Any], words: tuple[str, ...], tmp_path: Path) -> None:
    path = write(tmp_path, suffix, columns)
    refused(path, kind, str(path), *words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ("is empty", "header")),
        ("\n", ("is empty",)),
        ("label,prob_0,prob_1\n", ("holds no predictions", "no rows")),
        ("label;prob_0;prob_1\n0;0.5;0.5\n", ("separate the columns by commas",)),
        ("label,prob_0,prob_1\n0,0.5,0.5\n1,0.5\n", ("row 2 has 2 cells", "the header has 3")),
        ("label,prob_0,prob_0\n0,0.5,0.5\n", ("two columns are called 'prob_0'",)),
        ("label,prob_0,prob_1\n0,0.5,0.5\ncat,0.5,0.5\n", ("'label', row 2 is the text 'cat'", "a whole number")),
        ("label,prob_0,prob_1\n0,0.5,0.5\n1,half,0.5\n", ("'prob_0', row 2 is the text 'half'", "a number")),
        ("label,prob_0,prob_1\n0,0.5,0.5\n1,,0.5\n", ("'prob_0', row 2 is empty", "a number")),
        ("id,label,prob_0,prob_1\nx,0,0.5,0.5\n,1,.5,.5\n", ("'id', row 2 is empty",)),
        ("id,label,prob_0,prob_1\nx,0,0.5,0.5\nz,1,a,.5\n", ("'prob_0', row 2 (id 'z')",)),
        ("label,logits\n0,\"[1, 2]\"\n1,\"[1, 2, 3]\"\n", ("'logits', row 2 is 3 values", "first row, which has 2")),
        ("label,logits\n0,\"[1, 2]\"\n1,1 2\n", ("'logits', row 2", "a JSON list")),
        ("label,logits\n0,\"[1, 2]\"\n1,\"[1, null]\"\n", ("'logits', row 2", "JSON list")),
        ("label,logits\n0,\"[1]\"\n1,\"[1],[2]\"\n", ("'logits', row 2", "a JSON list")),
    ],
)  # fmt: skip
def test_wrong_csv(text: str, words: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "preds.csv"
    path.write_text(text)
    refused(path, "classification", str(path), *words)


def test_rows_are_counted_over_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "ROWS", 10)
    label: list[Any] = [0] * 100
    label[87] = "cat"
    columns = {"label": label, "prob_0": [0.5] * 100, "prob_1": [0.5] * 100, "failed": [False] * 5 + [True] * 95}
    as_csv(tmp_path / "preds.csv", columns)
    assert len(read_predictions(tmp_path / "preds.csv", "classification")["preds"]) == 5
    columns["failed"] = [i % 2 == 0 for i in range(100)]
    refused(as_csv(tmp_path / "preds.csv", columns), "classification", "'label', row 88 is the text 'cat'")
    columns.update(label=[0] * 99 + [7])
    refused(as_csv(tmp_path / "preds.csv", columns), "classification", "'label', row 100 (id '100') is 7")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "preds.csv"
    path.write_bytes(b"prompt_id,text,logprob,tokens,correct\np,\xff\xfe,-1,1,true\n")
    refused(path, "generations", str(path), "UTF8")


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("label", pa.array([0, None, 1]), ("'label', row 2 (id 'b') is empty (null)", "a whole number")),
        ("label", pa.array(["0", "cat", "1"]), ("'label', row 2 (id 'b') is the text 'cat'",)),
        ("prob_1", pa.array([0.3, None, 1.0]), ("'prob_1', row 2 (id 'b') is empty (null)",)),
        ("prob_1", pa.array([[0.3], [0.6], [1.0]]), ("'prob_1'", "a number")),
        ("label", pa.array([0, 1, 2**60]), ("'label', row 3", "in 0 .. 1")),
        ("id", pa.array(["a", None, "c"]), ("'id', row 2 is empty (null)",)),
        ("ood", pa.array(["yes", "no", "no"]), ("'ood', row 1", "true or false")),
    ],
)
def test_wrong_parquet_types(column: str, values: Any, words: tuple[str, ...], tmp_path: Path) -> None:
    table = {**{name: pa.array(v) for name, v in probs().items()}, column: values}
    pq.write_table(pa.table(table), tmp_path / "preds.parquet")
    refused(tmp_path / "preds.parquet", "classification", *words)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (pa.array([[0.5, 0.5], None]), ("'probs', row 2 is empty (null)", "a list")),
        (pa.array([[0.5, 0.5], [0.5, None]]), ("'probs', row 2", "at position 1")),
        (pa.array([[0.5, 0.5], [1.0]]), ("'probs', row 2 is 1 values",)),
        (pa.array([[0.5, 0.5], [0.5, float("nan")]]), ("'probs[1]', row 2 (id '2') is nan",)),
        (pa.array([0.5, 0.5]), ("'probs'", "a list")),
    ],
)
def test_wrong_parquet_lists(values: Any, words: tuple[str, ...], tmp_path: Path) -> None:
    pq.write_table(pa.table({"label": [0, 1], "probs": values}), tmp_path / "preds.parquet")
    refused(tmp_path / "preds.parquet", "classification", *words)


def test_rows_of_different_length_in_different_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "ROWS", 2)
    lists = [[0.5, 0.5]] * 2 + [[0.2, 0.3, 0.5]] * 2
    path = as_parquet(tmp_path / "preds.parquet", {"label": [0] * 4, "probs": lists})
    refused(path, "classification", "'probs' differ in length", "2 and 3")


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"labels": [0, 1], "probs": [[0.5, 0.5]]}, ("'probs' has 1 rows", "'labels' has 2")),
        ({"labels": [[0], [1]], "probs": [[0.5, 0.5]] * 2}, ("'labels'", "2 axes", "array of 1")),
        ({"labels": [0, 1], "probs": [0.5, 0.5]}, ("'probs'", "1 axes", "array of 2")),
        ({"labels": ["a", "b"], "probs": [[0.5, 0.5]] * 2}, ("'labels'", "a whole number")),
        ({"labels": [0, 1], "probs": [["a", "b"]] * 2}, ("'probs'", "a number")),
        ({"labels": [0, 1], "probs": [[0.5j, 0.5]] * 2}, ("'probs'", "complex128")),
        ({"labels": 0, "probs": [[0.5, 0.5]] * 2}, ("'label or labels' is missing",)),
    ],
)
def test_wrong_arrays(arrays: dict[str, Any], words: tuple[str, ...], tmp_path: Path) -> None:
    refused(as_npz(tmp_path / "preds.npz", arrays), "classification", *words)


@pytest.mark.parametrize("offsets", [[0, 2, 4], [1, 2, 5], [0, 3, 2, 5], [[0, 5]], [0.0, 5.0]])
def test_offsets_that_fit_nothing(offsets: Any, tmp_path: Path) -> None:
    arrays = {"labels": [0] * (np.shape(offsets)[0] - 1), "loglik": [-1.0] * 5, "loglik_offsets": offsets}
    refused(as_npz(tmp_path / "preds.npz", arrays), "choices", "loglik")


def test_objects_are_refused_and_not_unpickled(tmp_path: Path) -> None:
    bomb = tmp_path / "boom"

    class Bomb:
        def __reduce__(self) -> Any:
            return (Path.touch, (bomb,))

    rows = np.array([Bomb(), Bomb()], dtype=object)
    np.savez(tmp_path / "preds.npz", allow_pickle=True, labels=np.array([0, 1]), probs=rows)
    refused(tmp_path / "preds.npz", "classification", "'probs'", "Python objects", "probs_offsets")
    assert not bomb.exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("preds.parquet", None, ("not found", "there is no such file")),
        ("preds.txt", b"x", (".txt", ".parquet, .npz, .csv or .jsonl")),
        ("preds", b"x", ("has no ending",)),
        ("preds.parquet", b"PAR1 not really", ("cannot be read",)),
        ("preds.parquet", b"", ("cannot be read",)),
        ("preds.npz", b"PK not really", ("no npz archive",)),
        ("preds.npz", b"", ("no npz archive",)),
    ],
)
def test_wrong_files(name: str, content: bytes | None, words: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    refused(path, "classification", str(path), *words)


def test_a_misspelt_file_is_suggested(tmp_path: Path) -> None:
    write(tmp_path, "csv", probs())
    refused(tmp_path / "perds.csv", "classification", "not found", f"did you mean '{tmp_path / 'preds.csv'}'?")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "preds.csv").mkdir()
    refused(tmp_path / "preds.csv", "classification", "it is a folder")


@pytest.mark.parametrize("suffix", ["parquet", "npz"])
def test_a_file_that_is_cut_off(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path, suffix, {name: values * 1000 for name, values in probs(id=None).items()})
    path.write_bytes(path.read_bytes()[:-20])
    refused(path, "classification", str(path))


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path, "npz", {name: values * 1000 for name, values in probs(id=None).items()})
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    refused(path, "classification", str(path), "cannot be read")


def test_all_rows_failed(tmp_path: Path) -> None:
    refused(write(tmp_path, "csv", probs(failed=[True] * 3)), "classification", "all 3 rows are marked as failed")


@pytest.mark.parametrize("suffix", ["parquet", "npz"])
def test_no_rows(suffix: str, tmp_path: Path) -> None:
    empty = {"label": np.empty(0, np.int64), "prob_0": np.empty(0), "prob_1": np.empty(0)}
    refused(write(tmp_path, suffix, empty), "classification", "no rows")


def test_an_unknown_kind(tmp_path: Path) -> None:
    refused(tmp_path / "p.csv", "regresion", "did you mean 'regression'?")
