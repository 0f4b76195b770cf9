"""The engine of changes: carried out or taken back, whatever happens in between."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.fakes.change_world import COMPOSE, CONFIG, FOLDER, ChangeWorld, FakeTools, plan_of
from tests.fakes.fake_outside import Killed

from monops.domain.change import Entry, FileEdit, Means, Plan, State, Step, Value
from monops.domain.errors import ConfigurationError, EngineUnreachable, Locked, NotFound, Refused
from monops.ops.change import TakenBack, apply
from monops.ops.change_check import check
from monops.ops.change_recover import recover
from monops.ops.change_undo import history, home, plan_undo
from monops.ops.retention import plan_retention, see_retention
from monops.ops.workshop import Workshop

WITHIN = timedelta(seconds=30)


@pytest.fixture
def world(tmp_path: Path) -> ChangeWorld:
    return ChangeWorld(tmp_path)


def retention(shop: Workshop, time: str = "7d") -> Plan:
    return plan_retention(shop, see_retention(shop), time=time, size=None)


def state(world: ChangeWorld) -> str:
    return world.history.entries()[-1].state.value


def is_whole(world: ChangeWorld) -> None:
    """Prometheus runs, as its file says, and nothing is open."""
    assert world.running.state == "running"
    time = world.prometheus.retention
    assert f"retention.time={time}\n" in world.files.texts[COMPOSE]
    assert f"--storage.tsdb.retention.time={time}" in world.running.command
    assert not any(entry.state.is_open for entry in world.history.entries())


def test_a_change_is_prepared_written_applied_and_done(world: ChangeWorld) -> None:
    shop = world.shop()
    entry = apply(shop, retention(shop), within=WITHIN)
    assert world.history.saved == [(1, "prepared"), (1, "written"), (1, "applied"), (1, "done")]
    assert (entry.who, entry.command, entry.plan.values) == ("me", "monops x", (Value("time", "30d", "7d"),))
    assert world.prometheus.retention == "7d"
    is_whole(world)


def test_what_does_not_come_up_is_taken_back_and_says_why(world: ChangeWorld) -> None:
    before = dict(world.files.texts)
    shop = world.shop()
    with pytest.raises(TakenBack, match="it ended with 1: its last words; the change was taken back") as error:
        apply(shop, retention(shop, "13d"), within=WITHIN)
    assert error.value.remedy == "monops history 1"
    assert [word for _, word in world.history.saved] == ["prepared", "written", "applied", "reverting", "rolled back"]
    assert world.files.texts == before
    is_whole(world)


def test_a_server_that_reports_something_else_is_taken_back(world: ChangeWorld) -> None:
    shop = world.shop()
    plan = retention(shop)
    wanted = msgspec.structs.replace(plan.expected[0], wanted={"time": "1", "size": ""})
    with pytest.raises(TakenBack, match="prometheus reports time 604800, not 1"):
        apply(shop, msgspec.structs.replace(plan, expected=(wanted,)), within=WITHIN)
    is_whole(world)
    assert world.prometheus.retention == "30d"


@pytest.mark.parametrize("time", ["7d", "13d"])
@pytest.mark.parametrize("again", [None, 0, 1, 2, 3])
def test_killed_before_any_act_the_next_run_finishes_or_takes_back(
    tmp_path: Path, time: str, again: int | None
) -> None:
    """Also where the next run is killed as well."""
    for ends_at in range(12):
        world = ChangeWorld(tmp_path / str(ends_at))
        shop = world.shop(ends_at)
        try:
            apply(shop, retention(shop, time), within=WITHIN)
        except (Killed, TakenBack):
            pass
        if again is not None:
            try:
                recover(world.shop(again), FOLDER)
            except Killed:
                pass
        recover(world.shop(), FOLDER)
        is_whole(world)
        if time == "13d":
            assert world.prometheus.retention == "30d"
        assert recover(world.shop(), FOLDER) == ()


def test_what_was_interrupted_is_said(world: ChangeWorld) -> None:
    shop = world.shop(3)
    with pytest.raises(Killed):
        apply(shop, retention(shop), within=WITHIN)
    (said,) = recover(world.shop(), FOLDER)
    assert said == "change 1 (retention of Prometheus: time 30d → 7d) was interrupted: it is finished now"
    assert world.world.progress.said[-1] == said


def test_a_file_that_was_edited_meanwhile_is_left_alone(world: ChangeWorld) -> None:
    shop = world.shop()
    plan = retention(shop)
    world.files.texts[COMPOSE] += "# mine\n"
    with pytest.raises(Refused, match="was edited meanwhile"):
        check(shop, plan)
    with pytest.raises(TakenBack, match=r"was edited meanwhile; nothing was changed$") as error:
        apply(shop, plan, within=WITHIN)
    assert world.files.texts[COMPOSE].endswith("# mine\n")
    assert state(world) == "rolled back"
    assert world.docker.made == []
    assert error.value.remedy == "monops x"


def test_a_file_that_was_torn_while_it_was_written_in_place_is_put_right(world: ChangeWorld) -> None:
    """A full disk in the middle of a write: nothing was written whole, and not nothing either."""
    shop = world.shop()
    edit = FileEdit(path=CONFIG, before="global: {}\n", after="global: {a: 1}\n", in_place=True)
    original = world.files.replace

    def replace_(path: str, text: str | None, **more: Any) -> None:
        if text == edit.after:
            world.files.texts[CONFIG] = "global: {a"
            raise Refused(f"cannot write {path}: No space left on device", remedy="df -h")
        more["expected"] = (*more["expected"], "global: {a")
        original(path, text, **more)

    world.files.replace = replace_  # type: ignore[method-assign]
    with pytest.raises(TakenBack, match="No space left on device; the change was taken back"):
        apply(shop, plan_of(world, edit, means=Means.RELOAD), within=WITHIN)
    assert world.files.texts[CONFIG] == "global: {}\n"


def test_an_edit_during_the_change_survives_its_way_back(world: ChangeWorld) -> None:
    shop = world.shop()
    plan = retention(shop, "13d")
    original = world.make

    def make(service: str) -> None:
        original(service)
        if "13d" in world.files.texts[COMPOSE]:
            world.files.texts[COMPOSE] += "# mine\n"

    world.make = make  # type: ignore[method-assign]
    with pytest.raises(TakenBack, match=r"did not go well either: .* was edited meanwhile"):
        apply(shop, plan, within=WITHIN)
    assert world.files.texts[COMPOSE].endswith("# mine\n")
    assert state(world) == "rolled back"


def test_an_engine_that_goes_away_leaves_the_rest_to_the_next_run(world: ChangeWorld) -> None:
    shop = world.shop()
    plan = retention(shop)
    gone = EngineUnreachable("no Docker engine answers", remedy="start it")

    def act(what: str) -> None:
        if what.startswith("make"):
            raise gone

    world.world.life.act = act  # type: ignore[method-assign]
    with pytest.raises(EngineUnreachable, match="the old files are back") as error:
        apply(shop, plan, within=WITHIN)
    assert error.value.remedy.endswith("monops history")
    del world.world.life.act
    assert state(world) == "reverting"
    assert recover(world.shop(), FOLDER) == (
        "change 1 (retention of Prometheus: time 30d → 7d) was interrupted: it was taken back",
    )
    is_whole(world)


def test_one_change_at_a_time(world: ChangeWorld) -> None:
    shop = world.shop()
    plan = retention(shop)
    world.history.is_held = True
    with pytest.raises(Locked):
        apply(shop, plan, within=WITHIN)
    assert world.history.kept == {}


# --- before anything is touched --------------------------------------------------------------------


def test_what_would_move_another_service_too_is_refused(world: ChangeWorld) -> None:
    edit = FileEdit(path=f"{FOLDER}/.env", before=None, after="KEEP_FOR=2\n")
    with pytest.raises(Refused, match="would change other too"):
        check(world.shop(), plan_of(world, edit))


def test_what_compose_or_promtool_refuses_is_refused(world: ChangeWorld) -> None:
    edit = FileEdit(path=COMPOSE, before=world.text, after="a: [")
    with pytest.raises(ConfigurationError, match="not a Compose file"):
        check(world.shop(), plan_of(world, edit))
    edit = FileEdit(path=CONFIG, before="global: {}\n", after="wrong: 1\n")
    with pytest.raises(ConfigurationError, match=r"promtool refuses the changed .*: parsing: field wrong"):
        check(world.shop(), plan_of(world, edit, means=Means.RELOAD))


def test_a_setting_that_promtool_does_not_know_is_named_with_the_command_without_it(world: ChangeWorld) -> None:
    shop = replace(
        world.shop(),
        tools=FakeTools("yaml: unmarshal errors:\n  line 1: field wrong not found in type config.plain"),
        command="monops remote-write set http://x/ --set wrong=1",
    )
    edit = FileEdit(path=CONFIG, before="global: {}\n", after="wrong: 1\n")
    with pytest.raises(ConfigurationError, match=f"promtool refuses the setting wrong in {CONFIG}") as caught:
        check(shop, plan_of(world, edit, means=Means.RELOAD))
    assert caught.value.remedy == "monops remote-write set http://x/"


def test_a_file_that_was_broken_before_is_no_fault_of_the_change(world: ChangeWorld) -> None:
    world.files.texts[CONFIG] = "wrong: 1\n"
    edit = FileEdit(path=CONFIG, before="wrong: 1\n", after="wrong: 1\nglobal: {}\n")
    with pytest.raises(ConfigurationError, match="even as it is") as caught:
        check(world.shop(), plan_of(world, edit, means=Means.RELOAD))
    # Where promtool is, and the file as it has it.
    assert caught.value.remedy == (
        "docker exec p-prometheus-1 promtool check config --syntax-only /etc/prometheus/prometheus.yml"
    )


def test_a_read_only_file_is_refused(world: ChangeWorld) -> None:
    world.files.read_only.add(COMPOSE)
    shop = world.shop()
    with pytest.raises(Refused, match="read-only"):
        check(shop, retention(shop))


def test_a_secret_for_another_user_is_refused_to_all_but_root_with_the_command_again(world: ChangeWorld) -> None:
    secret = FileEdit(path=f"{FOLDER}/secrets/s", before=None, after="s", mode=0o600, owner=65534, is_secret=True)
    plan = plan_of(world, secret)
    assert check(world.shop(), plan) == ()
    world.files.user = 1000
    with pytest.raises(Refused, match="only root may give a file to user 65534") as error:
        check(world.shop(), plan)
    assert error.value.remedy == "sudo monops x"


def test_a_container_that_is_not_as_its_files_say_is_warned_of(world: ChangeWorld) -> None:
    assert check(world.shop(), retention(world.shop())) == ()
    world.files.texts[COMPOSE] = world.files.texts[COMPOSE].replace("v1", "v2")
    (warning,) = check(world.shop(), retention(world.shop()))
    assert "p-prometheus-1 is not as its files say even now" in warning


def test_a_container_whose_limits_monops_has_changed_is_as_its_files_say(world: ChangeWorld) -> None:
    after = world.text.replace("    image: prom", "    mem_limit: 2g\n    image: prom")
    edit = FileEdit(path=COMPOSE, before=world.text, after=after)
    apply(world.shop(), plan_of(world, edit, means=Means.UPDATE), within=WITHIN)
    assert check(world.shop(), retention(world.shop())) == ()


def test_a_disk_that_is_full_does_not_stop_the_way_back(world: ChangeWorld) -> None:
    shop = world.shop()
    plan = retention(shop)
    original = world.history.save

    def save(entry: Entry) -> None:
        if entry.state is not State.PREPARED:
            raise Refused("cannot keep: No space left on device", remedy="df -h")
        original(entry)

    world.history.save = save  # type: ignore[method-assign]
    with pytest.raises(Refused, match="No space left"):
        apply(shop, plan, within=WITHIN)
    assert world.files.texts[COMPOSE] == world.text
    world.history.save = original  # type: ignore[method-assign]
    recover(world.shop(), FOLDER)
    assert state(world) == "rolled back"
    is_whole(world)


def test_limits_are_given_to_the_running_container_and_taken_back(world: ChangeWorld) -> None:
    step = Step(
        means=Means.UPDATE,
        service="prometheus",
        interrupts="nothing",
        limits={"Memory": 2},
        limits_before={"Memory": 1},
    )
    plan = Plan(site=world.site, title="t", values=(), edits=(), steps=(step,))
    apply(world.shop(), plan, within=WITHIN)
    apply(world.shop(), plan_undo(world.shop(), FOLDER, None), within=WITHIN)
    assert world.world.engine.updated == [("id-prometheus", {"Memory": 2}), ("id-prometheus", {"Memory": 1})]


# --- undo ------------------------------------------------------------------------------------------


def done(world: ChangeWorld, time: str) -> None:
    shop = world.shop()
    apply(shop, retention(shop, time), within=WITHIN)


def test_undo_takes_back_one_after_the_other(world: ChangeWorld) -> None:
    done(world, "7d")
    done(world, "8d")
    for left in ("7d", "30d"):
        shop = world.shop()
        apply(shop, plan_undo(shop, home(shop), None), within=WITHIN)
        assert world.prometheus.retention == left
        is_whole(world)
    with pytest.raises(NotFound, match="no change to undo"):
        plan_undo(world.shop(), FOLDER, None)
    assert [(entry.id, is_undone) for entry, is_undone in history(world.shop(), FOLDER)] == [
        (1, True), (2, True), (3, False), (4, False),
    ]  # fmt: skip


def test_undoing_an_undo_brings_the_change_back(world: ChangeWorld) -> None:
    done(world, "7d")
    apply(world.shop(), plan_undo(world.shop(), FOLDER, None), within=WITHIN)
    plan = plan_undo(world.shop(), FOLDER, 2)
    assert plan.title == "redo: retention of Prometheus: time 30d → 7d"
    apply(world.shop(), plan, within=WITHIN)
    assert world.prometheus.retention == "7d"
    assert history(world.shop(), FOLDER)[0][1] is False


def test_an_edit_elsewhere_stays_and_one_in_the_same_place_refuses_the_undo(world: ChangeWorld) -> None:
    done(world, "7d")
    world.files.texts[COMPOSE] = "# mine\n" + world.files.texts[COMPOSE]
    plan = plan_undo(world.shop(), FOLDER, None)
    assert "was edited since" in plan.warnings[0]
    assert plan.edits[0].after == "# mine\n" + world.text
    world.files.texts[COMPOSE] = world.files.texts[COMPOSE].replace("=7d", "=9d")
    with pytest.raises(Refused, match="in the same place"):
        plan_undo(world.shop(), FOLDER, None)


@pytest.mark.parametrize(("number", "says"), [(9, "there is no change 9"), (1, "was undone already")])
def test_a_change_that_cannot_be_undone_says_why(world: ChangeWorld, number: int, says: str) -> None:
    done(world, "7d")
    apply(world.shop(), plan_undo(world.shop(), FOLDER, None), within=WITHIN)
    with pytest.raises(NotFound, match=says):
        plan_undo(world.shop(), FOLDER, number)


def test_what_was_rolled_back_cannot_be_undone(world: ChangeWorld) -> None:
    shop = world.shop()
    with pytest.raises(TakenBack):
        apply(shop, retention(shop, "13d"), within=WITHIN)
    assert world.history.entries()[0].state is State.ROLLED_BACK
    with pytest.raises(NotFound, match="is rolled back"):
        plan_undo(world.shop(), FOLDER, 1)


def test_home_is_found_without_a_file_at_hand(world: ChangeWorld) -> None:
    assert home(world.shop(own_file=None)) == FOLDER
    world.world.engine.found.clear()
    with pytest.raises(NotFound, match="there is no stack"):
        home(world.shop(own_file=None))
