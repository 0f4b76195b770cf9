"""How each service of the stack is: what the Compose file declares beside what the engine runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from monops.domain.errors import UsageFault
from monops.domain.nearest import did_you_mean
from monops.domain.ports import Compose, Container, Engine, Memory
from monops.stack.options import SERVICES

#: A container that was started again so often since it was made will not come up by waiting.
RESTARTS_THAT_ARE_A_LOOP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """One service."""

    service: str
    #: "" where there is no container.
    container: str
    #: The engine's word, or "missing".
    state: str
    #: "healthy", "unhealthy", "starting", or "" where nothing checks it.
    health: str
    #: host address:port -> container port.
    ports: tuple[str, ...]
    image: str
    memory: Memory | None
    restarts: int
    #: Why it is not well, as far as the engine says; "" where it is.
    reason: str

    @property
    def is_well(self) -> bool:
        return self.state == "running" and self.health in ("healthy", "")

    @property
    def is_hopeless(self) -> bool:
        """Whether waiting cannot help."""
        if self.state in ("exited", "dead", "missing"):
            return True
        return not self.is_well and self.restarts >= RESTARTS_THAT_ARE_A_LOOP


@dataclass(frozen=True, slots=True, kw_only=True)
class StackState:
    """Every service that the file declares, and containers of the project that it does not."""

    project: str
    file: str
    services: tuple[ServiceState, ...]
    undeclared: tuple[str, ...]

    @property
    def is_well(self) -> bool:
        return all(service.is_well for service in self.services)


def declared_services(model: Mapping[str, Any], chosen: Sequence[str]) -> tuple[str, ...]:
    """The services of the file, or those chosen of them. Raises UsageFault for a name that it has not."""
    # Compose sorts by name; people think of Prometheus first.
    rank = {name: place for place, name in enumerate(SERVICES)}
    services = tuple(sorted(model.get("services") or {}, key=lambda name: (rank.get(name, len(rank)), name)))
    for name in chosen:
        if name not in services:
            raise UsageFault(
                f"the stack has no service {name!r}.{did_you_mean(name, services)}", remedy="monops stack status"
            )
    return tuple(name for name in services if not chosen or name in chosen)


def stack_status(
    compose: Compose, engine: Engine, chosen: Sequence[str] = (), *, with_memory: bool = True
) -> StackState:
    """How the stack is now."""
    model = compose.model()
    return state_of(model, compose.file, engine, chosen, with_memory=with_memory)


def state_of(
    model: Mapping[str, Any], file: str, engine: Engine, chosen: Sequence[str], *, with_memory: bool
) -> StackState:
    """The same where the model is known already."""
    project = str(model.get("name", ""))
    declared = declared_services(model, chosen)
    ids = [item.id for item in engine.listed() if item.project == project]
    containers = engine.containers(ids)
    by_service = {container.service: container for container in containers}
    memory: dict[str, Memory | None] = {}
    if with_memory:
        running = [c.id for c in containers if c.state == "running"]
        with ThreadPoolExecutor(max_workers=8) as pool:
            memory = dict(zip(running, pool.map(engine.memory, running), strict=True))
    services = tuple(_service(name, by_service.get(name), memory, engine) for name in declared)
    others = set(by_service) - set(model.get("services") or {})
    return StackState(project=project, file=file, services=services, undeclared=tuple(sorted(others)))


def _service(
    name: str, container: Container | None, memory: Mapping[str, Memory | None], engine: Engine
) -> ServiceState:
    if container is None:
        return ServiceState(
            service=name,
            container="",
            state="missing",
            health="",
            ports=(),
            image="",
            memory=None,
            restarts=0,
            reason="it has no container: monops stack up",
        )
    return ServiceState(
        service=name,
        container=container.name,
        state=container.state,
        health=container.health,
        ports=tuple(f"{host}:{port}->{inside}" for inside, (host, port) in sorted(container.ports.items())),
        image=container.image,
        memory=memory.get(container.id),
        restarts=int(container.raw.get("RestartCount") or 0),
        reason=_reason(container, engine),
    )


def _reason(container: Container, engine: Engine) -> str:
    """The engine's own evidence: the exit code with the last words, or what the health check printed."""
    state = container.raw.get("State") or {}
    if container.state in ("exited", "dead", "restarting"):
        words = engine.logs(container.id, 1)
        killed = ", out of memory" if state.get("OOMKilled") else ""
        return f"it ended with {state.get('ExitCode')}{killed}" + (f": {words[-1].strip()}" if words else "")
    if container.state == "running" and container.health == "unhealthy":
        log = (state.get("Health") or {}).get("Log") or ()
        output = str(log[-1].get("Output", "")).strip().splitlines() if log else []
        return "its health check fails" + (f": {output[-1]}" if output else "")
    if container.state in ("created", "paused"):
        return f"it is {container.state}"
    return ""
