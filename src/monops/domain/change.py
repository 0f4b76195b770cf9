"""A change of the stack's settings: what it edits, how it is taken over, what must be so afterwards.

Pure. `ops/change.py` carries plans out; an entry is what is kept of one, before, during and after.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from enum import Enum

import msgspec

from monops.domain.shown_diff import shown_diff

#: How many entries are kept.
KEPT_ENTRIES = 200


class Means(Enum):
    """How a running service takes a change over, gentlest first."""

    #: It reads its configuration again.
    RELOAD = "reload"
    #: `docker update`: limits of the running container.
    UPDATE = "update"
    RESTART = "restart"
    #: Compose makes the container anew where the files say something else; a service that has none gets one.
    RECREATE = "recreate"
    #: The same, of a service that the files did not have before, and of one that they do not have any more.
    MAKE = "make"
    REMOVE = "remove"


class State(Enum):
    """How far a change has come. One that stands in one of the first four was interrupted."""

    PREPARED = "prepared"
    WRITTEN = "written"
    APPLIED = "applied"
    REVERTING = "reverting"
    DONE = "done"
    ROLLED_BACK = "rolled back"

    @property
    def is_open(self) -> bool:
        return self in (State.PREPARED, State.WRITTEN, State.APPLIED, State.REVERTING)


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """Where a stack's files are, as its containers' labels say."""

    project: str
    #: Compose's project directory.
    folder: str
    #: The Compose files, in Compose's order.
    files: tuple[str, ...]
    #: Files of variables that were given; () where Compose takes the `.env` of the folder.
    variables: tuple[str, ...] = ()


class FileEdit(msgspec.Struct, frozen=True, kw_only=True):
    """One file, before and after."""

    path: str
    #: None where there is no such file.
    before: str | None
    #: None where it goes.
    after: str | None
    #: Written in place, because a container has mounted this very file.
    in_place: bool = False
    #: Of a new file; one that is there keeps its own.
    mode: int = 0o644
    #: The user that a new file shall belong to: the service that reads a secret. None: whoever has the folder.
    owner: int | None = None
    #: Whether its text is a secret as a whole: no diff is shown.
    is_secret: bool = False
    #: The file that monops makes it of: a person has read that one.
    made_of: str = ""

    def diff(self, *, whole: bool = True) -> list[str]:
        """A unified diff, with what sounds like a secret removed. Not `whole`: of copies it is said that they are."""
        if self.is_secret:
            said = "(a secret, not shown)" if self.after is not None else "(a secret, not shown: the file goes)"
            return [f"--- {self.path}", f"+++ {self.path}", said]
        before, after = (self.before or "").splitlines(), (self.after or "").splitlines()
        if self.made_of and not whole:
            return [f"{self.path}: {self._in_short(before, after)}"]
        return shown_diff(self.path, self.before or "", self.after or "")

    def _in_short(self, before: Sequence[str], after: Sequence[str]) -> str:
        name = self.made_of.rpartition("/")[2]
        if self.before is None:
            return f"new, {len(after)} lines made of {name}"
        if self.after is None:
            return "goes"
        count = sum(line.startswith("+ ") for line in difflib.ndiff(before, after))
        return f"made of {name} anew, {count} of {len(after)} lines are other ones"

    def backwards(self) -> FileEdit:
        return msgspec.structs.replace(self, before=self.after, after=self.before)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """How one service takes the change over."""

    means: Means
    service: str
    #: In words, after "interrupts": `nothing`, `Prometheus for some seconds; no sample is lost …`.
    interrupts: str
    #: For UPDATE: fields of Docker's HostConfig. For RECREATE: the same, for what Compose cannot see.
    limits: Mapping[str, int] = {}
    limits_before: Mapping[str, int] = {}
    #: Containers that somebody has stopped: they take the change over and stay stopped.
    stopped: tuple[str, ...] = ()
    #: Containers whose health check failed before the change: what the server says judges it, not that check.
    unhealthy: tuple[str, ...] = ()

    def backwards(self) -> Step:
        means, interrupts = self.means, self.interrupts
        if means is Means.UPDATE and any(not self.limits_before.get(name) for name in self.limits):
            # What has no limit any more cannot be said to `docker update`: 0 means that it stays.
            means = Means.RECREATE
            interrupts = interrupts if self.stopped else f"{self.service} for the seconds that it takes to start"
        means = {Means.MAKE: Means.REMOVE, Means.REMOVE: Means.MAKE}.get(means, means)
        return msgspec.structs.replace(
            self, means=means, interrupts=interrupts, limits=self.limits_before, limits_before=self.limits
        )


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What the server must say afterwards."""

    #: A file of ops/effective/.
    reader: str
    service: str
    wanted: Mapping[str, str]
    #: What it says now; what it must say again when the change is taken back.
    before: Mapping[str, str]

    def backwards(self) -> Expected:
        return msgspec.structs.replace(self, wanted=self.before, before=self.wanted)


