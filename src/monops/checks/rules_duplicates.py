"""No rule is there twice.

Two recording rules that write the same series overwrite each other: which value is seen is a matter of luck, and
Prometheus rejects one of them as a duplicate sample. The same alert in two files is evaluated twice. Both happen when a
file is copied and the old one stays where `rule_files` finds it.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._alerting import with_rules
from monops.checks._healthy import WATCHDOG, rule
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, Rule, known
from monops.domain.finding import Finding, Fix, Severity

_Key = tuple[str, str, tuple[tuple[str, str], ...], str]


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each rule that is there more than once."""
    places: dict[_Key, list[tuple[str, str]]] = {}
    for group in known(facts.prometheus_rules):
        for found in group.rules:
            places.setdefault(_key(found), []).append((f"{group.file}, group {group.name}", found.expr))
    for (kind, name, _, _), where in places.items():
        if len(where) == 1:
            continue
        is_alert = kind == "alerting"
        alike = "from the same expression" if len({expr for _, expr in where}) == 1 else "from different expressions"
        yield Finding(
            severity=Severity.WARNING,
            subject=f"{'alert' if is_alert else 'recording rule'} {name}",
            cause=f"it is there {len(where)} times with the same labels and expression"
            if is_alert
            else f"{len(where)} rules record it with the same labels, {alike}, and overwrite each other",
            evidence=tuple(f"{place}: {expr}" for place, expr in where),
            fix=Fix(say="Keep one of them and reload Prometheus."),
        )


def _key(found: Rule) -> _Key:
    labels = tuple(sorted(found.labels.items()))
    # One alert may have several expressions; what two of them record collides.
    return (found.kind, found.name, labels, found.expr if found.kind == "alerting" else "")


CHECK = Check(
    id="rules.duplicates",
    well="no rule is there twice",
    reads=("prometheus_rules",),
    needs=("prometheus",),
    judge=judge,
    sick=(
        Sick(
            what="an alert that is there twice",
            facts=lambda facts: with_rules(facts, WATCHDOG),
            severity=Severity.WARNING,
            says="it is there 2 times",
        ),
        Sick(
            what="two expressions that are recorded as one series",
            facts=lambda facts: with_rules(
                facts,
                rule("job:up:sum", "sum by (job) (up)", kind="recording", labels={}, annotations={}),
                rule("job:up:sum", "count by (job) (up == 1)", kind="recording", labels={}, annotations={}),
            ),
            severity=Severity.WARNING,
            says="overwrite each other",
        ),
    ),
)
