"""What has no password can be reached from this machine alone.

Prometheus, Alertmanager, the exporters and Redis let everybody in who reaches their port. Published without an address,
that is everybody who reaches the machine: Docker's rules come before those of ufw and firewalld. With its admin API
on, anybody can delete Prometheus's data; with its lifecycle API, end it. Publish at 127.0.0.1 and put a proxy with a
password in front, or use --web.config.file, which brings passwords and TLS. Grafana has its own.
Source: the published ports of `docker inspect`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from monops.checks._containers import is_every_address, members, network_mode, role
from monops.checks._healthy import changed, with_container
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, SeenContainer
from monops.domain.finding import Finding, Fix, Risk, Severity

#: service -> what a stranger can do.
_OPEN: Mapping[str, str] = {
    "prometheus": "read everything that is measured",
    "alertmanager": "silence alerts",
    "node-exporter": "read everything about the machine",
    "cadvisor": "read everything about the containers",
    "redis-exporter": "read everything about Redis, and let it ask other addresses",
    "pushgateway": "write and delete measurements",
    "redis": "read and delete everything in it",
    "valkey": "read and delete everything in it",
}
_LISTEN = "--web.listen-address"


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each container."""
    for one in members(facts):
        what = _kind(one)
        if what not in _OPEN or not one.is_running or _has_password(one):
            continue
        open_at = _published(one) or _listens(one, what)
        if open_at:
            yield Finding(
                severity=Severity.WARNING,
                subject=f"container {one.name}",
                cause=f"whoever reaches this machine can {_can(one, what)}, without a password",
                evidence=(open_at,),
                fix=_fix(one),
            )


def _kind(one: SeenContainer) -> str:
    found = role(one)
    if found in _OPEN:
        return found
    return one.container.image.split("@", 1)[0].rsplit("/", 1)[-1].partition(":")[0]


def _has_password(one: SeenContainer) -> bool:
    """Where it is told in its command; of Redis, a configuration file may tell it."""
    words = " ".join(one.container.command)
    return any(word in words for word in ("--web.config.file", "requirepass", ".conf", "--aclfile"))


def _published(one: SeenContainer) -> str:
    found = [f"{port} at every address" for address, port in one.container.ports.values() if is_every_address(address)]
    return f"docker inspect: publishes {', '.join(found)}" if found else ""


def _listens(one: SeenContainer, what: str) -> str:
    """In the host's network there is nothing to publish: it listens at the machine's own addresses."""
    if network_mode(one) != "host" or what != "node-exporter":
        return ""
    given = [word.partition("=")[2] for word in one.container.command if word.startswith(f"{_LISTEN}=")] or [":9100"]
    everywhere = [word for word in given if is_every_address(word.rpartition(":")[0])]
    return f"docker inspect: in the host's network, listens at {everywhere[0]}" if everywhere else ""


def _can(one: SeenContainer, what: str) -> str:
    words = one.container.command
    more = []
    if "--web.enable-admin-api" in words:
        more.append("delete its data")
    if "--web.enable-lifecycle" in words:
        more.append("end it")
    return " and ".join((_OPEN[what], *more))


def _fix(one: SeenContainer) -> Fix:
    up = f"monops stack up {one.service}"
    if network_mode(one) == "host":
        say = f"Let {one.service} listen where containers reach it and others do not: {_LISTEN}=172.17.0.1:9100."
    else:
        say = f"Publish the port of {one.service} at 127.0.0.1 only: BIND_ADDRESS in .env, or before the port."
    return Fix(say=say, command=up, risk=Risk.INTERRUPTS)


def _at_every_address(service: str, says: str) -> Sick:
    return Sick(
        what=f"{service} at every address",
        facts=lambda facts: with_container(
            facts,
            service,
            lambda one: changed(
                one,
                container={
                    "ports": {9090: ("0.0.0.0", 9090)},  # noqa: S104 - looked for, not listened on
                },
            ),
        ),
        severity=Severity.WARNING,
        says=says,
    )


CHECK = Check(
    id="security.exposed",
    well="what has no password can be reached from this machine alone",
    reads=("containers",),
    judge=judge,
    sick=(
        _at_every_address("prometheus", "delete its data and end it"),
        _at_every_address("alertmanager", "silence alerts"),
        Sick(
            what="a node exporter at every address of the machine",
            facts=lambda facts: with_container(
                facts, "node-exporter", lambda one: changed(one, container={"command": ("/bin/node_exporter",)})
            ),
            severity=Severity.WARNING,
            says="about the machine",
        ),
    ),
)
