"""Every change of a setting that was begun has ended.

A monops that was killed, or a machine that lost power, can leave a change half made: the files say one thing and the
containers another. The next command that changes something finishes it or takes it back, and so does `monops history`.
A change that is being made at this moment is none. Source: docs/design/changes.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, OpenChange, known
from monops.domain.finding import Finding, Fix, Risk, Severity

#: How far it came -> what is true now.
_MEANS = {
    "prepared": "a file may be written already, and nothing runs with it",
    "written": "the files are written, and it is not known what runs with them",
    "applied": "files and containers are changed, and nobody has looked whether it works",
    "reverting": "it did not work and was being taken back",
}


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each change that is open."""
    for change in known(facts.open_changes):
        yield Finding(
            severity=Severity.ERROR,
            subject=f"change {change.id}",
            cause=f"{change.title}: it was interrupted: {_MEANS.get(change.state, change.state)}",
            evidence=(f"{change.folder}/.monops/changes/{change.id:04}.json: {change.state}, begun {change.started}",),
            fix=Fix(
                say="Finish it, or take it back where it does not work: monops history does so first.",
                command="monops history",
                risk=Risk.INTERRUPTS,
            ),
        )


def _interrupted(facts: Facts, state: str) -> Facts:
    change = OpenChange(
        id=7,
        title="retention: time 15d \u2192 30d",
        started="2026-07-01T03:00:00+00:00",
        state=state,
        folder="/srv/monitoring",
    )
    return replace(facts, open_changes=(change,))


CHECK = Check(
    id="stack.unfinished_change",
    well="no change of a setting was interrupted",
    reads=("open_changes",),
    judge=judge,
    sick=tuple(
        Sick(
            what=f"a change that was interrupted when it was {state}",
            facts=lambda facts, state=state: _interrupted(facts, state),  # type: ignore[misc]
            severity=Severity.ERROR,
            says="it was interrupted",
        )
        for state in ("written", "reverting")
    ),
)
