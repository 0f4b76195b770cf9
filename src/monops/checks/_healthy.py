"""A healthy stack as facts: what every check's examples start from, and small tools to make it sick."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from monops.domain.facts import (
    AlertmanagerStatus,
    Build,
    DataSource,
    Disk,
    EngineInfo,
    Facts,
    GrafanaHealth,
    ListeningSocket,
    Rule,
    RuleGroup,
    Runtime,
    SeenContainer,
    Target,
    known,
)
from monops.domain.ports import Container, Memory, Mount, Network, RoutedAlert, RuleAlert, Series, Volume

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
AT = NOW.timestamp()
NETWORK = "monitoring_monitoring"
_MIB = 1 << 20

#: service -> (image, port, user, data path, memory limit).
_SERVICES: dict[str, tuple[str, int, str, str, int]] = {
    "prometheus": ("prom/prometheus:v3.5.3", 9090, "nobody", "/prometheus", 2048 * _MIB),
    "grafana": ("grafana/grafana:12.4.0", 3000, "472", "/var/lib/grafana", 512 * _MIB),
    "alertmanager": ("prom/alertmanager:v0.33.1", 9093, "nobody", "/alertmanager", 256 * _MIB),
    "node-exporter": ("prom/node-exporter:v1.11.1", 9100, "nobody", "", 128 * _MIB),
    "redis-exporter": ("oliver006/redis_exporter:v1.86.0-alpine", 9121, "59000:59000", "", 128 * _MIB),
    "cadvisor": ("ghcr.io/google/cadvisor:v0.60.5", 8080, "", "", 512 * _MIB),
}
_PUBLISHED = {"prometheus": 9090, "grafana": 3001, "alertmanager": 9093, "cadvisor": 8080}
#: service -> user that its image runs as.
OWNERS = {"prometheus": 65534, "alertmanager": 65534, "grafana": 472}


def container(service: str, **changes: Any) -> SeenContainer:
    """The healthy container of a service."""
    image, port, user, data, limit = _SERVICES[service]
    number = list(_SERVICES).index(service) + 2
    mounts = []
    if data:
        name = f"monitoring_{service}-data"
        mounts.append(Mount(type="volume", name=name, source=f"/var/lib/docker/volumes/{name}/_data", destination=data))
    if service in ("prometheus", "alertmanager"):
        mounts.append(
            Mount(type="bind", name="", source="/srv/monitoring", destination=f"/etc/{service}", writable=False)
        )
    if service == "node-exporter":
        mounts.append(Mount(type="bind", name="", source="/", destination="/host", writable=False))
    published = {port: ("127.0.0.1", _PUBLISHED[service])} if service in _PUBLISHED else {}
    is_on_host = service == "node-exporter"
    found = Container(
        id=f"{number:02d}" * 32,
        name=f"ai-{service}",
        image=image,
        image_id=f"sha256:{number:02d}",
        state="running",
        health="healthy",
        project="monitoring",
        service=service,
        command=(f"/bin/{service}", *_FLAGS.get(service, ())),
        environment={},
        labels={
            "com.docker.compose.project": "monitoring",
            "com.docker.compose.service": service,
            "com.docker.compose.config-hash": f"hash-{service}",
            "com.docker.compose.project.working_dir": "/srv/monitoring",
            "com.docker.compose.project.config_files": "/srv/monitoring/docker-compose.monitoring.yml",
        },
        mounts=tuple(mounts),
        ports=published,
        addresses={} if is_on_host else {NETWORK: f"172.20.0.{number}"},
        user=user,
        raw=_raw(service, limit),
    )
    seen = SeenContainer(
        container=found,
        aliases=frozenset({service, f"ai-{service}"}),
        started_at="2026-11-22T03:00:00Z",
        memory=Memory(used=limit // 4, limit=limit),
        health_exit_code=0,
        sockets=(ListeningSocket("172.17.0.1" if is_on_host else "::", port),),
        stale_mounts=(),
        mount_owners={m.source: (OWNERS[service], 0o755) for m in mounts if m.type == "volume"},
        log_bytes=100_000,
    )
    return replace(seen, **changes)


_FLAGS = {
    "prometheus": (
        "--config.file=/etc/prometheus/prometheus.yml",
        "--storage.tsdb.path=/prometheus",
        "--storage.tsdb.retention.time=30d",
        "--storage.tsdb.retention.size=50GB",
        "--web.enable-lifecycle",
        "--web.enable-admin-api",
    ),
    "alertmanager": (
        "--config.file=/etc/alertmanager/alertmanager.yml",
        "--storage.path=/alertmanager",
        "--cluster.listen-address=",
    ),
    "node-exporter": ("--path.rootfs=/host", "--web.listen-address=172.17.0.1:9100"),
    "cadvisor": ("--docker_only=true", "--store_container_labels=false", "--housekeeping_interval=15s"),
}


def _raw(service: str, limit: int) -> dict[str, Any]:
    """What `docker inspect` has beyond the fields of Container, as far as checks read it."""
    return {
        "RestartCount": 0,
        "State": {"ExitCode": 0, "OOMKilled": False, "StartedAt": "2026-11-22T03:00:00Z"},
        "HostConfig": {
            "Memory": limit,
            "MemoryReservation": limit // 4,
            "MemorySwap": limit,
            "NanoCpus": 1_000_000_000,
            "RestartPolicy": {"Name": "unless-stopped"},
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
            "NetworkMode": "host" if service == "node-exporter" else NETWORK,
            "PidMode": "host" if service == "node-exporter" else "",
            "Privileged": service == "cadvisor",
            "Devices": [{"PathOnHost": "/dev/kmsg"}] if service == "cadvisor" else [],
            "Binds": [],
        },
        "Config": {"Healthcheck": {"Test": ["CMD", "wget", "-q", "--spider", "http://127.0.0.1/"]}},
    }


def _model() -> dict[str, Any]:
    """The Compose file with every variable filled in, as `docker compose config --format json` gives it."""
    services = {}
    for service, (image, _, _, data, limit) in _SERVICES.items():
        services[service] = {
            "image": image,
            "container_name": f"ai-{service}",
            "restart": "unless-stopped",
            "networks": {} if service == "node-exporter" else {"monitoring": None},
            "volumes": [{"type": "volume", "source": f"{service}-data", "target": data}] if data else [],
            "healthcheck": {"test": ["CMD", "wget", "-q", "--spider", "http://127.0.0.1/"]},
            "logging": {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}},
            "deploy": {
                "resources": {
                    "limits": {"cpus": 1, "memory": str(limit)},
                    "reservations": {"memory": str(limit // 4)},
                }
            },
        }
    return {
        "name": "monitoring",
        "services": services,
        "networks": {"monitoring": {"name": NETWORK}},
        "volumes": {f"{s}-data": {"name": f"monitoring_{s}-data"} for s in ("prometheus", "grafana", "alertmanager")},
    }


CONFIG = """\
global:
  scrape_interval: 15s
  scrape_timeout: 10s
  evaluation_interval: 15s
  external_labels:
    monitor: monitoring
