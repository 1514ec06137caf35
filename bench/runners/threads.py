"""How many threads compute an answer, as far as its last digits depend on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Matrix products of numpy and scipy on one thread.

    Their sums are split by the number of threads, so that the last digits of an answer would depend on how many cores
    the machine has and how many of them a worker was given.  Torch's own threads are left alone.
    """
    import scipy.linalg  # noqa: F401 - brings a BLAS of its own, which must be there to be limited
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield
