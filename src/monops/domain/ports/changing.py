"""What changing the stack's settings needs from the outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from monops.domain.change import Entry, Site


class EditedFiles(Protocol):
    """The stack's files, by absolute path. A link stays one: what it leads to is read and written."""

    def read(self, path: str) -> str | None:
        """None where there is none. Raises ConfigurationError for what is not UTF-8, MonopsError where refused."""
        ...

    def mode_and_owner(self, path: str) -> tuple[int, int] | None:
        """Of the file; None where there is none."""
        ...

    def real(self, path: str) -> str:
        """Where the path leads, links followed."""
        ...

    def matching(self, pattern: str) -> tuple[str, ...]:
        """The paths that a pattern with `*` names, sorted; () for none."""
        ...

    def disk(self, path: str) -> tuple[int, int] | None:
        """(free for this user, in all) bytes of the file system that has the path; None where it is not here."""
        ...

    def check_writable(
        self, path: str, *, in_place: bool = False, owner: int | None = None, again: str = "monops"
    ) -> None:
        """Raises Refused where `replace` would not be allowed to write, before anything is touched.

        Only root may write a file that is another user's, or is to be: then the remedy is the command `again`, as root.
        """
        ...

    def replace(
        self,
        path: str,
        text: str | None,
        *,
        expected: Sequence[str | None],
        in_place: bool = False,
        mode: int = 0o644,
        owner: int | None = None,
    ) -> None:
        """Whole or not at all, durably; owner and mode stay, those given are a new file's. None takes the file away.

        Raises Refused if the file is none of `expected` now: somebody edited it meanwhile.
        """
        ...


class Changes(Protocol):
    """What is kept of the changes of one stack, and the right to make one."""

    @property
    def folder(self) -> str: ...

    def lock(self) -> AbstractContextManager[None]:
        """Raises Locked where another monops makes a change; waits for what a killed one left running."""
        ...

    def entries(self) -> tuple[Entry, ...]:
        """Oldest first. What cannot be read is left out."""
        ...

    def save(self, entry: Entry) -> None:
        """Durably. Raises Refused where nothing can be kept: better no change than one that cannot be taken back."""
        ...


class ProjectCompose(Protocol):
    """`docker compose` on one site. Raises EngineError, EngineUnreachable, ConfigurationError.

    What changes something runs in its own session and to its end, also if monops is killed meanwhile.
    """

    def model(self, replaced: Mapping[str, str | None] | None = None) -> Mapping[str, Any]:
        """The files with every variable filled in; of these paths other texts than on disk. Raises
        ConfigurationError with what Compose says."""
        ...

    def hashes(self, replaced: Mapping[str, str | None] | None = None) -> Mapping[str, str]:
        """Service -> what its container's config-hash label should be; of these paths other texts than on disk."""
        ...

    def has_image(self, image: str) -> bool:
        """Whether it is on the engine's machine."""
        ...

    def make(self, services: Sequence[str], *, anew: bool = False, start: bool = True) -> None:
        """`up` of these services alone: anew where they are not as the files say, or always; does not wait for
        health. Without `start` they are made and not started."""
        ...

    def restart_only(self, services: Sequence[str]) -> None: ...

    def remove(self, containers: Sequence[str]) -> None:
        """Takes away stopped containers, of services that the files no longer have. Their volumes stay."""
        ...

    def post(self, service: str, url: str) -> str:
        """An empty POST from inside the service's container; "" where it was taken, else what was answered."""
        ...


class Workbench(Protocol):
    """Opens what belongs to one site."""

    def changes(self, folder: str) -> Changes:
        """Of the stack whose files are in that folder. There is one for each folder."""
        ...

    def compose(self, site: Site) -> ProjectCompose: ...
