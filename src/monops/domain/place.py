"""Where a source's data are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a source's data are."""

    #: A volume's name, or "" for a path on the engine's host.
    volume: str = ""
    #: The path on the engine's host, for a bind mount or a plain directory.
    path: str = ""
    #: The folder inside the volume, "" for its root.
    subpath: str = ""
    #: Images at hand for helper containers, the best first.
    images: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """For messages."""
        return self.volume or self.path
