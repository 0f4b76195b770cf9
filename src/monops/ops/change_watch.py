"""Giving running containers other limits, and seeing that they live under them.

A tighter limit kills later than it is set: when the program next needs what it had. So the container is watched until
its health check has passed under the new limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from monops.domain.change import Means, Site, Step
from monops.domain.errors import EngineError, EngineUnreachable, NotFound, Refused, ServiceError
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
#: What the engine starts again whenever it ends by itself: one that is down all the same was stopped.
_KEPT_UP = ("always", "unless-stopped")
#: It ended well, or by the signal that asked for it.
_ENDED_WHEN_ASKED = (0, 130, 137, 143)


def update_and_watch(shop: Workshop, site: Site, step: Step) -> None:
    """`docker update`. One that does not run any more is started with them, unless somebody has stopped it.

    Raises NotFound without a container, EngineError, and ServiceError where the container does not live under them.
    """
    containers = shop.in_site(site, step.service)
    if not containers:
        raise NotFound(f"{step.service} has no container", remedy=f"monops stack up {step.service}")
    for container in containers:
        if container.state not in _ALIVE:
            if container.name in step.stopped:
                shop.outside.engine.update(container.id, step.limits)
            else:
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
            container = shop.outside.engine.container(container.id)
        # Than they are, or than they were before a run that was killed here.
        if any(is_tighter(one, step.limits) for one in (_host_config(container), step.limits_before)):
            _watch(shop, container, step)


def _start_with(shop: Workshop, container: Container, step: Step) -> None:
    """Stopped before: the engine may be about to start it again, and waits longer each time."""
    engine = shop.outside.engine
    engine.stop(container.id, within=_STOPS_WITHIN)
    engine.update(container.id, step.limits)
    engine.start(container.id)


def stopped(containers: Sequence[Container]) -> tuple[str, ...]:
    """Those that a person has stopped: neither their limit nor a fault of their own."""
    return tuple(one.name for one in containers if _is_stopped(one))


def _is_stopped(container: Container) -> bool:
    state = container.raw.get("State") or {}
    if container.state not in ("exited", "created") or state.get("OOMKilled") or state.get("Error"):
        return False
    policy = (_host_config(container).get("RestartPolicy") or {}).get("Name")
    return policy in _KEPT_UP or int(state.get("ExitCode") or 0) in _ENDED_WHEN_ASKED


def interruption(service: str, means: Means, containers: Sequence[Container]) -> str:
    """What giving these other limits interrupts, in words."""
    down = stopped(containers)
    if containers and len(down) == len(containers):
        return f"nothing: {service} is stopped, and stays so"
    if any(one.state not in _ALIVE and one.name not in down for one in containers):
        return f"nothing: {service} is down, and is started with them"
    return "nothing" if means is Means.UPDATE else f"{service} for the seconds that it takes to start"


def as_it_runs(shop: Workshop, site: Site, step: Step) -> Step:
    """A step that gives limits, of a change of before: what was stopped then may run now, and the other way round."""
    if not step.limits:
        return step
    containers = shop.in_site(site, step.service)
    said = interruption(step.service, step.means, containers)
    return msgspec.structs.replace(step, stopped=stopped(containers), interrupts=said)


def unhealthy(shop: Workshop, site: Site, service: str) -> tuple[str, ...]:
    """Containers of the service whose health check fails now: it cannot tell whether a change went well."""
    found = shop.in_site(site, service)
    return tuple(one.name for one in found if one.state == "running" and one.health == "unhealthy")


def stays_down(shop: Workshop, site: Site, step: Step) -> bool:
    """Whether every container of the service was stopped by a person, and still is."""
    containers = shop.in_site(site, step.service)
    return bool(containers) and all(one.name in step.stopped and one.state not in _ALIVE for one in containers)


def refuse_paused(containers: Sequence[Container]) -> None:
    """Raises Refused: in a paused container no health check runs, so nothing could be seen to work."""
    for one in containers:
        if one.state == "paused":
            raise Refused(
                f"{one.name} is paused, and takes nothing over until it goes on", remedy=f"docker unpause {one.name}"
            )


def has_other_limits(shop: Workshop, site: Site, step: Step) -> bool:
    """Whether a container has a limit that it should not have, or another one than it should."""
    return any(
        _is_other(name, int(_host_config(container).get(name) or 0), value)
        for container in shop.in_site(site, step.service)
        for name, value in step.limits.items()
    )


def _is_other(name: str, now: int, wanted: int) -> bool:
    if wanted <= 0:
        return now > 0
    # Docker itself chooses the swap that goes with a limit of memory.
    return name != "MemorySwap" and now != wanted


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
    # One that fails already cannot tell what the limits do.
    has_checks = interval is not None and interval <= _OFTEN and container.health != "unhealthy"
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
