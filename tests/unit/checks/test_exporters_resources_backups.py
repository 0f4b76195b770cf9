"""Exporters, resources, backups: the traps that the examples of the checks do not show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from monops.checks import all_checks
from monops.checks._healthy import AT, HEALTHY, changed, container, series, with_answers, with_container
from monops.checks._pages import anchor, page_of
from monops.checks._reading import flag, running_for, value, version, with_host_config
from monops.checks._redis import address, ask
from monops.checks.exporters_cadvisor_names import NAMED, SEEN
from monops.checks.resources_neighbours_memory import USED
from monops.domain.check import Check
from monops.domain.diagnosis import diagnose
from monops.domain.facts import Facts, SeenContainer, known
from monops.domain.finding import Finding
from monops.domain.ports import Memory, Mount, Series

CHECKS = {check.id: check for check in all_checks()}
OURS = [check for check in CHECKS.values() if check.group in ("exporters", "resources", "backups")]


def found(name: str, facts: Facts, answers: Mapping[str, tuple[Series, ...]] | None = None) -> tuple[Finding, ...]:
    """What a check finds; queries that are not answered here are empty."""
    check = CHECKS[name]
    asked = {**dict.fromkeys(check.queries, ()), **facts.answers, **(answers or {})}
    (outcome,) = diagnose([check], replace(facts, answers=asked)).outcomes
    assert not outcome.crash, outcome.crash
    assert outcome.unknown is None
    return outcome.findings


def just_started(facts: Facts) -> Facts:
    """The same stack, started half a minute ago."""
    started = (facts.now - timedelta(seconds=30)).isoformat()
    return replace(facts, containers=tuple(replace(one, started_at=started) for one in known(facts.containers)))


# --- a stack that was just started ---------------------------------------------------------------


@pytest.mark.parametrize("check", OURS, ids=lambda check: check.id)
def test_a_stack_that_was_just_started_and_has_no_samples_yet_is_well(check: Check) -> None:
    assert not found(check.id, just_started(replace(HEALTHY, answers={})))


@pytest.mark.parametrize(
    "name", ["exporters.redis_up", "exporters.node_collectors", "exporters.cadvisor_names", "backups.sources"]
)
def test_what_only_time_can_tell_is_not_judged_at_the_start(name: str) -> None:
    check = CHECKS[name]
    for sick in check.sick:
        facts = sick.facts(check.healthy(replace(HEALTHY, answers={})))
        assert found(name, facts)
        assert not found(name, just_started(facts))


# --- cAdvisor ------------------------------------------------------------------------------------


def test_names_of_containers_that_do_not_run_here_are_names_as_well() -> None:
    assert not found("exporters.cadvisor_names", HEALTHY, {SEEN: (series(15),), NAMED: (series(10),)})


def test_a_cadvisor_that_is_not_scraped_is_not_taken_for_one_without_names() -> None:
    assert not found("exporters.cadvisor_names", HEALTHY, {SEEN: (), NAMED: ()})


def test_the_stack_is_asked_of_the_engine_alone() -> None:
    answers = {USED: (series(0.99, name="ai-grafana"), series("NaN", name="b"), series(0.99, name="shop-1"))}
    assert [one.subject for one in found("resources.neighbours_memory", HEALTHY, answers)] == ["container shop-1"]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("--housekeeping_interval=15s",), "15s"),
        (("-housekeeping_interval", "15s", "--x"), "15s"),
        (("--housekeeping_interval", "--x"), "true"),
        (("--housekeeping_interval",), "true"),
        (("--housekeeping_interval_max=1",), None),
        (("cadvisor", "housekeeping_interval=3"), None),
        ((), None),
    ],
)
def test_a_flag_is_found_in_each_way_to_write_it(command: tuple[str, ...], expected: str | None) -> None:
    one = changed(container("cadvisor"), container={"command": command})
    assert flag(one, "housekeeping_interval") == expected


def test_an_unprivileged_cadvisor_with_the_device_is_well() -> None:
    facts = with_container(HEALTHY, "cadvisor", lambda one: with_host_config(one, Privileged=False))
    assert not found("exporters.cadvisor_oom", facts)


# --- node exporter -------------------------------------------------------------------------------


def test_the_hosts_mount_table_may_come_from_its_proc() -> None:
    def as_others_do(one: SeenContainer) -> SeenContainer:
        words = ("--path.rootfs=/rootfs", "--path.procfs=/host/proc")
        mounts = tuple(
            Mount(type="bind", name="", source=source, destination=place, writable=False)
            for source, place in (("/", "/rootfs"), ("/proc", "/host/proc"), ("/sys", "/host/sys"))
        )
        return with_host_config(changed(one, container={"command": words, "mounts": mounts}), PidMode="")

    assert not found("exporters.node_host_view", with_container(HEALTHY, "node-exporter", as_others_do))


# --- Redis ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instance", "expected"),
    [
        ("redis://redis:6379", ("redis", 6379)),
        ("rediss://user:secret@cache.example:6380/2", ("cache.example", 6380)),
        ("redis", ("redis", 6379)),
        ("redis://redis", ("redis", 6379)),
        ("10.0.0.5:7000", ("10.0.0.5", 7000)),
    ],
)
def test_an_instance_is_taken_apart(instance: str, expected: tuple[str, int]) -> None:
    assert address(instance) == expected


def test_a_redis_is_asked_in_its_container_where_it_is_one() -> None:
    redis = changed(container("redis-exporter"), container={"name": "shop-redis-1"}, aliases=frozenset({"redis"}))
    assert ask(replace(HEALTHY, neighbours=(redis,)), "redis:6379", "ping") == "docker exec shop-redis-1 redis-cli ping"
    assert ask(HEALTHY, "redis://cache:7000", "ping") == "redis-cli -h cache -p 7000 ping"


# --- resources -----------------------------------------------------------------------------------


def test_the_events_are_counted_although_the_restart_took_the_mark_away() -> None:
    facts = replace(HEALTHY, oom_events={"grafana": 1, "elsewhere": 5})
    (one,) = found("resources.out_of_memory", facts)
    assert one.subject == "container ai-grafana"
    assert "once" in one.cause


def test_one_that_has_ended_is_told_by_stack_running_alone() -> None:
    facts = with_container(
        HEALTHY, "grafana", lambda one: changed(one, container={"state": "exited"}, out_of_memory=True)
    )
    assert not found("resources.out_of_memory", facts)


def test_without_a_limit_the_machines_memory_is_no_limit() -> None:
    facts = with_container(
        HEALTHY,
        "grafana",
        lambda one: with_host_config(changed(one, memory=Memory(used=95, limit=100)), Memory=0),
    )
    assert not found("resources.memory", facts)
    assert [one.subject for one in found("resources.limits_set", facts)] == ["container ai-grafana"]


@pytest.mark.parametrize("words", [{"CpuQuota": 50_000}, {"CpusetCpus": "0"}, {"NanoCpus": 5}], ids=str)
def test_a_processor_limit_can_be_written_in_three_ways(words: dict[str, object]) -> None:
    limits = {"NanoCpus": 0, **words}
    facts = with_container(HEALTHY, "grafana", lambda one: with_host_config(one, **limits))
    assert not found("resources.limits_set", facts)


def test_many_series_are_no_fault_while_there_is_memory() -> None:
    assert not found("resources.top_talkers", replace(HEALTHY, prometheus_cardinality={"requests_total": 5_000_000}))


# --- backups -------------------------------------------------------------------------------------


def test_a_stack_that_is_watched_for_less_than_a_day_needs_no_backup() -> None:
    assert not found("backups.none", HEALTHY)


def test_a_run_that_failed_before_its_first_source_is_told_for_all() -> None:
    (query,) = CHECKS["backups.failed"].queries
    (one,) = found("backups.failed", HEALTHY, {query: (series(0, source="all", destination="s3://b/m"),)})
    assert one.subject == "backup of every source to s3://b/m"


def test_a_backup_of_26_hours_is_not_old_yet() -> None:
    (query,) = CHECKS["backups.fresh"].queries
    assert not found("backups.fresh", HEALTHY, {query: (series(AT - 26 * 3600, source="config"),)})
    assert found("backups.fresh", HEALTHY, {query: (series(AT - 26 * 3600 - 1, source="config"),)})


# --- tools ---------------------------------------------------------------------------------------


def test_ages_and_values_that_nobody_told_are_no_reason_to_crash() -> None:
    one = container("grafana")
    assert running_for(replace(one, started_at=""), HEALTHY) == float("inf")
    assert running_for(replace(one, started_at="2026-11-23T02:59:00"), HEALTHY) == float("inf")
    assert running_for(replace(one, started_at="2026-11-23T02:59:00.123456789Z"), HEALTHY) == pytest.approx(59.9, abs=1)
    assert running_for(changed(one, container={"state": "exited"}), HEALTHY) == 0
    assert str(value(Series(labels={}, points=()))) == "nan"


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("ghcr.io/google/cadvisor:v0.60.5", (0, 60, 5)),
        ("localhost:5000/cadvisor:0.52.1-alpine@sha256:aa", (0, 52, 1)),
        ("cadvisor:latest", ()),
        ("cadvisor", ()),
        ("localhost:5000/cadvisor", ()),
    ],
)
def test_a_version_is_read_from_the_tag(image: str, expected: tuple[int, ...]) -> None:
    assert version(changed(container("cadvisor"), container={"image": image})) == expected


@pytest.mark.parametrize("check", list(CHECKS.values()), ids=lambda check: check.id)
def test_each_check_has_an_entry_in_the_reference(check: Check) -> None:
    page = page_of(check)
    assert page.statement.endswith(".")
    assert page.explanation
    assert page.address == f"docs/reference/checks.md#{anchor(check.id)}"


def test_no_two_checks_share_an_anchor() -> None:
    assert len({anchor(name) for name in CHECKS}) == len(CHECKS)


def test_answers_can_be_added_to_facts() -> None:
    assert with_answers(HEALTHY, {"up": (series(1),)}).answer("up")[0].points[0][1] == "1"
