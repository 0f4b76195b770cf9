"""Every check, from its own examples: well on a healthy stack, sick where it must be, unknown where it cannot know."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from monops.checks import all_checks
from monops.checks._healthy import HEALTHY
from monops.domain.check import GROUPS, Check
from monops.domain.diagnosis import Diagnosis, diagnose
from monops.domain.facts import Facts, Unknown
from monops.domain.finding import Finding

CHECKS = all_checks()
SICK = [(check, sick) for check in CHECKS for sick in check.sick]
BLANK = Unknown("blanked")
FACTS = [field.name for field in fields(Facts) if field.name not in ("now", "project", "answers")]


def blank(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, BLANK)


def by_id(check: Check) -> str:
    return check.id


def well(check: Check) -> Facts:
    """The healthy facts of a check: what it did not prepare of its queries is answered with nothing."""
    facts = check.healthy(replace(HEALTHY, answers={}))
    return replace(facts, answers={**dict.fromkeys(check.queries, ()), **facts.answers})


def asked(check: Check, facts: Facts) -> Diagnosis:
    return diagnose([check], facts)


def findings(check: Check, facts: Facts) -> tuple[Finding, ...]:
    (outcome,) = asked(check, facts).outcomes
    assert not outcome.crash, outcome.crash
    assert outcome.unknown is None, outcome.unknown
    return outcome.findings


@pytest.mark.parametrize("check", CHECKS, ids=by_id)
def test_a_healthy_stack_is_well(check: Check) -> None:
    (outcome,) = asked(check, well(check)).outcomes
    assert outcome.is_well, outcome


@pytest.mark.parametrize("check", CHECKS, ids=by_id)
def test_a_check_shows_when_it_is_sick_and_has_a_page(check: Check) -> None:
    assert check.sick
    assert check.group in GROUPS
    assert check.well[0].islower()
    assert not check.well.endswith(".")


@pytest.mark.parametrize(("check", "sick"), SICK, ids=[f"{check.id}: {sick.what}" for check, sick in SICK])
def test_a_sick_stack_is_found_with_its_cause_evidence_and_fix(check: Check, sick: object) -> None:
    from monops.domain.check import Sick

    assert isinstance(sick, Sick)
    found = findings(check, sick.facts(well(check)))
    hits = [one for one in found if sick.says in one.cause]
    assert hits, [one.cause for one in found]
    for one in hits:
        assert one.severity is sick.severity
        assert one.subject
        assert one.evidence
        assert one.fix is not None
        assert one.fix.say.endswith(".")
        assert "\n" not in one.cause


@pytest.mark.parametrize(
    ("check", "name"),
    [(check, name) for check in CHECKS for name in check.reads],
    ids=[f"{check.id}-{name}" for check in CHECKS for name in check.reads],
)
def test_an_unknown_fact_is_never_healthy(check: Check, name: str) -> None:
    for facts in (well(check), *(sick.facts(well(check)) for sick in check.sick)):
        (outcome,) = asked(check, replace(facts, **blank(name))).outcomes
        assert outcome.unknown == BLANK or outcome.skipped, outcome


@pytest.mark.parametrize("check", [check for check in CHECKS if check.queries], ids=by_id)
def test_an_unanswered_query_is_never_healthy(check: Check) -> None:
    for query in check.queries:
        facts = well(check)
        (outcome,) = asked(check, replace(facts, answers={**facts.answers, query: BLANK})).outcomes
        assert outcome.unknown == BLANK


@pytest.mark.parametrize("check", CHECKS, ids=by_id)
def test_a_check_reads_what_it_says_and_nothing_else(check: Check) -> None:
    needs_services = ("containers", "compose_model") if check.needs else ()
    others = [name for name in FACTS if name not in (*check.reads, *check.looks_at, *needs_services)]
    for facts in (well(check), *(sick.facts(well(check)) for sick in check.sick)):
        (before,) = asked(check, facts).outcomes
        (after,) = asked(check, replace(facts, **blank(*others))).outcomes
        assert after == before
