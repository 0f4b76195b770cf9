"""By what a change is judged: by how the service fares since, and by what can tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from tests.fakes.change_world import COMPOSE, CONFIG, FOLDER, ChangeWorld, plan_of

from monops.domain.change import Expected, FileEdit, Means, Plan, State
from monops.domain.errors import Refused
from monops.domain.limits import Wanted
from monops.domain.ports import Container
from monops.ops.change import TakenBack, apply
from monops.ops.change_check import check
from monops.ops.change_undo import home, plan_undo
from monops.ops.limits import plan_limits
from monops.ops.retention import plan_retention, see_retention

MIB, GIB = 1 << 20, 1 << 30
LIMITED = """\
services:
  prometheus:
    image: prom/prometheus:v3.5.3
    mem_limit: 2g
"""


@pytest.fixture
def world(tmp_path: Path) -> ChangeWorld:
    return ChangeWorld(tmp_path)


def looks(world: ChangeWorld, *, health: str) -> None:
    """Whatever is done to the container, the engine says this of it."""
    engine = world.world.engine
    containers, container = engine.containers, engine.container
    engine.containers = lambda ids: tuple(  # type: ignore[method-assign]
        replace(one, health=health) for one in containers(ids)
    )
    engine.container = lambda name_or_id: replace(container(name_or_id), health=health)  # type: ignore[method-assign]


def retention(world: ChangeWorld, time: str = "7d") -> Plan:
    shop = world.shop()
    return plan_retention(shop, see_retention(shop), time=time, size=None)


# --- a service that Compose does not see ------------------------------------------------------------


def test_a_service_that_compose_does_not_see_is_refused_before_anything_is_touched(world: ChangeWorld) -> None:
    plan = retention(world)
    # As a profile does that nobody has named.
    world.files.texts[COMPOSE] = "services: {other: {image: x}}\n"
    plan = msgspec.structs.replace(plan, edits=())
    with pytest.raises(Refused, match=f"Compose does not see prometheus in {COMPOSE}"):
        check(world.shop(), plan)


def test_its_container_is_not_taken_away_either(world: ChangeWorld) -> None:
    plan = msgspec.structs.replace(retention(world), edits=())
    world.files.texts[COMPOSE] = "services: {other: {image: x}}\n"
    with pytest.raises(TakenBack, match="Compose does not see prometheus"):
        apply(world.shop(), plan, within=timedelta(seconds=5))
    assert world.running.state == "running"


def test_a_service_without_a_container_does_not_report_what_was_asked_of_it(world: ChangeWorld) -> None:
    want = Expected(reader="retention", service="other", wanted={"time": "604800"}, before={"time": ""})
    plan = msgspec.structs.replace(retention(world), expected=(want,))
    with pytest.raises(TakenBack, match="other has no container"):
        apply(world.shop(), plan, within=timedelta(seconds=5))


# --- a health check that failed before --------------------------------------------------------------


def test_a_health_check_that_failed_before_does_not_judge_the_change(world: ChangeWorld) -> None:
    looks(world, health="unhealthy")
    plan = retention(world)
    (warning,) = check(world.shop(), plan)
    assert warning.startswith("the health check of p-prometheus-1 fails even now")
    entry = apply(world.shop(), plan, within=timedelta(seconds=30))
    assert (entry.state, world.prometheus.retention) == (State.DONE, "7d")
    assert world.world.clock.monotonic() < 30


def test_what_the_server_says_still_does(world: ChangeWorld) -> None:
    looks(world, health="unhealthy")
    plan = retention(world)
    wrong = msgspec.structs.replace(plan.expected[0], wanted={"time": "1", "size": ""})
    with pytest.raises(TakenBack, match="prometheus reports time 604800, not 1"):
        apply(world.shop(), msgspec.structs.replace(plan, expected=(wrong,)), within=timedelta(seconds=30))
    assert world.prometheus.retention == "30d"


def test_one_that_fails_only_since_the_change_has_it_taken_back(world: ChangeWorld) -> None:
    edit = FileEdit(path=CONFIG, before="global: {}\n", after="global: {a: 1}\n")
    containers = world.world.engine.containers

    def sick(ids: Sequence[str]) -> tuple[Container, ...]:
        health = "unhealthy" if "a: 1" in world.prometheus.loaded else "healthy"
        return tuple(replace(one, health=health) for one in containers(ids))

    world.world.engine.containers = sick  # type: ignore[method-assign]
    with pytest.raises(TakenBack, match="its health check fails"):
        apply(world.shop(), plan_of(world, edit, means=Means.RELOAD), within=timedelta(seconds=30))
    assert world.files.texts[CONFIG] == "global: {}\n"


def test_a_tighter_limit_is_not_judged_by_it_either(tmp_path: Path) -> None:
    world = limited(tmp_path, used=300 * MIB)
    looks(world, health="unhealthy")
    apply(world.shop(), plan_limits(world.shop(), {"prometheus": Wanted(memory="1g")}))
    assert memory_of(world) == GIB


# --- limits -----------------------------------------------------------------------------------------


def limited(folder: Path, *, used: int) -> ChangeWorld:
    made = ChangeWorld(folder, text=LIMITED)
    made.world.engine.used = {"id-prometheus": (used, 0.1)}
    return made


def memory_of(world: ChangeWorld) -> int:
    return int(world.running.raw["HostConfig"]["Memory"])


def test_made_anew_a_container_that_was_limited_otherwise_by_hand_is_as_its_files_say(tmp_path: Path) -> None:
    world = limited(tmp_path, used=100 * MIB)
    world.world.engine.update("id-prometheus", {"Memory": GIB})
    make, forced = world.docker.make, []

    def only_what_differs(services: Sequence[str], *, anew: bool = False, start: bool = True) -> None:
        forced.append(anew)
        if anew:
            make(services, start=start)

    # Compose sees no other files, so it leaves the container alone.
    world.docker.make = only_what_differs  # type: ignore[method-assign]
    apply(world.shop(), plan_limits(world.shop(), {"prometheus": Wanted(memory="2g")}, recreate=True))
    assert (forced, memory_of(world)) == ([False, True], 2 * GIB)


@pytest.mark.parametrize(("used", "says"), [(3 * GIB, None), (1900 * MIB, "it has little left"), (100 * MIB, "")])
def test_a_raised_limit_is_not_taken_back_below_what_is_used_now(tmp_path: Path, used: int, says: str | None) -> None:
    world = limited(tmp_path, used=100 * MIB)
    apply(world.shop(), plan_limits(world.shop(), {"prometheus": Wanted(memory="4g")}))
    world.world.engine.used = {"id-prometheus": (used, 0.1)}
    if says is None:
        with pytest.raises(Refused, match=r"prometheus uses 3\.0 GiB now, so a limit of 2\.0 GiB would kill it"):
            plan_undo(world.shop(), FOLDER, None)
    else:
        assert says in "".join(plan_undo(world.shop(), FOLDER, None).warnings)


# --- where the history is ---------------------------------------------------------------------------


def test_the_history_is_where_the_stack_was_started_from(world: ChangeWorld) -> None:
    """`docker compose -f docker-compose.yml -f monitoring/docker-compose.monitoring.yml up`: in the folder of the first
    file, and monops is called beside the second."""
    other = f"{FOLDER}/monitoring/docker-compose.monitoring.yml"
    world.files.texts[other] = "services: {}\n"
    world.site = msgspec.structs.replace(world.site, files=(COMPOSE, other))
    world.make("prometheus")
    assert home(world.shop(own_file=other)) == FOLDER


def test_of_a_stack_that_was_started_from_other_files_the_history_is_not_taken(world: ChangeWorld) -> None:
    assert home(world.shop(own_file="/elsewhere/docker-compose.monitoring.yml")) == "/elsewhere"
