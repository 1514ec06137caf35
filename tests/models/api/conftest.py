"""What these tests share: loopback sockets, no proxy and no keys of the developer's, short waits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.models.api import client
from tests.models.api.server import Served, serving


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent.name == "api":
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1"]))


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "BENCH_API_KEY",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(client, "FIRST_WAIT", 0.02)


@pytest.fixture
def served() -> Iterator[Served]:
    """A server without faults."""
    with serving() as running:
        yield running
