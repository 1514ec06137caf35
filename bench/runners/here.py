"""Asking in this process, one cell after the other: the executor that needs no service."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np

from bench.capabilities import Machine
from bench.models.devices import device as find_device
from bench.runners.ask import ask, prepare
from bench.runners.executor import TROUBLES, Answered, Began, Event, Failed, Noted, Work, trouble
from bench.runners.models import Models
from bench.specs import Spec
from bench.threads import one_blas_thread

if TYPE_CHECKING:
    from bench.config import RunConfig


class Here:
    """The executor of one process; models stay in memory, so that each is made and fitted once."""

    def __init__(self, machine: Machine, seed: int) -> None:
        self.machine = machine
        self.seed = seed
        self._models = Models(machine, seed)
        self._dropped: set[int] = set()

    @classmethod
    def start(cls, config: RunConfig) -> Self:
        """The executor for a run: on the accelerator where there is one, unless the configuration says otherwise.

        Raises `UsageError` for a device that is not here, whether or not a model would use it.
        """
        return cls(machine_of(config, str(find_device(config.device))), config.seed)

    def fingerprints(self, specs: Sequence[Spec]) -> Mapping[Spec, str]:
        """What each model says that it is."""
        return {spec: self._models.fingerprint(spec) for spec in specs}

    def ask(self, work: Sequence[Work]) -> Iterator[Event]:
        """Cell after cell, batch after batch."""
        self._dropped.clear()
        with one_blas_thread():
            for cell, item in enumerate(work):
                yield Began(cell)
                try:
                    yield from self._cell(cell, item)
                except TROUBLES as error:
                    yield Failed(cell, trouble(error))

    def drop(self, cell: int) -> None:
        """Ask no more of this cell."""
        self._dropped.add(cell)

    def close(self) -> None:
        """Forget the models."""
        self._models = Models(self.machine, self.seed)

    def _cell(self, cell: int, work: Work) -> Iterator[Event]:
        job, notes = work.job, list[str]()
        began = time.monotonic()
        model = self._models.able(job.cell.model, job.task, job.examples.split("train"), notes.append)
        yield from map(Noted, notes)
        prepare(model, job.task, job.asked, self.machine)
        for batch in work.owed:
            if cell in self._dropped:
                return
            rows = work.layout.rows(batch)
            part = job.asked.take(np.arange(rows.start, rows.stop))
            answers = ask(model, job.task, job.cell.decoder, part, self.seed)
            yield Answered(cell, batch, answers, time.monotonic() - began)
            began = time.monotonic()


def machine_of(config: RunConfig, device: str) -> Machine:
    """The machine that a configuration asks for, with the device that was found for it."""
    batch = 0 if config.batch_size == "auto" else int(config.batch_size)
    return Machine(device, config.dtype, batch, config.offline, config.trust_remote_code, config.engine)
