"""Trying a receiver in an Alertmanager of its own."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from monops.domain.ports.engine import Container


class Trial(Protocol):
    """A throwaway Alertmanager that runs."""

    def send(self, labels: Mapping[str, str], annotations: Mapping[str, str], *, ends_at: datetime) -> None:
        """Raises ServiceError where it takes no alert."""
        ...

    def log(self) -> tuple[str, ...]: ...


class Trials(Protocol):
    """Starts them."""

    def open(self, beside: Container, config: str) -> AbstractContextManager[Trial]:
        """Of the image of that Alertmanager, as its user, in its network, with its files; with another configuration.
        Away at the end. Raises EngineError, ServiceError where it does not start."""
        ...
