"""Which executor a configuration names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.runners.executor import Executor

if TYPE_CHECKING:
    from bench.config import RunConfig
    from bench.runners.progress import Progress


def executor_of(config: RunConfig, progress: Progress) -> Executor:
    """The executor that the configuration names.  Raises `UsageError` where it cannot work here."""
    if config.runner == "ray":
        from bench.runners.cluster.executor import Cluster

        return Cluster.start(config, progress.note)
    from bench.runners.here import Here

    return Here.start(config)
