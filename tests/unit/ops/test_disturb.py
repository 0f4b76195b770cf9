"""A container that was disturbed is put back, also when the disturbing itself was cut short."""

from __future__ import annotations

import pytest
from tests.fakes.backup_world import BackupWorld

from monops.domain.errors import EngineError, Terminated
from monops.ops.disturb import paused, repair, stopped

NAME = "p-prometheus-1"


def _cut_short(world: BackupWorld, act: str, *, times: int = 1) -> None:
    """The signal comes while the engine is at it."""
    left = [times]

    def before(what: str) -> None:
        if what == f"{act} {NAME}" and left[0]:
            left[0] -= 1
            raise Terminated

    world.engine.before = before


def _killed(world: BackupWorld) -> None:
    world.machine.pid, world.machine.alive = 2, {2}


def test_a_stop_that_was_cut_short_is_waited_for_before_the_start(world: BackupWorld) -> None:
    _cut_short(world, "stop")
    container = world.engine.container(NAME)
    with pytest.raises(Terminated), stopped(world.outside(), container):
        pass
    assert world.engine.acts == [f"stop {NAME}", f"start {NAME}"]
    assert world.journal.notes == {}


def test_a_kill_during_a_stop_is_mended_by_stopping_to_the_end_and_starting(world: BackupWorld) -> None:
    world.journal.open({"kind": "stopped", "container": "id-prometheus", "name": NAME, "stopping": True})
    _killed(world)
    assert repair(world.outside()) == (f"started {NAME} again, which an interrupted run had stopped",)
    assert world.engine.acts == [f"stop {NAME}", f"start {NAME}"]
    assert world.journal.notes == {}


def test_a_kill_after_the_stop_is_mended_without_another(world: BackupWorld) -> None:
    world.engine.before = lambda act: None
    world.journal.open({"kind": "stopped", "container": "id-prometheus", "name": NAME})
    _killed(world)
    repair(world.outside())
    assert world.engine.acts == [f"start {NAME}"]


def test_the_note_says_when_the_stop_is_done(world: BackupWorld) -> None:
    with stopped(world.outside(), world.engine.container(NAME)):
        assert [note.get("stopping") for _, note in world.journal.notes.values()] == [None]
    assert world.engine.acts == [f"stop {NAME}", f"start {NAME}"]
    assert world.journal.notes == {}


def test_a_pause_that_a_killed_run_asked_for_is_undone_although_it_came_late(world: BackupWorld) -> None:
    """The engine may still be about it when the next run looks: the container does not seem paused then."""
    world.journal.open({"kind": "paused", "container": "id-prometheus", "name": NAME})
    _killed(world)
    repair(world.outside())
    assert world.engine.acts == [f"unpause {NAME}"]
    assert world.journal.notes == {}


def test_a_pause_that_never_came_is_no_fault(world: BackupWorld) -> None:
    def before(act: str) -> None:
        if act.startswith("unpause"):
            raise EngineError("it is not paused", remedy="docker info")

    world.engine.before = before
    world.journal.open({"kind": "paused", "container": "id-prometheus", "name": NAME})
    _killed(world)
    repair(world.outside())
    assert world.journal.notes == {}


def test_a_paused_container_runs_again_whatever_happens(world: BackupWorld) -> None:
    with pytest.raises(Terminated), paused(world.outside(), world.engine.container(NAME)):
        raise Terminated
    assert world.engine.acts == [f"pause {NAME}", f"unpause {NAME}"]
    assert world.journal.notes == {}
