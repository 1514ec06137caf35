"""Policies are read, and every mistake is told with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.errors import UsageError
from bench.gates.policy import Policy, read

GOOD = "checks:\n  - {task: 'reasoning/*', metric: accuracy, margin: 2%}\n"


def written(place: Path, text: str, name: str = "gate.yaml") -> Path:
    path = place / name
    path.write_text(text)
    return path


def test_yaml_and_toml_say_the_same(tmp_path: Path) -> None:
    toml = 'version = 1\n[[checks]]\ntask = "reasoning/*"\nmetric = "accuracy"\nmargin = "2%"\n'
    one, other = read(written(tmp_path, GOOD)), read(written(tmp_path, toml, "gate.toml"))
    assert one == other
    assert one.checks[0].borne(0.5) == pytest.approx(0.01)
    assert one.correction == "holm"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("checks: []\n", "checks"),
        ("- 1\n", "holds no policy"),
        ("checks:\n  - {metric: accuracy}\n", "needs a margin"),
        ("checks:\n  - {margin: 0.1}\n", "'checks.1.metric' is missing"),
        ("checks:\n  - {metric: accuracy, margin: -0.1}\n", "0 or more"),
        ("checks:\n  - {metric: accuracy, margin: two}\n", "no margin"),
        ("checks:\n  - {metric: accuracy, margin: .nan}\n", "0 or more"),
        ("checks:\n  - {metric: accuracy, margn: 0.1}\n", "did you mean 'margin'"),
        (GOOD + "corection: holm\n", "did you mean 'correction'"),
        (GOOD + "correction: luck\n", "correction"),
        (GOOD + "acknowledged:\n  - {metric: x, reason: because, expires: soon}\n", "acknowledged.1.expires"),
        (GOOD + "acknowledged:\n  - {metric: x, expires: 2027-01-01}\n", "reason"),
        (GOOD + "checks: []\n", "occurs twice"),
        ("checks: [\n", "not valid YAML, line"),
        ("version: 2\n" + GOOD, "version"),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(written(tmp_path, text))
    assert words in str(caught.value)
    assert "gate.yaml" in str(caught.value)


def test_toml_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not valid TOML"):
        read(written(tmp_path, "checks = [", "gate.toml"))
    with pytest.raises(UsageError, match="cannot be read"):
        read(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("rule", "names", "taken"),
    [
        ({"metric": "acc*"}, {"metric": "accuracy", "task": "t"}, True),
        ({"metric": "accuracy"}, {"metric": "accuracy", "task": "t", "calibrator": "temperature"}, False),
        ({"metric": "accuracy", "calibrator": "*"}, {"metric": "accuracy", "calibrator": "temperature"}, True),
        ({"metric": "auroc", "score": "energy"}, {"metric": "auroc", "score": "msp"}, False),
        ({"metric": "nll", "task": "reasoning/*"}, {"metric": "nll", "task": "ood/x"}, False),
    ],
)
def test_patterns_take_what_they_name(rule: dict[str, Any], names: dict[str, str], taken: bool) -> None:
    policy = Policy.model_validate({"checks": [{**rule, "margin": 0.1}]})
    assert policy.checks[0].takes(names) is taken
