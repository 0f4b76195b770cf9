"""A small stack with an empty store, and a folder in which hundreds of restores are quick."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.backup_world import BackupWorld
from tests.fakes.memory_store import MemoryStore

_MEMORY = "/dev/shm"


@pytest.fixture
def world(tmp_path: Path) -> BackupWorld:
    return BackupWorld(tmp_path)


@pytest.fixture
def store(world: BackupWorld) -> MemoryStore:
    return MemoryStore(now=world.clock.now)


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where the system has one, else on the disk."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if os.access(_MEMORY, os.W_OK) else tmp_path) as folder:
        yield Path(folder)
