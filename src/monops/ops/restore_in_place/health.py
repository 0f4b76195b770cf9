"""Whether a service is well on its data: it runs, it is ready, it answers as it did."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from monops.domain.errors import ServiceError, ServiceUnreachable
from monops.domain.manifest import GoldenAnswer
from monops.domain.ports import Container, Prometheus
from monops.domain.stack import PORTS, service_of
from monops.ops.outside import Outside
from monops.ops.restore_in_place.containers import find
from monops.ops.restore_in_place.state import Member, State

#: A big write-ahead log takes minutes to replay.
HEALTHY_WITHIN = timedelta(minutes=5)
_EVERY = timedelta(milliseconds=250)
#: A container that restarts for this long does not come up by itself.
_RESTARTING_FOR = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Health:
    """What was found; `reason` for a sick one."""

    is_well: bool
    reason: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at one container."""

    is_ready: bool
    #: It cannot become ready any more.
    is_dead: bool = False
    reason: str = ""


def wait_until_well(outside: Outside, state: State, *, within: timedelta, is_fresh: bool) -> Health:
    """Looks until every container that was stopped is ready, then asks Prometheus what it holds.

    `is_fresh`: it was started just now, so it has exactly the restored blocks.
    """
    warnings: list[str] = []
    answers = state.answered
    for wanted in state.running:
        is_service = state.service is not None and wanted.name == state.service.name
        found = _wait(outside, wanted, _look_at_service if is_service else _look_at_container, within)
        if is_service:
            if not found.is_well and not state.answered and _runs(outside, wanted):
                # Where it was never heard (a remote engine without published ports), silence proves nothing.
                warnings.append(f"{wanted.name} did not answer over HTTP before either: only that it runs was seen")
                continue
            answers = found.is_well
        if not found.is_well:
            return found
    if state.source == "prometheus" and answers and state.service is not None:
        asked = _ask(outside, state, is_fresh=is_fresh)
        return Health(asked.is_well, asked.reason, (*warnings, *asked.warnings))
    return Health(is_well=True, warnings=tuple(warnings))


def _runs(outside: Outside, wanted: Member) -> bool:
    container = find(outside.engine, wanted)
    return container is not None and _look_at_container(outside, container).is_ready


def answers_now(outside: Outside, container: Container) -> bool:
    """Whether the service in `container` is ready at this moment."""
    return _look_at_service(outside, container).is_ready


Look = Callable[[Outside, Container], _Look]


def _wait(outside: Outside, wanted: Member, look: Look, within: timedelta) -> Health:
    outside.progress.step(f"waiting for {wanted.name}")
    end = outside.clock.monotonic() + within.total_seconds()
    restarting_since: float | None = None
    while True:
        container = find(outside.engine, wanted)
        if container is None:
            return Health(is_well=False, reason=f"container {wanted.name} is gone")
        seen = look(outside, container)
        now = outside.clock.monotonic()
        if seen.is_ready:
            return Health(is_well=True)
        if seen.is_dead:
            return Health(is_well=False, reason=seen.reason)
        if container.state == "restarting":
            restarting_since = restarting_since if restarting_since is not None else now
            if now - restarting_since >= _RESTARTING_FOR.total_seconds():
                return Health(is_well=False, reason=f"{wanted.name} falls over and is restarted again and again")
        if now >= end:
            return Health(is_well=False, reason=seen.reason)
        outside.clock.sleep(_EVERY)


def _look_at_container(outside: Outside, container: Container) -> _Look:
    del outside
    if container.state in ("exited", "dead"):
        return _Look(is_ready=False, is_dead=True, reason=f"{container.name} stopped by itself")
    if container.health == "unhealthy":
        return _Look(is_ready=False, is_dead=True, reason=f"the health check of {container.name} says unhealthy")
    ready = container.state == "running" and container.health in ("", "healthy")
    return _Look(is_ready=ready, reason=f"{container.name} is {container.health or container.state}")


def _look_at_service(outside: Outside, container: Container) -> _Look:
    """Asks the service itself: its readiness says more than a container's health check, and says it sooner."""
    if container.state in ("exited", "dead"):
        return _Look(is_ready=False, is_dead=True, reason=f"{container.name} stopped by itself")
    service = service_of(container)
    if service not in PORTS:
        return _look_at_container(outside, container)
    ready = False
    if container.state == "running":
        try:
            if service == "prometheus":
                ready = outside.services.prometheus(container).ready()
            elif service == "grafana":
                ready = outside.services.grafana(container).ready()
            else:
                ready = outside.services.answers(container, PORTS[service], "/-/ready")
        except ServiceError:
            ready = False
    return _Look(is_ready=ready, reason=f"{container.name} did not become ready")


def _ask(outside: Outside, state: State, *, is_fresh: bool) -> Health:
    """What a ready Prometheus holds."""
    container = find(outside.engine, state.service) if state.service is not None else None
    if container is None:
        return Health(is_well=True)
    try:
        prometheus = outside.services.prometheus(container)
        loaded = prometheus.blocks_loaded() if is_fresh else None
    except ServiceUnreachable as error:
        return Health(is_well=False, reason=f"{container.name} was ready and answers no more ({error.message})")
    if state.blocks is not None and loaded is not None and loaded < state.blocks:
        return Health(is_well=False, reason=f"Prometheus loaded {loaded} of {state.blocks} restored blocks")
    return compare_answers(prometheus, state.golden, doomed_until=state.doomed_until)


def compare_answers(prometheus: Prometheus, golden: Sequence[GoldenAnswer], *, doomed_until: float) -> Health:
    """Sick only where data that were there are gone: a newer server may count differently."""
    warnings = []
    for answer in golden:
        if answer.kind != "promql" or answer.at is None:
            continue
        try:
            rows = prometheus.query(answer.question, answer.at)
        except ServiceError as error:
            warnings.append(f"Prometheus could not be asked {answer.question!r}: {error.message}")
            continue
        is_doomed = answer.at < doomed_until
        if answer.answer and not rows and not is_doomed:
            return Health(is_well=False, reason=f"Prometheus answers nothing to {answer.question!r} at {answer.at:.0f}")
        if not is_same([[dict(labels), value] for labels, value in rows], answer.answer) and not is_doomed:
            warnings.append(f"Prometheus answers {answer.question!r} at {answer.at:.0f} differently than at the backup")
    return Health(is_well=True, warnings=tuple(warnings))


def is_same(found: Any, recorded: Any) -> bool:
    """Whether two answers are equal; NaN equals NaN."""
    if isinstance(found, float) and isinstance(recorded, int | float):
        return found == recorded or (math.isnan(found) and math.isnan(recorded))
    if isinstance(found, list | tuple) and isinstance(recorded, list | tuple):
        return len(found) == len(recorded) and all(is_same(f, r) for f, r in zip(found, recorded, strict=True))
    return bool(found == recorded)
