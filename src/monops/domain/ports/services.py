"""Prometheus and Grafana over HTTP."""

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


class Grafana(Protocol):
    """A running Grafana over HTTP."""

    @property
    def url(self) -> str: ...

    def ready(self) -> bool: ...

    def version(self) -> str | None: ...


class Services(Protocol):
    """Finds the HTTP side of a container."""

    def prometheus(self, container: Container | None) -> Prometheus:
        """Raises ServiceUnreachable. Without a container only a configured URL is tried."""
        ...

    def grafana(self, container: Container | None) -> Grafana:
        """Raises ServiceUnreachable."""
        ...

    def answers(self, container: Container, port: int, path: str) -> bool:
        """Whether `GET path` on that port of the container gives 200."""
        ...
