"""Finish or undo what a killed restore left: asked for by the next run of any command."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum, auto

from monops.domain.errors import MonopsError, Terminated, VolumeMissing
from monops.domain.place import Place
from monops.domain.ports import VolumeWriter
from monops.ops.outside import Outside
from monops.ops.restore_in_place import containers
from monops.ops.restore_in_place.health import HEALTHY_WITHIN, wait_until_well
from monops.ops.restore_in_place.state import Phase, State, clear, clear_leftover, load, place_of, save
from monops.ops.restore_in_place.undo import undo


class Repair(Enum):
    """What an open restore needs."""

    #: Its writer lives, or it waits for a person.
    NOTHING = auto()
    #: Take it back.
    UNDO = auto()
    #: Everything is exchanged and started: see whether it is well.
    CHECK = auto()
    #: A person has decided: delete the old data.
    FINISH = auto()


def decide_repair(phase: Phase, *, writer_lives: bool | None) -> Repair:
    """`writer_lives` is None for a writer on another machine: that machine repairs."""
    if writer_lives is not False or phase is Phase.DONE:
        return Repair.NOTHING
    if phase is Phase.COMMITTING:
        return Repair.FINISH
    return Repair.CHECK if phase is Phase.CHECKING else Repair.UNDO


def repair_restores(outside: Outside, *, healthy_within: timedelta = HEALTHY_WITHIN) -> tuple[str, ...]:
    """No restore is half done; a sentence for each that was.

    What cannot be repaired now (no engine answers) is said and tried again by the next run.
    """
    done = []
    for note_id, note in outside.journal.abandoned():
        if note.get("kind") != "restore":
            continue
        place = place_of(note)
        try:
            sentence = repair_place(outside, place, healthy_within=healthy_within)
        except Terminated:
            raise
        except VolumeMissing as error:
            outside.progress.warn(f"an interrupted restore cannot be repaired: {error.message}")
        except MonopsError as error:
            outside.progress.warn(f"could not repair an interrupted restore in {place.name} yet: {error.message}")
            continue
        else:
            done += [sentence] if sentence else []
        outside.journal.close(note_id)
    return tuple(done)


def repair_place(outside: Outside, place: Place, *, healthy_within: timedelta = HEALTHY_WITHIN) -> str:
    """No restore is half done in one volume; a sentence if one was."""
    with outside.volumes.writer(place) as writer:
        state = load(writer)
        if state is None:
            clear_leftover(writer)
            return ""
        action = decide_repair(state.phase, writer_lives=outside.machine.is_alive(state.by))
        if action is Repair.NOTHING:
            return ""
        if action is Repair.FINISH:
            clear(writer)
            return f"deleted the data from before the restore of {state.source}, as was asked"
        if action is Repair.CHECK:
            return _check(outside, place, writer, state, healthy_within)
        undo(writer, state, place, outside)
        return _undone(state)


def _check(outside: Outside, place: Place, writer: VolumeWriter, state: State, within: timedelta) -> str:
    state = save(writer, state, by=dict(outside.machine.identity()))
    containers.start(outside, state.running)
    health = wait_until_well(outside, state, within=within, is_fresh=False)
    if health.is_well:
        save(writer, state, phase=Phase.DONE)
        return (
            f"the interrupted restore of {state.snapshot} into {state.source} is complete and well; then: "
            f"monops restore commit {state.source}, or: monops restore rollback {state.source}"
        )
    undo(writer, state, place, outside)
    return f"{_undone(state)} ({health.reason})"


def _undone(state: State) -> str:
    if state.phase in (Phase.STAGING, Phase.STOPPING):
        return f"an interrupted restore of {state.source} was taken away; its data were not touched"
    return f"an interrupted restore of {state.source} was undone; the data from before are back"
