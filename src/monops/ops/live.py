"""The running Prometheus and Alertmanager: found by the configuration's address, else among the engine's containers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from monops.domain.errors import NotFound
from monops.domain.ports import Alertmanager, Clock, Container, Engine, LiveServices, PrometheusQueries
from monops.domain.stack import Stack, find_stack_among

#: State of a container -> what helps; others are started.
_REMEDIES = {"paused": "docker unpause {}", "restarting": "docker logs --tail 20 {}"}


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
