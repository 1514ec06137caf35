"""Settings: who goes before whom, where each came from, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.config import FLAGS, KEYS, KIND_NAMES, RunConfig, resolve
from bench.errors import ExitCode, UsageError
from bench.predictions.conventions import CONVENTIONS


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own for the project and the user's settings, and a clean environment."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    (tmp_path / "xdg" / "bench").mkdir(parents=True)
    (tmp_path / "project" / "deep").mkdir(parents=True)
    return tmp_path


def write(places: Path, where: str, text: str) -> Path:
    path = {
        "user": places / "xdg" / "bench" / "config.toml",
        "project": places / "project" / "bench.toml",
        "pyproject": places / "project" / "pyproject.toml",
    }[where]
    path.write_text(text, encoding="utf-8")
    return path


def settled(places: Path, flags: dict[str, Any] | None = None, environ: dict[str, str] | None = None) -> RunConfig:
    return resolve(flags or {}, cwd=places / "project" / "deep", environ=environ or {})


# Each row takes away the strongest voice of the row before it.
@pytest.mark.parametrize(
    ("speakers", "seed", "origin"),
    [
        ({"flag", "env", "project", "pyproject", "user"}, 1, "flag --seed"),
        ({"env", "project", "pyproject", "user"}, 2, "BENCH_SEED"),
        ({"project", "pyproject", "user"}, 3, "{project}:2"),
        ({"pyproject", "user"}, 4, "{pyproject}:5"),
        ({"user"}, 5, "{user}:1"),
        (set(), 0, "default"),
    ],
)
def test_the_first_that_speaks_decides(places: Path, speakers: set[str], seed: int, origin: str) -> None:
    texts = {
        "project": "# mine\nseed = 3\n",
        "pyproject": '[project]\nname = "x"\nseed = 9\n[tool.bench]\nseed = 4\n',
        "user": "seed = 5\n",
    }
    paths = {name: write(places, name, text) for name, text in texts.items() if name in speakers}
    config = settled(
        places, {"seed": 1} if "flag" in speakers else {}, {"BENCH_SEED": "2"} if "env" in speakers else {}
    )
    assert config.seed == seed
    assert config.as_json()["seed"] == {"value": seed, "origin": origin.format(**paths)}


def test_places_are_mixed_key_by_key(places: Path) -> None:
    write(places, "project", "limit = 7\nbatch-size = 4\n")
    config = settled(places, {"seed": 1, "models": ["mlp"]}, {"BENCH_TASKS": "a/b,k=1; c/d"})
    assert (config.seed, config.limit, config.batch_size) == (1, 7, 4)
    assert config.models == ("mlp",)
    assert config.tasks == ("a/b,k=1", "c/d")


def test_a_pyproject_without_our_section_is_passed_by(places: Path) -> None:
    (places / "project" / "deep" / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    write(places, "project", "seed = 3\n")
    assert settled(places).seed == 3


def test_empty_flags_are_no_flags(places: Path) -> None:
    config = settled(places, {"models": [], "seed": None}, {"BENCH_SEED": "", "BENCH_MODELS": "mlp"})
    assert config.models == ("mlp",)
    assert config.origins == {"models": "BENCH_MODELS"}


@pytest.mark.parametrize(
    ("flags", "suite"),
    [
        ({}, "quick"),
        ({"models": ["a"]}, "quick"),
        ({"tasks": ["a/b"]}, "quick"),
        ({"models": ["a"], "tasks": ["a/b"]}, ""),
        ({"suite": "mine.yaml"}, "mine.yaml"),
        ({"predictions": "p.csv", "kind": "density"}, ""),
    ],
)
def test_the_quick_suite_answers_for_what_is_left_open(places: Path, flags: dict[str, Any], suite: str) -> None:
    assert settled(places, flags).suite == suite


def test_a_resumed_run_brings_its_settings(places: Path) -> None:
    started = settled(places, {"seed": 3, "models": ["mlp"], "tasks": ["a/b"]})
    run = places / "run"
    run.mkdir()
    (run / "run.json").write_text(json.dumps({"config": started.as_json()}))
    config = settled(places, {"resume": run, "batch_size": "8"}, {"BENCH_SEED": "9", "BENCH_LIMIT": "5"})
    assert (config.seed, config.limit, config.models, config.batch_size) == (3, None, ("mlp",), 8)
    assert config.resume == run
    assert config.origins["seed"] == f"{run / 'run.json'} (flag --seed)"


@pytest.mark.parametrize(
    ("content", "word"), [(None, "there is no"), ("{", "JSONDecodeError"), ("[]", "TypeError"), ("{}", "KeyError")]
)
def test_a_folder_that_is_no_run_is_not_resumed(places: Path, content: str | None, word: str) -> None:
    if content is not None:
        (places / "run.json").write_text(content)
    with pytest.raises(UsageError) as caught:
        settled(places, {"resume": places})
    assert word in caught.value.cause


@pytest.mark.parametrize(
    ("flags", "environ", "toml", "words"),
    [
        ({}, {"BENCH_SEDE": "1"}, "", ["BENCH_SEDE", "did you mean BENCH_SEED?"]),
        ({}, {}, "sead = 1\n", ["'sead'", "bench.toml:1", "did you mean 'seed'?"]),
        ({}, {}, "seed = \n", ["line 1"]),
        ({}, {}, "seed = 1\nseed = 2\n", ["line 2"]),
        ({}, {}, "seed = 'many'\n", ["'many'", "whole number", "bench.toml:1"]),
        ({}, {}, "models = 'mlp'\n", ["'mlp'", "must be a list"]),
        ({}, {"BENCH_OFFLINE": "perhaps"}, "", ["'perhaps'", "true or false", "BENCH_OFFLINE"]),
        ({"limit": 0}, {}, "", ["'limit'", "above 0", "--limit"]),
        ({"seed": -1}, {}, "", ["'seed'", "at least 0", "--seed"]),
        ({"dtype": "float8"}, {}, "", ["'float8'", "bfloat16", "--dtype"]),
        ({"batch_size": "some"}, {}, "", ["'some'", "--batch-size"]),
        ({"predictions": "p.csv"}, {}, "", ["p.csv", "--as classification|"]),
        ({"kind": "density"}, {}, "", ["--as", "--predictions"]),
        ({"predictions": "p.csv", "kind": "clasification"}, {}, "", ["did you mean 'classification'?"]),
        ({"predictions": "p.csv", "kind": "density", "models": ["m"]}, {}, "", ["--model"]),
        ({"models": ["api:x,api_key=abc"]}, {}, "", ["'api_key'", "environment"]),
        ({"models": ["api:https://me:pw@host/v1"]}, {}, "", ["user name and password", "environment"]),
    ],
)
def test_what_is_refused(
    places: Path, flags: dict[str, Any], environ: dict[str, str], toml: str, words: list[str]
) -> None:
    if toml:
        write(places, "project", toml)
    with pytest.raises(UsageError) as caught:
        settled(places, flags, environ)
    assert caught.value.exit_code == ExitCode.USAGE
    for word in words:
        assert word in str(caught.value)


def test_a_refused_secret_is_not_repeated(places: Path) -> None:
    with pytest.raises(UsageError) as caught:
        settled(places, {"models": ["api:x,hf_token=s3cr3t"]})
    assert "s3cr3t" not in str(caught.value)


def test_other_programs_may_have_variables_of_our_prefix(places: Path) -> None:
    assert settled(places, {}, {"BENCH_RESULTS_BUCKET": "x", "BENCH_DEBUG": "1"}).seed == 0


def test_the_manifest_holds_all_but_how_it_is_shown() -> None:
    stored = RunConfig().as_json()
    assert set(stored) == set(KEYS) - {"quiet", "progress"}
    assert json.loads(json.dumps(stored)) == stored


def test_every_setting_is_described_and_has_a_flag() -> None:
    assert set(FLAGS) == set(KEYS)
    assert all(RunConfig.model_fields[key].description for key in KEYS)


def test_kinds_are_those_that_can_be_read() -> None:
    assert set(KIND_NAMES) == set(CONVENTIONS)