rule_files:
- /etc/prometheus/rules/*.yml
alerting:
  alertmanagers:
  - static_configs:
    - targets:
      - alertmanager:9093
scrape_configs:
- job_name: prometheus
  static_configs:
  - targets:
    - localhost:9090
- job_name: browser-workers
  file_sd_configs:
  - files:
    - /etc/prometheus/targets/browser-workers.yml
"""
ALERTMANAGER_CONFIG = """\
route:
  receiver: webhook
  routes:
  - matchers:
    - monops_test="true"
    receiver: monops-test
  - matchers:
    - severity="critical"
    receiver: webhook
receivers:
- name: webhook
  webhook_configs:
  - url_file: /run/secrets/webhook-url
    send_resolved: true
- name: monops-test
  webhook_configs:
  - url: <secret>
"""


def target(job: str, instance: str, address: str, **changes: Any) -> Target:
    """A target that is up."""
    found = Target(
        job=job,
        instance=instance,
        url=f"http://{address}/metrics",
        health="up",
        last_scrape=AT - 5,
        last_duration=0.02,
        labels={"job": job, "instance": instance},
        discovered={"__address__": address, "__metrics_path__": "/metrics", "__scheme__": "http", "job": job},
    )
    return replace(found, **changes)


def rule(name: str, expr: str, **changes: Any) -> Rule:
    """An alert that is well and does not fire."""
    found = Rule(
        kind="alerting",
        name=name,
        expr=expr,
        labels={"severity": "critical", "team": "platform"},
        annotations={
            "summary": "s",
            "description": "d {{ $value }}",
            "runbook_url": "http://localhost:9090/user/x.html",
        },
        state="inactive",
        evaluation=0.001,
    )
    return replace(found, **changes)


def series(value: float | str, **labels: str) -> Series:
    """One series of an instant answer."""
    return Series(labels=labels, points=((AT, f"{value}"),))


WATCHDOG = rule("Watchdog", "vector(1)", state="firing", labels={"severity": "none", "team": "platform"})

HEALTHY = Facts(
    now=NOW,
    project="monitoring",
    engine=EngineInfo(
        version="28.5.2",
        api_version="1.51",
        storage_driver="overlay2",
        driver_status={"Backing Filesystem": "extfs"},
        root="/var/lib/docker",
        memory_bytes=24 * 1024 * _MIB,
        cpus=4,
    ),
    compose_version="2.40.3",
    compose_model=_model(),
    open_changes=(),
    compose_hashes={service: f"hash-{service}" for service in _SERVICES},
    containers=tuple(container(service) for service in _SERVICES),
    neighbours=(),
    networks=(Network(name="bridge", gateway="172.17.0.1"), Network(name=NETWORK, gateway="172.20.0.1")),
    volumes=tuple(
        Volume(name=f"monitoring_{s}-data", mountpoint=f"/var/lib/docker/volumes/monitoring_{s}-data/_data", labels={})
        for s in ("prometheus", "grafana", "alertmanager")
    ),
    engine_disk=Disk(path="/var/lib/docker", total=100 * 1024 * _MIB, free=60 * 1024 * _MIB, kind="ext4"),
    data_disks={
        service: Disk(path=path, total=100 * 1024 * _MIB, free=60 * 1024 * _MIB, kind="ext4")
        for service, path in (("prometheus", "/prometheus"), ("grafana", "/var/lib/grafana"))
    },
    host_files={"/srv/monitoring/prometheus.yml": CONFIG},
    container_files={"prometheus:/etc/prometheus/prometheus.yml": CONFIG},
    target_files={},
    oom_events={},
    prometheus_ready=(200, "Prometheus Server is Ready.\n"),
    prometheus_build=Build(version="3.5.3"),
    prometheus_runtime=Runtime(
        started_at=AT - 86400, reload_succeeded=True, config_at=AT - 3600, retention="30d or 50GiB", server_time=AT
    ),
    prometheus_flags={
        "web.enable-lifecycle": "true",
        "web.enable-admin-api": "true",
        "storage.tsdb.retention.time": "30d",
        "storage.tsdb.retention.size": "50GiB",
        "storage.tsdb.path": "/prometheus",
        "config.file": "/etc/prometheus/prometheus.yml",
    },
    prometheus_config=CONFIG,
    prometheus_parts=(),
    prometheus_targets=(
        target("prometheus", "prometheus", "localhost:9090"),
        target("browser-workers", "browser-worker-1:9090", "browser-worker-1:9090"),
    ),
    prometheus_dropped={"prometheus": 0, "browser-workers": 0},
    prometheus_rules=(
        RuleGroup(
            name="monitoring",
            file="/etc/prometheus/rules/monitoring.yml",
            interval=15.0,
            rules=(WATCHDOG, rule("ServiceDown", "up == 0", holds_for=60.0)),
        ),
    ),
    prometheus_alertmanagers=("http://alertmanager:9093/api/v2/alerts",),
    prometheus_alerts=(
        RuleAlert(
            labels={"alertname": "Watchdog", "severity": "none", "team": "platform"},
            annotations={},
            state="firing",
            active_at="2026-11-22T03:01:00Z",
            value="1e+00",
        ),
    ),
    prometheus_replay=1.0,
    prometheus_metrics=frozenset({"up", "prometheus_build_info", "http_requests_total"}),
    prometheus_cardinality={"prometheus_http_request_duration_seconds_bucket": 500, "up": 10},
    alertmanager_ready=(200, "OK"),
    alertmanager_status=AlertmanagerStatus(version="0.33.1", config=ALERTMANAGER_CONFIG, cluster="disabled"),
    alertmanager_alerts=(
        RoutedAlert(
            labels={"alertname": "Watchdog", "severity": "none", "team": "platform", "monitor": "monitoring"},
            annotations={},
            state="active",
            silenced_by=(),
            inhibited_by=(),
            receivers=("webhook",),
            starts_at="2026-11-22T03:01:00Z",
        ),
    ),
    alertmanager_silences=(),
    grafana_health=GrafanaHealth(version="12.4.0", database="ok"),
    grafana_login=200,
    grafana_default_password=False,
    grafana_data_sources=(
        DataSource(
            uid="prometheus",
            name="Prometheus",
            type="prometheus",
            url="http://prometheus:9090",
            is_default=True,
            message="Successfully queried the Prometheus API.",
            up_series=2,
        ),
    ),
    grafana_dashboards=(),
)


# --- making it sick ------------------------------------------------------------------------------


def with_container(facts: Facts, service: str, change: Callable[[SeenContainer], SeenContainer]) -> Facts:
    """The facts with one of the stack's containers changed."""
    there = known(facts.containers)
    return replace(facts, containers=tuple(change(one) if one.service == service else one for one in there))


def without_container(facts: Facts, service: str) -> Facts:
    """The facts with one of the stack's containers gone."""
    return replace(facts, containers=tuple(one for one in known(facts.containers) if one.service != service))


def changed(one: SeenContainer, *, container: Mapping[str, Any] | None = None, **changes: Any) -> SeenContainer:
    """A container with other fields, its own and the engine's."""
    return replace(one, container=replace(one.container, **(container or {})), **changes)


def with_answers(facts: Facts, answers: Mapping[str, tuple[Series, ...]]) -> Facts:
    """The facts with answers to queries."""
    return replace(facts, answers={**facts.answers, **answers})
