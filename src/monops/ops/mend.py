"""What every command that changes something does first: undo or finish what a killed run left half done."""

from __future__ import annotations

from monops.ops.disturb import repair
from monops.ops.outside import Outside
from monops.ops.restore_in_place.repair import repair_restores


def mend(outside: Outside) -> tuple[str, ...]:
    """Nothing of an earlier run is half done; a sentence, also said to the person, for each thing that was."""
    done = (*repair(outside), *repair_restores(outside))
    for line in done:
        outside.progress.say(line)
    return done
