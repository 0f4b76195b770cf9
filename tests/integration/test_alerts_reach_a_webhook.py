"""Every alert that ships, for real: the sample application misbehaves, and a webhook hears of it, and of its end.

One stack as `monops init --sample-app` and `monops stack up` make it, forty times faster; see `shipped.py`. Three lists
hold every alert that ships: `REACHES`, what arrives at the webhook; `FIRES`, what fires in Prometheus and cannot or
shall not arrive; `PROMTOOL_ONLY`, what cannot be provoked here. That these fire only `test_alert_rules.py` shows:

- ContainerMemoryNearLimit and ContainerOutOfMemory: the stand-in for cAdvisor has made-up containers, which keep their
  share of memory and are never killed.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tests.integration.fixtures import engine_problem
from tests.integration.shipped import (
    TIME_SCALE,
    TRUE_OF_THE_MACHINE,
    Shipped,
    fired_when_well,
    hurt_write_ahead_log,
    written_stack,
)
from tests.integration.support import docker, wait_until
from tests.integration.web import fetch
from tests.integration.webhook import Listener, Notified, as_pattern, listener, silent_port

from monops.stack.alerts import alerts
from monops.stack.alerts.model import Alert, TimeScale
from monops.stack.sample_app.orchestrator import MISBEHAVIOURS

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(1800)]

Labels = dict[str, str]

_OURS = {"job": "prometheus", "instance": "prometheus"}
_SAMPLE_HOST = {"job": "node", "instance": "sample-host:9090"}
#: An Alertmanager that nobody is.
NOBODY_THERE = "127.0.0.1:9"
#: Alert -> its own labels, as they reach the webhook.
REACHES: dict[str, Labels] = {
    "HighCpuUsage": {"instance": "sample-host:9090"},
    "HighMemoryUsage": _SAMPLE_HOST,
    "DiskSpaceLow": {**_SAMPLE_HOST, "device": "/dev/vda1", "fstype": "ext4", "mountpoint": "/"},
    "ServiceDown": {"job": "quota-tracker", "instance": "quota-tracker:9090"},
    "BrowserWorkerDown": {"job": "browser-workers", "instance": "browser-worker-2:9090"},
    "RedisDown": {"job": "redis", "instance": "redis://redis:6379"},
    "HighQueueDepth": {"queue": "prompts"},
    "HighJobFailureRate": {"queue": "prompts"},
    "QuotaAlmostExceeded": {"provider": "gemini"},
    "QuotaExceeded": {"provider": "claude"},
    "NoActiveAccounts": {"provider": "codex"},
    "SessionExpiringSoon": {
        "provider": "claude",
        "account": "spare",
        "job": "quota-tracker",
        "instance": "quota-tracker:9090",
    },
    "SessionExpired": {"provider": "codex"},
    "HighLatency": {"provider": "gemini"},
    "HighErrorRate": {"provider": "claude"},
    "HighApiErrorRate": {},
    "PrometheusConfigReloadFailed": _OURS,
    "PrometheusRuleFailures": {"instance": "prometheus", "rule_group": "/etc/prometheus/rules/temporary.yml;broken"},
    "PrometheusNotificationsFailing": {
        "instance": "prometheus",
        "alertmanager": f"http://{NOBODY_THERE}/api/v2/alerts",
    },
    "PrometheusSamplesRejected": _OURS,
    "PrometheusStorageFailing": _OURS,
    "AlertmanagerConfigReloadFailed": {"job": "alertmanager", "instance": "alertmanager"},
    "AlertmanagerNotificationsFailing": {"instance": "alertmanager", "integration": "slack"},
    "BackupFailed": {"job": "node", "instance": "docker-host", "source": "grafana", "destination": "s3"},
    "BackupStale": {"source": "grafana"},
    "BackupMissing": {},
}
FIRES = {
    "Watchdog": "it always fires, and goes to nobody until a dead man's switch is set up",
    "PrometheusWithoutAlertmanager": "there is no Alertmanager to send it on",
}
PROMTOOL_ONLY = {
    "ContainerMemoryNearLimit": "the stand-in's containers keep their share of memory",
    "ContainerOutOfMemory": "the stand-in's containers are never killed",
}
#: It looks back 3 hours, which are minutes here: its end is not waited for.
STAYS = "PrometheusStorageFailing"
#: What fires as well and reaches nobody -> the alert that says it better.
MUTED: dict[str, tuple[Labels, str]] = {
    "QuotaAlmostExceeded": ({"provider": "claude"}, "QuotaExceeded"),
    "SessionExpiringSoon": ({"provider": "codex"}, "SessionExpired"),
    "HighErrorRate": ({"provider": "codex"}, "NoActiveAccounts"),
    "ServiceDown": ({"instance": "browser-worker-2:9090"}, "BrowserWorkerDown"),
}

#: What goes wrong in the sample application at first, and at which providers.
AT_FIRST = {
    "quota-exceeded": ("claude",),
    "quota-almost": ("claude", "gemini"),
    "no-accounts": ("codex",),
    "session-expired": ("codex",),
    "session-expiring": ("claude",),
    "fail": ("claude",),
    "slow": ("gemini",),
    "api-errors": (),
    "deep-queue": (),
    "jobs-fail": (),
    "worker-down": (),
    "busy-cpu": (),
    "full-memory": (),
    "full-disk": (),
}
#: What goes wrong once that which explains it is known.
THEN = {"fail": ("codex",), "session-expiring": ("codex",)}
#: Without it there are no quotas, accounts and sessions: these come first.
LAST = "service-down"
ABOUT_ACCOUNTS = (
    "QuotaExceeded", "QuotaAlmostExceeded", "SessionExpired", "SessionExpiringSoon", "HighErrorRate", "NoActiveAccounts"
)  # fmt: skip

#: A rule that cannot be evaluated, as two hosts have one job; and an alert for nobody that comes and goes: each time
#: Prometheus tells every Alertmanager that it knows.
TEMPORARY_RULES = """
groups:
  - name: broken
    rules:
      - record: temporary:many_to_many
        expr: up * on (job) up
  - name: restless
    rules:
      - alert: TemporaryAlert
        expr: vector(1) and on () vector(time()) % 4 < 2
        labels: {severity: none}
