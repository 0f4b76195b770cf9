"""An engine with containers that only have states, and the services in them, for tests of what uses them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from monops.domain.errors import EngineError, ServiceUnreachable, VolumeMissing
from monops.domain.ports import (
    Alertmanager,
    Capacity,
    Container,
    Discovered,
    Grafana,
    Helper,
    Listed,
    Memory,
    Mount,
    Network,
    Probe,
    Prometheus,
    PrometheusStatus,
    Reader,
    ScrapeTarget,
    Volume,
)


def container(service: str, volume: str, *, state: str = "running", user: str = "", project: str = "p") -> Container:
    """One container of the Compose project `p`, with a volume."""
    return Container(
        id=f"id-{service}",
        name=f"{project}-{service}-1",
        image=f"prom/{service}:v1",
        image_id="sha256:1",
        state=state,
        health="",
        project=project,
        service=service,
        command=(),
        environment={},
        labels={},
        mounts=(Mount(type="volume", name=volume, source=f"/v/{volume}", destination="/data"),),
        ports={},
        addresses={},
        user=user,
        raw={},
    )


@dataclass
class FakeEngine:
    """Starts and stops; `before` is told of each act and may raise."""

    found: dict[str, Container] = field(default_factory=dict)
    before: Callable[[str], None] = field(default=lambda act: None)
    #: What happened, in order: `stop p-prometheus-1`.
    acts: list[str] = field(default_factory=list)
    #: Where health checks stand, one answer after the other; the last stays.
    probes: list[Probe] = field(default_factory=lambda: [Probe(None)])

    #: `docker update` and signals, in order: (container, what).
    updated: list[tuple[str, dict[str, int]]] = field(default_factory=list)
    signals: list[tuple[str, str]] = field(default_factory=list)
    #: What every container has said.
    last_words: tuple[str, ...] = ("its last words",)

    #: container -> bytes and processors that it uses now.
    used: dict[str, tuple[int, float]] = field(default_factory=dict)

    #: Whether the kernel counts swap. Where not, Docker gives whatever has a limit of memory as much swap as it likes.
    has_swap_limit: bool = True

    is_local = True
    host = "127.0.0.1"

    def add(self, made: Container) -> Container:
        self.found[made.id] = made
        return made

    def listed(self) -> tuple[Listed, ...]:
        return tuple(
            Listed(id=c.id, name=c.name, image=c.image, project=c.project, service=c.service, mounts=c.mounts)
            for c in self.found.values()
        )

    def containers(self, ids: Sequence[str]) -> tuple[Container, ...]:
        return tuple(self.found[one] for one in ids if one in self.found)

    def probe(self, container_id: str) -> Probe:
        self.container(container_id)
        return self.probes.pop(0) if len(self.probes) > 1 else self.probes[0]

    def container(self, name_or_id: str) -> Container:
        for one in self.found.values():
            if name_or_id in (one.id, one.name):
                return one
        raise VolumeMissing(f"there is no container {name_or_id!r}", remedy="docker ps --all")

    def volumes(self) -> tuple[Volume, ...]:
        return ()

    def volume(self, name: str) -> Volume:
        return Volume(name=name, mountpoint="", labels={})

    def networks(self) -> tuple[Network, ...]:
        return (Network(name="bridge", gateway="172.17.0.1"),)

    def memory(self, container_id: str) -> Memory | None:
        return Memory(used=self.used[container_id][0], limit=0) if container_id in self.used else None

    def processors(self, container_id: str) -> float | None:
        return self.used[container_id][1] if container_id in self.used else None

    def capacity(self) -> Capacity:
        return Capacity(processors=4, memory=16 << 30, has_swap_limit=self.has_swap_limit)

    def image_digest(self, image_id: str) -> str:
        return image_id

    def stop(self, container_id: str, *, within: timedelta) -> None:
        self._act("stop", container_id, "exited")

    def start(self, container_id: str) -> None:
        self._act("start", container_id, "running")

    def pause(self, container_id: str) -> None:
        self._act("pause", container_id, "paused")

    def unpause(self, container_id: str) -> None:
        self._act("unpause", container_id, "running")

    def update(self, container_id: str, limits: Mapping[str, int]) -> None:
        one = self.container(container_id)
        self.updated.append((container_id, dict(limits)))
        host = {**(one.raw.get("HostConfig") or {}), **{name: value for name, value in limits.items() if value}}
        self.found[one.id] = replace(one, raw={**one.raw, "HostConfig": self.limited(host)})

    def limited(self, host_config: dict[str, int]) -> dict[str, int]:
        """As the kernel lets it be. Source: moby, daemon/daemon_unix.go, verifyPlatformContainerResources."""
        is_open = host_config.get("Memory") and not self.has_swap_limit
        return {**host_config, "MemorySwap": -1} if is_open else host_config

    def signal(self, container_id: str, name: str) -> None:
        self.container(container_id)
        self.signals.append((container_id, name))

    def logs(self, container_id: str, lines: int) -> tuple[str, ...]:
        return self.last_words if self.containers([container_id]) else ()

    def mounted(self, volume: str, image: str, *, writable: bool) -> AbstractContextManager[str]:
        raise EngineError("the fake engine has no helpers", remedy="docker info")

    def archive(self, container_id: str, path: str) -> AbstractContextManager[Reader]:
        raise EngineError("the fake engine has no archives", remedy="docker info")

    def unarchive(self, container_id: str, path: str, tar: Iterable[bytes]) -> None:
        raise EngineError("the fake engine has no archives", remedy="docker info")

    def script(self, volume: str, images: Sequence[str], text: str, *, writable: bool) -> Helper:
        raise EngineError("the fake engine has no helpers", remedy="docker info")

    def clear_leftovers(self) -> int:
        return 0

    def _act(self, act: str, container_id: str, state: str) -> None:
        one = self.container(container_id)
        self.before(f"{act} {one.name}")
        self.found[one.id] = replace(one, state=state)
        self.acts.append(f"{act} {one.name}")


@dataclass
class FakePrometheus:
    """A Prometheus whose answers are set."""

    is_ready: Callable[[], bool] = field(default=lambda: True)
    retention: str = "15d"
    blocks: Callable[[], int | None] = field(default=lambda: None)
    answers: dict[str, tuple[tuple[Mapping[str, str], float], ...]] = field(default_factory=dict)
    found: Discovered = field(default_factory=lambda: Discovered(scraped=frozenset(), dropped=frozenset()))

    url = "http://prometheus"

    def status(self) -> PrometheusStatus:
        return PrometheusStatus(
            version="3.5.3",
            admin_api=True,
            storage_path="/prometheus",
            working_dir="/",
            retention=self.retention,
            out_of_order=False,
        )

    def ready(self) -> bool:
        return self.is_ready()

    def snapshot(self, *, within: timedelta) -> str:
        raise ServiceUnreachable("the fake Prometheus makes no snapshots", remedy="-")

    def query(self, promql: str, at: float) -> tuple[tuple[Mapping[str, str], float], ...]:
        return self.answers.get(promql, ())

    def blocks_loaded(self) -> int | None:
        return self.blocks()

    def targets(self) -> tuple[ScrapeTarget, ...]:
        return tuple(
            ScrapeTarget(job=one.job, instance=one.address, url="", health="up", last_error="", last_scrape="")
            for one in sorted(self.found.scraped)
        )

    def discovered(self) -> Discovered:
        return self.found

    def metrics(self) -> str:
        return ""


class FakeGrafana:
    url = "http://grafana"

    def ready(self) -> bool:
        return True

    def version(self) -> str | None:
        return "12"


@dataclass
class FakeServices:
    """The HTTP sides."""

    of_prometheus: FakePrometheus = field(default_factory=FakePrometheus)

    def prometheus(self, container: Container | None) -> Prometheus:
        if container is None or container.state != "running":
            raise ServiceUnreachable("nobody answers", remedy="-")
        return self.of_prometheus

    def grafana(self, container: Container | None) -> Grafana:
        return FakeGrafana()

    def alertmanager(self, container: Container | None) -> Alertmanager:
        raise ServiceUnreachable("nobody answers", remedy="-")

    def answers(self, container: Container, port: int, path: str) -> bool:
        return container.state == "running"
