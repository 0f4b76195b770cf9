"""What a capture gives to the backup: packs in phases, and what is to be remembered of the source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from monops.domain.manifest import GoldenAnswer
from monops.domain.place import Place
from monops.domain.ports import Container, Tree
from monops.domain.tree import Entry
from monops.domain.tsdb import Block
from monops.ops.pack import Pack

#: The ways to capture, for the command line.
MODES = ("auto", "snapshot", "live", "stop")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One source to be captured."""

    name: str
    place: Place
    #: The service's container; None for a plain directory.
    container: Container | None
    mode: str = "auto"


@dataclass(slots=True, kw_only=True)
class Capture:
    """A source held still (or at rest, or frozen as a snapshot) until its context is left.

    `phases` must be run through once, each phase's packs stored before the next is asked for: between phases a
    service that was stopped is started again.
    """

    mode: str
    tree: Tree
    root: Entry
    phases: Iterator[Sequence[Pack]]
    #: Names of packs by block.
    blocks: dict[str, tuple[Block, str]] = field(default_factory=dict)
    golden: tuple[GoldenAnswer, ...] = ()
    warnings: list[str] = field(default_factory=list)
    version: str = ""
    retention: str = ""


@dataclass(frozen=True, slots=True)
class Naming:
    """How objects of this backup are named."""

    snapshot: str
    recipients: tuple[str, ...]

    def per_snapshot(self, part: str = "") -> str:
        return f"{self.snapshot}-{part}" if part else self.snapshot


def files_only(entries: Sequence[Entry], keep: Callable[[Entry], bool]) -> tuple[Entry, ...]:
    """Those entries that `keep` wants, in their order."""
    return tuple(entry for entry in entries if keep(entry))


def inline_of(tree: Tree, entries: Sequence[Entry]) -> Mapping[str, bytes]:
    """The contents of small files."""
    found = {}
    for entry, reader in tree.read(entries):
        parts = []
        while chunk := reader.read(1 << 20):
            parts.append(chunk)
        found[entry.path] = b"".join(parts)
    return found
