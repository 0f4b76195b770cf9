"""The options that every command shares."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What stands before the command on the command line."""

    config: str | None = None
    project: str | None = None
    output: str = "text"
    quiet: bool = False
    verbose: int = 0
    no_color: bool = False

    @property
    def as_json(self) -> bool:
        return self.output == "json"
