"""Capturing Grafana: a consistent grafana.db whatever its journal mode, and the rest of the volume."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from monops.domain.errors import CaptureError, MonopsError, ServiceError
from monops.domain.manifest import GoldenAnswer
from monops.domain.ports import Tree
from monops.domain.tree import Entry, Kind
from monops.ops.capture import Capture, Naming, Target, files_only
from monops.ops.disturb import paused, stopped
from monops.ops.golden import GRAFANA_TABLES
from monops.ops.outside import Outside
from monops.ops.pack import Pack

DATABASE = "grafana.db"
#: What a copy needs to be rolled to its last commit. The `-shm` file is rebuilt from the `-wal`.
_SIDE_FILES = (f"{DATABASE}-wal", f"{DATABASE}-journal")
_NEVER = (*_SIDE_FILES, f"{DATABASE}-shm", DATABASE)
#: The search index: derived, rebuilt by Grafana, wrong when restored (grafana/grafana#125317).
_DERIVED = ("unified-search",)


@contextmanager
def capture_grafana(outside: Outside, target: Target, naming: Naming) -> Iterator[Capture]:
    """Hold Grafana's data still. Raises CaptureError; MonopsError where there is no database."""
    with ExitStack() as stack:
        scratch = stack.enter_context(outside.machine.scratch())
        tree = stack.enter_context(outside.volumes.tree(target.place))
        entries = tree.walk()
        copy = posixpath.join(scratch, DATABASE)
        database = next((e for e in entries if e.path == DATABASE), None)
        capture = Capture(mode="live", tree=tree, root=tree.root(), phases=iter(()))
        capture.version = _version(outside, target)
        if database is None:
            _explain_no_database(target, capture, tree)
        else:
            if _database_kind(target) not in ("", "sqlite3"):
                _explain_no_database(target, capture, tree)
            capture.mode = _copy_database(outside, target, tree, entries, copy)
            outside.sqlite.check(copy)
            counts = outside.sqlite.counts(copy, GRAFANA_TABLES)
            capture.golden = tuple(
                GoldenAnswer(kind="sqlite-count", question=table, answer=rows) for table, rows in counts.items()
            )
        for warning in capture.warnings:
            outside.progress.warn(warning)
        capture.phases = iter([[_pack(outside, tree, entries, database, copy, naming)]])
        yield capture


def _copy_database(outside: Outside, target: Target, tree: Tree, entries: Sequence[Entry], copy: str) -> str:
    """Make the consistent copy; the way it was made."""
    live = tree.local_path(DATABASE)
    running = target.container is not None and target.container.state == "running"
    if target.mode in ("auto", "live") and target.container is not None and target.container.state == "paused":
        # A person's pause is left alone. It stands still as well as by ours, and SQLite would wait for its locks.
        _copy_paused(outside, target, tree, entries, copy)
        return "live"
    if target.mode == "stop" or (target.container is not None and not running):
        _copy_stopped(outside, target, tree, copy)
        return "stop"
    if live is not None and target.mode in ("auto", "snapshot"):
        try:
            outside.sqlite.snapshot(live, copy)
        except CaptureError as error:
            if target.mode == "snapshot" or not running:
                raise
            outside.progress.warn(f"{error.message}; Grafana is paused for the copy instead")
        else:
            return "snapshot"
    if target.mode == "snapshot":
        raise CaptureError(
            "Grafana's database can only be reached through Docker, where SQLite cannot lock it",
            remedy="run monops as root where the engine runs, or use --capture live",
        )
    if not running:
        raise CaptureError(
            f"{tree.place} cannot be captured live: no container to pause is known",
            remedy="use --capture snapshot, or stop Grafana and use --capture stop",
        )
    _copy_paused(outside, target, tree, entries, copy)
    return "live"


def _copy_stopped(outside: Outside, target: Target, tree: Tree, copy: str) -> None:
    with ExitStack() as stack:
        if target.container is not None:
            stack.enter_context(stopped(outside, target.container))
        _copy_files(outside, tree, tree.walk(), copy)
    outside.sqlite.recover(copy)


def _copy_paused(outside: Outside, target: Target, tree: Tree, entries: Sequence[Entry], copy: str) -> None:
    """Frozen, the database and its journal are one moment: what a power cut would leave, which SQLite recovers.

    The files are read once before, so that the pause lasts for a memory copy and not for the disk.
    """
    if target.container is None:
        raise CaptureError("no container to pause is known", remedy="use --capture stop")
    _copy_files(outside, tree, entries, copy)
    # What the first reading left must not be taken for this moment's journal.
    for name in _SIDE_FILES:
        outside.files.remove(copy.removesuffix(DATABASE) + name)
    # Side files come and go with every transaction: ask for both, whatever was listed.
    database = next(e for e in entries if e.path == DATABASE)
    wanted = [database, *(Entry(path=name, kind=Kind.FILE) for name in _SIDE_FILES)]
    with paused(outside, target.container):
        _copy_files(outside, tree, wanted, copy)
    outside.sqlite.recover(copy)


def _copy_files(outside: Outside, tree: Tree, entries: Sequence[Entry], copy: str) -> None:
    wanted = [e for e in entries if e.path in (DATABASE, *_SIDE_FILES)]
    for entry, reader in tree.read(wanted):
        outside.files.save(copy.removesuffix(DATABASE) + entry.path, reader)


def _pack(
    outside: Outside, tree: Tree, entries: Sequence[Entry], database: Entry | None, copy: str, naming: Naming
) -> Pack:
    rest = files_only(entries, lambda e: e.path not in _NEVER and e.path.split("/")[0] not in _DERIVED)
    if database is None:
        return Pack(name=naming.per_snapshot(), entries=rest, tree=tree, must_be_whole=False)
    consistent = Entry(
        path=DATABASE,
        kind=Kind.FILE,
        size=outside.files.size(copy),
        mode=database.mode,
        uid=database.uid,
        gid=database.gid,
        modified=database.modified,
    )
    return Pack(
        name=naming.per_snapshot(),
        entries=(consistent, *rest),
        tree=tree,
        replaced={DATABASE: copy},
        must_be_whole=False,
    )


def _explain_no_database(target: Target, capture: Capture, tree: Tree) -> None:
    """Another kind of database is a warning, no database at all an error: it looks like a mistyped volume."""
    kind = _database_kind(target)
    if kind in ("", "sqlite3"):
        raise MonopsError(
            f"{tree.place} holds no grafana.db: this is not Grafana's data",
            remedy='docker volume ls; and name the right one in monops.toml: [grafana] volume = "…"',
        )
    capture.warnings.append(
        f"Grafana keeps its dashboards and users in {kind}, not in its volume: back that database up by its own means"
    )


def _database_kind(target: Target) -> str:
    """ "" where nothing says that it is another than SQLite."""
    environment = target.container.environment if target.container is not None else {}
    return environment.get("GF_DATABASE_TYPE", "") or environment.get("GF_DATABASE_URL", "").partition(":")[0]


def _version(outside: Outside, target: Target) -> str:
    if target.container is None or target.container.state != "running":
        return ""
    try:
        return outside.services.grafana(target.container).version() or ""
    except ServiceError:
        return ""
