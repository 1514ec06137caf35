from __future__ import annotations

import os
import sys
import time

import pytest

from bench import halves

needs_fork = pytest.mark.skipif(
    sys.platform != "linux" or (os.cpu_count() or 1) < 2, reason="needs fork and a second core"
)


def test_few_items_stay_in_this_process() -> None:
    assert set(halves.each(lambda _: os.getpid(), range(halves.MANY - 1))) == {os.getpid()}


@needs_fork
@pytest.mark.parametrize("count", [halves.MANY, halves.MANY + 1, halves.MOST, halves.MOST + 1])
def test_all_come_back_once_and_in_order_whoever_took_them(count: int) -> None:
    found = halves.each(lambda k: (k, os.getpid(), "x" * 100), range(count))
    assert [k for k, _, _ in found] == list(range(count))
    if count > halves.MOST:
        assert {pid for _, pid, _ in found} == {os.getpid()}


@needs_fork
def test_the_other_process_goes_on_while_this_one_does_something_else() -> None:
    found = halves.each(lambda _: os.getpid(), range(200), meanwhile=lambda: time.sleep(0.3))
    assert os.getpid() not in found


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
def test_an_error_is_raised_whoever_met_it() -> None:
    def fails(k: int) -> int:
        if k % 2:
            raise ValueError(f"item {k}")
        return k

    with pytest.raises(ValueError, match="item"):
        halves.each(fails, range(200))
