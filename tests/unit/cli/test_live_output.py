"""`monops alerts list` and `monops targets`: what a person and a program read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.fakes.command_line import CommandLine
from tests.fakes.web_services import WebServices

ALERTS, ROUTED, TARGETS = "/api/v1/alerts", "/api/v2/alerts", "/api/v1/targets"


def before(**span: float) -> str:
    """A time as Prometheus writes it."""
    return (datetime.now(UTC) - timedelta(**span)).isoformat().replace("+00:00", "123Z")


def rule(name: str, severity: str, state: str = "firing", since: str = "", **labels: str) -> dict[str, Any]:
    return {
        "labels": {"alertname": name, "severity": severity, "team": "platform", **labels},
        "annotations": {"summary": name},
        "state": state,
        "activeAt": since or before(minutes=5, seconds=30),
        "value": "1e+00",
    }


def routed(name: str, severity: str, *receivers: str, status: dict[str, Any] | None = None, **labels: str) -> Any:
    return {
        "labels": {"alertname": name, "severity": severity, "team": "platform", "monitor": "mon", **labels},
        "annotations": {"summary": name},
        "status": {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": [], **(status or {})},
        "receivers": [{"name": receiver} for receiver in receivers],
        "startsAt": "2026-11-23T01:00:00.250Z",
    }


@pytest.fixture
def everything(web: WebServices) -> None:
    """One alert in every state."""
    web.data(
        ALERTS,
        {
            "alerts": [
                rule("Watchdog", "none"),
                rule("HighLatency", "warning", "pending", before(minutes=10, seconds=20), provider="gemini"),
                rule("HighErrorRate", "critical", since=before(hours=3, minutes=10), provider="claude"),
                rule("ServiceDown", "critical", job="node"),
                rule("QuotaAlmostExceeded", "warning"),
                rule("JustNow", "info"),
            ]
        },
    )
    silence, alert = {"silencedBy": ["1f4c-ab"]}, {"inhibitedBy": ["fe12"]}
    web.answers[ROUTED] = (
        200,
        [
            routed("Watchdog", "none", "nobody"),
            routed("HighErrorRate", "critical", "slack", "email", provider="claude"),
            routed("ServiceDown", "critical", "slack", status=silence, job="node"),
            routed("QuotaAlmostExceeded", "warning", "slack", status=alert),
        ],
    )


@pytest.mark.usefixtures("everything")
def test_alerts_are_a_table_with_the_worst_first_and_where_each_goes(monops: CommandLine) -> None:
    shown = monops("alerts", "list")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out == (
        "state      severity  alert                since    labels           goes to\n"
        "firing     critical  HighErrorRate        3h ago   provider=claude  slack, email\n"
        "firing     info      JustNow              5m ago   -                not at Alertmanager yet\n"
        "firing     none      Watchdog             5m ago   -                nobody\n"
        "pending    warning   HighLatency          10m ago  provider=gemini  -\n"
        "silenced   critical  ServiceDown          5m ago   job=node         nobody: silence 1f4c-ab\n"
        "inhibited  warning   QuotaAlmostExceeded  5m ago   -                nobody: another alert says it\n"
        "6 alerts: 3 firing, 1 pending, 1 silenced, 1 inhibited\n"
    )


@pytest.mark.usefixtures("everything")
@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--state", "pending"], ["HighLatency"]),
        (["--state", "silenced", "--state", "inhibited"], ["ServiceDown", "QuotaAlmostExceeded"]),
        (["--label", "severity=critical"], ["HighErrorRate", "ServiceDown"]),
        (["--label", "severity=critical", "--label", "job=node"], ["ServiceDown"]),
        (["--label", "provider=claude", "--label", "provider=gemini"], []),
        (["--label", "alertname=JustNow", "--state", "firing"], ["JustNow"]),
        (["--label", "monitor=mon", "--state", "firing"], ["HighErrorRate", "Watchdog"]),
    ],
)
def test_only_what_is_asked_for_is_shown(monops: CommandLine, words: list[str], names: list[str]) -> None:
    shown = monops("alerts", "list", *words)
    assert [line.split()[2] for line in shown.out.splitlines()[1:-1]] == names
    assert names or shown.out == "no alert\n"
    document = monops("alerts", "list", *words, "--output", "json").document
    assert [one["alert"] for one in document["result"]["alerts"]] == names


@pytest.mark.usefixtures("everything")
def test_alerts_as_json_are_complete(monops: CommandLine) -> None:
    shown = monops("alerts", "list", "--output", "json", "--state", "silenced")
    assert shown.code == 0
    (alert,) = shown.document["result"]["alerts"]
    alert.pop("since")
    assert alert == {
        "alert": "ServiceDown",
        "severity": "critical",
        "state": "silenced",
        "labels": {"job": "node", "monitor": "mon", "team": "platform"},
        "annotations": {"summary": "ServiceDown"},
        "value": "1e+00",
        "receivers": ["slack"],
        "seen_by": ["prometheus", "alertmanager"],
        "muted_by": ["1f4c-ab"],
    }
    assert shown.document["result"]["unknown"] == {}
    assert shown.document["ok"] is True


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.5Z", "%Y-%m-%dT%H:%M:%S.123456789+00:00"])
def test_an_age_is_told_whatever_digits_the_time_has(monops: CommandLine, web: WebServices, form: str) -> None:
    since = (datetime.now(UTC) - timedelta(days=2, hours=5)).strftime(form)
    web.data(ALERTS, {"alerts": [rule("Old", "info", since=since)]})
    assert monops("alerts", "list").out.splitlines()[1].split()[3:5] == ["2d", "ago"]


@pytest.mark.usefixtures("everything")
def test_without_alertmanager_nobody_knows_where_alerts_go(monops: CommandLine, web: WebServices) -> None:
    web.answers[ROUTED] = (503, "Service Unavailable")
    shown = monops("alerts", "list", "--state", "firing", "--label", "alertname=HighErrorRate")
    assert shown.code == 3
    assert shown.out.splitlines()[1].split() == [
        "firing",
        "critical",
        "HighErrorRate",
        "3h",
        "ago",
        "provider=claude",
        "unknown",
    ]
    assert shown.err == (
        f"warning: alertmanager could not be asked: Alertmanager at {web.url} is not ready: HTTP 503\n"
        f"  try: wait until it is: curl {web.url}/-/ready\n"
    )
    document = monops("alerts", "list", "--output", "json").document
    assert document["ok"] is False
    assert document["result"]["unknown"] == {"alertmanager": f"Alertmanager at {web.url} is not ready: HTTP 503"}


def test_no_alert_is_only_said_where_both_were_asked(monops: CommandLine, web: WebServices) -> None:
    web.data(ALERTS, {"alerts": []})
    assert monops("alerts", "list").out == "no alert\n"
    web.answers[ROUTED] = (500, "")
    shown = monops("alerts", "list")
    assert (shown.code, shown.out) == (3, "no alert known\n")


def test_where_neither_answers_it_is_one_error(monops: CommandLine, web: WebServices) -> None:
    web.answers |= {ALERTS: (500, ""), ROUTED: (500, "")}
    monops("alerts", "list").is_one_error(
        1, f"Prometheus at {web.url} refuses /api/v1/alerts: HTTP 500", f"curl '{web.url}/api/v1/alerts'"
    )


def test_an_alertmanager_that_is_something_else_is_said_so(monops: CommandLine, web: WebServices) -> None:
    web.data(ALERTS, {"alerts": []})
    web.answers[ROUTED] = (200, {"what": "else"})
    assert f"what answers at {web.url}/api/v2/alerts is not Alertmanager" in monops("alerts", "list").err


# --- targets ---------------------------------------------------------------------------------------


def scraped(job: str, instance: str, health: str = "up", error: str = "") -> dict[str, Any]:
    return {
        "scrapePool": job,
        "labels": {"instance": instance, "job": job},
        "scrapeUrl": f"http://{instance}/metrics",
        "health": health,
        "lastError": error,
        "lastScrape": "2026-11-23T01:00:00Z",
    }


def test_targets_are_a_table_with_the_last_error(monops: CommandLine, web: WebServices) -> None:
    refused = 'Get "http://w:1/metrics": connection refused'
    web.data(TARGETS, {"activeTargets": [scraped("node", "host"), scraped("api", "w:1", "down", refused)]})
    shown = monops("targets")
    assert (shown.code, shown.err) == (4, "")
    lines = shown.out.splitlines()
    assert lines[0].split() == ["job", "instance", "state"]
    assert lines[1].split() == ["api", "w:1", "down"]
    assert any(refused in line for line in lines[2:])
    assert [line.split() for line in lines if line.startswith("node")] == [["node", "host", "up"]]
    assert lines[-1] == "2 targets: 1 up, 1 down"
    document = monops("targets", "--output", "json").document
    assert document["ok"] is False
    first = document["result"]["targets"][0]
    assert refused in first.pop("cause")["evidence"][0]
    assert first == {
        "job": "api",
        "instance": "w:1",
        "url": "http://w:1/metrics",
        "health": "down",
        "last_error": refused,
        "last_scrape": "2026-11-23T01:00:00Z",
    }


def test_targets_that_are_all_up_are_exit_0(monops: CommandLine, web: WebServices) -> None:
    web.data(TARGETS, {"activeTargets": [scraped("node", "host"), scraped("new", "x:1")]})
    shown = monops("targets")
    assert (shown.code, shown.out.splitlines()[-1]) == (0, "2 targets: 2 up")


def test_a_target_that_was_not_scraped_yet_is_not_taken_for_up(monops: CommandLine, web: WebServices) -> None:
    web.data(TARGETS, {"activeTargets": [scraped("node", "host"), scraped("new", "x:1", "unknown")]})
    shown = monops("targets")
    assert (shown.code, shown.out.splitlines()[-1]) == (3, "2 targets: 1 up, 1 unknown")
    assert monops("targets", "--output", "json").document["ok"] is False


def test_no_targets_at_all_are_not_taken_for_well(monops: CommandLine, web: WebServices) -> None:
    web.data(TARGETS, {"activeTargets": []})
    shown = monops("targets")
    assert (shown.code, shown.out) == (3, "Prometheus has no targets\n")


@pytest.fixture
def stack(monops: CommandLine) -> CommandLine:
    """Where there is a stack's folder."""
    (monops.folder / "docker-compose.monitoring.yml").write_text("services: {}\n")
    (monops.folder / "targets").mkdir()
    (monops.folder / "targets" / "api-gateway.yml").write_text("[]\n")
    return monops


