"""No alert fires for very many things at once.

Twenty and more alerts of one name are one problem told twenty times: whoever is told reads none of them. Group them by
fewer labels, let one alert about the cause inhibit them, or count in the expression instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.ports import RuleAlert

_MANY = 20


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each alert name that fires more than twenty times."""
    firing = [alert for alert in known(facts.prometheus_alerts) if alert.state == "firing"]
    names = Counter(alert.labels.get("alertname", "") for alert in firing)
    for name, number in names.most_common():
        if number <= _MANY:
            break
        label, values = _widest([alert for alert in firing if alert.labels.get("alertname") == name])
        yield Finding(
            severity=Severity.WARNING,
            subject=f"alert {name}",
            cause=f"it fires {number} times at once, which nobody can read",
            evidence=(f"/api/v1/alerts: {number} firing", f"they differ most in {label}: {values} values"),
            fix=Fix(
                say=f"Find what they have in common, and aggregate {label} away in the expression or in group_by.",
                command=f'monops query \'ALERTS{{alertname="{name}",alertstate="firing"}}\'',
            ),
        )


def _widest(alerts: list[RuleAlert]) -> tuple[str, int]:
    values: dict[str, set[str]] = {}
    for alert in alerts:
        for name, text in alert.labels.items():
            values.setdefault(name, set()).add(text)
    name = max(sorted(values), key=lambda one: len(values[one]))
    return name, len(values[name])


def _storm(facts: Facts, number: int) -> Facts:
    (first,) = known(facts.prometheus_alerts)
    many = (replace(first, labels={"alertname": "ServiceDown", "instance": f"worker-{n}"}) for n in range(number))
    return replace(facts, prometheus_alerts=(first, *many))


CHECK = Check(
    id="alerts.storm",
    well="no alert fires for very many things at once",
    reads=("prometheus_alerts",),
    needs=("prometheus",),
    judge=judge,
    healthy=lambda facts: _storm(facts, _MANY),
    sick=(
        Sick(
            what="an alert that fires for 21 workers",
            facts=lambda facts: _storm(replace(facts, prometheus_alerts=known(facts.prometheus_alerts)[:1]), _MANY + 1),
            severity=Severity.WARNING,
            says="21 times at once",
        ),
    ),
)
