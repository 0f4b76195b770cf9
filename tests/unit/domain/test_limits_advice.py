"""What is recommended from what was used."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from monops.domain.limits import BILLION, Limits
from monops.domain.limits_advice import Advice, Usage, advise

MIB, GIB = 1 << 20, 1 << 30
WEEK = timedelta(days=7)


def used(peak: int, *, over: timedelta = WEEK, cpus: float | None = 0.2, **more: Any) -> Usage:
    billionths = None if cpus is None else round(cpus * BILLION)
    known = {"memory_peak": peak, "memory_p99": peak, "memory_p95": peak // 2, "cpus_peak": billionths}
    return Usage(**{**known, "cpus_p95": billionths, "over": over, **more})


def advised(usage: Usage, now: Limits | None = None) -> Advice:
    return advise(usage, now or Limits(), asked=WEEK, processors=4, memory=16 * GIB)


def test_the_peak_and_a_quarter_or_the_percentile_and_a_half() -> None:
    assert advised(used(400 * MIB, memory_p99=100 * MIB)).limits.memory == 512 * MIB
    assert advised(used(400 * MIB)).limits.memory == 608 * MIB
    assert advised(used(MIB)).limits.memory == 32 * MIB


def test_the_reservation_is_what_it_needs_as_a_rule() -> None:
    assert advised(used(400 * MIB)).limits.reserve_memory == 208 * MIB


def test_processors_are_for_the_rule_and_not_for_the_peak() -> None:
    assert advised(used(MIB, cpus=0.2)).limits.cpus == round(0.2 * BILLION)
    found = advised(used(MIB, cpus_peak=3 * BILLION, cpus_p95=BILLION // 2))
    assert found.limits.cpus == BILLION
    assert advised(used(MIB, cpus=None), Limits(cpus=7)).limits.cpus == 7
    assert advised(used(MIB, cpus=9.0)).limits.cpus == 4 * BILLION


def test_what_is_near_stays_as_it_is() -> None:
    assert advised(used(400 * MIB), Limits(memory=700 * MIB)).limits.memory == 700 * MIB
    assert advised(used(400 * MIB), Limits(memory=2 * GIB)).limits.memory == 608 * MIB
    assert advised(used(400 * MIB), Limits(memory=600 * MIB)).limits.memory == 608 * MIB


def test_less_than_a_day_lowers_nothing_and_says_so() -> None:
    found = advised(used(100 * MIB, over=timedelta(hours=3)), Limits(memory=2 * GIB, cpus=2 * BILLION))
    assert (found.limits.memory, found.limits.cpus) == (2 * GIB, 2 * BILLION)
    assert found.notes == ("only 3h of the 7d are in Prometheus", "too little to lower a limit on: it stays")
    assert advised(used(GIB, over=timedelta(hours=3)), Limits(memory=512 * MIB)).limits.memory > GIB


def test_fewer_days_than_asked_are_said() -> None:
    assert advised(used(MIB, over=timedelta(days=2))).notes == ("only 2d of the 7d are in Prometheus",)
    assert advised(used(MIB)).notes == ()


def test_the_present_alone_is_said_and_tells_nothing_of_processors() -> None:
    found = advised(used(100 * MIB, over=timedelta(), cpus=0.0), Limits(cpus=BILLION))
    assert found.notes[0].startswith("only what it uses at present is known")
    assert (found.limits.memory, found.limits.cpus) == (304 * MIB, BILLION)


def test_what_was_seen_at_the_limit_is_not_what_it_wants() -> None:
    at_limit = advised(used(500 * MIB), Limits(memory=512 * MIB))
    assert (at_limit.limits.memory, at_limit.notes[0].startswith("it has reached its limit")) == (768 * MIB, True)
    killed = advised(used(300 * MIB, killed=2), Limits(memory=512 * MIB))
    assert (killed.limits.memory, "killed 2 times" in killed.notes[0]) == (768 * MIB, True)


def test_more_than_the_machine_has_is_not_recommended() -> None:
    found = advised(used(15 * GIB))
    assert found.limits.memory == 16 * GIB
    assert "the machine has 16.0 GiB" in found.notes[-1]


@given(
    peak=st.integers(0, 32 * GIB),
    p99=st.integers(0, 32 * GIB),
    cpus=st.floats(0, 16),
    hours=st.integers(0, 400),
    memory=st.integers(0, 16 * GIB),
    killed=st.integers(0, 3),
)
def test_nothing_is_recommended_that_would_kill_or_could_not_be(
    peak: int, p99: int, cpus: float, hours: int, memory: int, killed: int
) -> None:
    p99 = min(p99, peak)
    usage = used(peak, memory_p99=p99, memory_p95=p99 // 2, cpus=cpus, over=timedelta(hours=hours), killed=killed)
    limits = advised(usage, Limits(memory=memory)).limits
    assert min(peak, 16 * GIB) <= limits.memory <= 16 * GIB
    assert limits.reserve_memory <= limits.memory
    assert 0 <= limits.cpus <= 4 * BILLION
