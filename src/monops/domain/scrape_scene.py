"""Who is who in a scrape: the address, Prometheus's own container, and the containers that can be meant."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monops.domain.address import parts_of, port_of
from monops.domain.facts import Facts, ListeningSocket, SeenContainer, Target, Unknown
from monops.domain.finding import Fix, Risk
from monops.domain.prometheus_config import scrape_jobs
from monops.domain.rebuild import without_secret
from monops.domain.stack import service_of

#: Names by which a container reaches the machine that it runs on.
HOST_NAMES = ("host.docker.internal", "gateway.docker.internal")
#: Docker's own DNS listens there in every container; it is not the program in it.
_DOCKER_DNS = "127.0.0.11"
_DEFAULT_PORTS = {"http": 80, "https": 443}


def networks_of(one: SeenContainer) -> frozenset[str]:
    """The networks that a container is in, running or not; {"host"} on the host's."""
    raw = one.container.raw
    mode = str((raw.get("HostConfig") or {}).get("NetworkMode") or "")
    if mode == "host":
        return frozenset({"host"})
    named = (raw.get("NetworkSettings") or {}).get("Networks") or {}
    return frozenset(named) | frozenset(one.container.addresses)


def names_in(one: SeenContainer, network: str) -> frozenset[str]:
    """The names by which the containers of one network know it."""
    there = ((one.container.raw.get("NetworkSettings") or {}).get("Networks") or {}).get(network) or {}
    told = [*(there.get("DNSNames") or ()), *(there.get("Aliases") or ())]
    return frozenset(told) | {one.name} if told else one.names()


def listening(one: SeenContainer) -> tuple[ListeningSocket, ...] | None:
    """Where its programs listen, without Docker's own DNS; None where that is not known."""
    if one.sockets is None:
        return None
    return tuple(socket for socket in one.sockets if socket.address != _DOCKER_DNS)


def exposed_ports(one: SeenContainer) -> tuple[int, ...]:
    """The TCP ports that its image, or its service, says it uses; `3000-3005/tcp` is six."""
    declared = (one.container.raw.get("Config") or {}).get("ExposedPorts") or {}
    found: set[int] = set()
    for port in declared:
        first, _, last = port.partition("/")[0].partition("-")
        if not port.endswith("/udp") and first.isdecimal() and (last or first).isdecimal():
            found.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(found))


def age(one: SeenContainer, now: datetime) -> float:
    """Seconds since it was started; infinite where that is not known."""
    try:
        started = datetime.fromisoformat(one.started_at)
        return (now - started).total_seconds()
    except (ValueError, TypeError):
        return float("inf")


def prometheus_of(containers: Iterable[SeenContainer]) -> SeenContainer | None:
    """The stack's Prometheus: the running one where there are several."""
    found = [one for one in containers if service_of(one.container) == "prometheus"]
    return min(found, key=lambda one: not one.is_running, default=None)


def reload_command(prometheus: SeenContainer | None) -> str:
    """What makes Prometheus read its configuration again, as far as its container tells."""
    if prometheus is None:
        return "curl -X POST http://localhost:9090/-/reload"
    if not any(word.startswith("--web.enable-lifecycle") for word in prometheus.container.command):
        return f"docker kill --signal HUP {prometheus.name}"
    published = prometheus.container.ports.get(9090)
    if published:
        return f"curl -X POST http://localhost:{published[1]}/-/reload"
    return f"docker exec {prometheus.name} wget -qO- --post-data= http://127.0.0.1:9090/-/reload"


def _config_file(prometheus: SeenContainer | None) -> str:
    """The path in the container."""
    words = prometheus.container.command if prometheus else ()
    return next((word.partition("=")[2] for word in words if word.startswith("--config.file=")), "")


def on_host(one: SeenContainer | None, path: str) -> str:
    """Where a file of a container can be edited on the host; "" where it cannot.

    Not where the file itself is mounted: an editor would replace it, and the container keeps the old one.
    """
    mounts = one.container.mounts if one else ()
    holding = [m for m in mounts if m.type == "bind" and path.startswith(m.destination.rstrip("/") + "/")]
    mount = max(holding, key=lambda mount: len(mount.destination), default=None)
    return f"{mount.source.rstrip('/')}{path.removeprefix(mount.destination.rstrip('/'))}" if mount else ""


def last_words(one: SeenContainer, lines: int = 3) -> tuple[str, ...]:
    """The end of its log, as evidence. What it says at every start again is told once."""
    said = {re.sub(r"\d+", "", line): line for line in one.log if line.strip()}
    shown = [without_secret(" ".join(line.split()))[:300] for line in said.values()]
    return tuple(f"docker logs {one.name}: {line}" for line in shown[-lines:])


