"""Every port that the Compose file publishes is free for it.

Two programs cannot have one port of the machine: the container that comes second is made and does not start. The other
one may be a service of the same file, a container of another project, or a program outside Docker.
Source: `ports` of the Compose file, the ports that running containers have, State.Error of `docker inspect`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from monops.checks._containers import is_every_address, members, services, shown, with_service
from monops.checks._healthy import changed, container, with_container
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, SeenContainer, known
from monops.domain.finding import Finding, Fix, Severity

_TAKEN = re.compile(r"(?P<address>[\d.]+):(?P<port>\d+)\b.*?(already allocated|already in use)")


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each port that two want."""
    declared = [(name, *place) for name, one in services(facts).items() for place in _published(one)]
    running = {one.service for one in members(facts) if one.is_running}
    everybody = [one for one in (*members(facts), *known(facts.neighbours)) if one.is_running]
    for index, (service, address, port) in enumerate(declared):
        for other, theirs, number in declared[:index]:
            if port == number and _clash(address, theirs) and service != other:
                yield _finding(
                    f"service {service}",
                    port,
                    f"the service {other} wants it too",
                    f"the Compose file: {other} publishes it",
                )
        if service not in running:
            for one in everybody:
                if any(port == number and _clash(address, at) for at, number in one.container.ports.values()):
                    yield _finding(
                        f"service {service}",
                        port,
                        f"the container {one.name} has it",
                        f"docker ps: {one.name} publishes it",
                    )
    for one in members(facts):
        found = _TAKEN.search(_error(one))
        if found and not one.is_running and not _is_told(found["port"], one, declared, everybody):
            said = f"docker inspect: {shown(_error(one))}"
            yield _finding(f"service {one.service}", int(found["port"]), "another program has it", said)


def _published(service: Any) -> Iterator[tuple[str, int]]:
    """(address, port) of the machine. Ranges and ports that Docker chooses clash with nobody for certain."""
    for port in service.get("ports") or ():
        if isinstance(port, dict) and port.get("protocol", "tcp") == "tcp" and str(port.get("published", "")).isdigit():
            yield str(port.get("host_ip") or ""), int(port["published"])


def _clash(one: str, other: str) -> bool:
    return one == other or is_every_address(one) or is_every_address(other)


def _error(one: SeenContainer) -> str:
    return str((one.container.raw.get("State") or {}).get("Error") or "")


def _is_told(
    port: str, one: SeenContainer, declared: list[tuple[str, str, int]], everybody: list[SeenContainer]
) -> bool:
    """Whether the loop over what is declared has found who has it."""
    wants = any(service == one.service and str(number) == port for service, _, number in declared)
    return wants and any(str(number) == port for other in everybody for _, number in other.container.ports.values())


def _finding(subject: str, port: int, who: str, seen: str) -> Finding:
    return Finding(
        severity=Severity.ERROR,
        subject=subject,
        cause=f"it cannot have the port {port}: {who}",
        evidence=(seen,),
        fix=Fix(
            say="Give one of the two another port, in .env or the Compose file, then start it.",
            command=f"ss -ltnp 'sport = :{port}'",
        ),
    )


def _wants(facts: Facts, service: str, port: int) -> Facts:
    published = [{"host_ip": "127.0.0.1", "target": 3000, "published": str(port), "protocol": "tcp"}]
    return with_service(facts, service, ports=published)


def _stopped(facts: Facts, error: str = "") -> Facts:
    return with_container(
        facts,
        "grafana",
        lambda one: changed(
            one, container={"state": "created", "ports": {}, "raw": {**one.container.raw, "State": {"Error": error}}}
        ),
    )


def _with_neighbour(facts: Facts) -> Facts:
    other = changed(container("grafana"), container={"id": "d" * 64, "name": "other-grafana", "project": "other"})
    return replace(_wants(_stopped(facts), "grafana", 3001), neighbours=(other,))


CHECK = Check(
    id="stack.ports",
    well="every published port is free for its service",
    reads=("containers", "neighbours", "compose_model"),
    judge=judge,
    sick=(
        Sick(
            what="two services with one port",
            facts=lambda facts: _wants(_wants(facts, "grafana", 3001), "cadvisor", 3001),
            severity=Severity.ERROR,
            says="wants it too",
        ),
        Sick(
            what="a container of another project has the port",
            facts=_with_neighbour,
            severity=Severity.ERROR,
            says="the container other-grafana has it",
        ),
        Sick(
            what="a program outside Docker has the port",
            facts=lambda facts: _stopped(
                _wants(facts, "grafana", 3001),
                "failed to bind host port for 127.0.0.1:3001:172.20.0.3:3000/tcp: address already in use",
            ),
            severity=Severity.ERROR,
            says="another program has it",
        ),
    ),
)
