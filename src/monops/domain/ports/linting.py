"""What lint needs from the outside: files, the running Prometheus, and the servers' own tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from monops.domain.lint.server import Question, Reply, Server
from monops.domain.ports.engine import Helper


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A text file."""

    #: As a person would type it.
    path: str
    text: str
    #: Whether a person named this file, not its folder.
    is_named: bool = False
    #: Its path in the folder that was named, for a copy of the folder.
    inner: str = ""


class LintServer(Protocol):
    """A running Prometheus, asked by many threads."""

    def about(self) -> Server:
        """Raises ServiceError."""
        ...

    def answer(self, question: Question, server: Server) -> Reply:
        """Raises UsageFault for what is no PromQL, ServiceError otherwise."""
        ...


class LintTools(Protocol):
    """promtool and amtool. Raises MonopsError where there is no container, or no such tool in it."""

    def config_path(self, service: str) -> str:
        """Where the running service has its configuration."""
        ...

    def inside(self, service: str, words: Sequence[str]) -> Helper:
        """Run a tool in the running container."""
        ...

    def apart(self, service: str, files: Mapping[str, bytes], words: Sequence[str]) -> Helper:
        """Run a tool in a throwaway container of the same image, without network, in a folder with these files."""
        ...
