"""Exchange old and new data by renames, and back. Every step may be interrupted and run again."""

from __future__ import annotations

from monops.domain.ports import VolumeWriter
from monops.ops.restore_in_place.state import NEW, OLD, TAKEN_BACK, Phase, Root, State, data_names, save


def swap(writer: VolumeWriter, state: State) -> State:
    """The new data are the data, the old ones are in `old/`. Nothing may run on the volume meanwhile."""
    state = save(writer, state, phase=Phase.SWAPPING, old_entries=data_names(writer.names()))
    writer.make(OLD)
    # All the old ones first: `swap_back` can then tell by `old/` alone whose an entry in the root is.
    writer.move([(name, f"{OLD}/{name}") for name in state.old_entries])
    writer.move([(f"{NEW}/{name}", name) for name in state.new_entries])
    _own_root(writer, state.new_root)
    writer.flush()
    return save(writer, state, phase=Phase.STARTING)


def swap_back(writer: VolumeWriter, state: State) -> None:
    """The old data are the data again, however far `swap` or an earlier `swap_back` came.

    What was restored, and what the service has written since, is in `taken-back/`.
    """
    away = set(writer.names(OLD))
    # An entry of the root is an old one if it was there before and is not in `old/`.
    others = [name for name in data_names(writer.names()) if name in away or name not in state.old_entries]
    if others:
        writer.make(TAKEN_BACK)
        left = set(writer.names(TAKEN_BACK))
        # Only there if a server was started on half-exchanged data in between: nothing of value.
        writer.remove([f"{TAKEN_BACK}/{name}" for name in others if name in left])
        writer.move([(name, f"{TAKEN_BACK}/{name}") for name in others])
    writer.move([(f"{OLD}/{name}", name) for name in sorted(away)])
    _own_root(writer, state.old_root)
    writer.flush()


def _own_root(writer: VolumeWriter, root: Root) -> None:
    writer.own("", uid=root.uid, gid=root.gid, mode=root.mode)
