"""Finishing or taking back what a killed run left: done by every command that changes something, and by `history`."""

from __future__ import annotations

from monops.domain.change import Entry, State
from monops.domain.ports.changing import Changes
from monops.ops.change import TakenBack, carry_on, take_back
from monops.ops.workshop import Workshop


def recover(shop: Workshop, folder: str) -> tuple[str, ...]:
    """A sentence, also said to the person, for each change that was interrupted. Raises Locked, EngineUnreachable."""
    changes = shop.bench.changes(folder)
    if not any(entry.state.is_open for entry in changes.entries()):
        return ()
    done = []
    with changes.lock():
        for entry in changes.entries():
            if entry.state.is_open:
                done.append(_recovered(shop, changes, entry))
                shop.outside.progress.say(done[-1])
    return tuple(done)


def _recovered(shop: Workshop, changes: Changes, entry: Entry) -> str:
    what = f"change {entry.id} ({entry.plan.title}) was interrupted"
    if entry.state in (State.PREPARED, State.REVERTING):
        # Nothing had been taken over, or it was going back already.
        failed = take_back(shop, changes, entry, entry.reason or "interrupted")
        return f"{what}: it was taken back" + (f"; {failed.trouble}" if failed.trouble else "")
    try:
        carry_on(shop, changes, entry)
    except TakenBack as error:
        return f"{what}, and did not work: {error.message}"
    return f"{what}: it is finished now"
