"""No alert has its value in a label.

Labels are what an alert is known by. With `{{ $value }}` in one, every evaluation with another value is another alert:
`for` begins anew each time, so the alert may never fire, and when it does people are told again and again. The value
belongs into an annotation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from monops.checks._alerting import alert_rules, with_rules
from monops.checks._healthy import rule
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Severity

_VALUE = re.compile(r"\{\{[^}]*(\$value\b|\.Value\b)[^}]*\}\}")


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each label with a value in it."""
    for group, found in alert_rules(facts):
        for name, template in found.labels.items():
            if not _VALUE.search(template):
                continue
            effect = "its for may never be reached" if found.holds_for else "each value is told as a new alert"
            yield Finding(
                severity=Severity.WARNING,
                subject=f"alert {found.name}",
                cause=f"its label {name} has the value in it, so it is another alert whenever the value changes and"
                f" {effect}",
                evidence=(f"{group.file}: labels: {name}: {template}",),
                fix=Fix(say=f"Move the template from the label {name} into an annotation."),
            )


CHECK = Check(
    id="rules.value_in_label",
    well="no alert has its value in a label",
    reads=("prometheus_rules",),
    needs=("prometheus",),
    judge=judge,
    sick=(
        Sick(
            what="the value in a label of an alert with for",
            facts=lambda facts: with_rules(
                facts, rule("Hot", "t > 9", holds_for=60.0, labels={"severity": "info", "now": "{{ $value }}"})
            ),
            severity=Severity.WARNING,
            says="may never be reached",
        ),
        Sick(
            what="the value in a label by way of a function",
            facts=lambda facts: with_rules(
                facts, rule("Hot", "t > 9", labels={"severity": "info", "now": '{{ .Value | printf "%.1f" }}'})
            ),
            severity=Severity.WARNING,
            says="told as a new alert",
        ),
    ),
)
