"""The way of an alert, piece by piece: what a test of it needs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from monops.domain.ports.services import RoutedAlert


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One notification at monops's own listener."""

    #: "firing" or "resolved".
    status: str
    #: Labels of each alert in it.
    alerts: tuple[Mapping[str, str], ...]


class Listener(Protocol):
    """Takes Alertmanager's webhook calls."""

    @property
    def address(self) -> str:
        """`172.17.0.1:9096`."""
        ...

    def next(self, within: timedelta) -> Heard | None:
        """The next notification; None where none came in time."""
        ...


class AlertPath(Protocol):
    """Prometheus and Alertmanager as links of the chain. Every method may raise ServiceError."""

    def routing(self) -> str:
        """Alertmanager's configuration in force."""
        ...

    def send(self, labels: Mapping[str, str], annotations: Mapping[str, str], *, ends_at: datetime) -> None:
        """Give Alertmanager an alert, as Prometheus does."""
        ...

    def at_alertmanager(self, run: str) -> tuple[RoutedAlert, ...]:
        """What Alertmanager has of a run."""
        ...

    def reload_prometheus(self) -> None:
        """Raises ServiceError with the server's words where it refuses."""
        ...

    def prometheus_config(self) -> str:
        """Prometheus's configuration in force."""
        ...

    def rule_of(self, run: str) -> tuple[str, str] | None:
        """(health with its error, state) of the temporary rule; None where it is not loaded."""
        ...

    def alertmanagers(self) -> tuple[str, ...]:
        """Those that Prometheus knows."""
        ...

    def listen(self, address: str, port: int) -> AbstractContextManager[Listener]:
        """Raises MonopsError where the port is taken."""
        ...
