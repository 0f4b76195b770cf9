"""Having running services take a change over, and seeing that it took."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from importlib import import_module
from types import ModuleType

from monops.domain.change import Expected, Means, Site, Step
from monops.domain.errors import MonopsError, NotFound, ServiceError, ServiceUnreachable
from monops.domain.nearest import listed
from monops.domain.ports import Container
from monops.ops.change_reload import reload
from monops.ops.change_watch import has_other_limits, stays_down, update_and_watch
from monops.ops.scale_home import bring_home
from monops.ops.stack_status import ServiceState, state_of
from monops.ops.workshop import Workshop

_EVERY = timedelta(milliseconds=300)
#: Seconds that a healthy server may still report the old value: a reload is not instant, and targets are handed over
#: in rounds of five seconds.
_SETTLES_WITHIN = 60.0
#: Seconds without a health check after which a container that still runs is taken for well.
_UNCHECKED_FOR = 2.0
#: Prometheus writes its log to disk when it stops.
_STOPS_WITHIN = timedelta(minutes=2)
_SEE_COMPOSE = "docker compose config --services"
#: What leaves the container as it is: how often it ended before says nothing of the change, which may be its rescue.
_LIVES_ON = (Means.RELOAD, Means.UPDATE)


def take_over(shop: Workshop, site: Site, steps: Sequence[Step]) -> None:
    """Every step is done; each may be repeated. Raises EngineError, and ServiceError where a service refuses."""
    for step in steps:
        shop.outside.progress.step(f"{step.means.value} {step.service}")
        _STEPS[step.means](shop, site, step)


def _reload(shop: Workshop, site: Site, step: Step) -> None:
    for container in _containers(shop, site, step.service):
        reload(shop, site, step, container)


def _update(shop: Workshop, site: Site, step: Step) -> None:
    update_and_watch(shop, site, step)


def _restart(shop: Workshop, site: Site, step: Step) -> None:
    shop.bench.compose(site).restart_only([step.service])


def _recreate(shop: Workshop, site: Site, step: Step) -> None:
    compose = shop.bench.compose(site)
    if step.service in _declared(compose.model()):
        start = not (step.stopped and stays_down(shop, site, step))
        compose.make([step.service], start=start)
        if step.limits and has_other_limits(shop, site, step):
            # Made from these very files, and limited since by `docker update`, which Compose does not see.
            compose.make([step.service], anew=True, start=start)
        return
    if step.means is not Means.REMOVE:
        raise ServiceError(f"Compose does not see {step.service} in {listed(site.files)}", remedy=_SEE_COMPOSE)
    # The files no longer have it: its container goes as well, and its volume stays.
    for container in shop.in_site(site, step.service):
        bring_home(shop, container)
        shop.outside.engine.stop(container.id, within=_STOPS_WITHIN)
        compose.remove([container.id])


def _declared(model: Mapping[str, object]) -> Mapping[str, object]:
    found = model.get("services")
    return found if isinstance(found, Mapping) else {}


_STEPS: Mapping[Means, Callable[[Workshop, Site, Step], None]] = {
    Means.RELOAD: _reload,
    Means.UPDATE: _update,
    Means.RESTART: _restart,
    Means.RECREATE: _recreate,
    Means.MAKE: _recreate,
    Means.REMOVE: _recreate,
}


def wait_until_taken(
    shop: Workshop, site: Site, steps: Sequence[Step], expected: Sequence[Expected], *, within: timedelta
) -> None:
    """Every service with a step is healthy, unless it was stopped, and says what is expected. Raises ServiceError with
    why not, at the latest after `within`."""
    clock = shop.outside.clock
    model = shop.bench.compose(site).model()
    steps = [step for step in steps if step.service in _declared(model)]
    deadline = clock.monotonic() + within.total_seconds()
    ailing = {name for step in steps for name in step.unhealthy}
    settles_within = within.total_seconds() if ailing else _SETTLES_WITHIN
    lives_on = {step.service for step in steps if step.means in _LIVES_ON}
    restarts: dict[str, int] = {}
    well_since: float | None = None
    while True:
        states = _states(shop, model, site, steps)
        unwell = [one for one in states if not one.is_well and not (one.container in ailing and _is_unhealthy(one))]
        for one in unwell:
            is_hopeless = one.is_over if one.service in lives_on else one.is_hopeless
            if is_hopeless or one.loops_since(restarts.setdefault(one.container, one.restarts)):
                raise ServiceError(_why(one), remedy=f"docker logs --tail 50 {one.container or one.service}")
        now = clock.monotonic()
        well_since = None if unwell else well_since if well_since is not None else now
        # Without a health check only time tells that it does not end at once.
        is_settled = well_since is not None and (
            all(one.health for one in states) or now - well_since >= _UNCHECKED_FOR
        )
        differing = _differing(shop, site, expected) if is_settled else ""
        if is_settled and not differing:
            return
        if now >= deadline or (differing and well_since is not None and now - well_since >= settles_within):
            why = differing or "; ".join(map(_why, unwell)) or "it did not settle"
            raise ServiceError(f"{why} (after {now - deadline + within.total_seconds():.0f} s)", remedy="monops doctor")
        clock.sleep(_EVERY)


def _states(shop: Workshop, model: Mapping[str, object], site: Site, steps: Sequence[Step]) -> list[ServiceState]:
    services = list(dict.fromkeys(step.service for step in steps))
    if not services:
        return []
    stopped = {name for step in steps for name in step.stopped}
    found = state_of(model, site.files[0], shop.outside.engine, services, with_memory=False).services
    return [one for one in found if one.container not in stopped]


def _is_unhealthy(one: ServiceState) -> bool:
    return one.state == "running" and one.health == "unhealthy"


def _why(one: ServiceState) -> str:
    return f"{one.service} does not come up: {one.reason or one.health or one.state}"


def _differing(shop: Workshop, site: Site, expected: Sequence[Expected]) -> str:
    """What a server says otherwise; "" where all is as wanted."""
    for one in expected:
        read = reader(one.reader)
        containers = shop.in_site(site, one.service)
        if not containers and any(one.wanted.values()):
            return f"{one.service} has no container"
        for container in containers:
            try:
                found = read(shop, container)
            except (ServiceUnreachable, NotFound) as error:
                return error.message
            wrong = [f"{name} {found.get(name) or 'none'}, not {want or 'none'}" for name, want in one.wanted.items()
                     if found.get(name, "") != want]  # fmt: skip
            if wrong:
                return f"{one.service} reports {listed(wrong)}"
    return ""


def reader(name: str) -> Callable[[Workshop, Container], Mapping[str, str]]:
    """`read` of ops/effective/<name>.py."""
    found: Callable[[Workshop, Container], Mapping[str, str]] = effective(name).read
    return found


def effective(name: str) -> ModuleType:
    """ops/effective/<name>.py. Raises MonopsError where a newer monops made the change."""
    try:
        return import_module(f"monops.ops.effective.{name}")
    except ImportError as error:
        raise MonopsError(
            f"this monops does not know how to read back {name!r}: a newer one made the change",
            remedy="run the newer monops: monops history",
        ) from error


def _containers(shop: Workshop, site: Site, service: str) -> Sequence[Container]:
    found = [one for one in shop.in_site(site, service) if one.state == "running"]
    if not found:
        raise NotFound(f"no container of {service} runs", remedy=f"monops stack up {service}")
    return found
