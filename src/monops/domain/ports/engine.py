"""Docker: containers, volumes, and throwaway helpers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from monops.domain.ports.streams import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """Where a container has a volume or a host path."""

    #: "volume", "bind" or "tmpfs".
    type: str
    #: The volume's name; empty for a bind.
    name: str
    #: The path on the engine's host.
    source: str
    #: The path in the container.
    destination: str
    writable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """What monops needs to know of a container."""

    id: str
    name: str
    #: As written in the Compose file: `prom/prometheus:v3.5.3`.
    image: str
    image_id: str
    #: "running", "exited", "paused", "created", "restarting", "dead".
    state: str
    #: The health check's word: "healthy", "unhealthy", "starting", or "" without a check.
    health: str
    #: The Compose project; "" outside Compose.
    project: str
    #: The Compose service; the container's name outside Compose.
    service: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    labels: Mapping[str, str]
    mounts: tuple[Mount, ...]
    #: container port -> (host address, host port) published.
    ports: Mapping[int, tuple[str, int]]
    #: network -> address in it.
    addresses: Mapping[str, str]
    #: The working directory, for relative paths in the command.
    working_dir: str = ""
    user: str = ""
    #: `docker inspect`, whole: for the `config` source only, which reduces it.
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A container as a list shows it. Inspecting one that hangs takes a minute, so only those are that matter."""

    id: str
    name: str
    image: str
    project: str
    service: str
    #: Volumes by name and host paths that it mounts.
    mounts: tuple[Mount, ...]


@dataclass(frozen=True, slots=True)
class Probe:
    """Where a health check stands, by the engine's own clock."""

    #: Between the end of one probe and the start of the next; None where there is no health check.
    interval: timedelta | None
    #: Since the last probe ended; None before the first.
    since: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A named volume of the engine."""

    name: str
    mountpoint: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network of the engine."""

    name: str
    #: The engine host's address in it; "" where it has none.
    gateway: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a container uses of its memory, in bytes."""

    used: int
    #: The host's memory where the container has no limit.
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What the engine's machine has."""

    processors: int
    #: In bytes.
    memory: int
    #: Whether the kernel counts swap, so that it can be limited.
    has_swap_limit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Helper:
    """What a helper container's script did."""

    exit_code: int
    output: str


class Engine(Protocol):
    """Docker. Every method may raise EngineUnreachable or EngineError; an unknown name raises VolumeMissing."""

    @property
    def is_local(self) -> bool:
        """Whether the engine shares this machine's file system as far as its address tells."""
        ...

    @property
    def host(self) -> str:
        """The host name under which published ports answer."""
        ...

    def listed(self) -> tuple[Listed, ...]:
        """Every container, running or not, as a list shows them: asks nothing of any single one."""
        ...

    def containers(self, ids: Sequence[str]) -> tuple[Container, ...]:
        """These containers; one that has vanished meanwhile is left out."""
        ...

    def probe(self, container_id: str) -> Probe:
        """Where the container's health check stands."""
        ...

    def container(self, name_or_id: str) -> Container: ...

    def volumes(self) -> tuple[Volume, ...]: ...

    def volume(self, name: str) -> Volume: ...

    def networks(self) -> tuple[Network, ...]: ...

    def memory(self, container_id: str) -> Memory | None:
        """What it uses now; None where it does not run."""
        ...

    def processors(self, container_id: str) -> float | None:
        """How many processors it uses, over a second or two; None where it does not run."""
        ...

    def capacity(self) -> Capacity:
        """What limits there are by nature."""
        ...

    def image_digest(self, image_id: str) -> str:
        """`name@sha256:…` where a registry gave one, else the image id."""
        ...

    def stop(self, container_id: str, *, within: timedelta) -> None: ...

    def start(self, container_id: str) -> None: ...

    def update(self, container_id: str, limits: Mapping[str, int]) -> None:
        """`docker update`: other limits for a running container, by the names of Docker's HostConfig."""
        ...

    def signal(self, container_id: str, name: str) -> None:
        """Send its first process a signal, `SIGHUP`."""
        ...

    def logs(self, container_id: str, lines: int) -> tuple[str, ...]:
        """The last lines of what a container wrote, stdout and stderr together; () where that cannot be read, or it is
        gone."""
        ...

    def pause(self, container_id: str) -> None: ...

    def unpause(self, container_id: str) -> None: ...

    def mounted(self, volume: str, image: str, *, writable: bool) -> AbstractContextManager[str]:
        """A container that is created, never started, and has the volume at `/volume`; its id. Removed afterwards."""
        ...

    def archive(self, container_id: str, path: str) -> AbstractContextManager[Reader]:
        """The tar stream of `path` in a container, running or not. Raises NotFound."""
        ...

    def unarchive(self, container_id: str, path: str, tar: Iterable[bytes]) -> None:
        """Unpack a tar stream into `path` of a container, owners kept."""
        ...

    def clear_leftovers(self) -> int:
        """Remove what `mounted` and `script` of killed processes left behind; how many containers."""
        ...

    def script(self, volume: str, images: Sequence[str], text: str, *, writable: bool) -> Helper:
        """Run a shell script as root in a throwaway container without network that has the volume at `/volume`.

        Uses the first of `images` that has a shell; raises EngineError if none has.
        """
        ...
