"""Opens the history, the lock and Docker Compose of one stack; what Compose changes keeps the lock."""

from __future__ import annotations

import os
from collections.abc import Mapping

from monops.domain.change import Site
from monops.domain.ports import Machine
from monops.edges.changes_folder import ChangesFolder
from monops.edges.compose_project import ComposeProject


class LocalWorkbench:
    """For stacks whose files are on this machine."""

    def __init__(self, environment: Mapping[str, str], machine: Machine) -> None:
        self._environment = environment
        self._machine = machine
        self._folders: dict[str, ChangesFolder] = {}

    def changes(self, folder: str) -> ChangesFolder:
        return self._folders.setdefault(os.path.realpath(folder), ChangesFolder(folder, self._machine))

    def compose(self, site: Site) -> ComposeProject:
        return ComposeProject(site, self._environment, lambda: self.changes(site.folder).descriptor)
