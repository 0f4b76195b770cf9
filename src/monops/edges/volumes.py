"""Opens a volume or a folder by the best way there is.

1. mountpoint: the engine is on this machine and this user may read the volume's folder;
2. archive: the engine's archive API, for everybody else;
3. directory: a plain path, for services without Docker and for monops in a container with the volumes mounted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monops.domain.errors import EngineError, VolumeMissing
from monops.domain.place import Place
from monops.domain.ports import Engine, Tree, VolumeWriter

from .archive_tree import ArchiveTree
from .archive_writer import ArchiveWriter
from .local_tree import LocalTree
from .local_writer import LocalWriter


class BestVolumes:
    """Chooses the reach for each place."""

    def __init__(self, engine: Engine, *, reach: str = "auto") -> None:
        self._engine = engine
        #: "auto", or "mountpoint" or "archive" to insist (MONOPS_REACH).
        self._reach = reach

    @contextmanager
    def tree(self, place: Place) -> Iterator[Tree]:
        """Raises VolumeMissing where the volume or folder is not there; never creates it."""
        folder = self._folder(place, os.R_OK | os.X_OK)
        if folder is not None:
            yield LocalTree(str(folder), reach="mountpoint" if place.volume else "directory", place=place.name)
            return
        with self._engine.mounted(place.volume, self._image(place), writable=False) as container:
            yield ArchiveTree(self._engine, container, place.volume, place.images, subpath=place.subpath)

    @contextmanager
    def writer(self, place: Place) -> Iterator[VolumeWriter]:
        """Raises VolumeMissing where the volume or folder is not there; never creates it."""
        folder = self._folder(place, os.R_OK | os.W_OK | os.X_OK)
        if folder is not None:
            yield LocalWriter(str(folder), place=place.name)
            return
        with self._engine.mounted(place.volume, self._image(place), writable=True) as container:
            yield ArchiveWriter(self._engine, container, place.volume, place.images, subpath=place.subpath)

    def _folder(self, place: Place, access: int) -> Path | None:
        if not place.volume:
            folder = Path(place.path)
            if not folder.is_dir():
                raise VolumeMissing(f"{folder} is not a directory here", remedy=f"ls -ld {folder}")
            return folder
        volume = self._engine.volume(place.volume)
        if self._reach == "archive" or not self._engine.is_local or not volume.mountpoint:
            return None
        folder = Path(volume.mountpoint) / place.subpath
        # A volume's files belong to the services' users: others may list them and then not read one of them.
        allowed = os.geteuid() == 0 and os.access(folder, access)
        if allowed:
            return folder
        if self._reach == "mountpoint":
            raise VolumeMissing(
                f"{folder} cannot be reached directly",
                remedy="run as root where the engine runs, or unset MONOPS_REACH",
            )
        return None

    def _image(self, place: Place) -> str:
        if not place.images:
            raise EngineError(
                f"no image is at hand to reach volume {place.volume}",
                remedy="start the stack once: docker compose up -d",
            )
        return place.images[0]
