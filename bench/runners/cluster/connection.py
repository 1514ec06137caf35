"""Joining a Ray cluster, or starting one on this machine, and what room it has."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from bench.errors import UsageError
from bench.runners.cluster.pool import last_line

PORT = 6379
# Cores for a worker that has no GPU, unless the number of workers is given.
CORES = 4


@dataclass(frozen=True)
class Room:
    """A node: its cores and GPUs."""

    cpus: float
    gpus: float


@dataclass(frozen=True)
class Places:
    """How many workers there are, and the cores and GPUs of each."""

    workers: int
    cpus: int
    gpus: float


class Connection:
    """The process's link to a cluster; closing it ends the cluster where it was started for this run."""

    def __init__(self, address: str, workers: int | None) -> None:
        """address: HOST[:PORT], auto, local, or empty: RAY_ADDRESS where it is set, else local.

        Raises `UsageError` where Ray is not installed or no cluster answers.
        """
        self.address = _address(address)
        with _environment(_alone() if self.address == "local" else {}):  # Ray reads some of it when it is imported
            ray = _ray()
            self._owned = not ray.is_initialized()
            if self._owned:
                _initialise(ray, self.address, workers)
        self.rooms = [
            Room(node["Resources"].get("CPU", 0.0), node["Resources"].get("GPU", 0.0))
            for node in ray.nodes()
            if node["Alive"]
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Leave the cluster."""
        if self._owned:
            self._owned = False
            _ray().shutdown()


def places(rooms: Sequence[Room], workers: int | None, gpus: float | None) -> Places:
    """How to fill the nodes: as many workers as asked for, or as fit, with the cores shared among them.

    gpus: of a worker; `None`: one, where there are any.  A number of workers that is asked for stands, though they may
    have to wait for nodes.  Raises `UsageError` where not one worker can ever be placed.
    """
    if gpus is None:
        gpus = 1.0 if any(room.gpus >= 1 for room in rooms) else 0.0
    if gpus and not any(room.gpus >= gpus for room in rooms):
        raise UsageError(
            f"no node of the cluster has {gpus:g} GPUs",
            cause=f"the most that one has is {max((room.gpus for room in rooms), default=0):g}",
            fix="give a smaller --gpus-per-worker, or start nodes with GPUs: ray start --num-gpus",
        )
    if workers is None:
        cores = sum(int(room.cpus) for room in rooms)
        workers = _fitting(rooms, 1, gpus) if gpus else max(cores // CORES, min(2, cores), 1)
    most = max((int(room.cpus) for room in rooms), default=1)
    fitting = min(workers, _fitting(rooms, 1, gpus))
    cpus = next((c for c in range(most, 1, -1) if _fitting(rooms, c, gpus) >= fitting), 1)
    return Places(max(workers, 1), cpus, gpus)


def _fitting(rooms: Sequence[Room], cpus: int, gpus: float) -> int:
    """Workers of that size for which there is room."""
    return sum(int(min(room.cpus // cpus, room.gpus // gpus if gpus else room.cpus)) for room in rooms)


def _ray() -> Any:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            "--runner ray needs a package that is not installed", cause=str(error), fix="pip install 'bench[ray]'"
        ) from error
    return ray


def _address(given: str) -> str:
    address = given or os.environ.get("RAY_ADDRESS", "") or "local"
    if "://" in address:
        raise UsageError(
            f"'{address}' is an address for Ray's client",
            cause="bench must run on a machine of the cluster, where answers arrive as they come",
            fix="run bench on the head node with --ray-address auto, or give HOST:PORT",
        )
    return address if address in {"auto", "local"} or ":" in address else f"{address}:{PORT}"


def _initialise(ray: Any, address: str, workers: int | None) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        with _signals_kept():
            if address == "local":
                # More workers than cores is the user's wish; on loopback, nobody else can reach them.
                cores = max(os.cpu_count() or 1, workers or 1)
                ray.init("local", num_cpus=cores, include_dashboard=False, _node_ip_address="127.0.0.1", **quiet)
            else:
                ray.init(address, **quiet)
    except (ConnectionError, ValueError, RuntimeError, OSError, TimeoutError) as error:
        where = "on this machine" if address in {"auto", "local"} else f"at '{address}'"
        raise UsageError(
            f"no Ray cluster {where} can be used",
            cause=last_line(error),
            fix="start one: ray start --head; then --ray-address HOST:6379, or none for one of this machine alone",
        ) from error


def _alone() -> dict[str, str]:
    """Settings of a cluster for one run: it takes nobody's calls but ours."""
    if "RAY_AUTH_MODE" in os.environ or "ray" in sys.modules:
        return {}
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray takes SIGTERM for itself; what it meant before, it means afterwards."""
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM) if main else None
    try:
        yield
    finally:
        if main:
            signal.signal(signal.SIGTERM, before)
