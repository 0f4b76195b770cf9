"""Published ports for those of several Prometheus that have none yet."""

from __future__ import annotations

import re
from typing import Any

from monops.domain.yaml_edit import written_at
from monops.domain.yaml_nodes import items_of
from monops.ops.scale_look import Layout
from monops.ops.workshop import Workshop

#: A published port as Compose writes it: `${BIND_ADDRESS:?is in .env}:${PROMETHEUS_PORT:?is in .env}:9090`.
_PORT = re.compile(
    r"(?P<host>(?:(?:\$\{[^}]*\}|[^:$]+|\[[^\]]*\]):)?)(?P<public>\$\{[^}]*\}|\$\w+|\d+):(?P<inside>\d+)"
)
#: How far behind Prometheus's own port the others begin to look for one.
_NEXT = 101


class Ports:
    """Published ports for those that have none yet."""

    def __init__(self, shop: Workshop, at: Layout, plain: str, first_port: int | None) -> None:
        services = shop.bench.compose(at.site).model({at.compose: plain}).get("services") or {}
        self._taken = {
            int(port["published"])
            for service in services.values()
            for port in service.get("ports") or ()
            if str(port.get("published", "")).isdigit()
        }
        own = [port for port in services[at.service].get("ports") or () if str(port.get("published", "")).isdigit()]
        self._next = first_port or (int(own[0]["published"]) if own else 9090) + _NEXT
        self._host = f"{own[0]['host_ip']}:" if own and own[0].get("host_ip") else "127.0.0.1:"
        declared = _written_ports(plain, at.service, at.compose)
        written = _PORT.fullmatch(str(declared[0])) if declared else None
        if written is not None:
            self._host = written["host"]
        self._before = {} if first_port else _ports_before(at)

    def of(self, service: str, inside: int) -> str:
        """The one that it has; else the next free one."""
        if service in self._before:
            return self._before[service]
        while self._next in self._taken:
            self._next += 1
        self._taken.add(self._next)
        return f"{self._host}{self._next}:{inside}"


def _ports_before(at: Layout) -> dict[str, str]:
    found = {}
    for name in at.others:
        ports = _written_ports(at.text, name, at.compose)
        if ports:
            found[name] = str(ports[0])
    return found


def _written_ports(text: str, service: str, file: str) -> list[Any]:
    """As they are written: YAML 1.1 takes `22:22` for a number."""
    return items_of(written_at(text, ("services", service), file=file).get("ports"))