class Value(msgspec.Struct, frozen=True):
    """One setting, for people."""

    name: str
    before: str
    after: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a command would change."""

    site: Site
    #: `retention: time 30d → 7d`.
    title: str
    values: tuple[Value, ...]
    edits: tuple[FileEdit, ...]
    steps: tuple[Step, ...]
    expected: tuple[Expected, ...] = ()
    #: What a person should know before agreeing.
    warnings: tuple[str, ...] = ()
    #: The entry that this takes back.
    undoes: int | None = None
    #: What taking it back does not bring back, as a sentence; "" where nothing is lost.
    loses: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether all is so already."""
        return not any(edit.before != edit.after for edit in self.edits) and not self.steps

    def backwards(self) -> Plan:
        """The plan that takes this one back, steps and all."""
        return Plan(
            site=self.site,
            title=f"undo: {self._turned_title()}",
            values=tuple(Value(one.name, one.after, one.before) for one in self.values),
            edits=tuple(edit.backwards() for edit in reversed(self.edits)),
            steps=tuple(step.backwards() for step in reversed(self.steps)),
            expected=tuple(one.backwards() for one in self.expected),
        )

    def _turned_title(self) -> str:
        """`time 30d → 7d` is `time 7d → 30d` on the way back."""
        title = self.title
        for one in self.values:
            title = title.replace(f"{one.before} → {one.after}", f"{one.after} → {one.before}")
        return title


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one change."""

    id: int
    plan: Plan
    state: State
    who: str
    host: str
    #: The command line, without secrets.
    command: str
    #: RFC 3339.
    started: str
    ended: str = ""
    #: Why it was taken back.
    reason: str = ""
    monops: str = ""
    #: Seconds that a service has to become healthy.
    within: float = 300.0

    def at(self, state: State, **more: str) -> Entry:
        return msgspec.structs.replace(self, state=state, **more)


def is_torn(found: bytes, before: bytes, after: bytes) -> bool:
    """Whether `found` is `after` written over `before`, cut short: what power loss or a full disk leaves of a write in
    place. Bytes, because the cut may go through a character."""
    same = 0
    for one, other in zip(found, after, strict=False):
        if one != other:
            break
        same += 1
    if found[same:] == before[same : len(found)] and len(found) in (len(before), len(after), same):
        return True
    # As long as it should be already, and NUL where no bytes have come.
    left = found[same:].rstrip(b"\0")
    return len(found) == len(after) and before[same:].startswith(left)


def undone(entries: Sequence[Entry]) -> frozenset[int]:
    """The ids of changes that a later one has taken back, and that were not brought back since."""
    by_id = {entry.id: entry for entry in entries}
    found: set[int] = set()
    for entry in entries:
        taken = entry.plan.undoes if entry.state is State.DONE else None
        # Taking back an undo brings back what that one took, and so on down.
        while taken is not None:
            found ^= {taken}
            taken = by_id[taken].plan.undoes if taken in by_id else None
    return frozenset(found)


def next_id(entries: Sequence[Entry]) -> int:
    return max((entry.id for entry in entries), default=0) + 1
