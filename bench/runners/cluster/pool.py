"""The workers of a cluster: Ray actors that are given calls and replaced when they die."""

from __future__ import annotations

import queue
import time
from dataclasses import dataclass, field
from typing import Any

from bench.errors import EvaluationError
from bench.runners.cluster.worker import Outfit, Said, Worker

# Times in a row that a worker may die before it has started; a node that cannot start any is not asked for ever.
STARTS = 3


@dataclass(frozen=True)
class Came:
    """A worker has answered a call.  tag: what the caller named it."""

    worker: int
    tag: Any
    said: Said


@dataclass(frozen=True)
class Died:
    """A worker died, and what it was given is lost."""

    worker: int


@dataclass
class _Actor:
    """One process: its handle, and whether it ever answered."""

    handle: Any
    started: bool = False
    calls: dict[int, Any] = field(default_factory=dict)


class Pool:
    """A number of workers.  Answers come in one queue, so that an event costs the same with two workers or thousands.

    cpus, gpus: what Ray reserves for each.  aside: workers that started and cannot be used.
    """

    def __init__(self, outfit: Outfit, size: int, *, cpus: int, gpus: float) -> None:
        import ray

        self.size = size
        self.aside = 0
        self._outfit = outfit
        self._class: Any = ray.remote(num_cpus=cpus, num_gpus=gpus, max_restarts=0)(Worker)
        self._inbox: queue.SimpleQueue[tuple[int, int, Any]] = queue.SimpleQueue()
        self._actors: dict[int, _Actor] = {}
        self._numbers = 0
        self._calls = 0
        self._deaths = 0
        for _ in range(size):
            self._spawn()

    def call(self, worker: int, tag: Any, method: str, *given: Any) -> None:
        """Have a worker do something; its answer comes with that tag."""
        actor = self._actors[worker]
        self._calls += 1
        number = self._calls
        actor.calls[number] = tag
        reference = getattr(actor.handle, method).remote(*given)
        reference.future().add_done_callback(lambda future: self._inbox.put((worker, number, future)))

    def next(self, seconds: float) -> Came | Died | None:
        """What happens next; `None` where nothing happens for so long.

        Raises `EvaluationError` where workers die again and again before they have started.
        """
        import ray

        until = time.monotonic() + seconds
        while True:
            try:
                worker, number, future = self._inbox.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                return None
            actor = self._actors.get(worker)
            if actor is None:  # the rest of what a dead worker owed
                continue
            try:
                said = future.result()
            except ray.exceptions.RayTaskError:
                raise
            except ray.exceptions.RayError as error:
                self._replace(worker, error)
                return Died(worker)
            if not actor.started:
                actor.started, self._deaths = True, 0
            return Came(worker, actor.calls.pop(number), said)

    def close(self) -> None:
        """End every worker."""
        import ray

        for actor in self._actors.values():
            ray.kill(actor.handle)
        self._actors.clear()

    def _spawn(self) -> None:
        worker, self._numbers = self._numbers, self._numbers + 1
        self._actors[worker] = _Actor(self._class.remote(self._outfit))
        self.call(worker, None, "start")

    def _replace(self, worker: int, error: Exception) -> None:
        import ray

        actor = self._actors.pop(worker)
        ray.kill(actor.handle)  # one that only lost its connection must not answer beside its successor
        if not actor.started:
            self._deaths += 1
        if self._deaths >= STARTS:
            raise EvaluationError(
                "no worker can start on the cluster",
                cause=last_line(error),
                fix="install the same bench, and the same Python, on every node",
            )
        self._spawn()


def last_line(error: Exception) -> str:
    """The end of a message of Ray's: what remains of a remote traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