"""
BACKUPS = """
monops_backup_last_run_success{{source="grafana",destination="s3"}} {good}
monops_backup_last_success_timestamp_seconds{{source="grafana",destination="s3"}} {at:.0f}
"""
RULES = {alert.name: alert for alert in alerts()}


@dataclass
class Scene:
    """The stack, who hears of its alerts, and what was seen while they fired."""

    shipped: Shipped
    listener: Listener
    #: A port like a Redis that hangs.
    hanging: int
    #: What Prometheus fired in a while without misbehaviour.
    fired_when_well: list[str] = field(default_factory=list)
    #: What had arrived when all was mended: a Prometheus that starts again judges by its first two samples.
    until_mended: Listener = field(init=False)
    #: Muted alert -> whether Alertmanager said that another one mutes it.
    muted: dict[str, bool] = field(default_factory=dict)
    #: Muted alert -> whether it fired at a moment at which the other did not: a late scrape ends an alert for a second.
    was_alone: dict[str, bool] = field(default_factory=dict)
    #: How many of the scrapes of the Redis that hangs were in time.
    in_time: float = 0.0
    #: Alerts of FIRES as Prometheus shows them.
    fired: dict[str, Any] = field(default_factory=dict)

    def heard(self, *names: str) -> bool:
        return all(self.listener.heard(name, "firing", REACHES[name]) for name in names)

    def over(self, *names: str) -> bool:
        return all(self.listener.is_over(name, REACHES[name]) for name in names)

    def shown(self, alert: str) -> Any:
        """An alert that fires, as Prometheus shows it."""
        found = fetch(f"{self.shipped.prometheus}/api/v1/alerts")["data"]["alerts"]
        return next((one for one in found if (one["labels"]["alertname"], one["state"]) == (alert, "firing")), None)

    def in_alertmanager(self, alert: str, labels: Labels) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = fetch(f"{self.shipped.alertmanager}/api/v2/alerts")
        return [one for one in found if {"alertname": alert, **labels}.items() <= one["labels"].items()]

    def is_muted(self, alert: str) -> bool:
        """Whether it fires, and Alertmanager mutes it because of another."""
        labels, because = MUTED[alert]
        sources = {one["fingerprint"] for one in self.in_alertmanager(because, {})}
        found = self.in_alertmanager(alert, labels)
        return bool(found) and all(set(one["status"]["inhibitedBy"]) & sources for one in found)

    def has_been_alone(self, alert: str) -> bool:
        labels, because = MUTED[alert]
        wanted = "".join(f',{name}="{value}"' for name, value in labels.items())
        pair = (f'ALERTS{{alertstate="firing",alertname="{name}"{wanted}}}' for name in (alert, because))
        return bool(self.shipped.asked(f"last_over_time(({' unless on () '.join(pair)})[30m:1s])"))


def soon(happened: Callable[[], bool]) -> None:
    """Wait for it, but not for ever; what has not happened is what a test then finds."""
    with contextlib.suppress(AssertionError):
        wait_until(happened, "", within=150)


# --- what happens ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A stack on which all is well, and what it has fired in a while of that."""
    if problem := engine_problem():
        pytest.skip(problem)
    with ExitStack() as held:
        receivers = ("--receiver", "webhook", "--receiver", "slack")
        shipped = held.enter_context(written_stack(tmp_path_factory.mktemp("alerts"), *receivers))
        scene = Scene(
            shipped,
            held.enter_context(listener(shipped.bridge)),
            held.enter_context(silent_port(shipped.bridge)),
        )
        shipped.secret("secrets/alertmanager/webhook-url", scene.listener.url("/webhook"))
        # As a person writes it who does not know which user Alertmanager is: `stack up` does.
        shipped.secret("secrets/alertmanager/slack-url", scene.listener.url("/slack"), owner=0)
        shipped.up()
        scene.fired_when_well = fired_when_well(shipped)
        yield scene


