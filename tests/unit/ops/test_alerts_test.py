"""Whether a test that begins in Prometheus keeps away from people, whatever Prometheus makes of the alert."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from tests.fakes.memory_stack_folder import MemoryStackFolder

from monops.domain.alert_sent import labels_as_sent
from monops.domain.errors import MonopsError, Refused
from monops.domain.ports import Heard, RoutedAlert
from monops.domain.routing import read_routing
from monops.edges.clock import SystemClock
from monops.ops import alerts_test as trials

ROUTING = """
route:
  receiver: team
  routes:
    - matchers: [cluster="prod"]
      receiver: pager
    - matchers: [monops_test="true"]
      receiver: monops-test
receivers:
  - name: team
  - name: pager
  - name: monops-test
    webhook_configs: [{url: http://host.docker.internal:9096/}]
"""
DROPS_REPLICA = """
global: {external_labels: {monitor: stack, replica: a}}
alerting: {alert_relabel_configs: [{regex: replica, action: labeldrop}]}
"""


@dataclass
class Ear:
    """Hears of an alert as soon as somebody is told."""

    path: Chain
    address: str = "172.17.0.1:9096"

    def next(self, within: timedelta) -> Heard | None:
        del within
        return Heard(status="firing" if self.path.fires else "resolved", alerts=({"monops_run": "r1"},))


@dataclass
class Chain:
    """Prometheus and Alertmanager as one: what the folder has is what fires, as soon as it is loaded."""

    folder: MemoryStackFolder
    config: str
    #: What the next reload makes of it: somebody has edited the file.
    edited: str = ""
    fires: bool = False
    paged: list[str] = field(default_factory=list)

    @property
    def alert(self) -> Mapping[str, str]:
        return labels_as_sent(self.config, {"alertname": "T", "monops_test": "true", "monops_run": "r1"})[0]

    def routing(self) -> str:
        return ROUTING

    def prometheus_config(self) -> str:
        return self.config

    def send(self, labels: Mapping[str, str], annotations: Mapping[str, str], *, ends_at: datetime) -> None:
        raise AssertionError("this test begins in Prometheus")

    def reload_prometheus(self) -> None:
        self.config, self.edited = self.edited or self.config, ""
        texts = [self.folder.read(f"rules/{name}") or b"" for name in self.folder.names("rules") or ()]
        self.fires = any(b"expr: vector(1)\n" in text for text in texts)
        if self.fires:
            self.paged += [one.name for one in read_routing(ROUTING).heard_by(self.alert)]

    def rule_of(self, run: str) -> tuple[str, str] | None:
        return ("ok", "firing") if self.fires else None

    def alertmanagers(self) -> tuple[str, ...]:
        return ("http://alertmanager:9093",)

    def at_alertmanager(self, run: str) -> tuple[RoutedAlert, ...]:
        receivers = tuple(one.name for one in read_routing(ROUTING).heard_by(self.alert))
        found = RoutedAlert(
            labels=self.alert,
            annotations={},
            state="active",
            silenced_by=(),
            inhibited_by=(),
            receivers=receivers,
            starts_at="2026-11-23T03:00:00Z",
        )
        return (found,)

    @contextmanager
    def listen(self, address: str, port: int) -> Iterator[Ear]:
        del address, port
        yield Ear(self)


def trial_of(chain: Chain) -> trials.Trial:
    within = timedelta(seconds=1)
    return trials.Trial(path=chain, clock=SystemClock(), run="r1", severity="info", address="", port=0, within=within)


def ran(config: str, edited: str = "") -> tuple[Chain, trials.AlertTest | Refused]:
    folder = MemoryStackFolder()
    chain = Chain(folder=folder, config=config, edited=edited)
    try:
        done: trials.AlertTest | Refused = trials.through_prometheus(trial_of(chain), folder)
    except Refused as error:
        done = error
    assert not folder.names("rules")
    return chain, done


@pytest.mark.parametrize("config", ["global: {external_labels: {monitor: stack}}", DROPS_REPLICA])
def test_an_alert_that_stays_on_the_test_route_is_tested(config: str) -> None:
    chain, done = ran(config)
    assert isinstance(done, trials.AlertTest)
    assert done.passed
    assert set(chain.paged) == {"monops-test"}


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("global: {external_labels: {cluster: prod}}", "would go to pager"),
        (
            "{global: {}, alerting: {alert_relabel_configs: [{regex: monops_test, action: labeldrop}]}}",
            "would go to team",
        ),
        ("{global: {}, alerting: {alert_relabel_configs: [{action: hashmod}]}}", "hashmod"),
    ],
)
def test_an_alert_that_prometheus_would_send_elsewhere_is_refused(config: str, says: str) -> None:
    chain, done = ran(config)
    assert isinstance(done, Refused)
    assert says in done.message
    assert done.remedy
    assert chain.paged == []


def test_an_edit_that_the_reload_brings_into_force_is_judged_before_anything_fires() -> None:
    chain, done = ran("global: {scrape_interval: 15s}", edited="global: {external_labels: {cluster: prod}}")
    assert isinstance(done, Refused)
    assert "would go to pager" in done.message
    assert chain.paged == []


def test_a_routing_that_cannot_be_evaluated_is_said_and_nothing_fires(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = MemoryStackFolder()
    chain = Chain(folder=folder, config="global: {scrape_interval: 15s}")
    monkeypatch.setattr(chain, "routing", lambda: ROUTING.replace('cluster="prod"', 'cluster=~"(?U)p+"'), raising=True)
    trial = trial_of(chain)
    with pytest.raises(MonopsError, match="nobody but Alertmanager can tell"):
        trials.through_prometheus(trial, folder)
    with pytest.raises(MonopsError, match="nobody but Alertmanager can tell"):
        trials.through_alertmanager(trial)
    assert chain.paged == []


def test_a_rule_of_a_test_that_was_killed_is_cleared_and_that_of_one_under_way_stays() -> None:
    folder = MemoryStackFolder()
    chain = Chain(folder=folder, config="global: {}")
    trial = trial_of(chain)
    now = datetime.now(UTC)
    with trials._rule_file(trial, folder) as write:
        write(fires=True)
        folder.write("rules/monops-test-older.yml", b"# Written by an older monops\ngroups: []\n")
        folder.write("rules/own.yml", b"groups: []\n")
        trials.clear_left_behind(folder, chain, now)
        assert folder.names("rules") == ("monops-test-r1.yml", "own.yml")
        trials.clear_left_behind(folder, chain, now + timedelta(hours=1))
        assert folder.names("rules") == ("own.yml",)
    assert not chain.fires
