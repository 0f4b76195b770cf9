"""What a person may choose about the stack that `monops init` writes."""

from __future__ import annotations

from typing import Annotated

import msgspec

#: Compose service -> what it is for, in the order of the Compose file.
SERVICES = {
    "prometheus": "collects and stores metrics, evaluates rules",
    "grafana": "dashboards",
    "alertmanager": "routes alerts to people",
    "node-exporter": "metrics of this machine",
    "redis-exporter": "metrics of Redis",
    "cadvisor": "metrics of the containers",
}
#: Services without which the stack is none.
NEEDED = ("prometheus",)
#: Published ports, on the host. The node exporter listens there itself.
PORTS = {"prometheus": 9090, "grafana": 3001, "alertmanager": 9093, "cadvisor": 8080, "node-exporter": 9100}
#: The one place where the versions that ship are named: Compose variable -> image.
IMAGES = {
    "PROMETHEUS_IMAGE": "prom/prometheus:v3.5.3",
    "ALERTMANAGER_IMAGE": "prom/alertmanager:v0.33.1",
    "NODE_EXPORTER_IMAGE": "prom/node-exporter:v1.11.1",
    # The plain tag has no shell and no wget, so no health check could run in it.
    "REDIS_EXPORTER_IMAGE": "oliver006/redis_exporter:v1.86.0-alpine",
    "GRAFANA_IMAGE": "grafana/grafana:12.4.0",
    # Older ones lose the containers' names on Docker 29 and later. Source: google/cadvisor issue 3643.
    "CADVISOR_IMAGE": "ghcr.io/google/cadvisor:v0.60.5",
}
#: What only the sample application needs.
SAMPLE_IMAGES = {"SAMPLE_APP_IMAGE": "python:3.13.5-slim", "REDIS_IMAGE": "redis:8.0.2"}
#: What only several Prometheus need: `monops scale set`.
SCALE_IMAGES = {
    "VICTORIA_METRICS_IMAGE": "victoriametrics/victoria-metrics:v1.145.0",
    "VMALERT_IMAGE": "victoriametrics/vmalert:v1.145.0",
}
RECEIVERS = ("slack", "email", "webhook")
#: Compose service -> the user it runs as: its secrets must be readable to that user and to no other.
#: Source: the images' Dockerfiles (prom/*: nobody; grafana: 472; redis_exporter: 59000).
SECRET_OWNERS = {"prometheus": 65534, "alertmanager": 65534, "grafana": 472, "redis-exporter": 59000}
#: Where Grafana's first password is, from the stack's folder.
ADMIN_PASSWORD = "secrets/grafana/admin-password"  # noqa: S105 - a file's name

Cpus = Annotated[float, msgspec.Meta(gt=0)]


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a container may use, and what is kept free for it; memory as Compose writes it."""

    cpus: Cpus
    memory: str
    reserve_memory: str


#: The setup document's for Prometheus; for the others several times what they use. The last two are the sample
#: application's.
LIMITS = {
    "prometheus": Limit(1.0, "2G", "1G"),
    "grafana": Limit(1.0, "512M", "128M"),
    "alertmanager": Limit(0.5, "256M", "32M"),
    "node-exporter": Limit(0.5, "128M", "32M"),
    "redis-exporter": Limit(0.25, "128M", "16M"),
    "cadvisor": Limit(1.0, "512M", "128M"),
    "sample-app": Limit(0.5, "128M", "32M"),
    "redis": Limit(0.5, "128M", "16M"),
}


class StackOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every choice. They are remembered beside the files, so that `monops init` can be asked again without them."""

    project: str = "monitoring"
    #: Container names begin with it.
    prefix: str = "ai"
    #: The main system's network, to reach its services; None: only this machine and the stack are watched.
    network: str | None = None
    bind_address: str = "127.0.0.1"
    ports: dict[str, int] = {}
    without: tuple[str, ...] = ()
    retention_time: str = "30d"
    retention_size: str = "50GB"
    limits: dict[str, Limit] = {}
    images: dict[str, str] = {}
    #: scrape job -> addresses, instead of those that the setup document suggests.
    targets: dict[str, tuple[str, ...]] = {}
    #: Which receivers the alerts go to.
    receivers: tuple[str, ...] = ()
    slack_channel: str = "#ai-orchestrator-alerts"
    email_to: str = "admin@example.com"
    email_from: str = "alerts@example.com"
    smtp: str = "smtp.example.com:587"
    smtp_user: str = ""
    sample_app: bool = False
    sample_app_port: int = 8099
    #: Durations of rules and routes multiplied by this, to rehearse alerts; 1 for production.
    time_scale: float = 1.0
    #: What was found out about this machine.
    bridge_address: str = "172.17.0.1"
    root_is_shared: bool = True

    def port(self, service: str) -> int:
        return self.ports.get(service, PORTS[service])

    def limit(self, service: str) -> Limit:
        return self.limits.get(service, LIMITS[service])

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(name for name in SERVICES if name not in self.without)
