"""Which container a Redis is that the exporter asks, and how a person asks it."""

from __future__ import annotations

from monops.checks._reading import everyone
from monops.domain.facts import Facts, SeenContainer

_PORT = 6379


def address(instance: str) -> tuple[str, int]:
    """Host and port of `redis://user@redis:6379/0`, `rediss://redis` or `redis:6379`."""
    place = instance.partition("://")[2] or instance
    host, _, port = place.rpartition("@")[2].split("/", 1)[0].rpartition(":")
    return (host, int(port)) if host and port.isdigit() else (host + port, _PORT)


def container_of(facts: Facts, instance: str) -> SeenContainer | None:
    """The container that the address names, as far as containers are known."""
    host, _ = address(instance)
    for one in everyone(facts):
        if host in one.names() or host in one.container.addresses.values():
            return one
    return None


def ask(facts: Facts, instance: str, command: str) -> str:
    """The command line that asks this Redis."""
    found = container_of(facts, instance)
    if found is not None and found.is_running:
        return f"docker exec {found.name} redis-cli {command}"
    host, port = address(instance)
    return f"redis-cli -h {host} -p {port} {command}"
