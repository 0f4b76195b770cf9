"""`monops alerts test`: a synthetic alert goes the whole way, and what arrives is the proof.

It takes the route of the label `monops_test="true"` and no other: where there is none, it refuses to page people.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from monops.domain.alert_sent import labels_as_sent
from monops.domain.errors import MonopsError, Refused
from monops.domain.ports import AlertPath, Clock, Listener, RoutedAlert, StackFolder
from monops.domain.routing import Routing
from monops.ops.alerts_routes import routing_in_force
from monops.ops.interruption import uninterrupted

#: Links of the chain, in its order.
RULE, EVALUATION, DISCOVERY, DELIVERY, ROUTING, MUTING, NOTIFICATION, RESOLUTION = (
    "rule", "evaluation", "discovery", "delivery", "routing", "silence and inhibition", "notification", "resolved",
)  # fmt: skip
TEST_LABEL = ("monops_test", "true")
_EVERY = timedelta(milliseconds=200)
#: How the file of a temporary rule begins; after it the moment at which its test is over in any case.
_OVER = "# Written by monops alerts test, and removed when it ends, at the latest at "
#: What to add to `alertmanager.yml` where there is no test route.
ADVICE = """\
route:
  routes:
    - matchers: [monops_test="true"]
      receiver: monops-test
      group_by: [monops_run]
      group_wait: 0s
      group_interval: 5s
receivers:
  - name: monops-test
    webhook_configs:
      - url: http://host.docker.internal:9096/
        send_resolved: true"""


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the chain."""

    name: str
    held: bool
    #: What was seen there.
    said: str


@dataclass(slots=True, kw_only=True)
class AlertTest:
    """How far the alert came."""

    run: str
    receiver: str
    links: list[Link] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return bool(self.links) and all(link.held for link in self.links) and self.links[-1].name == RESOLUTION

    @property
    def lost_at(self) -> Link | None:
        return next((link for link in self.links if not link.held), None)

    def add(self, name: str, held: bool, said: str) -> bool:
        self.links.append(Link(name, held, said))
        return held


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a test needs."""

    path: AlertPath
    clock: Clock
    run: str
    severity: str
    #: Where monops listens.
    address: str
    port: int
    #: For each link.
    within: timedelta

    @property
    def labels(self) -> dict[str, str]:
        return {
            "alertname": "MonopsSyntheticTest",
            TEST_LABEL[0]: TEST_LABEL[1],
            "monops_run": self.run,
            "severity": self.severity,
        }


def through_alertmanager(trial: Trial) -> AlertTest:
    """From Alertmanager to the receiver, and back to resolved. Raises Refused where there is no test route."""
    began = trial.clock.monotonic()
    routing = routing_in_force(trial.path.routing(), trial.labels)
    result = AlertTest(run=trial.run, receiver=test_receiver(routing, trial.labels))
    with trial.path.listen(trial.address, trial.port) as listener:
        _send(trial, ends_in=timedelta(minutes=5))
        if _at_alertmanager(trial, result) and _notified(trial, result, listener, "firing"):
            _send(trial, ends_in=timedelta())
            _notified(trial, result, listener, "resolved")
        else:
            _send(trial, ends_in=timedelta())
    result.seconds = trial.clock.monotonic() - began
    return result


def through_prometheus(trial: Trial, folder: StackFolder) -> AlertTest:
    """From a rule of its own in Prometheus on. The rule's file is away afterwards, whatever happens."""
    began = trial.clock.monotonic()
    result = AlertTest(run=trial.run, receiver=_receiver_of_rule(trial))
    with trial.path.listen(trial.address, trial.port) as listener, _rule_file(trial, folder) as write:
        # Prometheus reads its whole configuration again with the rule: what has been edited meanwhile holds from now.
        write(fires=False)
        _receiver_of_rule(trial)
        write(fires=True)
        arrived = (
            _rule_fires(trial, result)
            and result.add(DISCOVERY, bool(found := trial.path.alertmanagers()), f"Prometheus knows {_some(found)}")
            and _at_alertmanager(trial, result)
            and _notified(trial, result, listener, "firing")
        )
        if arrived:
            write(fires=False)
            _notified(trial, result, listener, "resolved")
    result.seconds = trial.clock.monotonic() - began
    return result


def _receiver_of_rule(trial: Trial) -> str:
    """The receiver of the test route, for the alert as Prometheus sends it.

    Raises Refused where it would page people, or may.
    """
    try:
        sent = labels_as_sent(trial.path.prometheus_config(), trial.labels)
    except ValueError as error:
        raise Refused(
            f"nobody can tell where an alert of Prometheus would go: {error}", remedy="monops alerts test"
        ) from error
    routing = routing_in_force(trial.path.routing(), trial.labels)
    # One that is sent to nobody is lost on the way, and the test says so.
    receivers = [test_receiver(routing, labels) for labels in sent or (trial.labels,)]
    return receivers[0]


def test_receiver(routing: Routing, labels: Mapping[str, str]) -> str:
    """The receiver of the test route. Raises Refused where the alert would page people."""
    paths = routing.route(labels)
    for path in paths:
        last = path[-1]
        own = any(m.name == TEST_LABEL[0] and m.operator == "=" and m.value == TEST_LABEL[1] for m in last.matchers)
        if not own or len(paths) > 1:
            names = ", ".join(dict.fromkeys(one[-1].receiver for one in paths))
            raise Refused(
                f"there is no route for tests: the alert would go to {names}",
                remedy=f"add this to alertmanager.yml, then reload it:\n{ADVICE}",
            )
    receiver = routing.receivers.get(paths[0][-1].receiver)
    if receiver is None or "webhook" not in receiver.kinds:
        raise Refused(
            f"the test route's receiver {paths[0][-1].receiver} has no webhook, so nobody can prove that it arrives",
            remedy=f"give it one in alertmanager.yml, then reload it:\n{ADVICE}",
        )
    return receiver.name


