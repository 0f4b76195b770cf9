"""Docker Compose on an engine whose containers come to life, are checked, and die, as time passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.fakes.fake_engine import FakeEngine, container
from tests.fakes.fake_outside import FakeClock
from tests.fakes.memory_stack_folder import MemoryStackFolder

from monops.domain.errors import EngineError
from monops.domain.ports import Container, Memory, Network

PROJECT = "p"


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a container is at some moment."""

    state: str = "running"
    health: str = "healthy"
    restarts: int = 0
    exit_code: int = 0
    killed: bool = False
    error: str = ""
    #: What the last health check printed, where it failed.
    probe: str = ""


#: Seconds since it was started -> how it is.
Life = Callable[[float], Look]


def well(age: float) -> Look:
    """Healthy after two seconds."""
    return Look(health="healthy" if age >= 2 else "starting")


def always(**look: Any) -> Life:
    return lambda age: Look(**look)


def crashing(age: float) -> Look:
    """Ends at once, and is started again every second."""
    return Look(state="restarting", health="unhealthy", restarts=int(age), exit_code=1)


@dataclass
class LivingEngine(FakeEngine):
    """Containers that go through the lives of their services."""

    clock: FakeClock = field(default_factory=FakeClock)
    lives: dict[str, Life] = field(default_factory=dict)
    #: service -> what it printed.
    log: dict[str, tuple[str, ...]] = field(default_factory=dict)
    there: tuple[str, ...] = ("bridge",)
    born: dict[str, float] = field(default_factory=dict)

    def begin(self, service: str, *, made: Container | None = None) -> None:
        """The service's container starts now; it is made if there is none."""
        made = made or self.found.get(f"id-{service}") or container(service, "v")
        self.add(made)
        self.born[made.id] = self.clock.monotonic()

    def containers(self, ids: Sequence[str]) -> tuple[Container, ...]:
        return tuple(self._now(one) for one in super().containers(ids))

    def networks(self) -> tuple[Network, ...]:
        return tuple(Network(name=name) for name in self.there)

    def memory(self, container_id: str) -> Memory | None:
        return Memory(used=1, limit=2) if self._now(self.container(container_id)).state == "running" else None

    def logs(self, container_id: str, lines: int) -> tuple[str, ...]:
        return self.log.get(self.container(container_id).service, ())[-lines:]

    def _now(self, one: Container) -> Container:
        born = self.born.get(one.id, 0.0)
        look = self.lives.get(one.service, well)(self.clock.monotonic() - born)
        state = {
            "StartedAt": str(born),
            "ExitCode": look.exit_code,
            "OOMKilled": look.killed,
            "Error": look.error,
            "Health": {"Log": [{"ExitCode": 1, "Output": look.probe}] if look.probe else []},
        }
        raw = {"RestartCount": look.restarts, "State": state}
        return replace(one, state=look.state, health=look.health, raw=raw)


@dataclass
class FakeCompose:
    """A Compose file's services on that engine."""

    engine: LivingEngine
    #: service -> its part of the file; the image has the service's name.
    services: dict[str, dict[str, Any]]
    networks: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: Images that the engine does not have.
    absent: set[str] = field(default_factory=set)
    #: Of which nobody has any.
    unobtainable: set[str] = field(default_factory=set)
    #: service -> what it says to a POST; "" is consent. It may print.
    answers: dict[str, Callable[[], str]] = field(default_factory=dict)
    folder: MemoryStackFolder = field(default_factory=MemoryStackFolder)

    file = "monitoring/docker-compose.monitoring.yml"

    def model(self) -> Mapping[str, Any]:
        services = {name: {"image": f"image/{name}", **part} for name, part in sorted(self.services.items())}
        return {"name": PROJECT, "services": services, "networks": self.networks}

    def text(self) -> str:
        return f"name: {PROJECT}\n"

    def missing_images(self, images: Sequence[str]) -> tuple[str, ...]:
        return tuple(image for image in images if image in self.absent)

    def pull(self, services: Sequence[str]) -> None:
        for service in services:
            image = self.model()["services"][service]["image"]
            if image in self.unobtainable:
                raise EngineError("docker compose pull failed; the lines above say why", remedy="monops stack pull")
            self.absent.discard(image)

    def up(self, services: Sequence[str]) -> None:
        """Starts what is not there or has ended; leaves alone what the engine is restarting."""
        for service in services or self.services:
            if self.model()["services"][service]["image"] in self.absent:
                raise EngineError(f"no such image: {service}", remedy="-")
            found = self.engine.containers([f"id-{service}"])
            if not found or found[0].state in ("exited", "created"):
                self.engine.begin(service)

    def down(self, *, volumes: bool) -> None:
        for service in self.services:
            self.engine.found.pop(f"id-{service}", None)

    def restart(self, services: Sequence[str]) -> None:
        for service in services or self.services:
            if f"id-{service}" in self.engine.found:
                self.engine.begin(service)

    def logs(self, services: Sequence[str], *, follow: bool, tail: int) -> None: ...

    def post(self, service: str, url: str) -> str:
        return self.answers[service]() if service in self.answers else ""

    def own(self, image: str, folder: str, owners: Mapping[str, int]) -> None:
        """As root, whoever asks."""
        for path, uid in owners.items():
            for name, kept in self.folder.files.items():
                if name == path or name.rpartition("/")[0] == path:
                    self.folder.files[name] = replace(kept, uid=uid, mode=0o600)
