from __future__ import annotations

import os
import sys

import pytest

from bench import halves

needs_fork = pytest.mark.skipif(
    sys.platform != "linux" or (os.cpu_count() or 1) < 2, reason="needs fork and a second core"
)


def test_few_items_stay_in_this_process() -> None:
    assert set(halves.each(lambda _: os.getpid(), range(halves.MANY - 1))) == {os.getpid()}


@needs_fork
def test_of_many_every_other_one_is_done_in_another_process_and_all_come_back_in_order() -> None:
    found = halves.each(lambda k: (k, os.getpid(), "x" * 10_000), range(halves.MANY + 1))
    assert [k for k, _, _ in found] == list(range(halves.MANY + 1))
    assert {pid for _, pid, _ in found[::2]} == {os.getpid()}
    assert len({pid for _, pid, _ in found[1::2]} - {os.getpid()}) == 1


@needs_fork
def test_what_fails_in_the_other_process_is_done_in_this_one(capfd: pytest.CaptureFixture[str]) -> None:
    here = os.getpid()

    def refused(k: int) -> int:
        if os.getpid() != here:
            raise OSError("no room")
        return k

    assert halves.each(refused, range(200)) == list(range(200))
    assert halves.each(lambda k: os._exit(9) if os.getpid() != here else k, range(200)) == list(range(200))
    assert halves.each(lambda k: (lambda: k) if os.getpid() != here else k, range(200)) == list(range(200))  # unpickled
    assert capfd.readouterr() == ("", "")


@needs_fork
@pytest.mark.parametrize("wrong", [2, 3])
def test_an_error_is_raised_whoever_met_it(wrong: int) -> None:
    def fails(k: int) -> int:
        if k == wrong:
            raise ValueError(f"item {k}")
        return k

    with pytest.raises(ValueError, match=f"item {wrong}"):
        halves.each(fails, range(200))
