"""Starting the stack: waiting as long as it helps, secrets handed over, changed files taken over."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from tests.fakes.fake_compose import FakeCompose, Life, LivingEngine, Look, always, crashing, well
from tests.fakes.fake_outside import FakeClock, FakeProgress
from tests.fakes.memory_stack_folder import MemoryStackFolder

from monops.domain.errors import EngineError, MonopsError, ServiceError, UsageFault
from monops.ops.stack_status import StackState
from monops.ops.stack_up import Starter, bring_up, restart
from monops.stack.options import ADMIN_PASSWORD

WITHIN = timedelta(seconds=60)


@dataclass
class World:
    """A Compose file of three services, none of which runs."""

    clock: FakeClock = field(default_factory=FakeClock)
    progress: FakeProgress = field(default_factory=FakeProgress)
    folder: MemoryStackFolder = field(default_factory=MemoryStackFolder)
    engine: LivingEngine = field(init=False)
    compose: FakeCompose = field(init=False)

    def __post_init__(self) -> None:
        self.engine = LivingEngine(clock=self.clock)
        services = ("prometheus", "grafana", "alertmanager")
        self.compose = FakeCompose(self.engine, {name: {} for name in services}, folder=self.folder)

    @property
    def starter(self) -> Starter:
        return Starter(
            compose=self.compose, engine=self.engine, clock=self.clock, progress=self.progress, folder=self.folder
        )

    def up(self, *chosen: str, within: timedelta = WITHIN) -> StackState:
        return bring_up(self.starter, chosen, within=within)

    def restart(self, *chosen: str) -> StackState:
        return restart(self.starter, chosen, within=WITHIN)


@pytest.fixture
def world() -> World:
    return World()


def states(found: StackState) -> dict[str, str]:
    return {one.service: one.health or one.state for one in found.services}


# --- waiting ---------------------------------------------------------------------------------------


def test_everything_is_started_and_waited_for(world: World) -> None:
    assert states(world.up()) == {"prometheus": "healthy", "grafana": "healthy", "alertmanager": "healthy"}
    assert 2 <= world.clock.passed < 3


def test_only_the_services_named_are_started(world: World) -> None:
    assert states(world.up("grafana")) == {"grafana": "healthy"}
    assert list(world.engine.found) == ["id-grafana"]


@pytest.mark.parametrize(
    "life",
    [crashing, always(state="exited", health="", exit_code=1), always(state="dead")],
)
def test_waiting_ends_early_where_it_cannot_help(world: World, life: Life) -> None:
    world.engine.lives["alertmanager"] = life
    found = world.up()
    assert not found.is_well
    assert world.clock.passed < 5
    (sick,) = [one for one in found.services if one.service == "alertmanager"]
    assert sick.reason.startswith(("it ended with 1", "it ended with 0"))


def test_a_service_that_ends_again_and_again_between_two_looks_is_given_up_too(world: World) -> None:
    # Seen running each time; only the count of restarts goes up.
    world.engine.lives["grafana"] = lambda age: Look(health="starting", restarts=int(age / 2))
    assert not world.up().is_well
    assert 6 <= world.clock.passed < 8


def test_what_is_told_is_what_ended_the_waiting_although_it_has_begun_once_more(world: World) -> None:
    looks = iter([Look(state="restarting", restarts=9, exit_code=1)])
    world.engine.lives["grafana"] = lambda age: (
        next(looks, Look(health="starting", restarts=10)) if age > 1 else well(age)
    )
    (sick,) = world.up("grafana").services
    assert sick.reason == "it ended with 1, and again after each of 9 restarts"


def test_restarts_of_long_ago_do_not_count(world: World) -> None:
    world.engine.lives["grafana"] = lambda age: Look(health="healthy" if age > 30 else "starting", restarts=50)
    assert world.up().is_well
    assert world.clock.passed > 30


@pytest.mark.parametrize("health", ["starting", "unhealthy"])
def test_waiting_ends_at_the_deadline_and_what_is_waited_for_is_said_meanwhile(world: World, health: str) -> None:
    world.engine.lives["grafana"] = always(health=health)
    found = world.up(within=timedelta(seconds=50))
    assert states(found)["grafana"] == health
    assert 50 <= world.clock.passed < 51
    assert world.progress.said.count(f"waiting for grafana ({health})") == 2


def test_an_unhealthy_service_that_comes_round_is_well(world: World) -> None:
    world.engine.lives["grafana"] = lambda age: Look(health="unhealthy" if age < 20 else "healthy")
    assert world.up().is_well


# --- what can be known before ----------------------------------------------------------------------


def test_an_unknown_service_is_refused_before_anything_starts(world: World) -> None:
    with pytest.raises(UsageFault, match="Did you mean 'prometheus'"):
        world.up("promethus")
    assert world.engine.found == {}


def test_a_network_of_the_main_system_that_is_missing_is_said_with_the_nearest(world: World) -> None:
    world.compose.services["prometheus"] = {"networks": {"monitoring": None, "application": None}}
    world.compose.networks = {"monitoring": {}, "application": {"external": True, "name": "orchestrater_default"}}
    world.engine.there = ("bridge", "orchestrator_default")
    with pytest.raises(EngineError) as refused:
        world.up()
    assert refused.value.message == (
        "the main system's network 'orchestrater_default' is not there. Did you mean 'orchestrator_default'?"
    )
    assert world.engine.found == {}
    # Grafana does not need it.
    assert world.up("grafana").is_well
    world.engine.there = ("orchestrater_default",)
    assert world.up().is_well


def test_images_that_are_not_here_are_pulled_and_said(world: World) -> None:
    world.compose.absent = {"image/grafana"}
    assert world.up().is_well
    assert "pulling image/grafana" in world.progress.said


def test_an_image_that_cannot_be_had_stops_it(world: World) -> None:
    world.compose.absent = world.compose.unobtainable = {"image/grafana"}
    with pytest.raises(EngineError, match="pull failed"):
        world.up()
    assert world.engine.found == {}


# --- mended files ----------------------------------------------------------------------------------


def test_a_service_in_a_loop_whose_file_was_mended_is_started_at_once(world: World) -> None:
    world.engine.lives["alertmanager"] = crashing
    world.up()
    world.clock.passed += 100
    world.engine.lives["alertmanager"] = lambda age: well(age) if age < 50 else crashing(age)
    before = world.clock.passed
    assert world.up().is_well
    assert world.clock.passed - before < 5


def test_a_running_service_takes_over_its_changed_file(world: World) -> None:
    world.up()
    runs_on = ["old"]

    def take_over() -> str:
        runs_on[:] = ["new"]
        return ""

    world.compose.answers["prometheus"] = take_over
    assert world.up().is_well
    assert runs_on == ["new"]


def test_a_service_that_was_only_started_now_need_not_read_its_file_again(world: World) -> None:
    world.compose.answers["prometheus"] = lambda: "wget: server returned error: HTTP/1.1 500 Internal Server Error"
    assert world.up().is_well


def test_a_file_that_a_running_service_refuses_is_an_error_with_the_cause(world: World) -> None:
    world.engine.log["alertmanager"] = ('level=ERROR err="of yesterday"',)
    world.up()

    def refuse() -> str:
        world.engine.log["alertmanager"] += ('level=ERROR err="yaml: line 112: did not find expected key"',)
        return "wget: server returned error: HTTP/1.1 500 Internal Server Error"

    world.compose.answers["alertmanager"] = refuse
    with pytest.raises(ServiceError) as refused:
        world.up()
    assert refused.value.message == (
        "alertmanager refuses its configuration and runs on with the one before: "
        "yaml: line 112: did not find expected key"
    )
    assert "monops stack up" in refused.value.remedy


def test_a_service_that_does_not_reload_is_said_and_no_error(world: World) -> None:
    world.up()
    world.compose.answers["prometheus"] = lambda: "wget: server returned error: HTTP/1.1 403 Forbidden"
    assert world.up().is_well
    assert "prometheus does not reload; after an edit: monops stack restart prometheus" in world.progress.said


def test_restarting_waits_for_health_and_knows_what_is_missing(world: World) -> None:
    world.up("prometheus")
    before = world.clock.passed
    assert world.restart("prometheus").is_well
    assert world.clock.passed - before >= 2
    assert states(world.restart("grafana")) == {"grafana": "missing"}
    with pytest.raises(UsageFault):
        world.restart("grafanna")


# --- secrets ---------------------------------------------------------------------------------------


def ours(folder: MemoryStackFolder) -> None:
    """As after `monops init`, with a receiver's secret."""
    folder.write(".monops/init.json", b"{}")
    folder.write(ADMIN_PASSWORD, b"x", mode=0o600)
    folder.write("secrets/alertmanager/slack-url", b"x")