def _send(trial: Trial, *, ends_in: timedelta) -> None:
    annotations = {
        "summary": "A test of alerting by monops",
        "description": f"Nothing is wrong: monops tests the way of an alert (run {trial.run}).",
    }
    trial.path.send(trial.labels, annotations, ends_at=trial.clock.now() + ends_in)


def _rule_fires(trial: Trial, result: AlertTest) -> bool:
    state: tuple[str, str] | None = None
    for _ in _until(trial):
        state = trial.path.rule_of(trial.run)
        if state is not None and (state[1] == "firing" or state[0].startswith("err")):
            break
    if state is None:
        return result.add(RULE, False, "Prometheus did not load the rule: is rules/*.yml among its rule_files?")
    result.add(RULE, True, "Prometheus has loaded the rule")
    return result.add(EVALUATION, state[1] == "firing", f"its health is {state[0]}, its state {state[1]}")


def _at_alertmanager(trial: Trial, result: AlertTest) -> bool:
    found: tuple[RoutedAlert, ...] = ()
    for _ in _until(trial):
        found = trial.path.at_alertmanager(trial.run)
        if found and found[0].state != "unprocessed":
            break
    if not result.add(DELIVERY, bool(found), "Alertmanager has it" if found else "Alertmanager does not have it"):
        return False
    alert = found[0]
    receivers = ", ".join(alert.receivers)
    if not result.add(ROUTING, result.receiver in alert.receivers, f"it goes to {receivers or 'nobody'}"):
        return False
    muted = [*(f"the silence {one}" for one in alert.silenced_by), *(f"the alert {one}" for one in alert.inhibited_by)]
    return result.add(MUTING, not muted, f"muted by {', '.join(muted)}" if muted else "nothing mutes it")


def _notified(trial: Trial, result: AlertTest, listener: Listener, status: str) -> bool:
    name = NOTIFICATION if status == "firing" else RESOLUTION
    deadline = trial.clock.monotonic() + trial.within.total_seconds()
    while (left := deadline - trial.clock.monotonic()) > 0:
        heard = listener.next(timedelta(seconds=left))
        if heard is None:
            break
        ours = any(labels.get("monops_run") == trial.run for labels in heard.alerts)
        if ours and heard.status == status:
            return result.add(name, True, f"{listener.address} was told: {status}")
    seconds = trial.within.total_seconds()
    why = "Alertmanager's log says why (monops stack logs alertmanager)"
    return result.add(name, False, f"{listener.address} was not told {status} within {seconds:.0f} s: {why}")


class _Write(Protocol):
    """Writes the rule so that it fires, or does not, and has Prometheus read it."""

    def __call__(self, *, fires: bool) -> None: ...


@contextmanager
def _rule_file(trial: Trial, folder: StackFolder) -> Iterator[_Write]:
    path = f"rules/monops-test-{trial.run}.yml"

    def write(*, fires: bool) -> None:
        labels = json.dumps(trial.labels)
        expr = "vector(1)" if fires else "vector(1) < 0"
        text = (
            f"{_OVER}{(trial.clock.now() + _longest(trial)).isoformat()}\n"
            f"groups:\n  - name: monops-test-{trial.run}\n"
            f"    interval: 1s\n    rules:\n      - alert: MonopsSyntheticTest\n        expr: {expr}\n"
            f"        labels: {labels}\n        annotations: {{summary: A test of alerting by monops}}\n"
        )
        folder.write(path, text.encode())
        trial.path.reload_prometheus()

    try:
        yield write
    finally:
        with uninterrupted():
            folder.remove(path)
            trial.path.reload_prometheus()


def _until(trial: Trial) -> Iterator[None]:
    deadline = trial.clock.monotonic() + trial.within.total_seconds()
    while True:
        yield
        if trial.clock.monotonic() >= deadline:
            return
        trial.clock.sleep(_EVERY)


def _some(found: tuple[str, ...]) -> str:
    return ", ".join(found) or "no Alertmanager"


def _longest(trial: Trial) -> timedelta:
    """How long a test can take: each link that is waited for, and what else may be slow."""
    return 8 * trial.within + timedelta(minutes=2)


def _is_over(text: bytes, now: datetime) -> bool:
    """Whether the test that wrote a rule file has ended, so that nobody else takes the file away."""
    first = text.decode(errors="replace").split("\n", 1)[0]
    try:
        return not first.startswith(_OVER) or datetime.fromisoformat(first.removeprefix(_OVER)) < now
    except ValueError:
        return True


def clear_left_behind(folder: StackFolder, path: AlertPath, now: datetime) -> None:
    """Take away the rule files of tests that were killed, and leave those of tests that may be under way.

    Raises MonopsError where Prometheus does not reload.
    """
    names = [f"rules/{name}" for name in folder.names("rules") or () if name.startswith("monops-test-")]
    found = [name for name in names if _is_over(folder.read(name) or b"", now)]
    for name in found:
        folder.remove(name)
    if not found:
        return
    try:
        path.reload_prometheus()
    except MonopsError as error:
        raise MonopsError(
            f"{len(found)} rule files of earlier tests were removed, but {error.message}", remedy=error.remedy
        ) from error
