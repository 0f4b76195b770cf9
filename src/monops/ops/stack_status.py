"""How each service of the stack is: what the Compose file declares beside what the engine runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from monops.domain.errors import UsageFault
from monops.domain.nearest import did_you_mean
from monops.domain.ports import Compose, Container, Engine, Memory
from monops.domain.rebuild import without_secret
from monops.stack.options import SERVICES

#: A container that was started again so often will not come up by waiting.
RESTARTS_THAT_ARE_A_LOOP = 3
#: How far back the reason for an end is looked for: a program that refuses a flag prints all its flags behind that.
_LINES = 300
_LONGEST_REASON = 400
_FAULT = re.compile(r"level=(error|fatal)|\b(error|fatal|panic|failed|cannot|denied|refused|invalid)\b", re.IGNORECASE)
#: Source: Prometheus, Alertmanager and the exporters (kingpin): before the help that they print.
_FLAG_REFUSED = re.compile(r"^(?:\S+: error: |Error parsing command ?line arguments: )(?P<said>.+)")
_LOGFMT_ERROR = re.compile(r'\berr(?:or)?="(?P<said>(?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """One container of a service, or that there is none."""

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
    #: How often the engine started it again by itself.
    restarts: int
    #: When it was started last, as the engine writes it.
    started: str
    #: Why it is not well, as far as the engine says; "" where it is.
    reason: str

    @property
    def is_well(self) -> bool:
        return self.state == "running" and self.health in ("healthy", "")

    @property
    def is_over(self) -> bool:
        """Whether the engine will not start it again by itself."""
        return self.state in ("exited", "dead", "missing", "removing")

    @property
    def is_hopeless(self) -> bool:
        """Whether waiting cannot help."""
        return self.is_over or (self.state == "restarting" and self.loops_since(0))

    def loops_since(self, restarts: int) -> bool:
        """Whether it ended again and again since the engine had started it so often."""
        return self.restarts - restarts >= RESTARTS_THAT_ARE_A_LOOP


@dataclass(frozen=True, slots=True, kw_only=True)
class StackState:
    """Every service that the file declares, and containers of the project that it does not."""

    project: str
    file: str
    #: A service that was scaled is there once a container.
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
    by_service: dict[str, list[Container]] = {}
    for container in engine.containers([item.id for item in engine.listed() if item.project == project]):
        # What `docker compose run` left behind bears the service's name, and is not the service.
        if container.labels.get("com.docker.compose.oneoff") != "True":
            by_service.setdefault(container.service, []).append(container)
    memory: dict[str, Memory | None] = {}
    if with_memory:
        running = [c.id for name in declared for c in by_service.get(name, ()) if c.state == "running"]
        with ThreadPoolExecutor(max_workers=8) as pool:
            memory = dict(zip(running, pool.map(engine.memory, running), strict=True))
    services = tuple(one for name in declared for one in _states(name, by_service.get(name, ()), memory, engine))
    others = set(by_service) - set(model.get("services") or {})
    return StackState(project=project, file=file, services=services, undeclared=tuple(sorted(others)))


def _states(
    name: str, containers: Sequence[Container], memory: Mapping[str, Memory | None], engine: Engine
) -> Iterator[ServiceState]:
    if not containers:
        yield ServiceState(
            service=name,
            container="",
            state="missing",
            health="",
            ports=(),
            image="",
            memory=None,
            restarts=0,
            started="",
            reason="it has no container",
        )
    for container in sorted(containers, key=lambda one: one.name):
        yield ServiceState(
            service=name,
            container=container.name,
            state=container.state,
            health=container.health,
            ports=tuple(_shown(inside, *outside) for inside, outside in sorted(container.ports.items())),
            image=container.image,
            memory=memory.get(container.id),
            restarts=int(container.raw.get("RestartCount") or 0),
            started=str((container.raw.get("State") or {}).get("StartedAt") or ""),
            reason=_reason(container, engine),
        )


def _shown(inside: int, host: str, outside: int) -> str:
    """As `docker ps` writes it."""
    return f"{f'[{host}]' if ':' in host else host}:{outside}->{inside}"


def _reason(container: Container, engine: Engine) -> str:
    """The engine's own evidence: the exit code with the last words, or what the health check printed."""
    state = container.raw.get("State") or {}
    error = str(state.get("Error") or "")
    restarts = int(container.raw.get("RestartCount") or 0)
    if container.state in ("exited", "dead", "restarting"):
        words = error or last_words(engine.logs(container.id, _LINES))
        killed = ", out of memory" if state.get("OOMKilled") else ""
        again = f", and again after each of {restarts} restarts" if restarts > 1 else ""
        return _said(f"it ended with {state.get('ExitCode')}{killed}{again}", words)
    if container.state == "running" and container.health in ("unhealthy", "starting"):
        log = (state.get("Health") or {}).get("Log") or ()
        failed = [str(probe.get("Output") or "") for probe in log if probe.get("ExitCode")]
        output = failed[-1].strip().splitlines() if failed else []
        what = "its health check fails" if container.health == "unhealthy" else "its health check has not passed yet"
        if restarts:
            return _said(f"{what}, restart {restarts}", last_words(engine.logs(container.id, _LINES)))
        return _said(what, output[-1] if output else "")
    if container.state == "created":
        return _said("it was never started", error)
    return "" if container.state == "running" else f"it is {container.state}"


def last_words(lines: Sequence[str]) -> str:
    """What a program says of its end: the causes in its error messages, else its last line."""
    lines = [line.strip() for line in lines if line.strip()]
    refused = [found["said"] for line in lines if (found := _FLAG_REFUSED.match(line))]
    if refused:
        return refused[-1]
    faults = [line for line in lines if _FAULT.search(line)]
    # Prometheus and Alertmanager: the cause comes first, and what failed because of it after it.
    causes = [found["said"] for line in faults if (found := _LOGFMT_ERROR.search(line))]
    if causes:
        plain = (cause.replace('\\"', '"').replace("\\n", " ") for cause in causes)
        return "; ".join(dict.fromkeys(plain))
    return (faults or lines or [""])[-1]


def _said(what: str, words: str) -> str:
    words = without_secret(words)
    if len(words) > _LONGEST_REASON:
        words = words[:_LONGEST_REASON] + " …"
    return f"{what}: {words}" if words else what
