"""Giving running containers other limits, and seeing that they live under them.

A tighter limit kills later than it is set: when the program next needs what it had. So the container is watched until
its health check has passed under the new limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from monops.domain.change import Site, Step
from monops.domain.errors import EngineError, EngineUnreachable, NotFound, ServiceError
from monops.domain.ports import Container
from monops.domain.rebuild import without_secret
from monops.domain.units import show_size
from monops.ops.stack_status import last_words
from monops.ops.workshop import Workshop

#: Docker starts a container that was killed again after a tenth of a second: its end is to be seen before.
_EVERY = timedelta(milliseconds=50)
#: Seconds.
_AT_LEAST, _AT_MOST = 10.0, 120.0
#: A health check that is made less often is not waited for.
_OFTEN = timedelta(seconds=60)
_LINES = 20
_ALIVE = ("running", "paused")
_STOPS_WITHIN = timedelta(seconds=30)


def update_and_watch(shop: Workshop, site: Site, step: Step) -> None:
    """`docker update`. One that does not run any more is started with them.

    Raises NotFound without a container, EngineError, and ServiceError where the container does not live under them.
    """
    containers = shop.in_site(site, step.service)
    if not containers:
        raise NotFound(f"{step.service} has no container", remedy=f"monops stack up {step.service}")
    for container in containers:
        if container.state not in _ALIVE:
            _start_with(shop, container, step)
            continue
        try:
            shop.outside.engine.update(container.id, step.limits)
        except EngineUnreachable:
            raise
        except EngineError:
            if _ended(container, shop.outside.engine.container(container.id)) is None:
                raise
            # It was killed in this very moment.
            _start_with(shop, container, step)
            continue
        # Than they are, or than they were before a run that was killed here.
        if any(is_tighter(one, step.limits) for one in (_host_config(container), step.limits_before)):
            _watch(shop, container, step)


def _start_with(shop: Workshop, container: Container, step: Step) -> None:
    """Stopped before: the engine may be about to start it again, and waits longer each time."""
    engine = shop.outside.engine
    engine.stop(container.id, within=_STOPS_WITHIN)
    engine.update(container.id, step.limits)
    engine.start(container.id)


def has_more_limits(shop: Workshop, site: Site, step: Step) -> bool:
    """Whether a container has a limit that it should not have."""
    return any(
        int(_host_config(container).get(name) or 0) > 0
        for container in shop.in_site(site, step.service)
        for name, value in step.limits.items()
        if not value
    )


def is_tighter(now: Mapping[str, Any], limits: Mapping[str, int]) -> bool:
    """Whether a container gets less than it may use now."""
    for name in ("Memory", "NanoCpus"):
        before, after = int(now.get(name) or 0), limits.get(name, 0)
        if after and (not before or after < before):
            return True
    return False


def _host_config(container: Container) -> Mapping[str, Any]:
    return container.raw.get("HostConfig") or {}


def _watch(shop: Workshop, container: Container, step: Step) -> None:
    clock, seen = shop.outside.clock, _probes(container)
    begin, interval = clock.monotonic(), shop.outside.engine.probe(container.id).interval
    has_checks = interval is not None and interval <= _OFTEN
    shop.outside.progress.say(f"watching whether {container.name} lives under its new limits")
    while True:
        now = shop.outside.engine.container(container.id)
        if (why := _ended(container, now)) is not None:
            words = without_secret(last_words(shop.outside.engine.logs(container.id, _LINES)))
            memory = step.limits.get("Memory")
            under = f" under its new limit of {show_size(memory)} of memory" if memory else " under its new limits"
            raise ServiceError(
                f"{container.name} was killed{under} ({why}){f': {words}' if words else ''}",
                remedy=f"monops limits recommend {step.service}",
            )
        lasted = clock.monotonic() - begin
        passed = not has_checks or any(code == 0 for start, code in _probes(now).items() if start not in seen)
        if lasted >= _AT_LEAST and passed:
            return
        if lasted >= _AT_MOST:
            raise ServiceError(
                f"the health check of {container.name} has not passed under its new limits for {lasted:.0f} s",
                remedy=f"monops limits recommend {step.service}",
            )
        clock.sleep(_EVERY)


def _ended(before: Container, now: Container) -> str | None:
    """How it ended since; None where it still runs."""
    state = now.raw.get("State") or {}
    again = int(now.raw.get("RestartCount") or 0) - int(before.raw.get("RestartCount") or 0)
    same = state.get("StartedAt") == (before.raw.get("State") or {}).get("StartedAt")
    if same and now.state in _ALIVE:
        return None
    if now.state in _ALIVE:
        return f"the engine started it again, {again} times" if again > 1 else "the engine started it again"
    memory = ", out of memory" if state.get("OOMKilled") else ""
    return f"exit code {state.get('ExitCode')}{memory}"


def _probes(container: Container) -> dict[str, int]:
    """When each of the last runs of the health check began, and its exit code."""
    log = ((container.raw.get("State") or {}).get("Health") or {}).get("Log") or ()
    return {str(one.get("Start")): int(one.get("ExitCode") or 0) for one in log}
