"""How a cluster's nodes are filled with workers."""

from __future__ import annotations

import pytest

from bench.errors import UsageError
from bench.runners.cluster.connection import Places, Room, places

LAPTOP = [Room(2, 0)]
SERVERS = [Room(16, 0), Room(16, 0)]
GPUS = [Room(4, 0), Room(96, 8), Room(96, 8)]


@pytest.mark.parametrize(
    ("rooms", "workers", "gpus", "expected"),
    [
        (LAPTOP, None, None, Places(2, 1, 0)),
        (LAPTOP, 1, None, Places(1, 2, 0)),
        (LAPTOP, 5, None, Places(5, 1, 0)),
        ([Room(1, 0)], None, None, Places(1, 1, 0)),
        (SERVERS, None, None, Places(8, 4, 0)),
        (SERVERS, 3, None, Places(3, 8, 0)),
        (GPUS, None, None, Places(16, 12, 1)),
        (GPUS, None, 2, Places(8, 24, 2)),
        (GPUS, None, 0.5, Places(32, 6, 0.5)),
        (GPUS, 4, None, Places(4, 48, 1)),
        (GPUS, 1000, None, Places(1000, 12, 1)),
        (GPUS, 2, 0, Places(2, 96, 0)),
    ],
)
def test_workers_fill_the_nodes(rooms: list[Room], workers: int | None, gpus: float | None, expected: Places) -> None:
    assert places(rooms, workers, gpus) == expected


def test_a_worker_that_no_node_can_hold_is_refused() -> None:
    for rooms, gpus in ((LAPTOP, 1), (GPUS, 16)):
        with pytest.raises(UsageError, match="no node of the cluster has"):
            places(rooms, None, gpus)
