"""An interruption waits until what puts things right is done."""

from __future__ import annotations

import threading

import pytest

from monops.ops.interruption import interrupt, uninterrupted


def test_an_interruption_is_raised_at_once_where_nothing_is_put_right() -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupt(KeyboardInterrupt())


def test_an_interruption_waits_for_the_end_of_the_outermost() -> None:
    done: list[str] = []

    def put_right() -> None:
        with uninterrupted():
            with uninterrupted():
                interrupt(KeyboardInterrupt())
                done.append("inner")
            done.append("outer")

    with pytest.raises(KeyboardInterrupt):
        put_right()
    assert done == ["inner", "outer"]
    with uninterrupted():
        done.append("again")
    assert done[-1] == "again", "it was raised once"


def test_a_second_interruption_does_not_wait() -> None:
    done: list[str] = []

    def put_right() -> None:
        with uninterrupted():
            interrupt(KeyboardInterrupt())
            interrupt(KeyboardInterrupt())
            done.append("not reached")

    with pytest.raises(KeyboardInterrupt):
        put_right()
    assert done == []


def test_other_threads_hold_nothing_up() -> None:
    inside, leave = threading.Event(), threading.Event()

    def work() -> None:
        with uninterrupted():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert inside.wait(10)
        with pytest.raises(KeyboardInterrupt):
            interrupt(KeyboardInterrupt())
    finally:
        leave.set()
        thread.join()
