"""How many threads compute an answer, as far as its last digits depend on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


@cache
def _blas() -> Any:
    # Found once, since the search looks at every library that the process has loaded.
    import scipy.linalg  # noqa: F401 - brings a BLAS of its own, which must be there to be limited
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Matrix products of numpy and scipy on one thread.

    Their sums are split by the number of threads, so that the last digits of an answer would depend on how many cores
    the machine has and how many of them a worker was given.  And small products lose by threads: on a busy machine they
    wait for one another, and take ten times as long.  Torch's own threads are left alone.
    """
    with _blas().limit(limits=1):
        yield
