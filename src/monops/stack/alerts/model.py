"""What an alert and a recording rule are, and how they become a rule file of Prometheus."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import yaml

from monops.domain.units import parse_duration

Severity = Literal["critical", "warning", "info", "none"]
#: Who is asked to act: those who run the machines and this stack, or those who run the application.
Team = Literal["platform", "orchestrator"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alerting rule."""

    name: str
    expr: str
    #: How long the expression must hold, as Prometheus writes it; "" fires at once.
    holds_for: str = ""
    severity: Severity
    team: Team
    summary: str
    #: With the value in it; never in a label, where each new value would be a new alert.
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One recording rule: an expression that a dashboard and an alert share."""

    name: str
    expr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleGroup:
    """One file of `rules/` with one group of the same name."""

    name: str
    #: What the file says at its top.
    about: str
    rules: tuple[Alert | Record, ...]

    @property
    def alerts(self) -> tuple[Alert, ...]:
        return tuple(rule for rule in self.rules if isinstance(rule, Alert))

    @property
    def records(self) -> tuple[Record, ...]:
        return tuple(rule for rule in self.rules if isinstance(rule, Record))


@dataclass(frozen=True, slots=True)
class TimeScale:
    """Shortens durations, to rehearse in minutes what production does in hours; 1 changes nothing."""

    factor: float = 1.0

    def duration(self, text: str) -> str:
        """`5m` scaled, as Prometheus writes it. Never shorter than a second."""
        if self.factor == 1 or not text:
            return text
        return f"{max(1, self._seconds(text))}s"

    def expression(self, text: str) -> str:
        """Every range `[5m]` in a PromQL expression scaled, but to no less than 5 s: a rate needs samples."""
        if self.factor == 1:
            return text
        return re.sub(r"\[(\w+)\]", lambda found: f"[{max(5, self._seconds(found[1]))}s]", text)

    def _seconds(self, text: str) -> int:
        return round(parse_duration(text).total_seconds() * self.factor)


class _Dumper(yaml.SafeDumper):
    """Block style that a person can read and edit: lists indented, long text on lines of its own."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        del indentless
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def rule_file(group: RuleGroup, scale: TimeScale, head: str) -> str:
    """The text of the group's file; `head` stands above it as a comment."""
    rules = [_rule(rule, scale) for rule in group.rules]
    body = as_yaml({"groups": [{"name": group.name, "rules": rules}]})
    comment = "".join(f"# {line}\n" for line in [*head.splitlines(), group.about])
    return comment + body


def as_yaml(content: Mapping[str, object] | Sequence[object]) -> str:
    """YAML in the order given, without line breaks inside expressions."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=True)


def _rule(rule: Alert | Record, scale: TimeScale) -> dict[str, object]:
    expr = scale.expression(rule.expr.strip())
    if isinstance(rule, Record):
        return {"record": rule.name, "expr": expr}
    timing = {"for": scale.duration(rule.holds_for)} if rule.holds_for else {}
    return {
        "alert": rule.name,
        "expr": expr,
        **timing,
        "labels": {"severity": rule.severity, "team": rule.team},
        "annotations": {
            "summary": rule.summary,
            "description": rule.description,
            "runbook_url": runbook_url(rule.name),
        },
    }


def runbook_url(alert: str) -> str:
    """Where the page for an alert is: Prometheus itself serves it, so it is there when nothing else is."""
    return "{{ $externalURL }}/user/" + alert + ".html"
