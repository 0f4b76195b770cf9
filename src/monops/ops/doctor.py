"""`monops doctor`: gather the facts that the chosen checks read, ask every check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from fnmatch import fnmatchcase

from monops.checks import all_checks
from monops.domain.check import GROUPS, Check
from monops.domain.diagnosis import Diagnosis, diagnose
from monops.domain.errors import UsageFault
from monops.domain.facts import Unknown
from monops.domain.nearest import did_you_mean
from monops.domain.ports import Clock, Inspectors
from monops.ops.gather import gather


def chosen_checks(only: Sequence[str], skip: Sequence[str]) -> tuple[Check, ...]:
    """The checks by id, group or pattern (`targets.*`). Raises UsageFault for a word that means none."""
    checks = all_checks()
    for word in (*only, *skip):
        if not any(_means(word, check) for check in checks):
            names = [*GROUPS, *(check.id for check in checks)]
            raise UsageFault(f"there is no check {word!r}.{did_you_mean(word, names)}", remedy="monops doctor --list")
    return tuple(
        check
        for check in checks
        if (not only or any(_means(word, check) for word in only)) and not any(_means(word, check) for word in skip)
    )


def examine(
    checks: Sequence[Check], inspectors: Inspectors, clock: Clock, *, project: str, within: timedelta
) -> Diagnosis:
    """Every check's outcome, no later than `within` and a moment."""
    # The containers and the file tell which services there are, so which questions make sense.
    names = {"containers", "compose_model"}
    names |= {name for check in checks for name in (*check.reads, *check.looks_at)}
    queries = [query for check in checks for query in check.queries]
    facts = gather(inspectors, clock, project=project, names=names, queries=queries, within=within)
    if facts.containers == () and isinstance(facts.compose_model, Unknown):
        # Neither what should run nor what does: every question about containers would be answered with "all are well".
        nothing = Unknown("no container of the stack was found, and no Compose file", "monops stack up")
        facts = replace(facts, containers=nothing)
    return diagnose(checks, facts)


def _means(word: str, check: Check) -> bool:
    return word in (check.id, check.group) or fnmatchcase(check.id, word)
