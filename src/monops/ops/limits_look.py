"""What the services of a stack may use, as declared and as in force, and what they use now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from monops.domain.change import Site
from monops.domain.errors import MonopsError, UsageFault
from monops.domain.limits import BILLION, Limits, declared, drift, in_force
from monops.domain.nearest import did_you_mean
from monops.domain.ports import Container
from monops.domain.stack import Stack
from monops.ops.change_site import find_site
from monops.ops.workshop import Workshop
from monops.stack.options import SERVICES

_ALIVE = ("running", "paused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One container, or a service that has none."""

    service: str
    #: "" where there is none.
    container: str
    state: str
    #: None where the Compose file cannot be read.
    declared: Limits | None
    #: None where there is no container.
    running: Limits | None
    #: Bytes, and billionths of a processor; None where it does not run, or does not say.
    used_memory: int | None
    used_cpus: int | None

    @property
    def drift(self) -> tuple[str, ...]:
        return () if self.declared is None or self.running is None else drift(self.declared, self.running)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsSeen:
    """The stack's services."""

    project: str
    services: tuple[Seen, ...]
    #: What could not be found out, and why.
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The stack as far as limits go: where its files are, what they say, and its containers."""

    stack: Stack
    site: Site
    model: Mapping[str, Any]

    def service(self, name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.model["services"][name]
        return found


def see_limits(shop: Workshop, chosen: Sequence[str]) -> LimitsSeen:
    """Of all services, or of those chosen. Raises NotFound where there is no stack, UsageFault for an unknown name,
    EngineUnreachable."""
    stack = shop.stack()
    services: Mapping[str, Any] = {}
    unknown: list[str] = []
    try:
        services = _model(shop, _site(shop, stack, chosen)).get("services") or {}
    except MonopsError as error:
        unknown.append(f"what is declared: {error.message}")
    names = in_order({*services, *(one.service for one in _members(stack))})
    check_names(chosen, names)
    rows: list[tuple[str, Container | None]] = []
    for name in names:
        if not chosen or name in chosen:
            found = [one for one in _members(stack) if one.service == name]
            rows += [(name, one) for one in found] or [(name, None)]
    used = use_now(shop, [one for _, one in rows if one is not None])
    seen = tuple(
        Seen(
            service=name,
            container=one.name if one else "",
            state=one.state if one else "missing",
            declared=declared(services[name]) if name in services else None,
            running=in_force(host_config(one)) if one else None,
            used_memory=used[one.id][0] if one else None,
            used_cpus=used[one.id][1] if one else None,
        )
        for name, one in rows
    )
    return LimitsSeen(project=stack.project, services=seen, unknown=tuple(unknown))


def set_scene(shop: Workshop, chosen: Sequence[str]) -> Scene:
    """What a plan is made from. Raises as `see_limits`, and Refused where the files are not those that are meant."""
    stack = shop.stack()
    site = _site(shop, stack, chosen)
    model = _model(shop, site)
    check_names(chosen, in_order(model.get("services") or {}))
    return Scene(stack=stack, site=site, model=model)


def containers_of(scene: Scene, service: str) -> tuple[Container, ...]:
    return tuple(one for one in _members(scene.stack) if one.service == service)


def use_now(shop: Workshop, containers: Sequence[Container]) -> dict[str, tuple[int | None, int | None]]:
    """Container id -> (bytes, billionths of a processor), as far as they run. It takes a second or two."""

    def look(one: Container) -> tuple[int | None, int | None]:
        if one.state not in _ALIVE:
            return None, None
        memory, processors = shop.outside.engine.memory(one.id), shop.outside.engine.processors(one.id)
        return memory.used if memory else None, None if processors is None else round(processors * BILLION)

    with ThreadPoolExecutor(max_workers=16) as pool:
        return dict(zip([one.id for one in containers], pool.map(look, containers), strict=True))


def host_config(container: Container) -> Mapping[str, Any]:
    """`HostConfig` of `docker inspect`."""
    return container.raw.get("HostConfig") or {}


def check_names(chosen: Sequence[str], names: Sequence[str]) -> None:
    """Raises UsageFault for one that the stack has not."""
    for name in chosen:
        if name not in names:
            raise UsageFault(
                f"the stack has no service {name!r}.{did_you_mean(name, names)}", remedy="monops limits show"
            )


def in_order(names: Mapping[str, Any] | set[str]) -> tuple[str, ...]:
    """People think of Prometheus first."""
    rank = {name: place for place, name in enumerate(SERVICES)}
    return tuple(sorted(names, key=lambda name: (rank.get(name, len(rank)), name)))


def _members(stack: Stack) -> list[Container]:
    found = [one for one in stack.containers if one.labels.get("com.docker.compose.oneoff") != "True"]
    return sorted(found, key=lambda one: one.name)


def _site(shop: Workshop, stack: Stack, chosen: Sequence[str]) -> Site:
    """Raises Refused where no container leads to files."""
    fault: MonopsError | None = None
    # The newest was made from all the files that there are now: one that stays as it is keeps the names of fewer.
    newest = sorted(_members(stack), key=lambda one: str(one.raw.get("Created") or ""), reverse=True)
    for one in sorted(newest, key=lambda one: one.service not in chosen):
        try:
            return find_site(shop, one)
        except MonopsError as error:
            fault = fault or error
    raise fault or UsageFault(f"{stack.project} has no container", remedy="monops stack up")


def _model(shop: Workshop, site: Site) -> Mapping[str, Any]:
    return shop.bench.compose(site).model()
