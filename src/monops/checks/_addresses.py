"""Whether something can be at an address, as a container of the stack sees it."""

from __future__ import annotations

from monops.checks._alerting import few
from monops.checks._reading import everyone, host_config, of_service
from monops.domain.address import is_address, parts_of, port_of
from monops.domain.facts import Facts, SeenContainer, Unknown
from monops.domain.nearest import did_you_mean


def is_loopback(host: str) -> bool:
    """Whether it means whoever asks."""
    return host in ("localhost", "::1") or host.startswith("127.")


def is_on_host(facts: Facts, service: str) -> bool:
    """Whether a service's container is on the host's network, where localhost is the host. Raises IsUnknown."""
    return any(host_config(one).get("NetworkMode") == "host" for one in of_service(facts, service))


def why_not_there(facts: Facts, host: str, port: int, *, meant: str, asker: str) -> str:
    """Why nothing can be at a name and port; "" where something may. `meant` is the service that should be there,
    `asker` the one that asks: its container may know names of its own.

    Raises IsUnknown.
    """
    # An address, or a name of a domain: it may be anywhere.
    if not host or is_loopback(host) or is_address(host) or "." in host:
        return ""
    askers = of_service(facts, asker)
    if any(host in _own_names(one) for one in askers):
        return ""
    found = [one for one in everyone(facts) if host in one.names()]
    if not found:
        if isinstance(facts.neighbours, Unknown) or any(_asks_elsewhere(one) for one in askers):
            return ""
        names = sorted({name for one in of_service(facts, meant) for name in _names(one)})
        return f"no container is called {host}.{did_you_mean(host, names)}".rstrip(".")
    if not any(one.is_running for one in found):
        return f"the container {found[0].name} is {found[0].container.state}"
    ports = {socket.port for one in found for socket in one.sockets or ()}
    if ports and port not in ports:
        return f"nothing listens on port {port} of {host}, but on {few(map(str, sorted(ports)))}"
    return ""


def _own_names(one: SeenContainer) -> frozenset[str]:
    """The names in its /etc/hosts (`extra_hosts`, NAME:ADDRESS) and of its links (CONTAINER:NAME), which go before
    those of Docker."""
    settings = host_config(one)
    hosts = (str(entry).replace("=", ":").partition(":")[0] for entry in settings.get("ExtraHosts") or ())
    links = (str(entry).rpartition(":")[2].rpartition("/")[2] for entry in settings.get("Links") or ())
    return frozenset((*hosts, *links))


def _asks_elsewhere(one: SeenContainer) -> bool:
    """Whether another name server, or a domain that is put behind names, may know what Docker does not."""
    settings = host_config(one)
    return bool(settings.get("Dns") or settings.get("DnsSearch"))


def why_no_alertmanager(facts: Facts, url: str) -> str:
    """Why no Alertmanager can be where Prometheus sends alerts to; "" where one can. Raises IsUnknown."""
    parts = parts_of(url)
    host = parts.hostname or ""
    if is_loopback(host) and not is_on_host(facts, "prometheus"):
        return f"{host} is Prometheus's own container, and no Alertmanager is in it"
    port = port_of(parts) or (443 if parts.scheme == "https" else 80)
    return why_not_there(facts, host, port, meant="alertmanager", asker="prometheus")


def place_of(url: str) -> str:
    """Host and port, without what may be secret."""
    return parts_of(url).netloc.rpartition("@")[2] or "at no address"


def _names(one: SeenContainer) -> frozenset[str]:
    return one.names() - {one.container.id[:12], ""}
