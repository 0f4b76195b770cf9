"""Every alert says how bad it is, what is wrong, and what to do.

Whoever is woken by an alert sees its labels and annotations and nothing else. `severity` decides who is told;
`summary` and `description` say what is wrong; `runbook_url` leads to what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._alerting import alert_rules, count, few, with_rules
from monops.checks._healthy import rule
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, Rule
from monops.domain.finding import Finding, Fix, Severity


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each thing that alerts lack."""
    rules = [(group.file, found) for group, found in alert_rules(facts)]
    yield from _lacking(
        [(file, found) for file, found in rules if not found.labels.get("severity")],
        Severity.WARNING,
        "no label severity, so routes by severity pass them over",
        "Give each a label severity: critical, warning or info.",
    )
    yield from _lacking(
        [(file, found) for file, found in rules if not _says_what(found)],
        Severity.WARNING,
        "neither summary nor description, so nobody can tell what is wrong",
        "Give each an annotation summary and one description.",
    )
    for name in ("summary", "description"):
        yield from _lacking(
            [(file, found) for file, found in rules if _says_what(found) and not found.annotations.get(name)],
            Severity.INFO,
            f"no {name}",
            f"Give each an annotation {name}.",
        )
    yield from _lacking(
        [(file, found) for file, found in rules if not found.annotations.get("runbook_url")],
        Severity.INFO,
        "no runbook_url, so whoever is told is not told what to do",
        "Write a page for each and name it in the annotation runbook_url.",
    )


def _says_what(found: Rule) -> bool:
    # `message` was usual before summary and description were.
    return any(found.annotations.get(name) for name in ("summary", "description", "message"))


def _lacking(found: list[tuple[str, Rule]], severity: Severity, what: str, todo: str) -> Iterator[Finding]:
    if not found:
        return
    names = [one.name for _, one in found]
    has = "has" if len(found) == 1 else "have"
    yield Finding(
        severity=severity,
        subject=f"alert {names[0]}" if len(set(names)) == 1 else f"alerts {few(names, 3)}",
        cause=f"{count(len(found), 'alert')} {has} {what}",
        evidence=tuple(
            f"{file}: {few([one.name for where, one in found if where == file], 8)}"
            for file in dict.fromkeys(file for file, _ in found)
        ),
        fix=Fix(say=todo),
    )


def _without(*names: str) -> Rule:
    whole = rule("Bare", "up == 0")
    return replace(whole, annotations={name: text for name, text in whole.annotations.items() if name not in names})


CHECK = Check(
    id="rules.annotations",
    well="every alert says how bad it is, what is wrong and what to do",
    reads=("prometheus_rules",),
    needs=("prometheus",),
    judge=judge,
    sick=(
        Sick(
            what="an alert without severity",
            facts=lambda facts: with_rules(facts, rule("Bare", "up == 0", labels={})),
            severity=Severity.WARNING,
            says="no label severity",
        ),
        Sick(
            what="an alert that says nothing",
            facts=lambda facts: with_rules(facts, _without("summary", "description")),
            severity=Severity.WARNING,
            says="neither summary nor description",
        ),
        Sick(
            what="an alert without a summary",
            facts=lambda facts: with_rules(facts, _without("summary")),
            severity=Severity.INFO,
            says="no summary",
        ),
        Sick(
            what="an alert without a runbook",
            facts=lambda facts: with_rules(facts, _without("runbook_url")),
            severity=Severity.INFO,
            says="not told what to do",
        ),
    ),
)
