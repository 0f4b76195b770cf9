"""What becomes of each check: found, unknown, crashed, skipped; and unknown is never healthy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks import all_checks
from monops.checks._healthy import HEALTHY
from monops.domain.check import Check
from monops.domain.diagnosis import diagnose
from monops.domain.facts import Facts, Unknown, known
from monops.domain.finding import Finding, Severity

NOTHING = Facts(now=HEALTHY.now, project="p")


def one(**changes: object) -> Check:
    def judge(facts: Facts) -> Iterator[Finding]:
        known(facts.engine)
        yield Finding(severity=Severity.ERROR, subject="s", cause="c")

    given = {"id": "engine.x", "well": "w", "reads": ("engine",), "judge": judge, "sick": (), **changes}
    return Check(**given)  # type: ignore[arg-type]  # what differs is given by name


def test_a_finding_is_the_outcome_of_a_check_that_could_look() -> None:
    found = diagnose([one()], HEALTHY)
    assert [finding.cause for _, finding in found.findings] == ["c"]
    assert found.at_least(Severity.WARNING)


def test_a_fact_that_is_unknown_is_unknown_and_no_other_check_suffers() -> None:
    found = diagnose([one(), one(id="stack.y", reads=("containers",))], replace(HEALTHY, engine=Unknown("why")))
    first, second = found.outcomes
    assert first.unknown == Unknown("why")
    assert second.unknown == Unknown("why")
    assert not found.findings
    assert len(found.unknown) == 2


def test_a_check_that_crashes_is_reported_and_stops_no_other() -> None:
    def crash(facts: Facts) -> Iterator[Finding]:
        yield from ()
        raise KeyError("no such thing")

    found = diagnose([one(judge=crash), one()], HEALTHY)
    assert found.outcomes[0].crash == "KeyError: 'no such thing'"
    assert len(found.findings) == 1
    assert found.unknown == (found.outcomes[0],)


def test_a_question_about_a_service_that_the_stack_has_not_is_skipped_with_the_reason() -> None:
    (outcome,) = diagnose([one(needs=("thanos",))], HEALTHY).outcomes
    assert outcome.skipped == "the stack has no thanos"
    assert not outcome.is_well


def test_where_nothing_could_be_seen_nothing_is_skipped_and_nothing_is_healthy() -> None:
    found = diagnose(all_checks(), NOTHING)
    assert not [one for one in found.outcomes if one.skipped or one.is_well]


def test_without_a_container_and_without_a_file_no_question_is_skipped() -> None:
    found = diagnose(all_checks(), replace(NOTHING, containers=()))
    assert not [one for one in found.outcomes if one.skipped]
