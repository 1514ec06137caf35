from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.arrays import Ragged
from bench.errors import ExitCode, NotComparableError, UsageError
from bench.examples import Examples, Question
from bench.runners.identity import Identity, data_fingerprint, file_digest, fingerprint


@dataclass(frozen=True)
class Point:
    x: int
    y: int


# Each pair is told apart, though a careless encoding would join it.
DIFFERENT: list[tuple[Any, Any]] = [
    (1, 2),
    (1, "1"),
    (1, 1.0),
    (True, 1),
    (None, "None"),
    ("", None),
    (0.0, -0.0),
    (["a", "b"], ["ab"]),
    (["a", "b"], ["b", "a"]),
    ([["a"], ["b"]], [["a", "b"]]),
    ([1, [2]], [[1], 2]),
    ({"a": 1}, {"a": 2}),
    ({"a": "b"}, {"b": "a"}),
    ({"ab": "c"}, {"a": "bc"}),
    (b"a", "a"),
    (np.zeros(4), np.zeros((2, 2))),
    (np.zeros(2), np.zeros(2, np.float32)),
    (np.zeros(2, np.int64), np.zeros(2)),
    (np.array([1.0, 2.0]), np.array([2.0, 1.0])),
    (np.array(["a", "b"]), np.array(["ab", ""])),
    (Ragged.of([[1], [2, 3]], int), Ragged.of([[1, 2], [3]], int)),
    (Ragged.of([[1]], int), Ragged.of([[1.0]], float)),
    (Point(1, 2), Point(2, 1)),
    (Question("p", ("a", "b")), Question("p", ("b", "a"))),
    (len, max),
    ({1, 2}, {1, 3}),
]


@pytest.mark.parametrize(("a", "b"), DIFFERENT)
def test_different_values_differ(a: Any, b: Any) -> None:
    assert fingerprint(a) != fingerprint(b)
    assert len(fingerprint(a)) == 32


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ([1, "x"], (1, "x")),
        ([np.str_("a"), "b"], ["a", "b"]),
        (np.array(["a", "b"]), np.array(["a", "b", "longer"])[:2]),
        (np.arange(6).reshape(2, 3).T, np.ascontiguousarray(np.arange(6).reshape(2, 3).T)),
        (np.arange(3, dtype=">i8"), np.arange(3, dtype="<i8")),
        (np.float64(0.5), 0.5),
        (np.int32(3), 3),
        ({"b", "a"}, frozenset({"a", "b"})),
    ],
)
def test_equal_values_agree(a: Any, b: Any) -> None:
    assert fingerprint(a) == fingerprint(b)


def test_a_fingerprint_is_the_same_in_another_process() -> None:
    code = (
        "import numpy as np; from bench.runners.identity import fingerprint;"
        "print(fingerprint({'b': [1, 2.5, None], 'a': {'x', 'y', 'z'}, 'c': np.arange(5.)}))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == fingerprint({"a": {"z", "y", "x"}, "b": [1, 2.5, None], "c": np.arange(5.0)})


def test_the_fingerprint_of_today_is_that_of_tomorrow() -> None:
    # Fixed: a change would orphan every journal and cache that exists.
    assert fingerprint({"seed": 1, "texts": ["a", "é"], "x": np.arange(3.0)}) == "ad082646f35d3c70ab504afcd56b6f6b"


def test_what_has_no_fingerprint_is_refused() -> None:
    with pytest.raises(UsageError, match="object"):
        fingerprint({"x": object()})


def test_every_part_of_the_data_counts() -> None:
    def examples(**changes: Any) -> Examples:
        values: dict[str, Any] = {
            "ids": np.array(["a", "b"]),
            "inputs": np.zeros((2, 3)),
            "targets": np.array([0, 1]),
            "splits": np.array(["train", "test"]),
            "classes": 2,
        }
        return Examples(**{**values, **changes})

    variants = [
        examples(),
        examples(ids=np.array(["a", "c"])),
        examples(inputs=np.ones((2, 3))),
        examples(inputs=["x", "y"]),
        examples(targets=np.array([1, 0])),
        examples(targets=None),
        examples(splits=None),
        examples(groups=np.array(["g", "g"])),
        examples(weights=np.ones(2)),
        examples(classes=3),
        examples(levels=17),
    ]
    assert len({data_fingerprint(v) for v in variants}) == len(variants)
    assert data_fingerprint(examples()) == data_fingerprint(examples())


def test_a_file_has_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    assert file_digest(tmp_path / "f") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_refusal_names_the_keys_and_both_values() -> None:
    then = Identity({"model": "m", "seed": "1", "data": "aa", "decoder": "greedy"})
    now = Identity({"model": "m", "seed": "2", "data": "aa", "limit": "5"})
    assert then.differences(now) == ["decoder", "limit", "seed"]
    assert then.digest != now.digest
    with pytest.raises(NotComparableError) as refused:
        then.refuse(now, what="cell 'c'", fix="start anew")
    text = str(refused.value)
    assert refused.value.exit_code == ExitCode.NOT_COMPARABLE
    assert len(text.splitlines()) == 3
    for expected in ("decoder", "limit", "seed: 1 then, 2 now", "greedy then, absent now", "absent then, 5 now"):
        assert expected in text


def test_equal_identities_go_on() -> None:
    then = Identity({"a": "1", "b": "2"})
    now = Identity({"b": "2", "a": "1"})
    assert then.digest == now.digest
    then.refuse(now, what="cell", fix="none")
