"""What every part of the composition root has: the settings, the environment, the configuration."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from monops.cli.progress import TerminalProgress
from monops.cli.settings import Settings
from monops.domain.errors import UsageFault
from monops.edges import config_file

if TYPE_CHECKING:
    from monops.ops.outside import Outside


class BaseWiring:
    """Settings, environment and configuration of one run, and the ports that are the same for all commands."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.environment = dict(os.environ)
        self.config, self.config_path = config_file.load(settings.config, self.environment)
        self.progress = TerminalProgress(settings)

    def outside(self) -> Outside:
        """Every port that is the same for all commands."""
        from monops.edges.clock import LocalMachine, SystemClock
        from monops.edges.codec import StreamCodec
        from monops.edges.docker_engine import DockerEngine
        from monops.edges.http_services import HttpServices
        from monops.edges.journal_file import JournalFolder
        from monops.edges.local_files import LocalFileSystem
        from monops.edges.sqlite import SqliteFiles
        from monops.edges.volumes import BestVolumes
        from monops.ops.outside import Outside

        machine = LocalMachine(environment=self.environment)
        engine = DockerEngine(self.environment, machine)
        return Outside(
            engine=engine,
            volumes=BestVolumes(engine, reach=self._reach()),
            services=HttpServices(engine, urls={n: s.url for n, s in self.config.services().items() if s.url}),
            sqlite=SqliteFiles(),
            codec=StreamCodec(),
            clock=SystemClock(),
            machine=machine,
            journal=JournalFolder(machine, self.environment),
            progress=self.progress,
            files=LocalFileSystem(),
        )

    def pairs(self, flag: str, words: Sequence[str]) -> list[tuple[str, str]]:
        """NAME=VALUE words. Raises UsageFault."""
        found = [(name, value) for name, equals, value in (word.partition("=") for word in words) if equals and name]
        if len(found) != len(words):
            example = "routing_key=FILE" if flag == "--secret" else "severity=critical"
            raise UsageFault(f"{flag} wants NAME=VALUE", remedy=f"{flag} {example}")
        return found

    def secret_file(self, path: str | None) -> str | None:
        """The secret in a file that a person named. Raises ConfigurationError."""
        return config_file.read_secret(path) if path else None

    def _project(self) -> str | None:
        return self.settings.project or self.config.stack.project or self.environment.get("MONOPS_PROJECT") or None

    def _from_config(self, path: str) -> str:
        """A relative path in the file is meant from where the file is."""
        base = Path(self.config_path).parent if self.config_path else Path()
        return str(base / Path(path).expanduser())

    def _reach(self) -> str:
        reach = self.environment.get("MONOPS_REACH", "auto")
        if reach not in ("auto", "mountpoint", "archive"):
            raise UsageFault(f"MONOPS_REACH is {reach!r}", remedy="set it to auto, mountpoint or archive, or unset it")
        return reach
