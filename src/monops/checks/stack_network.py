"""Who asks and who is asked share a network.

Containers know each other by name only within a network that both are in. A service of another project is in that
project's network, which has to be named as external in the Compose file; one in the host's own network has no name at
all, and is reached as host.docker.internal. Asked here: Prometheus and each target that is down, Prometheus and its
Alertmanagers, Grafana and its data sources. Source: NetworkSettings.Networks of `docker inspect`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._containers import host_config, members, network_mode, role
from monops.checks._healthy import AT, changed, container, target
from monops.domain.address import parts_of
from monops.domain.check import Check, Sick
from monops.domain.facts import DataSource, Facts, SeenContainer, Unknown, known
from monops.domain.finding import Finding, Fix, Risk, Severity
from monops.domain.rebuild import without_secret

#: Docker's own networks, in which containers have no names.
_NAMELESS = frozenset({"bridge", "host", "none"})


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each pair."""
    everybody = (*members(facts), *known(facts.neighbours))
    told: set[tuple[str, str]] = set()
    for who, url, purpose in _pairs(facts):
        asker = next((one for one in members(facts) if role(one) == who and one.is_running), None)
        host = parts_of(url).hostname or ""
        fitting = [one for one in everybody if host in one.names() and one.is_running]
        if asker is None or not fitting or any(one.container.id == asker.container.id for one in fitting):
            continue
        asked = fitting[0]
        if (asker.name, asked.name) in told or not _can_be_judged(asker):
            continue
        finding = _apart(asker, fitting, host, purpose)
        if finding is not None:
            told.add((asker.name, asked.name))
            yield finding


def _pairs(facts: Facts) -> Iterator[tuple[str, str, str]]:
    """(who asks, which URL, as what) of all that does not work, or of which it is not known."""
    for one in known(facts.prometheus_targets):
        if one.health == "down":
            yield "prometheus", one.url, f"target {one.job}/{one.instance}"
    alertmanagers = facts.prometheus_alertmanagers
    for url in () if isinstance(alertmanagers, Unknown) else alertmanagers:
        yield "prometheus", url, f"Alertmanager {without_secret(url)}"
    sources = facts.grafana_data_sources
    for source in () if isinstance(sources, Unknown) else sources:
        if source.access == "proxy" and source.health == "ERROR":
            yield "grafana", source.url, f"data source {source.name}"


def _can_be_judged(asker: SeenContainer) -> bool:
    """Whether it has networks of its own: not where it has the host's, another container's, or a name server."""
    return bool(asker.container.addresses) and not host_config(asker).get("Dns")


def _apart(asker: SeenContainer, fitting: list[SeenContainer], host: str, purpose: str) -> Finding | None:
    asked, mine = fitting[0], frozenset(asker.container.addresses)
    theirs = [frozenset(one.container.addresses) for one in fitting]
    if any((mine & networks) - _NAMELESS for networks in theirs):
        return None
    seen = (
        f"docker inspect {asker.name}: networks {_listed(mine)}",
        f"docker inspect {asked.name}: networks {_listed(theirs[0]) or network_mode(asked)}",
        f"{purpose} names {host}",
    )
    if network_mode(asked) == "host":
        cause = f"{asked.name} is in the host's own network, where it has no name for {asker.name}"
        fix = Fix(say=f"Name it host.docker.internal instead of {host}, and give {asker.service} that extra host.")
    elif not theirs[0]:
        return None
    elif mine & theirs[0]:
        cause = f"{asker.name} and {asked.name} share Docker's default network only, in which there are no names"
        fix = _join(asker, asked, "a network of the Compose file")
    else:
        cause = f"{asker.name} and {asked.name} have no network in common"
        fix = _join(asker, asked, sorted(theirs[0])[0])
    return Finding(severity=Severity.ERROR, subject=purpose, cause=cause, evidence=seen, fix=fix)


def _join(asker: SeenContainer, asked: SeenContainer, network: str) -> Fix:
    both = sorted(set(asked.container.addresses) - _NAMELESS)
    if not both:
        network = sorted(set(asker.container.addresses) - _NAMELESS or {"NETWORK"})[0]
        return Fix(
            say=f"Put {asked.name} into the network {network}, and write that into its Compose file.",
            command=f"docker network connect {network} {asked.name}",
            risk=Risk.SAFE,
        )
    return Fix(
        say=f"Put {asker.name} into the network {network}, and write that into the Compose file as an external one.",
        command=f"docker network connect {network} {asker.name}",
        risk=Risk.SAFE,
    )


def _listed(networks: frozenset[str]) -> str:
    return ", ".join(sorted(networks))


def _with_neighbour(facts: Facts, mode: str) -> Facts:
    """A target that is down, whose container is in another network."""
    addresses = {} if mode == "host" else {mode: "172.30.0.2"}
    one = changed(
        container("redis-exporter"),
        container={
            "id": "e" * 64,
            "name": "app-api-1",
            "service": "api",
            "project": "app",
            "addresses": addresses,
            "raw": {"HostConfig": {"NetworkMode": mode}},
        },
        aliases=frozenset({"api"}),
    )
    down = target("api-gateway", "api:3000", "api:3000", health="down", last_error="no such host", last_scrape=AT)
    return replace(facts, neighbours=(one,), prometheus_targets=(*known(facts.prometheus_targets), down))


def _grafana_apart(facts: Facts) -> Facts:
    source = DataSource(uid="p", name="Prometheus", type="prometheus", url="http://prometheus:9090", health="ERROR")
    containers = tuple(
        changed(one, container={"addresses": {"other": "172.31.0.2"}}) if one.service == "grafana" else one
        for one in known(facts.containers)
    )
    return replace(facts, containers=containers, grafana_data_sources=(source,))


CHECK = Check(
    id="stack.network",
    well="who asks and who is asked share a network",
    reads=("containers", "neighbours", "prometheus_targets"),
    looks_at=("prometheus_alertmanagers", "grafana_data_sources"),
    needs=("prometheus",),
    judge=judge,
    sick=(
        Sick(
            what="a target in another project's network",
            facts=lambda facts: _with_neighbour(facts, "app_default"),
            severity=Severity.ERROR,
            says="no network in common",
        ),
        Sick(
            what="a target in the host's network",
            facts=lambda facts: _with_neighbour(facts, "host"),
            severity=Severity.ERROR,
            says="host's own network",
        ),
        Sick(
            what="Grafana in another network",
            facts=_grafana_apart,
            severity=Severity.ERROR,
            says="no network in common",
        ),
    ),
)
