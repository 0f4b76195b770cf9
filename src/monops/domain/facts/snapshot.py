"""Everything that was read, in one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from monops.domain.facts.alerting import AlertmanagerStatus, Silence
from monops.domain.facts.docker import Disk, EngineInfo, OpenChange, SeenContainer
from monops.domain.facts.grafana import Dashboard, DataSource, GrafanaHealth
from monops.domain.facts.prometheus import Build, Part, RuleGroup, Runtime, Target, TargetFile
from monops.domain.facts.unknown import IsUnknown, Unknown
from monops.domain.ports import Network, RoutedAlert, RuleAlert, Series, Volume

_NEVER = Unknown("it was not read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A stack at one moment. Every field but `now` and `project` may be Unknown."""

    #: Aware, UTC.
    now: datetime
    project: str

    # --- the engine, and what it runs
    engine: EngineInfo | Unknown = _NEVER
    #: `2.40.3`.
    compose_version: str | Unknown = _NEVER
    #: The Compose file with every variable filled in.
    compose_model: Mapping[str, Any] | Unknown = _NEVER
    #: service -> the hash by which Compose tells whether a container is as the file says; that of the file before,
    #: where since then only limits were changed live, as the history of changes says (domain/live_limits.py).
    compose_hashes: Mapping[str, str] | Unknown = _NEVER
    #: Changes of settings that a monops began and did not end, and that no monops is making now.
    open_changes: tuple[OpenChange, ...] | Unknown = _NEVER
    #: The containers of the stack.
    containers: tuple[SeenContainer, ...] | Unknown = _NEVER
    #: Every other container of the engine.
    neighbours: tuple[SeenContainer, ...] | Unknown = _NEVER
    networks: tuple[Network, ...] | Unknown = _NEVER
    volumes: tuple[Volume, ...] | Unknown = _NEVER
    #: The file system where the engine keeps images and volumes.
    engine_disk: Disk | Unknown = _NEVER
    #: Monitoring service -> the file system that its data are on, under the path that its container knows.
    data_disks: Mapping[str, Disk] | Unknown = _NEVER
    #: host path -> text, of the configuration files that the stack mounts or that lie beside its Compose file.
    host_files: Mapping[str, str] | Unknown = _NEVER
    #: "service:path in the container" -> text, of the same as the container has them.
    container_files: Mapping[str, str] | Unknown = _NEVER
    #: path in Prometheus's container -> the file, of all those that its jobs' file_sd_configs name and that are there.
    target_files: Mapping[str, TargetFile] | Unknown = _NEVER
    #: service -> out-of-memory kills in the last day, as far as the engine's events and the kernel's counts tell.
    oom_events: Mapping[str, int] | Unknown = _NEVER

    # --- Prometheus
    #: (HTTP status, text) of `/-/ready`; status 0 where nobody answers, with the reason.
    prometheus_ready: tuple[int, str] | Unknown = _NEVER
    prometheus_build: Build | Unknown = _NEVER
    prometheus_runtime: Runtime | Unknown = _NEVER
    prometheus_flags: Mapping[str, str] | Unknown = _NEVER
    #: The configuration in force, secrets replaced by `<secret>`.
    prometheus_config: str | Unknown = _NEVER
    #: Of several Prometheus each, the first one first; () where there is one.
    prometheus_parts: tuple[Part, ...] | Unknown = _NEVER
    #: Of all of them together.
    prometheus_targets: tuple[Target, ...] | Unknown = _NEVER
    #: scrape pool -> how many discovered targets relabelling dropped.
    prometheus_dropped: Mapping[str, int] | Unknown = _NEVER
    prometheus_rules: tuple[RuleGroup, ...] | Unknown = _NEVER
    #: URLs of the Alertmanagers that it knows.
    prometheus_alertmanagers: tuple[str, ...] | Unknown = _NEVER
    prometheus_alerts: tuple[RuleAlert, ...] | Unknown = _NEVER
    #: Progress of reading its log at the start, 0 to 1.
    prometheus_replay: float | Unknown = _NEVER
    #: The names of all metrics with a sample in the last hour.
    prometheus_metrics: frozenset[str] | Unknown = _NEVER
    #: metric -> series, the most first.
    prometheus_cardinality: Mapping[str, int] | Unknown = _NEVER

    # --- Alertmanager
    #: As of Prometheus.
    alertmanager_ready: tuple[int, str] | Unknown = _NEVER
    alertmanager_status: AlertmanagerStatus | Unknown = _NEVER
    alertmanager_alerts: tuple[RoutedAlert, ...] | Unknown = _NEVER
    alertmanager_silences: tuple[Silence, ...] | Unknown = _NEVER

    # --- Grafana
    #: With "unreachable: why" as its database where nobody answers.
    grafana_health: GrafanaHealth | Unknown = _NEVER
    #: HTTP status of a request with the password that the stack's secrets name.
    grafana_login: int | Unknown = _NEVER
    #: Whether admin/admin is let in.
    grafana_default_password: bool | Unknown = _NEVER
    grafana_data_sources: tuple[DataSource, ...] | Unknown = _NEVER
    grafana_dashboards: tuple[Dashboard, ...] | Unknown = _NEVER

    #: PromQL -> what Prometheus answered: every query that a check declares.
    answers: Mapping[str, tuple[Series, ...] | Unknown] = field(default_factory=dict)

    def answer(self, promql: str) -> tuple[Series, ...]:
        """What Prometheus answered to a query that the check declares. Raises IsUnknown."""
        found = self.answers.get(promql, Unknown("the query was not asked"))
        if isinstance(found, Unknown):
            raise IsUnknown(found)
        return found