@pytest.mark.parametrize(
    ("health", "error", "code", "said"),
    [
        ("up", "", 0, "Prometheus scrapes it: up"),
        ("down", "connection refused", 3, "Prometheus scrapes it: down, connection refused"),
        ("unknown", "", 3, "Prometheus knows it, and has not scraped it yet: monops targets"),
        ("", "", 3, "Prometheus does not list it yet: monops targets"),
    ],
)
def test_a_target_that_was_added_is_told_as_prometheus_has_it(
    stack: CommandLine, web: WebServices, health: str, error: str, code: int, said: str
) -> None:
    targets = [scraped("api-gateway", "gw:1", health, error)] if health else []
    web.data(TARGETS, {"activeTargets": targets})
    shown = stack("targets", "add", "api-gateway", "gw:1", "--wait", "0", "--label", "zone=eu")
    assert (shown.code, shown.out) == (code, f"gw:1 is in ./targets/api-gateway.yml\n{said}\n")
    assert (stack.folder / "targets" / "api-gateway.yml").read_text() == (
        "- targets:\n    - gw:1\n  labels:\n    zone: eu\n"
    )
    removed = stack("targets", "remove", "api-gateway", "gw:1", "--wait", "0")
    kept = "Prometheus still scrapes it: monops targets\n" if targets else ""
    assert removed.out == f"gw:1 is no longer in ./targets/api-gateway.yml\n{kept}"
    assert removed.code == (3 if targets else 0)


def test_a_target_added_while_prometheus_does_not_answer_is_done_in_part(stack: CommandLine, web: WebServices) -> None:
    web.answers[TARGETS] = (500, "")
    shown = stack("targets", "add", "api-gateway", "gw:1", "--output", "json")
    assert shown.code == 3
    assert shown.document["ok"] is False
    assert shown.document["result"] == {
        "job": "api-gateway",
        "address": "gw:1",
        "file": "./targets/api-gateway.yml",
        "target": None,
        "unknown": f"Prometheus at {web.url} refuses /api/v1/targets: HTTP 500",
    }


def test_a_label_without_a_value_is_wrong_usage(stack: CommandLine) -> None:
    shown = stack("targets", "add", "api-gateway", "gw:1", "--label", "zone")
    assert (shown.code, shown.out) == (2, "")
    assert "--label wants NAME=VALUE" in shown.err
    assert (stack.folder / "targets" / "api-gateway.yml").read_text() == "[]\n"


def test_where_no_stack_is_the_way_to_one_is_said(monops: CommandLine) -> None:
    shown = monops("targets", "add", "api-gateway", "gw:1")
    assert (shown.code, shown.out) == (2, "")
    assert json.dumps("monops init")[1:-1] in shown.err