@pytest.fixture(scope="module")
def heard(stack: Scene) -> Scene:
    """All that can go wrong has gone wrong, and was mended."""
    files = ("prometheus.yml", "alertmanager.yml", "rules/temporary.yml", "rules/backups.yml", "targets/bullmq.yml")
    with stack.shipped.as_it_was(*files, "targets/redis.yml"):
        _go_wrong(stack)
        _go_on(stack)
    _mend(stack)
    _without_the_log(stack)
    return stack


def _go_wrong(scene: Scene) -> None:
    """First all that takes a while to fire, and all that has to do with accounts."""
    shipped = scene.shipped
    # A list of its own: Prometheus would forget for 5 s whom it knows from a list that changes.
    known = "    - static_configs:\n        - targets: [alertmanager:9093]\n"
    shipped.rewrite("prometheus.yml", known, known + known.replace("alertmanager:9093", f'"{NOBODY_THERE}"'))
    # A day is half an hour at this speed.
    shipped.rewrite("rules/backups.yml", f"for: {TimeScale(float(TIME_SCALE)).duration('1d')}", "for: 2s")
    for job, address in (
        ("redis", f"redis://{shipped.bridge}:{scene.hanging}"),
        ("bullmq", f"{shipped.bridge}:{scene.listener.port}"),
    ):
        shipped.rewrite(f"targets/{job}.yml", "- targets:\n", f"- targets:\n    - {address}\n")
    (shipped.folder / "rules/temporary.yml").write_text(TEMPORARY_RULES)
    shipped.reload(shipped.prometheus)
    for name, providers in AT_FIRST.items():
        shipped.misbehave(name, *providers)
    docker("stop", "-t", "2", shipped.container("redis"))
    soon(lambda: scene.heard("NoActiveAccounts", "SessionExpired"))
    for name, providers in THEN.items():
        shipped.misbehave(name, *providers)
    soon(lambda: scene.heard(*ABOUT_ACCOUNTS, "BackupMissing") and all(scene.is_muted(name) for name in MUTED))
    scene.muted = {name: scene.is_muted(name) for name in MUTED}
    soon(lambda: any("HighErrorRate" in title for title, _ in scene.listener.slack))


