import logging

import numpy as np
import pytest

from bench.errors import EvaluationError
from bench.models.batching import Batches, is_out_of_memory


class Small:
    """A model that has room for a number of rows."""

    def __init__(self, room: int, error: Exception) -> None:
        self.room, self.error = room, error
        self.asked: list[int] = []

    def __call__(self, part: slice) -> np.ndarray:
        rows = np.arange(part.start, part.stop)
        self.asked.append(len(rows))
        if len(rows) > self.room:
            raise self.error
        return rows


@pytest.mark.parametrize("room", [1, 3, 7, 100])
@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried to allocate"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_batches_are_halved_until_they_fit(
    room: int, error: Exception, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.models.batching.release_memory", lambda: None)  # collecting garbage is slow
    model, batches = Small(room, error), Batches(40)
    with caplog.at_level(logging.WARNING, logger="bench"):
        answers = batches.run(model, 95)
    np.testing.assert_array_equal(np.concatenate(answers), np.arange(95))
    assert batches.size <= max(room, 1) or room >= 40
    assert ("out of memory" in caplog.text) == (room < 40)


def test_the_size_found_is_kept() -> None:
    model, batches = Small(10, MemoryError()), Batches(64)
    batches.run(model, 64)
    model.asked.clear()
    batches.run(model, 64)
    assert max(model.asked) == batches.size == 8


def test_one_row_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="one sample"):
        Batches(4).run(Small(0, MemoryError()), 3)


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="shape"):
        Batches(4).run(Small(0, RuntimeError("shape mismatch")), 3)


def test_no_rows_no_answers() -> None:
    assert Batches().run(Small(5, MemoryError()), 0) == []


def test_signs_of_memory_running_out() -> None:
    import torch

    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert not is_out_of_memory(ValueError("out of memory"))
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
