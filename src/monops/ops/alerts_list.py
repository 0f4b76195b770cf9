"""What is firing, pending, silenced: Prometheus's view and Alertmanager's, joined by labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from monops.domain.errors import MonopsError
from monops.domain.ports import RoutedAlert, RuleAlert
from monops.ops.live import Live

#: In the order in which a person wants to see them.
STATES = ("firing", "pending", "silenced", "inhibited")
_SEVERITIES = ("critical", "warning", "info", "none", "")
#: Shown in columns of their own.
_COLUMNS = ("alertname", "severity")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertLine:
    """One alert."""

    name: str
    severity: str
    #: "firing", "pending", "silenced" or "inhibited".
    state: str
    #: RFC 3339: since when the condition holds.
    since: str
    #: Without name and severity.
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    #: As Prometheus writes it; "" where only Alertmanager has the alert.
    value: str
    receivers: tuple[str, ...]
    #: Who knows it: "prometheus", "alertmanager".
    seen_by: tuple[str, ...]
    #: The ids of silences, or the fingerprints of alerts, that mute it.
    muted_by: tuple[str, ...]

    @property
    def all_labels(self) -> dict[str, str]:
        return {**self.labels, "alertname": self.name, "severity": self.severity}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertList:
    """Every alert, the worst first."""

    lines: tuple[AlertLine, ...]
    #: service -> why it could not be asked.
    unknown: Mapping[str, MonopsError]


def list_alerts(live: Live) -> AlertList:
    """Raises MonopsError only where neither can be asked: one of the two is reported as unknown."""
    unknown: dict[str, MonopsError] = {}
    rules: tuple[RuleAlert, ...] = ()
    routed: tuple[RoutedAlert, ...] = ()
    try:
        rules = _once(live.of_all(lambda prometheus: prometheus.alerts(), of_rules=True))
    except MonopsError as error:
        unknown["prometheus"] = error
    try:
        routed = live.alertmanager().alerts()
    except MonopsError as error:
        unknown["alertmanager"] = error
    if len(unknown) == 2:
        raise unknown["prometheus"]
    return AlertList(lines=joined(rules, routed), unknown=unknown)


def _once(alerts: Iterable[RuleAlert]) -> tuple[RuleAlert, ...]:
    """Replicas of a Prometheus see the same alerts."""
    found: dict[frozenset[tuple[str, str]], RuleAlert] = {}
    for one in alerts:
        key = frozenset(one.labels.items())
        if key not in found or one.state == "firing":
            found[key] = one
    return tuple(found.values())


def joined(rules: tuple[RuleAlert, ...], routed: tuple[RoutedAlert, ...]) -> tuple[AlertLine, ...]:
    """One line an alert. Alertmanager's labels are Prometheus's and the external ones."""
    left = list(routed)
    lines = []
    # Those with most labels choose first, and of several the one with fewest fits best: one alert's labels may all be
    # another's too.
    for rule in sorted(rules, key=lambda one: -len(one.labels)):
        same = [one for one in left if rule.state == "firing" and rule.labels.items() <= one.labels.items()]
        match = min(same, key=lambda one: len(one.labels), default=None)
        if match is not None:
            left.remove(match)
        lines.append(_line(rule, match))
    lines += [_line(None, one) for one in left]
    return tuple(sorted(lines, key=_order))


def _line(rule: RuleAlert | None, routed: RoutedAlert | None) -> AlertLine:
    labels = routed.labels if routed is not None else rule.labels if rule is not None else {}
    annotations = rule.annotations if rule is not None else routed.annotations if routed is not None else {}
    state = rule.state if rule is not None else "firing"
    muted: tuple[str, ...] = ()
    if routed is not None and (routed.silenced_by or routed.inhibited_by):
        state = "silenced" if routed.silenced_by else "inhibited"
        muted = (*routed.silenced_by, *routed.inhibited_by)
    seen = (("prometheus",) if rule is not None else ()) + (("alertmanager",) if routed is not None else ())
    return AlertLine(
        name=labels.get("alertname", ""),
        severity=labels.get("severity", ""),
        state=state,
        since=rule.active_at if rule is not None else routed.starts_at if routed is not None else "",
        labels={name: value for name, value in sorted(labels.items()) if name not in _COLUMNS},
        annotations=annotations,
        value=rule.value if rule is not None else "",
        receivers=routed.receivers if routed is not None else (),
        seen_by=seen,
        muted_by=muted,
    )


def _order(line: AlertLine) -> tuple[int, int, str, str]:
    severity = _SEVERITIES.index(line.severity) if line.severity in _SEVERITIES else len(_SEVERITIES)
    return STATES.index(line.state), severity, line.name, str(line.labels)
