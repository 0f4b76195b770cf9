"""Going back: from any phase, after a failure, after a kill, or because a person wants it."""

from __future__ import annotations

from monops.domain.errors import Refused
from monops.domain.place import Place
from monops.domain.ports import VolumeWriter
from monops.ops.outside import Outside
from monops.ops.restore_in_place import containers
from monops.ops.restore_in_place.state import Phase, State, clear, member, save
from monops.ops.restore_in_place.swap import swap_back


def undo(writer: VolumeWriter, state: State, place: Place, outside: Outside) -> State:
    """The data from before are the data, what ran before runs, and the volume holds nothing of the restore.

    Raises Refused where the data from before are deleted in part: there is no way back then.
    """
    if state.phase is Phase.COMMITTING:
        raise Refused(
            f"the data from before in {writer.place} are deleted in part already",
            remedy=f"monops restore commit {state.source}",
        )
    if state.phase is not Phase.STAGING:
        # What runs on them now is stopped, and noted first: it ran, so it is to run afterwards. Also where nothing was
        # exchanged yet: the engine goes on with a stop whose caller is gone, and a start that comes too early is lost.
        now = tuple(member(c) for c in containers.users(outside.engine, place) if containers.is_running(c))
        is_exchanged = state.phase is not Phase.STOPPING
        state = save(
            writer,
            state,
            phase=Phase.UNDOING if is_exchanged else Phase.STOPPING,
            running=containers.united(state.running, now),
            by=dict(outside.machine.identity()),
        )
        containers.stop(outside, place)
        if is_exchanged:
            swap_back(writer, state)
    containers.start(outside, state.running)
    clear(writer)
    return state
