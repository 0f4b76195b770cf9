"""Facts of Alertmanager. Source: prometheus/alertmanager, api/v2/openapi.yaml."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertmanagerStatus:
    """`/api/v2/status`."""

    version: str
    #: The configuration in force, secrets replaced by `<secret>`.
    config: str
    #: "ready", "settling" or "disabled".
    cluster: str
    peers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A silence that is or will be in force."""

    id: str
    #: As in a route: `severity="critical"`.
    matchers: tuple[str, ...]
    #: "active" or "pending".
    state: str
    created_by: str
    comment: str
    #: Unix times in seconds.
    starts_at: float
    ends_at: float
