"""The templates of every alert can be filled in.

A template that fails does not fail the rule: Prometheus puts the error where the text should be, and that is what
people read when the alert fires. It shows only while the alert is there. A template that asks for a label which the
alert does not have yields nothing, or `<no value>`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._alerting import tidy
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.ports import RuleAlert

#: Source: prometheus/prometheus, rules/alerting.go: what stands in for a text that cannot be made.
_FAILED = "<error expanding template"
_EMPTY = "<no value>"


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each template of an alert that fails."""
    seen = set()
    for alert in known(facts.prometheus_alerts):
        for kind, texts in (("annotation", alert.annotations), ("label", alert.labels)):
            for name, text in texts.items():
                key = (alert.labels.get("alertname", ""), kind, name)
                if (_FAILED in text or _EMPTY in text) and key not in seen:
                    seen.add(key)
                    yield _finding(*key, text)


def _finding(alert: str, kind: str, name: str, text: str) -> Finding:
    why = "cannot be filled in, so people read the error" if _FAILED in text else "asks for something that is not there"
    return Finding(
        severity=Severity.WARNING,
        subject=f"alert {alert}",
        cause=f"the template of its {kind} {name} {why}",
        evidence=(f"/api/v1/alerts: {name}: {tidy(text)[:200]}",),
        fix=Fix(say=f"Mend the template of the {kind} {name} in the rule file and reload Prometheus."),
    )


def _with_text(facts: Facts, text: str) -> Facts:
    first: RuleAlert = known(facts.prometheus_alerts)[0]
    broken = replace(first, labels={"alertname": "Hot"}, annotations={"summary": text})
    return replace(facts, prometheus_alerts=(first, broken, broken))


CHECK = Check(
    id="rules.templates",
    well="the templates of every alert can be filled in",
    reads=("prometheus_alerts",),
    needs=("prometheus",),
    judge=judge,
    sick=(
        Sick(
            what="a template with an unknown function",
            facts=lambda facts: _with_text(
                facts, '<error expanding template: template: __alert_Hot:1: function "humanise" not defined>'
            ),
            severity=Severity.WARNING,
            says="people read the error",
        ),
        Sick(
            what="a template that asks for nothing",
            facts=lambda facts: _with_text(facts, "disk <no value> is full"),
            severity=Severity.WARNING,
            says="asks for something",
        ),
    ),
)