def _go_on(scene: Scene) -> None:
    """Accounts are well again; then the rest, until all has arrived."""
    shipped = scene.shipped
    scene.listener.refused.add("/slack")
    for name, url in (("prometheus.yml", shipped.prometheus), ("alertmanager.yml", shipped.alertmanager)):
        with (shipped.folder / name).open("a") as file:
            file.write("\nno_such_section: {}\n")
        shipped.reload(url)
    (shipped.folder / "textfile/monops_backup.prom").write_text(BACKUPS.format(good=0, at=time.time() - 27 * 3600))
    for name in ("fail", "quota-exceeded", "quota-almost", "session-expired", "session-expiring"):
        shipped.behave(name)
    # Only then: while no account is left, nobody shall hear of the requests that fail.
    soon(lambda: not shipped.has_fired("HighErrorRate"))
    shipped.behave("no-accounts")
    soon(lambda: not shipped.has_fired("NoActiveAccounts"))
    shipped.misbehave(LAST)
    soon(lambda: scene.heard(*(set(REACHES) - {STAYS})))


def _mend(scene: Scene) -> None:
    """The files are as they were; so is the rest."""
    shipped = scene.shipped
    scene.listener.refused.clear()
    shipped.reload(shipped.alertmanager)
    shipped.reload(shipped.prometheus)
    shipped.behave()
    (shipped.folder / "textfile/monops_backup.prom").write_text(BACKUPS.format(good=1, at=time.time()))
    docker("start", shipped.container("redis"))
    soon(lambda: scene.over(*(set(REACHES) - {STAYS})))
    scene.was_alone = {name: scene.has_been_alone(name) for name in MUTED}
    ((_, share),) = shipped.asked(f'avg_over_time(up{{instance="redis://{shipped.bridge}:{scene.hanging}"}}[30m])')
    scene.in_time = float(share)
    scene.until_mended = replace(scene.listener, documents=list(scene.listener.documents))
    scene.fired["Watchdog"] = scene.shown("Watchdog")


def _without_the_log(scene: Scene) -> None:
    """Prometheus starts with a log that it cannot read to the end; then it loses its Alertmanager."""
    shipped = scene.shipped
    docker("stop", shipped.container("prometheus"))
    hurt_write_ahead_log(shipped)
    docker("start", shipped.container("prometheus"))
    soon(lambda: scene.heard(STAYS))
    shipped.rewrite("prometheus.yml", "[alertmanager:9093]", "[]")
    shipped.reload(shipped.prometheus)
    soon(lambda: scene.shown("PrometheusWithoutAlertmanager") is not None)
    scene.fired["PrometheusWithoutAlertmanager"] = scene.shown("PrometheusWithoutAlertmanager")


# --- what is to be seen ----------------------------------------------------------------------------


def _is_told_well(rule: Alert, annotations: Labels, labels: Labels) -> None:
    """Summary and description with a value, and a page that is there."""
    assert set(annotations) == {"summary", "description", "runbook_url"}
    assert re.fullmatch(as_pattern(rule.summary, labels), annotations["summary"])
    assert re.fullmatch(as_pattern(rule.description, labels), annotations["description"])
    assert "$value" in rule.description
    page = fetch(annotations["runbook_url"])
    assert f"<h1>{rule.name}</h1>" in page


def test_every_alert_that_ships_is_in_exactly_one_list() -> None:
    assert sorted([*REACHES, *FIRES, *PROMTOOL_ONLY]) == sorted(RULES)


