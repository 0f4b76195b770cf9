"""Every exporter that Prometheus could reach is scraped.

An exporter that runs and is in no job measures for nobody. Looked at are the containers of the stack and those in its
networks, by their images, and whatever carries the label prometheus-job.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._healthy import changed, container
from monops.checks._healthy import target as healthy_target
from monops.checks._prometheus import YOUNG_SECONDS, after_edit, age_of_config
from monops.checks._targets import with_targets
from monops.domain.address import parts_of, port_of
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, SeenContainer, Target, known
from monops.domain.finding import Finding, Severity
from monops.domain.scrape_scene import HOST_NAMES, age, networks_of, prometheus_of

#: Last part of an image's name -> the port of its metrics.
_EXPORTERS = {
    "node-exporter": 9100, "node_exporter": 9100, "redis_exporter": 9121, "redis-exporter": 9121, "cadvisor": 8080,
    "alertmanager": 9093, "postgres-exporter": 9187, "postgres_exporter": 9187, "mysqld-exporter": 9104,
    "mongodb_exporter": 9216, "nginx-prometheus-exporter": 9113, "blackbox-exporter": 9115, "pushgateway": 9091,
    "statsd-exporter": 9102, "elasticsearch-exporter": 9114, "elasticsearch_exporter": 9114, "kafka-exporter": 9308,
    "rabbitmq-exporter": 9419, "process-exporter": 9256, "dcgm-exporter": 9400, "snmp-exporter": 9116,
    "bull-monitor": 3000, "bullmq-exporter": 3000,
}  # fmt: skip
_LABEL, _PORT_LABEL = "prometheus-job", "prometheus-port"


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each container in no job."""
    own = known(facts.containers)
    prometheus = prometheus_of(own)
    targets = known(facts.prometheus_targets)
    neighbours = known(facts.neighbours)
    if prometheus is None or age_of_config(facts) < YOUNG_SECONDS:
        return
    reachable = networks_of(prometheus) - {"host", "none", "bridge"}
    near = [one for one in neighbours if reachable & networks_of(one)]
    addresses = frozenset(address for target in targets for address in _addresses(target))
    for one in (*own, *near):
        port = _port(one)
        if port and one.is_running and age(one, facts.now) > YOUNG_SECONDS and not _is_scraped(one, port, addresses):
            yield _finding(one, port, facts)


def _port(one: SeenContainer) -> int:
    """The port of its metrics; 0 where it does not say that it has any."""
    labels = one.container.labels
    if labels.get(_LABEL):
        given = labels.get(_PORT_LABEL, "")
        return int(given) if given.isdigit() else 80
    image = one.container.image.split("@", 1)[0].rsplit("/", 1)[-1].split(":", 1)[0].lower()
    return _EXPORTERS.get(image, 0)


def _is_scraped(one: SeenContainer, port: int, addresses: frozenset[tuple[str, int]]) -> bool:
    names = one.names() | frozenset(one.container.addresses.values())
    published = {outside for _, outside in one.container.ports.values()}
    is_on_host = "host" in networks_of(one)
    own_ports = {port} | {socket.port for socket in one.sockets or ()}
    for host, at in addresses:
        if host in names:
            return True
        by_host = host in HOST_NAMES or host.replace(".", "").isdigit() or is_on_host
        if by_host and (at in published or (is_on_host and at in own_ports)):
            return True
    return False


def _addresses(target: Target) -> Iterator[tuple[str, int]]:
    for text in (target.url, f"//{target.discovered.get('__address__', '')}"):
        parts = parts_of(text)
        if parts.hostname:
            yield parts.hostname, port_of(parts) or 80


def _finding(one: SeenContainer, port: int, facts: Facts) -> Finding:
    job = one.container.labels.get(_LABEL) or one.service
    host = f"host.docker.internal:{port}" if "host" in networks_of(one) else f"{one.service or one.name}:{port}"
    return Finding(
        severity=Severity.WARNING,
        subject=f"container {one.name}",
        cause="it has metrics, and no job of Prometheus scrapes it",
        evidence=(f"docker inspect {one.name}: image {one.container.image}", "/api/v1/targets: no target leads to it"),
        fix=after_edit(facts, f"Add a job {job} with the target {host} to prometheus.yml, then reload."),
    )


def _exporters(facts: Facts) -> Facts:
    return with_targets(
        facts,
        healthy_target("node", "docker-host", "host.docker.internal:9100"),
        *(
            healthy_target(job, job, address)
            for job, address in (
                ("alertmanager", "alertmanager:9093"),
                ("cadvisor", "cadvisor:8080"),
                ("redis-exporter", "redis-exporter:9121"),
            )
        ),
    )


def _without(facts: Facts, job: str) -> Facts:
    return replace(facts, prometheus_targets=tuple(t for t in known(facts.prometheus_targets) if t.job != job))


CHECK = Check(
    id="targets.undeclared",
    well="every exporter within reach is scraped",
    reads=("containers", "neighbours", "prometheus_runtime", "prometheus_targets"),
    judge=judge,
    needs=("prometheus",),
    healthy=_exporters,
    sick=(
        Sick(
            what="an exporter of the stack in no job",
            facts=lambda facts: _without(facts, "cadvisor"),
            severity=Severity.WARNING,
            says="no job of Prometheus scrapes it",
        ),
        Sick(
            what="a node exporter on the host in no job",
            facts=lambda facts: _without(facts, "node"),
            severity=Severity.WARNING,
            says="no job of Prometheus scrapes it",
        ),
        Sick(
            what="a container of the application with a label",
            facts=lambda facts: replace(
                facts,
                neighbours=(
                    changed(
                        container("grafana"),
                        container={"name": "app-web", "service": "web", "labels": {_LABEL: "web", _PORT_LABEL: "9464"}},
                        aliases=frozenset({"web"}),
                    ),
                ),
            ),
            severity=Severity.WARNING,
            says="no job of Prometheus scrapes it",
        ),
    ),
)
