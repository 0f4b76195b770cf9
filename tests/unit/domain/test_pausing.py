"""A container is paused between two probes of its health check, never while one begins."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monops.domain.errors import CaptureError
from monops.domain.pausing import wait_before_pausing
from monops.domain.ports import Probe

NOW = timedelta(0)
seconds = st.floats(0, 120, allow_nan=False).map(lambda s: timedelta(seconds=s))


def test_a_container_without_a_health_check_is_paused_at_once() -> None:
    assert wait_before_pausing(Probe(None)) == NOW


def test_right_after_a_probe_there_is_a_moment() -> None:
    assert wait_before_pausing(Probe(timedelta(seconds=30), timedelta(seconds=1))) == NOW


def test_before_the_first_probe_it_is_asked_again() -> None:
    assert wait_before_pausing(Probe(timedelta(seconds=30), None)) > NOW


def test_a_probe_that_never_rests_is_refused() -> None:
    with pytest.raises(CaptureError, match="every 1 s"):
        wait_before_pausing(Probe(timedelta(seconds=1), timedelta(seconds=0.5)))


@given(interval=seconds, since=seconds)
def test_no_pause_begins_where_the_next_probe_is_due(interval: timedelta, since: timedelta) -> None:
    try:
        wait = wait_before_pausing(Probe(interval, since))
    except CaptureError:
        assert interval < timedelta(seconds=2)
        return
    assert (wait == NOW) == (timedelta(seconds=0.2) <= since <= interval - timedelta(seconds=1.5))
