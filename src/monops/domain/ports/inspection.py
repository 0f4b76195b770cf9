"""Reading facts: each edge offers readers by the name of the fact."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from monops.domain.ports.services import Series

#: Reads one fact. Raises MonopsError where it cannot.
Reader = Callable[[], object]


class Inspector(Protocol):
    """One outside thing, looked at. Every reader has its own time limit, and many run at once."""

    def readers(self) -> Mapping[str, Reader]:
        """Fact's name -> how it is read."""
        ...


class Asker(Protocol):
    """Prometheus, asked many things at once."""

    def ask(self, promql: str) -> tuple[Series, ...]:
        """Raises MonopsError."""
        ...


class Inspectors(Protocol):
    """Everything that can be looked at: the containers first, because they tell where all else is."""

    def engine(self) -> Sequence[Inspector]:
        """What reads the fact `containers`, and nothing more: all else can be read beside the services."""
        ...

    def services(self, containers: object) -> Sequence[Inspector]:
        """All else: the services over HTTP, and beside them the engine, Compose and files.

        `containers` is the fact of that name, or Unknown.
        """
        ...

    def asker(self, containers: object) -> Asker:
        """Raises MonopsError where no Prometheus is known."""
        ...