@pytest.mark.parametrize("uid", [0, 1000])
@pytest.mark.parametrize("act", ["up", "restart"])
def test_each_secret_is_its_services_alone_whoever_starts_the_stack(uid: int, act: str) -> None:
    folder = MemoryStackFolder(uid=uid)
    ours(folder)
    world = World(folder=folder)
    if act == "up":
        world.up()
    else:
        world.restart()
    kept = {path: (file.uid, file.mode) for path, file in folder.files.items() if path.startswith("secrets/")}
    assert kept == {ADMIN_PASSWORD: (472, 0o600), "secrets/alertmanager/slack-url": (65534, 0o600)}


def test_a_user_that_the_compose_file_names_gets_the_secrets(world: World) -> None:
    ours(world.folder)
    world.compose.services["grafana"] = {"user": "1234:0"}
    world.up()
    assert world.folder.owner(ADMIN_PASSWORD) == 1234


def test_secrets_in_somebody_elses_folder_are_handed_over_too() -> None:
    folder = MemoryStackFolder(uid=1000)
    ours(folder)
    folder.closed = {"secrets/alertmanager"}
    World(folder=folder).up()
    assert folder.owner("secrets/alertmanager/slack-url") == 65534


def test_without_grafanas_password_nothing_is_started(world: World) -> None:
    ours(world.folder)
    world.folder.remove(ADMIN_PASSWORD)
    with pytest.raises(MonopsError, match=r"password file monitoring/secrets/grafana/admin-password is missing"):
        world.up()
    assert world.engine.found == {}


def test_in_a_folder_that_is_not_ours_no_file_is_given_away(world: World) -> None:
    world.folder.write("secrets/grafana/admin-password", b"x")
    assert world.up().is_well
    assert world.folder.owner("secrets/grafana/admin-password") == 0
