"""Prometheus, Grafana and Alertmanager over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from monops.domain.ports.engine import Container


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusStatus:
    """What a running Prometheus says about itself."""

    version: str
    admin_api: bool
    #: As in its flags, perhaps relative.
    storage_path: str
    working_dir: str
    #: As `runtimeinfo` shows it, e.g. `15d or 10GiB`.
    retention: str
    out_of_order: bool
    #: The configuration that it has loaded, secrets hidden by itself.
    config: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One series of an answer."""

    labels: Mapping[str, str]
    #: (Unix time in seconds, value as Prometheus writes it: "0.5", "NaN", "+Inf").
    points: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a query gave."""

    #: "vector", "matrix", "scalar" or "string".
    kind: str
    #: By labels, unless the query itself says in which order.
    series: tuple[Series, ...]
    #: Warnings and infos of the server.
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleAlert:
    """An alert as Prometheus sees it."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    #: "pending" or "firing".
    state: str
    #: RFC 3339.
    active_at: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedAlert:
    """An alert as Alertmanager has it."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    #: "active", "suppressed" or "unprocessed".
    state: str
    silenced_by: tuple[str, ...]
    inhibited_by: tuple[str, ...]
    receivers: tuple[str, ...]
    #: RFC 3339.
    starts_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapeTarget:
    """A target as Prometheus sees it."""

    job: str
    instance: str
    url: str
    #: "up", "down" or "unknown".
    health: str
    last_error: str
    #: RFC 3339.
    last_scrape: str


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """A target before any relabelling."""

    job: str
    #: `node-1:9100`.
    address: str

    def __str__(self) -> str:
        return f"{self.address} of {self.job}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    """What Prometheus finds, and what relabelling makes of it."""

    scraped: frozenset[Origin]
    dropped: frozenset[Origin]


class Prometheus(Protocol):
    """A running Prometheus over HTTP. Raises ServiceUnreachable and ServiceError."""

    @property
    def url(self) -> str: ...

    def status(self) -> PrometheusStatus: ...

    def ready(self) -> bool:
        """Whether it answers queries; False while it replays its log, or does not answer."""
        ...

    def snapshot(self, *, within: timedelta) -> str:
        """Make a TSDB snapshot; its name below `<storage>/snapshots/`. Raises CaptureError with the cause."""
        ...

    def query(self, promql: str, at: float) -> tuple[tuple[Mapping[str, str], float], ...]:
        """An instant query at a Unix time in seconds: (labels, value) pairs, sorted."""
        ...

    def blocks_loaded(self) -> int | None:
        """How many blocks it has loaded, or None if it does not say."""
        ...

    def targets(self) -> tuple[ScrapeTarget, ...]:
        """The active ones."""
        ...

    def discovered(self) -> Discovered:
        """Dropped ones as far as it keeps them (`keep_dropped_targets`)."""
        ...

    def metrics(self) -> str:
        """What it says of itself at `/metrics`."""
        ...


class Grafana(Protocol):
    """A running Grafana over HTTP."""

    @property
    def url(self) -> str: ...

    def ready(self) -> bool: ...

    def version(self) -> str | None: ...


class Alertmanager(Protocol):
    """A running Alertmanager over HTTP. Raises ServiceUnreachable and ServiceError."""

    @property
    def url(self) -> str: ...

    def ready(self) -> bool: ...

    def config(self) -> str:
        """The configuration in force, with what it fills in itself; secrets are hidden."""
        ...

    def alerts(self) -> tuple[RoutedAlert, ...]:
        """What it has, silenced and inhibited ones too."""
        ...


class Services(Protocol):
    """Finds the HTTP side of a container."""

    def prometheus(self, container: Container | None) -> Prometheus:
        """Raises ServiceUnreachable. Without a container only a configured URL is tried."""
        ...

    def grafana(self, container: Container | None) -> Grafana:
        """Raises ServiceUnreachable."""
        ...

    def alertmanager(self, container: Container | None) -> Alertmanager:
        """Raises ServiceUnreachable."""
        ...

    def answers(self, container: Container, port: int, path: str) -> bool:
        """Whether `GET path` on that port of the container gives 200."""
        ...


class PrometheusQueries(Protocol):
    """A running Prometheus, asked about what it watches. Raises ServiceUnreachable and ServiceError."""

    @property
    def url(self) -> str: ...

    def evaluate(self, promql: str, at: float) -> Answer:
        """An instant query of any kind. Raises UsageFault for what is no PromQL, or cannot be evaluated."""
        ...

    def evaluate_range(self, promql: str, start: float, end: float, step: float) -> Answer:
        """A query over a range, every `step` seconds. Raises UsageFault as `evaluate`."""
        ...

    def alerts(self) -> tuple[RuleAlert, ...]:
        """What is pending or firing."""
        ...

    def targets(self) -> tuple[ScrapeTarget, ...]: ...


class LiveServices(Protocol):
    """Finds the services to ask about what they watch."""

    def prometheus(self, container: Container | None) -> PrometheusQueries:
        """Raises ServiceUnreachable. Without a container only a configured URL is tried."""
        ...

    def alertmanager(self, container: Container | None) -> Alertmanager:
        """Raises ServiceUnreachable."""
        ...
