"""Running checks over facts: pure. One that crashes, or whose facts are unknown, is reported and stops no other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from monops.domain.check import Check
from monops.domain.facts import Facts, IsUnknown, SeenContainer, Unknown
from monops.domain.finding import Finding, Severity
from monops.domain.stack import service_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one check."""

    check: Check
    findings: tuple[Finding, ...] = ()
    #: Why it could not be told; None where it could.
    unknown: Unknown | None = None
    #: The error of a check that crashed, which is a bug; "" else.
    crash: str = ""
    #: Why the question makes no sense here; "" where it does.
    skipped: str = ""

    @property
    def is_well(self) -> bool:
        return not (self.findings or self.unknown or self.crash or self.skipped)

    @property
    def worst(self) -> Severity | None:
        return max((finding.severity for finding in self.findings), key=lambda one: one.rank, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Every check's outcome, in their order."""

    facts: Facts
    outcomes: tuple[Outcome, ...]

    @property
    def findings(self) -> tuple[tuple[Check, Finding], ...]:
        return tuple((one.check, finding) for one in self.outcomes for finding in one.findings)

    @property
    def unknown(self) -> tuple[Outcome, ...]:
        return tuple(one for one in self.outcomes if one.unknown is not None or one.crash)

    def at_least(self, severity: Severity) -> bool:
        return any(finding.severity.rank >= severity.rank for _, finding in self.findings)


def diagnose(checks: Iterable[Check], facts: Facts) -> Diagnosis:
    """Ask every check."""
    return Diagnosis(facts=facts, outcomes=tuple(_ask(check, facts) for check in checks))


def _ask(check: Check, facts: Facts) -> Outcome:
    missing = [service for service in check.needs if not _has(facts, service)]
    if missing:
        return Outcome(check=check, skipped=f"the stack has no {missing[0]}")
    for name in check.reads:
        fact = getattr(facts, name)
        if isinstance(fact, Unknown):
            return Outcome(check=check, unknown=fact)
    for query in check.queries:
        answer = facts.answers.get(query, Unknown("the query was not asked"))
        if isinstance(answer, Unknown):
            return Outcome(check=check, unknown=answer)
    try:
        return Outcome(check=check, findings=tuple(check.judge(facts)))
    except IsUnknown as error:
        return Outcome(check=check, unknown=error.unknown)
    except Exception as error:  # noqa: BLE001 - a bug in one check must not hide what the others found
        return Outcome(check=check, crash=f"{type(error).__name__}: {error}")


def _has(facts: Facts, service: str) -> bool:
    """Whether the stack has a service; where that is unknown the check itself will be."""
    containers: tuple[SeenContainer, ...] | Unknown = facts.containers
    if isinstance(containers, Unknown) or (not containers and isinstance(facts.compose_model, Unknown)):
        return True
    declared = () if isinstance(facts.compose_model, Unknown) else tuple(facts.compose_model.get("services") or {})
    return service in declared or any(service in (one.service, service_of(one.container)) for one in containers)
