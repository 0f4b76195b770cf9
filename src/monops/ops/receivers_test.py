"""Trying a receiver: a synthetic alert goes to it, and to nobody else.

Alertmanager has no way to test one receiver (prometheus/alertmanager#2845). So one of its own image is started beside
it for some seconds, in its network, as its user and with its files, which knows this receiver alone: the running one
is not touched, and nobody else is paged.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from monops.domain.ports import Clock, Listener
from monops.domain.ports.trials import Trial, Trials
from monops.domain.receiver_trial import Integration, Outcome, outcome, took, trial_config
from monops.ops.change_site import config_file
from monops.ops.receivers import SERVICE
from monops.ops.workshop import Workshop

_EVERY = timedelta(milliseconds=300)
#: A first attempt that failed may be followed by one that does not.
_RETRIES_FOR = timedelta(seconds=6)
_LASTS = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of one integration."""

    kind: str
    where: str
    passed: bool
    #: What is proven, or why it failed.
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverTest:
    """All of a receiver."""

    receiver: str
    run: str
    tried: tuple[Tried, ...]

    @property
    def passed(self) -> bool:
        return all(one.passed for one in self.tried)


def try_receiver(
    shop: Workshop, trials: Trials, name: str, run: str, *, within: timedelta, listener: Listener | None = None
) -> ReceiverTest:
    """With a listener, what arrives there is the proof for webhooks. Raises NotFound, ServiceError."""
    container = shop.container(SERVICE)
    file = config_file(shop, container, SERVICE)
    config, ways = trial_config(shop.files.read(file.path) or "", name, posixpath.dirname(file.inside))
    clock, progress = shop.outside.clock, shop.outside.progress
    labels = {"alertname": "MonopsSyntheticTest", "monops_test": "true", "monops_run": run, "severity": "info"}
    annotations = {
        "summary": "A test of alerting by monops",
        "description": f"Nothing is wrong: monops tests the receiver {name} (run {run}).",
    }
    progress.step(f"send a test to {name}")
    with trials.open(container, config) as trial:
        trial.send(labels, annotations, ends_at=clock.now() + _LASTS)
        first = _outcomes(clock, trial, ways, within, 1)
        over = tuple(one for one in ways if one.send_resolved and first[one.name].arrived)
        trial.send(labels, annotations, ends_at=clock.now())
        second = _outcomes(clock, trial, over, within, 2) if over else {}
    found = []
    for one in ways:
        firing, resolved = first[one.name], second.get(one.name)
        failed = next((o for o in (firing, resolved) if o is not None and not o.arrived), None)
        said = took(one) if failed is None else _why(failed, within, is_resolved=failed is resolved)
        passed = failed is None
        if passed and one.kind == "webhook" and listener is not None:
            passed, said = _heard(listener, run, within, wants_resolved=resolved is not None)
        elif passed and resolved is not None:
            said = f"firing and resolved: {said}"
        found.append(Tried(kind=one.kind, where=one.where, passed=passed, said=said))
    return ReceiverTest(receiver=name, run=run, tried=tuple(found))


def _outcomes(
    clock: Clock, trial: Trial, ways: Sequence[Integration], within: timedelta, nth: int
) -> dict[str, Outcome]:
    """Until each is known; one that failed is given some seconds to try again."""
    start = clock.monotonic()
    while True:
        lines = trial.log()
        found = {one.name: outcome(lines, one.name, nth=nth) for one in ways}
        waited = clock.monotonic() - start
        may_yet = [one for one in found.values() if not one.arrived and not one.is_final]
        hopeful = [one for one in may_yet if one.arrived is None]
        limit = within if hopeful else min(within, _RETRIES_FOR)
        if not may_yet or waited >= limit.total_seconds():
            return found
        clock.sleep(_EVERY)


def _why(failed: Outcome, within: timedelta, *, is_resolved: bool) -> str:
    what = "that it is over was not taken" if is_resolved else "not taken"
    return f"{what}: {failed.error or f'nothing was heard of it within {within.total_seconds():.0f} s'}"


def _heard(listener: Listener, run: str, within: timedelta, *, wants_resolved: bool) -> tuple[bool, str]:
    """What has arrived, is there by now: each notification was answered."""
    wanted = ["firing", *(["resolved"] if wants_resolved else [])]
    while wanted:
        heard = listener.next(min(within, timedelta(seconds=2)))
        if heard is None:
            return False, f"the address took it, but it is not monops's own ({listener.address}): {wanted[0]} not heard"
        if any(labels.get("monops_run") == run for labels in heard.alerts) and heard.status in wanted:
            wanted.remove(heard.status)
    both = "firing and resolved" if wants_resolved else "firing"
    return True, f"arrived at monops's own {listener.address}: {both}"
