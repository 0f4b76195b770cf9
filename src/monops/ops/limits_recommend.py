"""Limits that fit what services have used: of the last days in Prometheus, or of the present where it does not know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from monops.domain.limits import BILLION, NAMES, Limits, Wanted, compose_size, declared, in_force
from monops.domain.limits_advice import Advice, Usage, advise
from monops.domain.ports import Container
from monops.ops.limits_look import Scene, containers_of, host_config, in_order, set_scene, use_now
from monops.ops.limits_usage import recent_usage
from monops.ops.workshop import Workshop


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommended:
    """For one service."""

    service: str
    #: As declared; as in force where that differs.
    now: Limits
    #: None where nothing is known.
    usage: Usage | None
    advice: Advice | None

    @property
    def wanted(self) -> Wanted:
        """What would have to be set."""
        if self.advice is None:
            return Wanted()
        texts = {
            name: f"{value / BILLION:g}" if name == "cpus" else compose_size(value)
            for name in NAMES
            if (value := self.advice.limits.of(name)) != self.now.of(name) and value
        }
        return Wanted(**texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendations:
    """For each service that was asked for."""

    services: tuple[Recommended, ...]
    over: timedelta
    #: Why Prometheus does not tell of some or all; "" where it does.
    unknown: str

    @property
    def applicable(self) -> Mapping[str, Wanted]:
        """What may be set without a person who thinks of each: a moment is not enough for that."""
        known = (one for one in self.services if one.usage is not None and not one.usage.is_present_only)
        return {one.service: one.wanted for one in known if list(one.wanted)}


def recommend(shop: Workshop, chosen: Sequence[str], over: timedelta) -> Recommendations:
    """Raises NotFound where there is no stack, UsageFault for an unknown name, EngineUnreachable."""
    scene = set_scene(shop, chosen)
    capacity = shop.outside.engine.capacity()
    names = [name for name in in_order(scene.model.get("services") or {}) if not chosen or name in chosen]
    containers = {name: containers_of(scene, name) for name in names}
    everything = [one for found in containers.values() for one in found]
    known, unknown = recent_usage(shop, [one.name for one in everything], over) if everything else ({}, "")
    lacking = [one for one in everything if one.name not in known]
    present = use_now(shop, lacking)
    made = []
    for name in names:
        usages = [known.get(one.name) or _present(present.get(one.id)) for one in containers[name]]
        usage = _most([one for one in usages if one is not None])
        now = _now(scene, name, containers[name])
        advice = None
        if usage is not None:
            advice = advise(usage, now, asked=over, processors=capacity.processors, memory=capacity.memory)
        made.append(Recommended(service=name, now=now, usage=usage, advice=advice))
    return Recommendations(services=tuple(made), over=over, unknown=unknown if lacking else "")


def _now(scene: Scene, service: str, containers: Sequence[Container]) -> Limits:
    found = declared(scene.service(service))
    # Where nothing is declared, but somebody has limited it all the same.
    return found if found != Limits() or not containers else in_force(host_config(containers[0]))


def _present(found: tuple[int | None, int | None] | None) -> Usage | None:
    memory, cpus = found or (None, None)
    if memory is None:
        return None
    return Usage(
        memory_peak=memory, memory_p99=memory, memory_p95=memory, cpus_peak=cpus, cpus_p95=cpus, over=timedelta()
    )


def _most(usages: Sequence[Usage]) -> Usage | None:
    """Of several containers of one service the one that used most: they have the same limits."""
    return max(usages, key=lambda one: one.memory_peak, default=None)
