"""Writing generated files again without losing what a person made of them.

What was written last is remembered by its hash. A file that still has it is ours to change; any other is the person's,
and stays. Source: the idea of dpkg's configuration files (Debian policy 10.7.3).
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum


class Action(Enum):
    """What becomes of one file."""

    CREATE = "create"
    #: Ours and out of date: written anew.
    UPDATE = "update"
    #: Ours, or given up by name, and no longer part of the stack: removed.
    REMOVE = "remove"
    #: As this version would write it.
    SAME = "same"
    #: A person's edit, and we have nothing new: kept.
    EDITED = "edited"
    #: A person's edit, and we would write something new: kept, the difference is shown.
    CONFLICT = "conflict"
    #: A person deleted it: stays away.
    DELETED = "deleted"
    #: The new one was asked for in place of a person's: written, theirs is kept beside it.
    REPLACE = "replace"


#: Actions that write or remove something.
CHANGING = (Action.CREATE, Action.UPDATE, Action.REMOVE, Action.REPLACE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One file: what is there, what would be there."""

    path: str
    action: Action
    #: None where there is no such file.
    before: str | None
    after: str | None

    @property
    def changes(self) -> bool:
        return self.action in CHANGING

    def diff(self) -> list[str]:
        """A unified diff from what is there to what this version writes."""
        before, after = self.before or "", self.after or ""
        lines = difflib.unified_diff(
            before.splitlines(), after.splitlines(), f"{self.path} (now)", f"{self.path} (new)", lineterm=""
        )
        return [as_bytes(line).decode(errors="replace") for line in lines]


def as_text(data: bytes) -> str:
    """A file's content; what is not UTF-8 in it comes back as it was with `as_bytes`. Source: PEP 383."""
    return data.decode("utf-8", "surrogateescape")


def as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def digest(text: str) -> str:
    """What is remembered of a file."""
    return hashlib.sha256(as_bytes(text)).hexdigest()


def decide(
    wanted: Mapping[str, str], there: Mapping[str, str | None], written: Mapping[str, str], replace: Iterable[str]
) -> tuple[FileChange, ...]:
    """What to do with each file, sorted by path.

    `wanted` is path -> new text, `there` path -> text on disk, `written` path -> digest of what was written last.
    """
    chosen = set(replace)
    found = []
    for path in sorted({*wanted, *written}):
        before, after = there.get(path), wanted.get(path)
        action = _action(before, after, written.get(path))
        if path in chosen and action in (Action.EDITED, Action.CONFLICT, Action.DELETED):
            action = Action.CREATE if before is None else Action.REMOVE if after is None else Action.REPLACE
        if action is not None:
            found.append(FileChange(path=path, action=action, before=before, after=after))
    return tuple(found)


def _action(before: str | None, after: str | None, last: str | None) -> Action | None:
    if after is None:
        if before is None:
            return None
        return Action.REMOVE if digest(before) == last else Action.EDITED
    if before is None:
        return Action.CREATE if last is None else Action.DELETED
    if before == after:
        return Action.SAME
    if digest(before) == last:
        return Action.UPDATE
    return Action.EDITED if digest(after) == last else Action.CONFLICT
