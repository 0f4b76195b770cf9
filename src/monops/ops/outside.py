"""The ports that an operation may use, handed in by `cli/wiring.py`."""

from __future__ import annotations

from dataclasses import dataclass

from monops.domain.ports import (
    Clock,
    Codec,
    Engine,
    Journal,
    LocalFiles,
    Machine,
    Progress,
    Services,
    Sqlite,
    Volumes,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Everything outside monops."""

    engine: Engine
    volumes: Volumes
    services: Services
    sqlite: Sqlite
    codec: Codec
    clock: Clock
    machine: Machine
    journal: Journal
    progress: Progress
    files: LocalFiles
