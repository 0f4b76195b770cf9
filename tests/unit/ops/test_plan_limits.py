"""Plans of limits: what is written, what is applied how, what is refused and warned of; and the watch afterwards."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.fakes.change_world import COMPOSE, FOLDER, ChangeWorld

from monops.domain.change import Means, Plan, Site
from monops.domain.errors import EngineError, NotFound, Refused, UsageFault
from monops.domain.limits import BILLION, Wanted
from monops.domain.ports import Container, Probe
from monops.ops.change import TakenBack, apply
from monops.ops.change_check import check
from monops.ops.change_undo import plan_undo
from monops.ops.limits import plan_limits
from monops.ops.limits_look import see_limits
from monops.ops.limits_recommend import recommend

MIB, GIB = 1 << 20, 1 << 30
TEXT = """\
services:
  prometheus:
    image: prom/prometheus:v3.5.3
    deploy:
      resources:
        limits:
          cpus: "1"
          memory: 2G
  other:
    image: x
    mem_limit: ${OTHER_MEMORY:-512m}
"""
WEEK = timedelta(days=7)


@pytest.fixture
def world(tmp_path: Path) -> ChangeWorld:
    made = ChangeWorld(tmp_path, text=TEXT)
    made.make("other")
    made.world.engine.used = {"id-prometheus": (300 * MIB, 0.2), "id-other": (20 * MIB, 0.0)}
    return made


def planned(world: ChangeWorld, service: str = "prometheus", *, recreate: bool = False, **limits: str) -> Plan:
    return plan_limits(world.shop(), {service: Wanted(**limits)}, recreate=recreate)


def limits_of(world: ChangeWorld, name: str = "id-prometheus") -> Mapping[str, Any]:
    found: Mapping[str, Any] = world.world.engine.found[name].raw["HostConfig"]
    return found


def changed(world: ChangeWorld, name: str = "id-prometheus", **host: int) -> None:
    """The container has other fields in its HostConfig."""
    one = world.world.engine.found[name]
    raw = {**one.raw, "HostConfig": {**one.raw["HostConfig"], **host}}
    world.world.engine.found[name] = replace(one, raw=raw)


def test_a_plan_has_the_edit_the_update_and_what_must_be_read_back(world: ChangeWorld) -> None:
    plan = planned(world, memory="3G", cpus="2")
    (step,), (edit,) = plan.steps, plan.edits
    assert plan.title == "limits of prometheus: memory 2.0 GiB → 3.0 GiB, processors 1 → 2"
    assert (step.means, step.interrupts) == (Means.UPDATE, "nothing")
    assert step.limits == {"Memory": 3 * GIB, "MemorySwap": 6 * GIB, "NanoCpus": 2 * BILLION}
    assert step.limits_before == {"Memory": 2 * GIB, "MemorySwap": 4 * GIB, "NanoCpus": BILLION}
    assert edit.after == TEXT.replace('"1"', '"2"').replace("2G", "3G")
    assert plan.expected[0].wanted == {"memory": str(3 * GIB), "swap": str(6 * GIB), "cpus": str(2 * BILLION)}
    assert check(world.shop(), plan) == ()


def test_it_is_done_read_back_and_undone(world: ChangeWorld) -> None:
    apply(world.shop(), planned(world, memory="3G"))
    assert limits_of(world)["Memory"] == 3 * GIB
    assert planned(world, memory="3G").is_empty
    apply(world.shop(), plan_undo(world.shop(), FOLDER, None))
    assert (limits_of(world)["Memory"], world.files.texts[COMPOSE]) == (2 * GIB, TEXT)


def test_a_first_limit_is_taken_away_by_making_the_container_anew(world: ChangeWorld) -> None:
    apply(world.shop(), planned(world, "other", cpus="1"))
    undo = plan_undo(world.shop(), FOLDER, None)
    assert [step.means for step in undo.steps] == [Means.RECREATE]
    apply(world.shop(), undo)
    assert limits_of(world, "id-other")["NanoCpus"] == 0


def test_what_runs_otherwise_is_set_right_without_an_edit(world: ChangeWorld) -> None:
    changed(world, Memory=GIB, MemorySwap=2 * GIB)
    plan = planned(world, memory="2G")
    assert (plan.edits, [step.means for step in plan.steps]) == ((), [Means.UPDATE])
    (seen,) = see_limits(world.shop(), ["prometheus"]).services
    assert seen.drift == ("memory: running 1.0 GiB, declared 2.0 GiB",)


def test_a_variable_is_edited_where_it_is_set(world: ChangeWorld) -> None:
    plan = planned(world, "other", memory="1G")
    assert [(edit.path, edit.after) for edit in plan.edits] == [(f"{FOLDER}/.env", "OTHER_MEMORY=1G\n")]
    world.environment["OTHER_MEMORY"] = "512m"
    with pytest.raises(Refused, match="of this shell"):
        planned(world, "other", memory="1G")


def test_less_than_it_uses_is_refused_with_the_number_and_a_remedy(world: ChangeWorld) -> None:
    with pytest.raises(Refused, match=r"uses 300\.0 MiB now.*256\.0 MiB") as caught:
        planned(world, memory="256M")
    assert caught.value.remedy.startswith("monops limits set prometheus --memory 464M")
    assert any("91% of 330.0 MiB" in one for one in planned(world, memory="330M").warnings)


def test_one_that_does_not_run_is_not_measured(world: ChangeWorld) -> None:
    world.world.engine.used.clear()
    assert any("not known" in one for one in planned(world, memory="64M").warnings)


def test_a_limit_that_cannot_be_updated_makes_the_container_anew(world: ChangeWorld) -> None:
    changed(world, NanoCpus=0, CpuQuota=100_000)
    (step,) = planned(world, cpus="2").steps
    assert (step.means, step.interrupts) == (Means.RECREATE, "prometheus for the seconds that it takes to start")
    (step,) = planned(world, memory="3G", recreate=True).steps
    assert step.means is Means.RECREATE


def test_what_live_means_is_said(world: ChangeWorld) -> None:
    changed(world, NanoCpus=2 * BILLION)
    warnings = planned(world, memory="3G").warnings
    for part in ("the next `stack up` makes prometheus anew once", "GOMEMLIMIT", "not as declared (1) but 2"):
        assert any(part in one for one in warnings)
    assert planned(world, memory="3G", recreate=True).warnings[0].startswith("the processors of prometheus")


@pytest.mark.parametrize(
    ("service", "wanted", "fault", "says"),
    [
        ("prometheus", {}, UsageFault, "say what to limit"),
        ("promtheus", {"memory": "1G"}, UsageFault, "Did you mean 'prometheus'"),
        ("prometheus", {"cpus": "5"}, UsageFault, "more than the machine has, which is 4"),
        ("prometheus", {"reserve_memory": "3G"}, UsageFault, "more than the limit"),
    ],
)
def test_what_cannot_be_is_refused(
    world: ChangeWorld, service: str, wanted: dict[str, Any], fault: type[Exception], says: str
) -> None:
    with pytest.raises(fault, match=says):
        planned(world, service, **wanted)


def test_what_compose_would_still_read_otherwise_is_refused(world: ChangeWorld) -> None:
    # The old form in another file: where both are there, Compose takes one.
    world.site = replace_files(world, COMPOSE, f"{FOLDER}/more.yml")
    world.files.texts[f"{FOLDER}/more.yml"] = "services:\n  prometheus:\n    deploy: {}\n"
    world.make("prometheus")
    with pytest.raises(Refused, match="it is set elsewhere too"):
        planned(world, memory="3G")


def replace_files(world: ChangeWorld, *files: str) -> Site:
    return msgspec.structs.replace(world.site, files=files)


# --- watched ---------------------------------------------------------------------------------------


def dies(world: ChangeWorld, state: str, **words: object) -> Callable[..., None]:
    """The container ends as soon as it has less memory."""
    original = world.world.engine.update

    def update(container_id: str, limits: Mapping[str, int]) -> None:
        original(container_id, limits)
        if limits.get("Memory", 0) < 2 * GIB:
            one = world.world.engine.found[container_id]
            world.world.engine.found[container_id] = replace(one, state=state, raw={**one.raw, "State": words})

    return update


@pytest.mark.parametrize(
    ("state", "words", "says"),
    [
        ("exited", {"ExitCode": 137, "OOMKilled": True}, "exit code 137, out of memory"),
        ("running", {"StartedAt": "later"}, "the engine started it again"),
    ],
)
def test_one_that_is_killed_by_its_limit_is_taken_back_and_started(
    world: ChangeWorld, state: str, words: dict[str, object], says: str
) -> None:
    plan = planned(world, memory="1G")
    world.world.engine.update = dies(world, state, **words)  # type: ignore[method-assign]
    with pytest.raises(TakenBack, match=rf"was killed under its new limit of 1\.0 GiB of memory \({says}"):
        apply(world.shop(), plan)
    one = world.world.engine.found["id-prometheus"]
    assert (one.state, limits_of(world)["Memory"], world.files.texts[COMPOSE]) == ("running", 2 * GIB, TEXT)


def test_one_that_was_killed_before_is_started_with_more(world: ChangeWorld) -> None:
    plan = planned(world, memory="3G")
    one = world.world.engine.found["id-prometheus"]
    world.world.engine.found[one.id] = replace(one, state="restarting")
    apply(world.shop(), plan)
    assert world.world.engine.acts[-2:] == ["stop p-prometheus-1", "start p-prometheus-1"]


@pytest.mark.parametrize("is_enough", [True, False])
def test_one_that_its_old_limit_kills_while_it_is_given_more_is_judged_by_how_it_fares_from_then_on(
    world: ChangeWorld, is_enough: bool
) -> None:
    plan = planned(world, memory="3G")
    engine, clock, given_at = world.world.engine, world.world.clock, [math.inf]
    update, containers = engine.update, engine.containers

    def updated(container_id: str, limits: Mapping[str, int]) -> None:
        update(container_id, limits)
        given_at[0] = clock.monotonic() if limits["Memory"] == 3 * GIB else math.inf

    def lives(ids: Sequence[str]) -> tuple[Container, ...]:
        """Ended nine times before; it is started again after ten seconds, and then ends each second or never."""
        since = clock.monotonic() - given_at[0]
        again = max(0, int(since) - 9) if since >= 0 else 0
        state = "restarting" if since >= 0 and (since < 10 or not is_enough) else "running"
        raw = {"RestartCount": 9 + (min(again, 1) if is_enough else again), "State": {"ExitCode": 137}}
        return tuple(replace(one, state=state, raw={**one.raw, **raw}) for one in containers(ids))

    engine.update, engine.containers = updated, lives  # type: ignore[method-assign]
    if is_enough:
        apply(world.shop(), plan)
    else:
        with pytest.raises(TakenBack, match="prometheus does not come up: it ended with 137, and again after each of"):
            apply(world.shop(), plan)
    assert limits_of(world)["Memory"] == (3 if is_enough else 2) * GIB


def test_a_health_check_that_does_not_pass_any_more_is_waited_for_and_then_taken_back(world: ChangeWorld) -> None:
    plan = planned(world, cpus="0.1")
    healthy = {"Health": {"Log": [{"Start": "before", "ExitCode": 0}]}}
    one = world.world.engine.found["id-prometheus"]
    world.world.engine.found[one.id] = replace(one, health="healthy", raw={**one.raw, "State": healthy})
    world.world.engine.probes = [Probe(timedelta(seconds=15))]
    with pytest.raises(TakenBack, match="has not passed under its new limits for 120 s"):
        apply(world.shop(), plan)


def test_a_health_check_that_is_seldom_made_is_not_waited_for(world: ChangeWorld) -> None:
    world.world.engine.probes = [Probe(timedelta(minutes=5))]
    apply(world.shop(), planned(world, cpus="0.1"))
    assert limits_of(world)["NanoCpus"] == BILLION // 10


def test_what_the_engine_refuses_is_taken_back(world: ChangeWorld) -> None:
    plan = planned(world, memory="1G")
    original = world.world.engine.update

    def update(container_id: str, limits: Mapping[str, int]) -> None:
        if limits.get("Memory") == GIB:
            raise EngineError("device or resource busy", remedy="-")
        original(container_id, limits)

    world.world.engine.update = update  # type: ignore[method-assign]
    with pytest.raises(TakenBack, match="resource busy"):
        apply(world.shop(), plan)
    assert world.files.texts[COMPOSE] == TEXT


# --- stopped and paused ----------------------------------------------------------------------------


def stands(world: ChangeWorld, state: str, name: str = "id-prometheus", policy: str = "no", **words: Any) -> None:
    """The container is so, by its own state and its restart policy."""
    one = world.world.engine.found[name]
    host = {**one.raw["HostConfig"], "RestartPolicy": {"Name": policy}}
    world.world.engine.found[name] = replace(one, state=state, raw={**one.raw, "State": words, "HostConfig": host})


def test_a_paused_one_is_refused_with_what_lets_it_go_on(world: ChangeWorld) -> None:
    stands(world, "paused")
    with pytest.raises(Refused, match="p-prometheus-1 is paused") as caught:
        planned(world, memory="3G")
    assert caught.value.remedy == "docker unpause p-prometheus-1"


def test_a_paused_server_is_not_to_be_started_but_unpaused(world: ChangeWorld) -> None:
    stands(world, "paused")
    with pytest.raises(NotFound, match="is paused") as caught:
        world.shop().container("prometheus")
    assert caught.value.remedy.startswith("docker unpause p-prometheus-1")


def test_nothing_is_undone_in_a_paused_one(world: ChangeWorld) -> None:
    apply(world.shop(), planned(world, memory="3G"))
    stands(world, "paused")
    with pytest.raises(Refused, match="is paused"):
        check(world.shop(), plan_undo(world.shop(), FOLDER, None))


@pytest.mark.parametrize(
    ("policy", "words"),
    [("no", {"ExitCode": 0}), ("no", {"ExitCode": 143}), ("unless-stopped", {"ExitCode": 1}), ("always", {})],
)
def test_one_that_was_stopped_gets_its_limits_and_stays_stopped(
    world: ChangeWorld, policy: str, words: dict[str, Any]
) -> None:
    stands(world, "exited", policy=policy, **words)
    plan = planned(world, memory="1G")
    assert [step.interrupts for step in plan.steps] == ["nothing: prometheus is stopped, and stays so"]
    acts = len(world.world.engine.acts)
    apply(world.shop(), plan)
    one = world.world.engine.found["id-prometheus"]
    assert (one.state, limits_of(world)["Memory"]) == ("exited", GIB)
    apply(world.shop(), plan_undo(world.shop(), FOLDER, None))
    assert (world.world.engine.found["id-prometheus"].state, limits_of(world)["Memory"]) == ("exited", 2 * GIB)
    assert world.world.engine.acts[acts:] == []


@pytest.mark.parametrize(
    ("state", "words"),
    [("exited", {"ExitCode": 137, "OOMKilled": True}), ("exited", {"ExitCode": 1}), ("restarting", {"ExitCode": 0})],
)
def test_one_that_is_down_by_itself_is_started_and_the_plan_says_so(
    world: ChangeWorld, state: str, words: dict[str, Any]
) -> None:
    stands(world, state, **words)
    plan = planned(world, memory="3G")
    assert [step.interrupts for step in plan.steps] == ["nothing: prometheus is down, and is started with them"]
    apply(world.shop(), plan)
    assert world.world.engine.found["id-prometheus"].state == "running"


def test_numbers_are_written_as_people_write_them_and_counted_as_compose_does(world: ChangeWorld) -> None:
    plan = planned(world, cpus="0.333333333333", memory="3072 M")
    (step,), (edit,) = plan.steps, plan.edits
    assert edit.after == TEXT.replace('"1"', '"0.333333333"').replace("2G", "3G")
    # Compose has processors in single precision.
    assert step.limits["NanoCpus"] == 333333344
    apply(world.shop(), plan)
    assert planned(world, cpus="0.333333333333").is_empty
    assert see_limits(world.shop(), ["prometheus"]).services[0].drift == ()


def test_a_stopped_one_that_is_made_anew_is_not_started(world: ChangeWorld) -> None:
    stands(world, "exited", ExitCode=0)
    apply(world.shop(), planned(world, memory="1G", recreate=True))
    assert (world.running.state, limits_of(world)["Memory"]) == ("created", GIB)


def test_what_was_stopped_at_the_change_and_runs_at_the_undo_is_watched(world: ChangeWorld) -> None:
    stands(world, "exited", "id-other", ExitCode=0)
    apply(world.shop(), planned(world, "other", cpus="1"))
    world.world.engine.start("id-other")
    (step,) = plan_undo(world.shop(), FOLDER, None).steps
    assert (step.stopped, step.interrupts) == ((), "other for the seconds that it takes to start")


# --- recommended -----------------------------------------------------------------------------------


class Told:
    """What Prometheus answers of one container, by a part of the query."""

    def __init__(self, **values: float) -> None:
        self.values = values
        self.asked: list[str] = []

    def get(self, promql: str, default: object) -> object:
        self.asked.append(promql)
        found = next((value for part, value in self.values.items() if promql.startswith(part)), None)
        if "cpu_usage" in promql:
            found = self.values.get("cpus")
        return ((({"name": "p-prometheus-1"}), found),) if found is not None else default


def test_recommendations_come_from_prometheus_and_else_from_the_present(world: ChangeWorld) -> None:
    told = Told(max_over=900 * MIB, quantile=600 * MIB, count=7 * 1440, cpus=0.5)
    world.prometheus.answers = told  # type: ignore[assignment]
    found = recommend(world.shop(), [], WEEK)
    prometheus, other = found.services
    assert prometheus.wanted == Wanted(memory="1152M", cpus="0.5", reserve_memory="608M")
    assert other.usage is not None
    assert other.usage.is_present_only
    assert found.unknown == "Prometheus has no metrics of cAdvisor for them"
    assert list(found.applicable) == ["prometheus"]
    assert any("[604800s:60s]" in one for one in told.asked)


def test_a_peak_above_the_new_limit_is_warned_of(world: ChangeWorld) -> None:
    world.prometheus.answers = Told(max_over=900 * MIB, count=1440)  # type: ignore[assignment]
    warnings = planned(world, memory="512M").warnings
    assert any("had 900.0 MiB at its peak in the last 1d" in one for one in warnings)


def test_where_nothing_is_known_nothing_is_said(world: ChangeWorld) -> None:
    world.world.engine.used.clear()
    (one,) = recommend(world.shop(), ["prometheus"], WEEK).services
    assert (one.usage, one.advice, one.wanted) == (None, None, Wanted())
