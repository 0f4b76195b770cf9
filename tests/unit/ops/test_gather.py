"""Gathering facts: what hangs is left behind, what fails is unknown with its reason, and the run ends in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from monops.domain.errors import EngineUnreachable, NotFound, ServiceUnreachable
from monops.domain.facts import Build, Facts, IsUnknown, Unknown
from monops.domain.ports import Asker, Inspector, Series
from monops.ops.gather import WORKERS, gather, read_all

SOON = timedelta(seconds=20)
UP = Series(labels={"job": "prometheus"}, points=((1.0, "1"),))


class RealClock:
    """Threads that hang are waited for in real time."""

    def now(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, span: timedelta) -> None:
        raise AssertionError("nothing here sleeps")


@dataclass
class One:
    """An inspector of made-up readers."""

    found: Mapping[str, Callable[[], object]]

    def readers(self) -> Mapping[str, Callable[[], object]]:
        return self.found


@dataclass
class Asking:
    """Answers every query alike, and notes which."""

    asked: list[str] = field(default_factory=list)

    def ask(self, promql: str) -> tuple[Series, ...]:
        self.asked.append(promql)
        if promql == "broken(":
            raise ServiceUnreachable("Prometheus broke off", remedy="docker logs p")
        return (UP,)


@dataclass
class Some:
    """Made-up inspectors. `given` is what the services were made from."""

    first: Mapping[str, Callable[[], object]] = field(default_factory=dict)
    second: Mapping[str, Callable[[], object]] = field(default_factory=dict)
    prometheus: Asking | None = field(default_factory=Asking)
    given: list[object] = field(default_factory=list)

    def engine(self) -> Sequence[Inspector]:
        return (One(self.first),)

    def services(self, containers: object) -> Sequence[Inspector]:
        self.given.append(containers)
        return (One(self.second),)

    def asker(self, containers: object) -> Asker:
        if self.prometheus is None:
            raise NotFound("no container of the stack is a Prometheus", remedy="docker ps --all")
        return self.prometheus


@pytest.fixture
def hanging() -> Iterator[Callable[[], object]]:
    """A reader that does not return before the test is over."""
    end = threading.Event()
    yield lambda: end.wait(60)
    end.set()


def read(some: Some, *names: str, queries: Sequence[str] = (), within: timedelta = SOON) -> Facts:
    return gather(some, RealClock(), project="monitoring", names=names, queries=queries, within=within)


def refused() -> object:
    raise EngineUnreachable("no Docker engine answers", remedy="sudo systemctl start docker")


def crashing() -> object:
    raise KeyError("Version")


def test_the_facts_that_are_wanted_are_read_and_no_others() -> None:
    read_names: list[str] = []

    def reader(name: str, value: object) -> Callable[[], object]:
        def look() -> object:
            read_names.append(name)
            return value

        return look

    some = Some(
        first={"containers": reader("containers", ()), "volumes": reader("volumes", ())},
        second={"prometheus_build": reader("prometheus_build", Build(version="3.5.3")), "oom_events": crashing},
    )
    facts = read(some, "prometheus_build")

    assert facts.prometheus_build == Build(version="3.5.3")
    # The containers are always read: they tell where the services are.
    assert sorted(read_names) == ["containers", "prometheus_build"]
    assert isinstance(facts.volumes, Unknown)
    assert (facts.project, facts.now) == ("monitoring", RealClock().now())


def test_the_services_are_found_by_the_containers_that_were_read() -> None:
    some = Some(first={"containers": lambda: ("one",)})
    read(some)
    assert some.given == [("one",)]


def test_what_cannot_be_read_is_unknown_with_its_reason_and_its_remedy() -> None:
    some = Some(first={"containers": refused}, second={"prometheus_build": lambda: Build(version="3")})
    facts = read(some, "prometheus_build")

    assert facts.containers == Unknown("no Docker engine answers", "sudo systemctl start docker")
    assert some.given == [facts.containers], "the services are told that the containers are unknown"
    assert facts.prometheus_build == Build(version="3"), "and are looked at all the same"


def test_an_answer_in_an_unexpected_form_is_unknown_and_stops_no_other() -> None:
    facts = read(Some(second={"engine": crashing, "volumes": lambda: ()}), "engine", "volumes")

    assert isinstance(facts.engine, Unknown)
    line = crashing.__code__.co_firstlineno + 1
    assert facts.engine.reason == f"the answer was not understood (KeyError at test_gather.py:{line})"
    assert facts.volumes == ()


def test_the_words_of_an_unexpected_error_are_not_told_because_they_may_hold_a_secret() -> None:
    def refuse() -> object:
        raise ValueError("Invalid header value b'Bearer glsa_secret'")

    facts = read(Some(second={"engine": refuse}), "engine")

    assert isinstance(facts.engine, Unknown)
    assert "glsa_secret" not in facts.engine.reason


def test_a_reader_that_hangs_is_left_behind(hanging: Callable[[], object]) -> None:
    some = Some(second={"engine": hanging, "volumes": lambda: ()})
    before = time.monotonic()
    facts = read(some, "engine", "volumes", queries=["up"], within=timedelta(seconds=0.4))

    assert time.monotonic() - before < 5
    assert isinstance(facts.engine, Unknown)
    assert facts.engine.reason == "it was not read in time"
    assert "--timeout" in facts.engine.remedy
    assert facts.volumes == ()
    assert facts.answers["up"] == (UP,)


def test_hanging_containers_leave_no_time_for_the_rest_and_the_run_ends(hanging: Callable[[], object]) -> None:
    some = Some(first={"containers": hanging}, second={"volumes": lambda: ()})
    before = time.monotonic()
    facts = read(some, "volumes", queries=["up"], within=timedelta(seconds=0.3))

    assert time.monotonic() - before < 5
    assert isinstance(facts.containers, Unknown)
    assert isinstance(facts.volumes, Unknown)
    assert isinstance(facts.answers["up"], Unknown)


def test_more_hang_than_there_are_threads(hanging: Callable[[], object]) -> None:
    readers = {f"hangs {number}": hanging for number in range(WORKERS + 4)}
    clock = RealClock()
    found = read_all(readers, clock, clock.monotonic() + 0.3)

    assert set(found) == set(readers)
    assert all(isinstance(one, Unknown) for one in found.values())


def test_many_things_are_read_at_once() -> None:
    together = threading.Barrier(WORKERS)
    clock = RealClock()
    readers = {f"{number}": lambda: together.wait(20) for number in range(WORKERS)}
    found = read_all(readers, clock, clock.monotonic() + 20)

    assert sorted(map(str, found.values())) == sorted(map(str, range(WORKERS)))


def test_nothing_to_read_takes_no_time() -> None:
    assert read_all({}, RealClock(), 0.0) == {}


def test_each_query_is_asked_once() -> None:
    some = Some()
    facts = read(some, queries=["up", "sum(up)", "up"])

    assert some.prometheus is not None
    assert sorted(some.prometheus.asked) == ["sum(up)", "up"]
    assert facts.answer("up") == (UP,)
    assert set(facts.answers) == {"up", "sum(up)"}


def test_a_query_that_fails_is_unknown_and_the_others_are_answered() -> None:
    facts = read(Some(), queries=["broken(", "up"])

    assert facts.answers["broken("] == Unknown("Prometheus broke off", "docker logs p")
    assert facts.answer("up") == (UP,)
    with pytest.raises(IsUnknown, match="broke off"):
        facts.answer("broken(")
    with pytest.raises(IsUnknown, match="not asked"):
        facts.answer("never")


def test_without_a_prometheus_every_query_says_why() -> None:
    facts = read(Some(prometheus=None), queries=["up", "sum(up)"])

    why = Unknown("no container of the stack is a Prometheus", "docker ps --all")
    assert facts.answers == {"up": why, "sum(up)": why}
