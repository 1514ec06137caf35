"""Addresses, keys that show nowhere, proxies, and parameters that cannot be."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from bench.capabilities import Machine
from bench.errors import BenchError, UsageError
from bench.models.api.adapter import api
from bench.models.api.place import find_place
from tests.models.api.brain import NAME
from tests.models.api.server import Habits, Served, serving

SECRET = "sk-hush-0123456789"


@pytest.mark.parametrize(
    ("base_url", "words"),
    [
        (None, "does not know its server"),
        ("127.0.0.1:8000/v1", "no address"),
        ("ftp://127.0.0.1/v1", "no address"),
        ("http://", "no address"),
        ("http://127.0.0.1:x/v1", "no address"),
        (f"http://me:{SECRET}@127.0.0.1/v1", "more than an address"),
        (f"http://127.0.0.1/v1?key={SECRET}", "more than an address"),
    ],
)
def test_addresses_that_are_none_or_hold_secrets(base_url: str | None, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        find_place(base_url, None)
    assert SECRET not in str(caught.value)


def test_the_key_is_in_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "http://127.0.0.1:1/v1/"
    assert find_place(url, None).key == ""
    assert find_place(url, None).base_url == "http://127.0.0.1:1/v1"
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    monkeypatch.setenv("OPENAI_API_KEY", "of-openai")
    assert find_place(None, None).key == "of-openai"
    monkeypatch.setenv("BENCH_API_KEY", "of-bench")
    assert find_place(None, None).key == "of-bench"
    monkeypatch.setenv("MINE", SECRET)
    place = find_place(None, "MINE")
    assert place.key == SECRET
    assert SECRET not in repr(place)
    for wrong in (SECRET, "NOT_SET"):
        with pytest.raises(UsageError) as caught:
            find_place(url, wrong)
        assert SECRET not in str(caught.value)


def test_a_key_that_the_server_repeats_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_API_KEY", SECRET)
    with serving(Habits(key=SECRET)) as served:
        model = api(NAME, machine=Machine(), base_url=served.base_url, deadline=2.0)
        model.generate([])
        served.habits.faults = lambda *_: "echo-key"
        with pytest.raises(BenchError) as caught:
            model.score([("a", " b")])
        served.habits.key = "another"
        with pytest.raises(BenchError) as refused:
            api(NAME, machine=Machine(), base_url=served.base_url).fingerprint()
    assert SECRET not in str(caught.value)
    assert "Bearer ***" in str(caught.value)
    assert SECRET not in str(refused.value)


def test_a_proxy_of_the_environment_is_used(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{served.port}")
    api(NAME, machine=Machine(), base_url="http://model.invalid/v1", deadline=5.0).fingerprint()
    assert served.paths[0] == "http://model.invalid/v1/models"


@pytest.mark.parametrize(
    "parameters",
    [{"endpoint": "embeddings"}, {"concurrency": 0}, {"per_minute": -1.0}, {"budget": -1}, {"deadline": 0.0}],
)
def test_parameters_that_cannot_be(parameters: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(parameters)) if "endpoint" not in parameters else "endpoint"):
        api(NAME, machine=Machine(), base_url="http://127.0.0.1:1/v1", **parameters)


def test_a_missing_package_is_named_with_its_extra(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tenacity", None)
    with pytest.raises(UsageError, match="extra 'api'") as caught:
        api(NAME, machine=Machine(), base_url=served.base_url).fingerprint()
    assert "tenacity" in caught.value.cause
    assert caught.value.fix == "pip install 'bench[api]'"


def test_no_tokenizer_there(served: Served) -> None:
    with pytest.raises(UsageError, match="no tokenizer in"):
        api(NAME, machine=Machine(offline=True), base_url=served.base_url, tokenizer="./nowhere").fingerprint()
