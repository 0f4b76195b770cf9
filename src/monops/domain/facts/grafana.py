"""Facts of Grafana. Source: grafana.com/docs, HTTP API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class GrafanaHealth:
    """`/api/health`, which needs no password."""

    version: str
    #: "ok", or what is wrong with the database.
    database: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSource:
    """A data source, and what its own test says."""

    uid: str
    name: str
    type: str
    url: str
    access: str = "proxy"
    is_default: bool = False
    is_read_only: bool = True
    #: "OK" or "ERROR"; "" where it has no test.
    health: str = "OK"
    message: str = ""
    #: How many series `up` has when Grafana asks; None where it is no Prometheus, or could not be asked.
    up_series: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """A dashboard as Grafana has it."""

    uid: str
    title: str
    model: Mapping[str, Any]
