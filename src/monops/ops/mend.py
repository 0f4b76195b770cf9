"""What every command that changes something does first: undo or finish what a killed run left half done."""

from __future__ import annotations

from contextlib import suppress

from monops.domain.errors import EngineError
from monops.ops.disturb import repair
from monops.ops.outside import Outside
from monops.ops.restore_in_place.repair import repair_restores


def mend(outside: Outside) -> tuple[str, ...]:
    """Nothing of an earlier run is half done; a sentence, also said to the person, for each thing that was."""
    if outside.journal.abandoned():
        # A helper container of the killed run might still be renaming.
        with suppress(EngineError):
            outside.engine.clear_leftovers()
    done = (*repair(outside), *repair_restores(outside))
    for line in done:
        outside.progress.say(line)
    return done
