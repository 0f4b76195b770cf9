"""What is told of alerts on their way to Alertmanager only where it is so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from monops.checks import all_checks
from monops.checks._containers import with_host_config
from monops.checks._healthy import CONFIG, HEALTHY
from monops.domain.diagnosis import diagnose
from monops.domain.facts import Facts, known

_URL = "http://amhost:9093/api/v2/alerts"


def found(check_id: str, facts: Facts) -> list[str]:
    check = next(one for one in all_checks() if one.id == check_id)
    (outcome,) = diagnose([check], facts).outcomes
    assert outcome.unknown is None
    assert outcome.crash == ""
    return [finding.cause for finding in outcome.findings]


def relabelled(rule: str, *, of_one: bool = False, **labels: str) -> Facts:
    """The alert fires for long, and Alertmanager has it with other labels."""
    alert = replace(known(HEALTHY.prometheus_alerts)[0], labels={"alertname": "Down", "severity": "page"})
    there = replace(known(HEALTHY.alertmanager_alerts)[0], labels={"alertname": "Down", "severity": "page"} | labels)
    everywhere = f"alerting:\n  alert_relabel_configs:\n  - {rule}\n"
    own = f"  - alert_relabel_configs:\n    - {rule}\n    static_configs:"
    config = CONFIG.replace("  - static_configs:", own, 1) if of_one else CONFIG.replace("alerting:\n", everywhere, 1)
    return replace(HEALTHY, prometheus_alerts=(alert,), alertmanager_alerts=(there,), prometheus_config=config)


_CRITICAL = "{source_labels: [severity], regex: page, target_label: severity, replacement: critical}"


@pytest.mark.parametrize(
    ("rule", "labels"),
    [
        (_CRITICAL, {"severity": "critical"}),
        ("{action: uppercase, source_labels: [severity], target_label: severity}", {"severity": "PAGE"}),
        ("{action: replace, target_label: '${1}rity', regex: (seve).*, replacement: x}", {"severity": "x"}),
        ("{action: labelmap, regex: a(.*), replacement: severity}", {"severity": "Down"}),
        ("{target_label: alertname, replacement: Renamed}", {"alertname": "Renamed"}),
    ],
)
@pytest.mark.parametrize("of_one", [False, True])
def test_an_alert_whose_labels_are_rewritten_on_the_way_is_not_lost(
    rule: str, labels: dict[str, str], of_one: bool
) -> None:
    assert found("alertmanager.sync", relabelled(rule, of_one=of_one, **labels)) == []


def test_an_alert_with_another_label_that_nothing_rewrites_is_lost() -> None:
    assert len(found("alertmanager.sync", relabelled(_CRITICAL, severity="critical", alertname="Other"))) == 1
    dropped = "{action: labeldrop, regex: replica}"
    assert len(found("alertmanager.sync", relabelled(dropped, severity="critical"))) == 1


def sent_to_another_name(**settings: Any) -> Facts:
    return replace(with_host_config(HEALTHY, "prometheus", **settings), prometheus_alertmanagers=(_URL,))


@pytest.mark.parametrize(
    "settings",
    [
        {"ExtraHosts": ["amhost:10.0.0.7"]},
        {"ExtraHosts": ["amhost=10.0.0.7"]},
        {"Links": ["/other-alertmanager:/ai-prometheus/amhost"]},
        {"Dns": ["10.0.0.53"]},
        {"DnsSearch": ["example.org"]},
    ],
)
def test_a_name_that_prometheus_itself_may_know_is_not_called_wrong(settings: dict[str, Any]) -> None:
    assert found("alertmanager.discovered", sent_to_another_name(**settings)) == []


@pytest.mark.parametrize("settings", [{}, {"ExtraHosts": ["other:10.0.0.7"]}])
def test_a_name_that_nobody_knows_is_wrong(settings: dict[str, Any]) -> None:
    assert found("alertmanager.discovered", sent_to_another_name(**settings)) == ["no container is called amhost"]
