"""The end of an in-place restore: delete the data from before, or bring them back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from monops.domain.errors import NotFound, Refused, RestoreFailed
from monops.domain.ports import VolumeWriter
from monops.ops.capture import Target
from monops.ops.outside import Outside
from monops.ops.restore_in_place.health import HEALTHY_WITHIN, wait_until_well
from monops.ops.restore_in_place.plan import refuse_open_restore
from monops.ops.restore_in_place.repair import repair_place, repair_restores
from monops.ops.restore_in_place.state import Phase, State, clear, load, remembered, save
from monops.ops.restore_in_place.undo import undo


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What was done."""

    #: "commit" or "rollback".
    verb: str
    sources: tuple[str, ...]
    seconds: float


def commit(targets: Sequence[Target], outside: Outside) -> Ended:
    """The data from before are gone for good. Raises NotFound where no restore waits."""
    return _each("commit", targets, outside, _commit)


def rollback(targets: Sequence[Target], outside: Outside, *, healthy_within: timedelta = HEALTHY_WITHIN) -> Ended:
    """The data from before are back and their services well; what was written since the restore is gone.

    Also takes back a restore that was interrupted. Raises NotFound where none is open, and RestoreFailed where a
    service is sick on the data from before.
    """

    def back(writer: VolumeWriter, state: State, target: Target) -> None:
        state = undo(writer, state, target.place, outside)
        # The recorded answers are those of the restored data.
        state = msgspec.structs.replace(state, golden=(), blocks=None)
        health = wait_until_well(outside, state, within=healthy_within, is_fresh=False)
        if not health.is_well:
            raise RestoreFailed(
                f"the data from before are back, but {target.name} is not well on them: {health.reason}",
                remedy=f"docker logs --tail 50 {state.service.name if state.service else target.name}",
            )

    return _each("rollback", targets, outside, back)


def _commit(writer: VolumeWriter, state: State, target: Target) -> None:
    del target
    save(writer, state, phase=Phase.COMMITTING)
    clear(writer)


def _each(
    verb: str, targets: Sequence[Target], outside: Outside, act: Callable[[VolumeWriter, State, Target], None]
) -> Ended:
    begun = outside.clock.monotonic()
    done = []
    for target in targets:
        if target.place.volume or target.place.path:
            with outside.volumes.writer(target.place) as writer:
                state = _open_state(verb, writer, target, outside)
                if state is not None:
                    note = outside.journal.open(remembered(target.place, target.name))
                    act(writer, save(writer, state, by=dict(outside.machine.identity())), target)
                    outside.journal.close(note)
                    done.append(target.name)
    # The notes of a killed run whose volumes were put right above are closed by this too.
    repaired = repair_restores(outside)
    for line in repaired:
        outside.progress.say(line)
    if not done and not repaired:
        raise NotFound(
            f"there is no restore to {verb}",
            remedy="see what there is to restore: monops snapshots",
        )
    return Ended(verb=verb, sources=tuple(done), seconds=round(outside.clock.monotonic() - begun, 3))


def _open_state(verb: str, writer: VolumeWriter, target: Target, outside: Outside) -> State | None:
    """The restore that may be ended in this volume, if any. Raises Locked for one that still runs, and Refused."""
    state = load(writer)
    if state is None or state.phase is Phase.DONE:
        return state
    if outside.machine.is_alive(state.by):
        refuse_open_restore(writer, state, outside)
    if state.phase is Phase.COMMITTING:
        if verb == "commit":
            return state
        raise Refused(
            f"the data from before in {writer.place} are deleted in part already: an interrupted commit",
            remedy=f"monops restore commit {target.name}",
        )
    if verb == "rollback":
        # Whoever left it open, also on another machine: a person says that it is to go.
        return state
    # It may be well on the new data: then it can be committed.
    outside.progress.say(repair_place(outside, target.place))
    state = load(writer)
    if state is not None and state.phase is not Phase.DONE:
        refuse_open_restore(writer, state, outside)
    return state