def test_every_misbehaviour_of_the_sample_application_is_tried_and_its_alert_arrives() -> None:
    assert {*AT_FIRST, *THEN, LAST} == set(MISBEHAVIOURS)
    assert {what.alert for what in MISBEHAVIOURS.values()} <= set(REACHES)


def test_while_all_is_well_only_the_watchdog_fires(stack: Scene) -> None:
    others = [labels for labels in stack.fired_when_well if '"Watchdog"' not in labels]
    assert len(others) < len(stack.fired_when_well)
    assert [alert for alert in others if not any(f'"{name}"' in alert for name in TRUE_OF_THE_MACHINE)] == []
    assert all('"instance": "docker-host"' in alert for alert in others)


@pytest.mark.parametrize("alert", REACHES)
def test_alert_reaches_the_webhook(heard: Scene, alert: str) -> None:
    rule, labels = RULES[alert], REACHES[alert]
    found = heard.listener.heard(alert, "firing", labels)
    assert found, [one for one in heard.listener.notified if one.name == alert]
    common = {"alertname": alert, "severity": rule.severity, "team": rule.team, "monitor": heard.shipped.name}
    assert found[0].labels == {**common, **labels}
    _is_told_well(rule, found[0].annotations, labels)


@pytest.mark.parametrize("alert", [name for name in REACHES if name != STAYS])
def test_the_end_of_an_alert_reaches_the_webhook(heard: Scene, alert: str) -> None:
    told = heard.until_mended
    assert told.is_over(alert, REACHES[alert]), [one for one in told.notified if one.name == alert]


@pytest.mark.parametrize("alert", FIRES)
def test_alert_fires_in_prometheus_and_does_not_reach_the_webhook(heard: Scene, alert: str) -> None:
    found = heard.fired[alert]
    assert found
    _is_told_well(RULES[alert], found["annotations"], found["labels"])
    assert heard.listener.heard(alert, "firing", {}) == []


def test_alertmanager_has_a_route_of_its_own_for_the_watchdog(heard: Scene) -> None:
    container = heard.shipped.container("alertmanager")
    route = ("amtool", "config", "routes", "test", "--config.file=/etc/alertmanager/alertmanager.yml")
    told = {name: docker("exec", container, *route, f"alertname={name}", "severity=none") for name in FIRES}
    assert told["Watchdog"] == "nobody"
    shown = docker("exec", container, *route[:-2], "show", route[-1])
    assert re.search(r'\{alertname="Watchdog"\} +receiver: nobody', shown), shown


@pytest.mark.parametrize("alert", MUTED)
def test_what_another_alert_explains_is_muted(heard: Scene, alert: str) -> None:
    labels, because = MUTED[alert]
    assert heard.muted[alert]
    assert heard.until_mended.heard(because, "firing", labels)
    assert heard.until_mended.heard(alert, "firing", labels) == [] or heard.was_alone[alert]


def test_a_redis_that_hangs_is_a_redis_that_is_down(heard: Scene) -> None:
    instance = {"instance": f"redis://{heard.shipped.bridge}:{heard.hanging}"}
    assert heard.listener.heard("RedisDown", "firing", instance)
    # No ServiceDown: the exporter says it before the scrape's time is up, as often as a busy machine lets it.
    assert heard.in_time > 0.5 or heard.until_mended.heard("ServiceDown", "firing", instance) == []


def test_slack_is_told_the_same(heard: Scene) -> None:
    (told, *_) = heard.listener.heard("HighErrorRate", "firing", {"provider": "claude"})
    texts = [text for title, text in heard.listener.slack if title == "[FIRING:1] HighErrorRate"]
    assert any(_told_in(told, text) for text in texts), texts


def _told_in(told: Notified, text: str) -> bool:
    sentence = told.annotations["description"].partition("%")[2]
    return sentence in text and f"<{told.annotations['runbook_url']}|runbook>" in text
