"""Time, this machine, its files, the journal, and the person."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Protocol

from monops.domain.ports.streams import Reader


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, aware, UTC."""
        ...

    def monotonic(self) -> float: ...

    def sleep(self, span: timedelta) -> None: ...


class Journal(Protocol):
    """Notes of what monops is about to disturb, kept where a kill cannot lose them."""

    def open(self, note: Mapping[str, Any]) -> str:
        """Write a note durably; its id."""
        ...

    def close(self, note_id: str) -> None:
        """The disturbance is over."""
        ...

    def abandoned(self) -> tuple[tuple[str, Mapping[str, Any]], ...]:
        """Notes whose writer is gone: (id, note)."""
        ...


class Progress(Protocol):
    """Tells a person how it goes."""

    def step(self, text: str, total_bytes: int | None = None) -> None: ...

    def advance(self, size_bytes: int) -> None: ...

    def say(self, text: str) -> None:
        """One line worth reading."""
        ...

    def warn(self, text: str) -> None: ...


class Machine(Protocol):
    """This machine and this process."""

    @property
    def host(self) -> str: ...

    @property
    def cpus(self) -> int: ...

    def token(self, length: int) -> str:
        """Random hexadecimal digits."""
        ...

    def identity(self) -> Mapping[str, Any]:
        """Host, boot, process: enough to tell later whether this process still lives."""
        ...

    def is_alive(self, identity: Mapping[str, Any]) -> bool | None:
        """Whether that process lives; None if it is another machine's."""
        ...

    def scratch(self) -> AbstractContextManager[str]:
        """A private temporary folder."""
        ...


class LocalFiles(Protocol):
    """Files of this machine outside any source: scratch copies and what a person names."""

    def open(self, path: str) -> AbstractContextManager[Reader]: ...

    def save(self, path: str, source: Reader) -> int:
        """Write what `source` gives to a new private file; the bytes."""
        ...

    def size(self, path: str) -> int: ...

    def remove(self, path: str) -> None:
        """Absent is fine."""
        ...
