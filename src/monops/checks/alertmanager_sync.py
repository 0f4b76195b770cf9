"""What fires in Prometheus is in Alertmanager.

Prometheus sends each firing alert again every minute. One that fires for longer and is not there was lost on the way:
sent elsewhere, refused, or dropped. Young alerts are not judged, nor is an Alertmanager that has just started: it keeps
no alerts over a restart and has them again within a minute or two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from monops.checks._alerting import age, alert_rules, count, few, prometheus_settings
from monops.checks._reading import of_service, running_for
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.ports import RoutedAlert, RuleAlert
from monops.domain.units import parse_duration

#: What an alert may be on its way, in seconds, beside the resend delay and two evaluations.
_GRACE = 60.0
#: Actions of relabelling that write a label; `replace` where none is named.
#: Source: prometheus/prometheus, model/relabel/relabel.go.
_WRITING = ("replace", "lowercase", "uppercase", "hashmod")


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding with every alert that was lost."""
    delay = parse_duration(known(facts.prometheus_flags).get("rules.alert.resend-delay") or "1m").total_seconds()
    intervals = [group.interval for group in known(facts.prometheus_rules)]
    allowed = delay + 2 * max(intervals, default=60.0) + _GRACE
    there = known(facts.alertmanager_alerts)
    relabelling = _relabelling(prometheus_settings(facts))
    if _is_young(facts, allowed) or _drops_on_purpose(relabelling):
        return
    written = _written(relabelling)
    holds: dict[str, float] = {}
    for _, rule in alert_rules(facts):
        holds[rule.name] = max(holds.get(rule.name, 0.0), rule.holds_for)
    firing = [
        alert
        for alert in known(facts.prometheus_alerts)
        if alert.state == "firing"
        and age(facts, alert.active_at) - holds.get(alert.labels.get("alertname", ""), 0.0) > allowed
    ]
    lost = [alert for alert in firing if not any(_is_same(alert, one, written) for one in there)]
    if lost:
        names = few(alert.labels.get("alertname", "") for alert in lost)
        yield Finding(
            severity=Severity.ERROR,
            subject=f"alert {names}" if len(lost) == 1 else f"alerts {names}",
            cause="it fires in Prometheus and is not in Alertmanager"
            if len(lost) == 1
            else f"{len(lost)} alerts fire in Prometheus and are not in Alertmanager",
            evidence=(
                f"/api/v1/alerts: {count(len(firing), 'alert')} firing for more than {allowed:.0f}s",
                f"/api/v2/alerts: {count(len(there), 'alert')}, {count(len(lost), 'alert')} missing",
            ),
            fix=Fix(
                say="See to which Alertmanager Prometheus sends, and whether it is this one.",
                command="monops doctor --only alertmanager -v",
            ),
        )


def _is_young(facts: Facts, allowed: float) -> bool:
    started = facts.now.timestamp() - known(facts.prometheus_runtime).started_at
    return min([started, *(running_for(one, facts) for one in of_service(facts, "alertmanager"))]) < allowed


def _relabelling(settings: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """What is done to alerts before they are sent: to all, and for one Alertmanager."""
    alerting = settings.get("alerting") or {}
    places = (alerting, *(alerting.get("alertmanagers") or ()))
    return tuple(one for place in places for one in place.get("alert_relabel_configs") or ())


def _drops_on_purpose(relabelling: Iterable[Mapping[str, Any]]) -> bool:
    return any(one.get("action") in ("drop", "keep", "dropequal", "keepequal") for one in relabelling)


def _written(relabelling: Iterable[Mapping[str, Any]]) -> frozenset[str] | None:
    """The labels that relabelling writes; None where their names are known only when it is done."""
    found = set()
    for one in relabelling:
        action = str(one.get("action") or "replace").lower()
        target = str(one.get("target_label") or "")
        if action == "labelmap" or (action in _WRITING and "$" in target):
            return None
        if action in _WRITING:
            found.add(target)
    return frozenset(found)


def _is_same(alert: RuleAlert, other: RoutedAlert, written: frozenset[str] | None) -> bool:
    """Whether Alertmanager has it: with the external labels, and without those that relabelling took or wrote."""
    if written is None:
        return alert.labels.get("alertname") == other.labels.get("alertname")
    if "alertname" not in written and alert.labels.get("alertname") != other.labels.get("alertname"):
        return False
    same = (name for name in alert.labels if name in other.labels and name not in written)
    return all(other.labels[name] == alert.labels[name] for name in same)


def _with_firing(facts: Facts, since: str) -> Facts:
    (first, *_) = known(facts.prometheus_alerts)
    down = replace(first, labels={"alertname": "ServiceDown", "instance": "worker-1"}, active_at=since)
    return replace(facts, prometheus_alerts=(first, down))


CHECK = Check(
    id="alertmanager.sync",
    well="what fires is in Alertmanager",
    reads=(
        "prometheus_alerts",
        "prometheus_rules",
        "prometheus_flags",
        "prometheus_config",
        "prometheus_runtime",
        "alertmanager_alerts",
        "containers",
    ),
    needs=("alertmanager", "prometheus"),
    judge=judge,
    # It fires for half a minute: its `for` is a minute.
    healthy=lambda facts: _with_firing(facts, "2026-11-23T02:58:30Z"),
    sick=(
        Sick(
            what="an alert that was lost on the way",
            facts=lambda facts: _with_firing(facts, "2026-11-23T02:40:00Z"),
            severity=Severity.ERROR,
            says="it fires in Prometheus and is not in Alertmanager",
        ),
        Sick(
            what="an Alertmanager that gets nothing",
            facts=lambda facts: replace(_with_firing(facts, "2026-11-23T02:40:00Z"), alertmanager_alerts=()),
            severity=Severity.ERROR,
            says="2 alerts fire",
        ),
    ),
)