def ending(one: SeenContainer) -> str:
    """`exited, exit code 1`: the state of a container that does not run."""
    code = one.exit_code if one.exit_code is not None else (one.container.raw.get("State") or {}).get("ExitCode")
    state = one.container.state
    return state if code is None or state in ("created", "paused") else f"{state}, exit code {code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A target, and everything that is known of what it may be."""

    target: Target
    scheme: str
    host: str
    port: int
    path: str
    prometheus: SeenContainer | None
    #: Every container that is known, the stack's own first.
    containers: tuple[SeenContainer, ...]
    #: Why not every container is known; "" where each is.
    blind: str
    #: service -> what the Compose file says of it.
    services: Mapping[str, Any]
    #: The job's section in the configuration in force; empty where that is unknown.
    section: Mapping[str, Any]
    now: datetime

    @property
    def address(self) -> str:
        """The instance where the URL is none."""
        return f"{self.host}:{self.port}" if self.host else self.target.instance

    @property
    def error(self) -> str:
        """The text of the scrape, as evidence."""
        return f"/api/v1/targets: {without_secret(self.target.last_error)}"

    @property
    def shown_url(self) -> str:
        """The URL, as evidence and in commands."""
        return without_secret(self.target.url)

    @property
    def is_relabelled(self) -> bool:
        """Whether the address was not written like this, but made by rules."""
        return self.written != self.address and self.written != self.host

    @property
    def written(self) -> str:
        """The address as it was written or discovered."""
        return self.target.discovered.get("__address__", self.address)

    @property
    def file(self) -> str:
        """The file that names the target; "" where the configuration itself does."""
        return self.target.discovered.get("__meta_filepath", "")

    @property
    def job(self) -> str:
        """The job as the configuration calls it."""
        return self.target.discovered.get("job", self.target.job)

    @property
    def prometheus_name(self) -> str:
        return self.prometheus.name if self.prometheus else "prometheus"

    def called(self, host: str) -> tuple[SeenContainer, ...]:
        """The containers with that name or address: those that Prometheus shares a network with first."""
        found = [one for one in self.containers if host in one.names() or host in one.container.addresses.values()]
        return tuple(sorted(found, key=lambda one: (not self.shared(one), not one.is_running)))

    def shared(self, one: SeenContainer) -> frozenset[str]:
        """The networks in which Prometheus and it both are; names resolve in them."""
        if self.prometheus is None:
            return frozenset()
        return networks_of(self.prometheus) & networks_of(one)

    def every_name(self) -> list[str]:
        """The names that mean something: of containers that Prometheus can reach first, then of all."""
        near = [name for one in self.containers if self.shared(one) for name in sorted(one.names())]
        far = [name for one in self.containers for name in sorted(one.names())]
        return list(dict.fromkeys([*near, *self.services, *far]))

    def look(self) -> str:
        """A command that fetches the metrics from where Prometheus is."""
        url = shlex.quote(self.shown_url)
        return f"docker exec {self.prometheus_name} wget -qO- -T 10 {url} | head"

    def edit(self, say: str) -> Fix:
        """A fix in the job's section of the configuration, by hand."""
        return Fix(say=say, command=reload_command(self.prometheus), risk=Risk.SAFE)

    def move(self, right: str) -> Fix:
        """Scrape `right`, an address, in place of the wrong one."""
        if self.is_relabelled:
            return self.edit(f"In prometheus.yml, let the rules of job {self.job} lead to {right}, then reload.")
        if self.file.endswith(f"/{self.job}.yml"):
            job, wrong = shlex.quote(self.job), shlex.quote(self.written)
            return Fix(
                say=f"Scrape {right} in place of {self.written}.",
                command=f"monops targets add {job} {shlex.quote(right)}; monops targets remove {job} {wrong}",
                risk=Risk.SAFE,
            )
        say = f"in job {self.job}, write {right} in place of {self.written}"
        place = self.file or _config_file(self.prometheus)
        path = on_host(self.prometheus, place)
        change = f"sed -i {shlex.quote(f's|{self.written}|{right}|g')} {shlex.quote(path)}" if path else ""
        if self.file:
            return Fix(say=f"In {self.file}, {say}.", command=change or "monops targets", risk=Risk.SAFE)
        reload = reload_command(self.prometheus)
        return Fix(
            say=f"In prometheus.yml, {say}, then reload.",
            command=f"{change} && {reload}" if change else reload,
            risk=Risk.SAFE,
        )


def scene(target: Target, facts: Facts) -> Scene:
    """What is known around a target. Takes what is unknown as such."""
    parts = parts_of(target.url)
    containers: tuple[SeenContainer, ...] = ()
    blind = ""
    prometheus = None
    for name, fact in (("containers", facts.containers), ("neighbours", facts.neighbours)):
        if isinstance(fact, Unknown):
            blind = blind or fact.reason
            continue
        containers += fact
        prometheus = prometheus_of(fact) if name == "containers" else prometheus
    config, model = facts.prometheus_config, facts.compose_model
    job = target.discovered.get("job", target.job)
    return Scene(
        target=target,
        scheme=parts.scheme,
        host=parts.hostname or "",
        port=port_of(parts) or _DEFAULT_PORTS.get(parts.scheme, 80),
        path=parts.path,
        prometheus=prometheus,
        containers=containers,
        blind=blind,
        services={} if isinstance(model, Unknown) else model.get("services") or {},
        section={} if isinstance(config, Unknown) else scrape_jobs(config).get(job, {}),
        now=facts.now,
    )
