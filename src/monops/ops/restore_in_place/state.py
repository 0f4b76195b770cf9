"""The journal in the volume: how far a restore has come, and what going back needs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from monops.domain.errors import Refused
from monops.domain.manifest import GoldenAnswer
from monops.domain.place import Place
from monops.domain.ports import Container, VolumeWriter
from monops.domain.tree import is_own

FOLDER = ".monops-restore"
JOURNAL = f"{FOLDER}/journal.json"
#: What is about to be the data.
NEW = f"{FOLDER}/new"
#: What was the data.
OLD = f"{FOLDER}/old"
#: What was taken back: restored data that the service was sick on, and what it wrote meanwhile.
TAKEN_BACK = f"{FOLDER}/taken-back"
FORMAT = 1


class Phase(StrEnum):
    """What was begun last. Written durably before it is begun."""

    #: Writing to `new/`; the service runs and knows nothing.
    STAGING = "staging"
    #: Stopping the containers.
    STOPPING = "stopping"
    #: Renaming: old entries away, then new entries in.
    SWAPPING = "swapping"
    #: All renamed; starting the containers.
    STARTING = "starting"
    #: Asking whether they are well.
    CHECKING = "checking"
    #: Renaming back.
    UNDOING = "undoing"
    #: Well. The old data wait for `commit` or `rollback`.
    DONE = "done"
    #: Deleting the old data.
    COMMITTING = "committing"


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A container that uses the volume, so that it is found again, also when Compose has made it anew."""

    id: str
    name: str
    project: str = ""
    service: str = ""


class Root(msgspec.Struct, frozen=True, kw_only=True):
    """Owner and mode of the data's root folder."""

    uid: int
    gid: int
    mode: int


class State(msgspec.Struct, frozen=True, kw_only=True):
    """The journal's content."""

    format: int = FORMAT
    phase: Phase
    snapshot: str
    source: str
    #: Who writes this: `Machine.identity()`.
    by: dict[str, Any]
    #: When it began, RFC 3339.
    begun: str
    #: The service's own container, whose health counts most.
    service: Member | None = None
    #: Whether it answered over HTTP before: what never answered is not sick for not answering.
    answered: bool = True
    #: The containers that ran before, to be started again.
    running: tuple[Member, ...] = ()
    old_entries: tuple[str, ...] = ()
    new_entries: tuple[str, ...] = ()
    old_root: Root
    new_root: Root
    #: How many blocks a Prometheus should load at least; None for other services.
    blocks: int | None = None
    golden: tuple[GoldenAnswer, ...] = ()
    #: Answers from before this time (Unix seconds) may be gone: the retention deletes their blocks.
    doomed_until: float = 0.0


def load(writer: VolumeWriter) -> State | None:
    """The journal of the volume, or None where no restore is open. Raises Refused for one that cannot be read."""
    data = writer.get(JOURNAL)
    if data is None:
        return None
    try:
        return msgspec.json.decode(data, type=State)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(
            f"the journal of a restore in {writer.place} cannot be read ({error}): a newer monops may have written it",
            remedy="pip install --upgrade monops; then: monops restore rollback",
        ) from error


def save(writer: VolumeWriter, state: State, **changes: object) -> State:
    """`state` with `changes` is durably in the volume; what it is now."""
    changed: State = msgspec.structs.replace(state, **changes)
    document = json.dumps(msgspec.to_builtins(changed), indent=1)
    writer.put(JOURNAL, document.encode())
    return changed


def clear(writer: VolumeWriter) -> None:
    """Nothing of a restore is left in the volume. The journal goes last: until then it says what the rest is."""
    writer.remove([f"{FOLDER}/{name}" for name in writer.names(FOLDER) if f"{FOLDER}/{name}" != JOURNAL])
    writer.remove([FOLDER])


def clear_leftover(writer: VolumeWriter) -> None:
    """Take away a folder that was made before its journal was written. Old data without a journal are left alone."""
    if FOLDER in writer.names() and not writer.names(OLD):
        clear(writer)


def data_names(names: Iterable[str]) -> tuple[str, ...]:
    """The entries of a volume's root that are data: not monops's own, not the file system's."""
    return tuple(name for name in names if not is_own(name) and name != "lost+found")


def member(container: Container) -> Member:
    return Member(id=container.id, name=container.name, project=container.project, service=container.service)


def remembered(place: Place, source: str) -> dict[str, Any]:
    """The note in the local journal that lets the next run find the volume."""
    return {"kind": "restore", "name": source, "source": source} | {
        "volume": place.volume,
        "path": place.path,
        "subpath": place.subpath,
        "images": list(place.images),
    }


def place_of(note: Mapping[str, Any]) -> Place:
    """The place that `remembered` noted."""
    return Place(
        volume=str(note.get("volume", "")),
        path=str(note.get("path", "")),
        subpath=str(note.get("subpath", "")),
        images=tuple(str(image) for image in note.get("images", ())),
    )
