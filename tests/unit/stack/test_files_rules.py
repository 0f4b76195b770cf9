"""The rules as they are written: the setup document's thresholds and durations, to the letter."""

from __future__ import annotations

import re

import pytest
from tests.unit.stack.stack_files import Files

from monops.domain.units import parse_duration
from monops.stack.options import StackOptions

USUAL = Files(StackOptions())
QUICK = Files(StackOptions(time_scale=0.05))


def seconds(text: str) -> float:
    return parse_duration(text).total_seconds()


#: The setup document, "Configured Alerts": alert -> how its expression ends, `for`.
DOCUMENT = {
    "HighCpuUsage": ("> 0.80", "5m"),
    "HighMemoryUsage": ("> 0.90", "5m"),
    "DiskSpaceLow": ("< 0.10", None),
    "HighQueueDepth": ("> 100", "10m"),
    "HighJobFailureRate": ("> 0.10", "5m"),
    "QuotaAlmostExceeded": ("> 0.90", None),
    "QuotaExceeded": (">= 1", None),
    "NoActiveAccounts": ("== 0", None),
    "SessionExpiringSoon": ("< 24 * 3600", None),
    "SessionExpired": ("> 0", None),
    "HighLatency": ("> 30", None),
    "HighErrorRate": ("> 0.10", None),
}


@pytest.mark.parametrize("alert", DOCUMENT)
def test_thresholds_and_durations_are_the_documents(alert: str) -> None:
    (rule,) = [rule for rule in USUAL.rules if rule.get("alert") == alert]
    threshold, holds_for = DOCUMENT[alert]
    assert rule["expr"].endswith(" " + threshold)
    assert rule.get("for") == holds_for


def test_latency_is_the_95th_percentile() -> None:
    rules = {rule.get("record") or rule["alert"]: rule["expr"] for rule in USUAL.rules}
    assert rules["HighLatency"] == "provider:request_duration_seconds:p95_rate5m > 30"
    assert rules["provider:request_duration_seconds:p95_rate5m"].startswith("histogram_quantile(0.95, ")


def test_every_service_that_is_down_is_told_of() -> None:
    rules = {rule["alert"]: rule["expr"] for rule in USUAL.rules if "alert" in rule}
    assert rules["ServiceDown"] == "up == 0"
    assert rules["BrowserWorkerDown"] == 'up{job="browser-workers"} == 0'
    assert rules["RedisDown"] == "redis_up == 0"


def test_every_alert_has_a_runbook_that_is_written_too() -> None:
    found = USUAL
    for rule in found.rules:
        if "alert" in rule:
            url = rule["annotations"]["runbook_url"]
            assert url == "{{ $externalURL }}/user/" + rule["alert"] + ".html"
            assert f"runbooks/{rule['alert']}.html" in found.texts
    assert "--web.user-assets=/etc/prometheus/runbooks" in found.services["prometheus"]["command"]


def test_a_time_scale_shortens_every_duration_and_no_threshold() -> None:
    usual = {rule["alert"]: rule for rule in USUAL.rules if "alert" in rule}
    quick = {rule["alert"]: rule for rule in QUICK.rules if "alert" in rule}
    assert usual.keys() == quick.keys()
    for name, rule in usual.items():
        if "for" in rule:
            assert seconds(quick[name]["for"]) == max(1, round(seconds(rule["for"]) * 0.05)), name
        without_ranges = [re.sub(r"\[\w+\]", "[]", one[name]["expr"]) for one in (usual, quick)]
        assert without_ranges[0] == without_ranges[1], name
    scrape = [seconds(one.yaml("prometheus.yml")["global"]["scrape_interval"]) for one in (USUAL, QUICK)]
    assert scrape == [15, 1]
    wait = [seconds(one.yaml("alertmanager.yml")["route"]["repeat_interval"]) for one in (USUAL, QUICK)]
    assert wait == [4 * 3600, 4 * 3600 * 0.05]
