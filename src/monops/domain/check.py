"""What a health check is: one question, asked of facts alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from monops.domain.facts import Facts
from monops.domain.finding import Finding, Severity


def _as_it_is(facts: Facts) -> Facts:
    return facts


#: In the order in which they are shown.
GROUPS = (
    "engine",
    "stack",
    "prometheus",
    "targets",
    "rules",
    "alerts",
    "alertmanager",
    "grafana",
    "exporters",
    "resources",
    "storage",
    "backups",
    "security",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sick:
    """A situation in which a check must find something."""

    #: `scrape refused because nothing listens`.
    what: str
    #: From the healthy facts to the sick ones.
    facts: Callable[[Facts], Facts]
    severity: Severity
    #: Words that the finding's cause must hold.
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question. The file it is in tells its help page: the module's docstring."""

    #: `group.name`, for ever.
    id: str
    #: What is well where nothing is found: `every target is up`.
    well: str
    #: The names of the facts that it reads: each unknown makes the check's result unknown.
    reads: tuple[str, ...]
    #: Facts whose being unknown is itself what it finds, or is of no weight to it: it looks at them without `known`.
    looks_at: tuple[str, ...] = ()
    #: The queries whose answers it reads.
    queries: tuple[str, ...] = ()
    judge: Callable[[Facts], Iterator[Finding]]
    #: From the facts of a healthy stack to those with what this check needs beyond them: answers to its queries.
    healthy: Callable[[Facts], Facts] = _as_it_is
    sick: tuple[Sick, ...]
    #: Services that the stack must have for the question to make sense; else the check is left out.
    needs: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        return self.id.partition(".")[0]
