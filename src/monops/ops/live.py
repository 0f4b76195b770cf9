"""The running Prometheus and Alertmanager: found by the configuration's address, else among the engine's containers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from monops.domain.errors import MonopsError, NotFound
from monops.domain.ports import Alertmanager, Clock, Container, Engine, LiveServices, PrometheusQueries
from monops.domain.scale import LABEL, LAYER, RULES, instance_of
from monops.domain.stack import Stack, find_stack_among

#: State of a container -> what helps; others are started.
_REMEDIES = {"paused": "docker unpause {}", "restarting": "docker logs --tail 20 {}"}


T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Live:
    """What runs now. The engine is asked only where no address is configured, and once."""

    engine: Engine
    services: LiveServices
    clock: Clock
    project: str | None
    #: service -> container name, from the configuration.
    containers: Mapping[str, str]
    #: Services whose address is configured.
    addressed: frozenset[str]
    _found: list[Stack] = field(default_factory=list)

    def prometheus(self) -> PrometheusQueries:
        """Raises NotFound where the stack has none, and ServiceUnreachable."""
        return self.services.prometheus(self._container("prometheus"))

    def layer(self) -> PrometheusQueries:
        """What knows every sample: of several Prometheus their query layer, else Prometheus. Raises as `prometheus`."""
        found = [one for one in self._made() if one.labels[LABEL] == LAYER]
        return self.services.prometheus(found[0]) if found else self.prometheus()

    def of_all(self, ask: Callable[[PrometheusQueries], Iterable[T]], *, of_rules: bool = False) -> list[T]:
        """What Prometheus says; of several what all of them say, and `of_rules` also what evaluates rules for them.

        A replica that does not answer is left out while another of its shard does. Raises as `prometheus`.
        """
        groups: dict[int, list[Callable[[], PrometheusQueries]]] = {1: [self.prometheus]}
        for container in self._made():
            label = container.labels[LABEL]
            instance = instance_of(label)
            if instance is not None or (of_rules and label == RULES):
                connect = partial(self.services.prometheus, container)
                groups.setdefault(instance.shard if instance else 0, []).append(connect)
        return [one for connects in groups.values() for one in _of_group(connects, ask)]

    def _made(self) -> tuple[Container, ...]:
        """What `scale set` has made; an address of the configuration is asked alone."""
        if "prometheus" in self.addressed:
            return ()
        return tuple(one for one in self.stack().containers if LABEL in one.labels)

    def alertmanager(self) -> Alertmanager:
        """Raises NotFound where the stack has none, and ServiceUnreachable."""
        return self.services.alertmanager(self._container("alertmanager"))

    def stack(self) -> Stack:
        """Raises NotFound, UsageFault where there are several, EngineUnreachable."""
        if not self._found:
            engine = self.engine
            self._found.append(
                find_stack_among(engine.listed(), engine.containers, project=self.project, named=self.containers)
            )
        return self._found[0]

    def _container(self, service: str) -> Container | None:
        if service in self.addressed:
            return None
        container = self.stack().container(service)
        if container.state != "running":
            remedy = _REMEDIES.get(container.state, "docker start {}").format(container.name)
            raise NotFound(f"{container.name} is {container.state}", remedy=remedy)
        return container


def _of_group(
    connects: Sequence[Callable[[], PrometheusQueries]], ask: Callable[[PrometheusQueries], Iterable[T]]
) -> list[T]:
    """What those say who answer. Raises the first one's fault where nobody does."""
    found: list[T] = []
    faults: list[MonopsError] = []
    for connect in connects:
        try:
            found += ask(connect())
        except MonopsError as error:
            faults.append(error)
    if len(faults) == len(connects):
        raise faults[0]
    return found
