"""The folder that holds a stack's files."""

from __future__ import annotations

from typing import Protocol


class StackFolder(Protocol):
    """Files by their path in the folder. Raises MonopsError where the file system refuses."""

    @property
    def path(self) -> str:
        """As a person would type it."""
        ...

    def read(self, path: str) -> bytes | None:
        """None where there is none."""
        ...

    def write(self, path: str, data: bytes, *, mode: int | None = None) -> None:
        """Whole or not at all. Folders on the way are made, for all to read whatever the umask: services run as others.

        Without a mode a file that is there keeps its own, and its owner; a new one can be read by all.
        """
        ...

    def remove(self, path: str) -> None:
        """With the folders that it leaves empty; absent is fine."""
        ...

    def make_folder(self, path: str, *, mode: int | None = None) -> None:
        """With this mode, also where it is there already; without one, for all to read, and left alone if there."""
        ...

    def give_to(self, path: str, uid: int) -> bool:
        """Make a file belong to a user, and readable to nobody else; whether that is so now. Only root may."""
        ...

    def names(self, path: str) -> tuple[str, ...]:
        """The files in a folder, sorted; none where it is not there."""
        ...

    def owner(self, path: str) -> int | None:
        """The user it belongs to; None where it is not there."""
        ...
