"""Docker Compose on the stack's own file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Compose(Protocol):
    """`docker compose`. Every method may raise EngineUnreachable, or EngineError with what Compose said."""

    @property
    def file(self) -> str:
        """The Compose file, as a person would type it."""
        ...

    def model(self) -> Mapping[str, Any]:
        """The file with every variable filled in. Source: compose-spec.io."""
        ...

    def text(self) -> str:
        """The same as YAML."""
        ...

    def missing_images(self, images: Sequence[str]) -> tuple[str, ...]:
        """Which of these images the engine does not have."""
        ...

    def pull(self, services: Sequence[str]) -> None:
        """Shows its own progress on stderr."""
        ...

    def up(self, services: Sequence[str]) -> None:
        """Create and start what is not as the file says; does not wait for health."""
        ...

    def down(self, *, volumes: bool) -> None: ...

    def restart(self, services: Sequence[str]) -> None: ...

    def logs(self, services: Sequence[str], *, follow: bool, tail: int) -> None:
        """To stdout, as Compose prints them."""
        ...

    def post(self, service: str, url: str) -> str:
        """An empty POST from inside the service's container; "" where it was taken, else what was answered."""
        ...

    def own(self, image: str, folder: str, owners: Mapping[str, int]) -> None:
        """Give files of a host folder to users, by a throwaway container: for a person who is not root here.

        The path of a folder stands for the files in it. Each is readable to its user alone then.
        """
        ...
