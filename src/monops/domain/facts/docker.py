"""Facts of the engine and its containers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from monops.domain.ports import Container, Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """What the engine says of itself. Source: Docker Engine API, /version and /info."""

    version: str
    api_version: str
    storage_driver: str
    #: Pairs of `DriverStatus` as `name: value`.
    driver_status: Mapping[str, str]
    root: str
    memory_bytes: int
    cpus: int
    #: Sentences of the engine about what the kernel cannot do.
    warnings: tuple[str, ...] = ()
    #: "1" or "2".
    cgroup_version: str = "2"
    #: The engine's clock minus ours, in seconds.
    clock_offset: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A file system, in bytes."""

    path: str
    total: int
    free: int
    #: As the kernel names it: "ext4", "nfs4", …
    kind: str = ""

    @property
    def free_share(self) -> float:
        """0 to 1."""
        return self.free / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenChange:
    """A change of a setting that has begun and not ended."""

    id: int
    #: As `monops history` shows it.
    title: str
    #: RFC 3339.
    started: str
    #: How far it came: `prepared`, `written`, `applied`, `reverting`.
    state: str
    #: Beside the stack's files.
    folder: str


@dataclass(frozen=True, slots=True)
class ListeningSocket:
    """A TCP port on which a program in a container listens."""

    #: "0.0.0.0", "127.0.0.1", "::", …
    address: str
    port: int

    @property
    def is_loopback(self) -> bool:
        return self.address.startswith("127.") or self.address == "::1"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenContainer:
    """A container, and what only a look into it tells. What could not be looked at is None."""

    container: Container
    #: Other names by which the containers of its networks know it.
    aliases: frozenset[str] = frozenset()
    restarts: int = 0
    exit_code: int | None = None
    out_of_memory: bool = False
    #: RFC 3339.
    started_at: str = ""
    #: The id that its image's name means today; "" where it could not be looked at.
    image_now: str = ""
    #: The last words, oldest first: of one that is not well, and of the services in whose log checks look for phrases.
    log: tuple[str, ...] = ()
    memory: Memory | None = None
    #: What its health check printed last.
    health_output: str = ""
    health_exit_code: int | None = None
    #: None where the processes could not be looked at.
    sockets: tuple[ListeningSocket, ...] | None = None
    #: Paths in the container of mounted files whose host file has been replaced since; None where it could not be
    #: looked at.
    stale_mounts: tuple[str, ...] | None = None
    #: host path -> (user, permission bits) of what it mounts; empty where it could not be looked at.
    mount_owners: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    #: host path -> permission bits of the secrets that it mounts, one by one or in a folder; without those for others
    #: where a folder above keeps others away. Empty where it could not be looked at.
    secret_modes: Mapping[str, int] = field(default_factory=dict)
    #: host path -> size of its log file in bytes; None where it could not be looked at.
    log_bytes: int | None = None

    @property
    def name(self) -> str:
        return self.container.name

    @property
    def service(self) -> str:
        return self.container.service

    @property
    def is_running(self) -> bool:
        return self.container.state == "running"

    def names(self) -> frozenset[str]:
        """Every name that resolves to it."""
        return self.aliases | {self.container.name, self.container.service, self.container.id[:12]}
