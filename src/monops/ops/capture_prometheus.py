"""Capturing a Prometheus TSDB: by its own snapshot, live, or stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from monops.domain.errors import CaptureError, MonopsError, ServiceError, SourceChanged
from monops.domain.layout import block_name
from monops.domain.ports import Prometheus, PrometheusStatus, Tree
from monops.domain.tree import Entry, Kind
from monops.domain.tsdb import BlockFiles, group_blocks, parse_block
from monops.ops import prometheus_snapshot
from monops.ops.capture import Capture, Naming, Target, files_only, inline_of
from monops.ops.disturb import stopped
from monops.ops.golden import prometheus_answers
from monops.ops.outside import Outside
from monops.ops.pack import Pack

#: The parts of the write-ahead log from which a server rebuilds its head. `chunks_head` is left out: a server
#: without it replays all of the log. Source: prometheus/tsdb/head.go, removeCorruptedMmappedChunks.
_LOGS = ("wal", "wbl")
_TRIES = 5
_WHY_LIVE = (
    "Prometheus is captured live: its admin API is off (--web.enable-admin-api); the newest samples are in the copied "
    "write-ahead log, which a server replays when it starts"
)


@contextmanager
def capture_prometheus(outside: Outside, target: Target, naming: Naming) -> Iterator[Capture]:
    """Hold the TSDB still. Raises CaptureError and SourceChanged."""
    prometheus, status = _ask(outside, target)
    mode, warnings = _choose(outside, target, status)
    for warning in warnings:
        outside.progress.warn(warning)
    with ExitStack() as stack:
        tree = stack.enter_context(outside.volumes.tree(target.place))
        capture = Capture(mode=mode, tree=tree, root=tree.root(), phases=iter(()), warnings=list(warnings))
        if status is not None:
            capture.version, capture.retention = status.version, status.retention
        folder = None
        if mode == "snapshot" and prometheus is not None:
            folder = _make_snapshot(outside, stack, target, prometheus, capture)
        if folder is not None and prometheus is not None:
            capture.phases = _snapshot_phases(tree.under(folder), naming, capture, prometheus)
        elif capture.mode == "live":
            capture.phases = _live_phases(stack, tree, naming, capture, prometheus)
        else:
            start = lambda: None  # noqa: E731 - a server that is down already
            if target.container is not None:
                start = stack.enter_context(stopped(outside, target.container))
            capture.phases = _stopped_phases(stack, tree, naming, capture, start)
        yield capture


def _make_snapshot(
    outside: Outside, stack: ExitStack, target: Target, prometheus: Prometheus, capture: Capture
) -> str | None:
    """The snapshot's folder; None where the server made none and the choice was ours: then it is captured live."""
    try:
        _refuse_another_volume(target)
        return stack.enter_context(prometheus_snapshot.snapshot(outside, prometheus, target.place))
    except CaptureError as error:
        if target.mode == "snapshot":
            raise
        capture.mode = "live"
        capture.warnings.append(f"{error.message}; captured live instead")
        outside.progress.warn(f"{error.message}; captured live instead ({error.remedy})")
        return None


def _refuse_another_volume(target: Target) -> None:
    """A snapshot is made where the server's data are: in another volume it would be looked for in vain, and left."""
    container, volume = target.container, target.place.volume
    if container is not None and volume and volume not in [mount.name for mount in container.mounts]:
        raise CaptureError(
            f"{container.name} does not use the volume {volume}: its snapshot would be made elsewhere",
            remedy=f"docker inspect {container.name}; then correct volume in [prometheus] of monops.toml",
        )


def _ask(outside: Outside, target: Target) -> tuple[Prometheus | None, PrometheusStatus | None]:
    """What the running server says; (None, None) where none answers."""
    if target.container is not None and target.container.state != "running":
        return None, None
    try:
        prometheus = outside.services.prometheus(target.container)
        return prometheus, prometheus.status()
    except ServiceError as error:
        if target.mode == "snapshot":
            raise
        if target.container is not None:
            outside.progress.warn(error.message)
        return None, None


def _choose(outside: Outside, target: Target, status: PrometheusStatus | None) -> tuple[str, list[str]]:
    """The way to capture and what it costs. Pure but for the question whether a snapshot could be removed again."""
    running = target.container is not None and target.container.state in ("running", "paused", "restarting")
    if target.mode == "stop" or (target.mode == "auto" and target.container is not None and not running):
        return "stop", []
    warnings = []
    if status is not None and target.mode in ("auto", "snapshot"):
        if status.out_of_order:
            warnings.append(
                "out-of-order samples of the last hours are not in a snapshot of Prometheus; --capture stop has them"
            )
        if status.admin_api or target.mode == "snapshot":
            if prometheus_snapshot.can_remove(outside, target.place):
                return "snapshot", warnings
            if target.mode == "snapshot":
                raise CaptureError(
                    "a snapshot could be made but not removed again: no image at hand has a shell",
                    remedy="docker pull busybox, or use --capture live",
                )
            return "live", ["Prometheus is captured live: no image at hand has a shell to remove a snapshot with"]
        warnings = [_WHY_LIVE]
    elif target.mode == "snapshot":
        raise CaptureError(
            "no running Prometheus was found that could make a snapshot",
            remedy='start it, or set [prometheus] url = "http://…" in monops.toml, or use --capture live',
        )
    return "live", warnings


# --- phases -------------------------------------------------------------------------------------


def _snapshot_phases(tree: Tree, naming: Naming, capture: Capture, prometheus: Prometheus) -> Iterator[Sequence[Pack]]:
    blocks = [b for b in group_blocks(tree.walk()) if b.is_complete]
    if not blocks:
        capture.warnings.append("Prometheus has no samples yet: its snapshot is empty")
    packs = _block_packs(tree, blocks, naming, capture)
    capture.golden = prometheus_answers(prometheus, [block for block, _ in capture.blocks.values()])
    yield packs


def _live_phases(
    stack: ExitStack, tree: Tree, naming: Naming, capture: Capture, prometheus: Prometheus | None
) -> Iterator[Sequence[Pack]]:
    """The log first, between two looks at the blocks: a block cut from the head meanwhile is in the second look."""
    held, blocks, log = _hold_all(stack, tree)
    _refuse_nothing(blocks, log, tree)
    yield [_log_pack(held, log, naming)] if log else []
    known = {block.ulid: (held, block) for block in blocks}
    now_there = [b for b in group_blocks(tree.walk()) if b.is_complete]
    new = [b for b in now_there if b.ulid not in known]
    if tree.reach == "archive":
        # Nothing can be held open through the engine: only what is still there can be read.
        known = {b.ulid: known[b.ulid] for b in now_there if b.ulid in known}
    held_new, gone = stack.enter_context(tree.hold(_files(new)))
    if gone:
        raise SourceChanged(f"{gone[0]} was deleted while it was read", remedy="run the backup again")
    known |= {block.ulid: (held_new, block) for block in new}
    packs: list[Pack] = []
    for source in (held, held_new):
        members = [block for owner, block in known.values() if owner is source]
        packs += _block_packs(source, members, naming, capture, part="meta" if source is held else "meta-new")
    if prometheus is not None:
        capture.golden = prometheus_answers(prometheus, [block for block, _ in capture.blocks.values()])
    yield packs


def _stopped_phases(
    stack: ExitStack, tree: Tree, naming: Naming, capture: Capture, start: Callable[[], None]
) -> Iterator[Sequence[Pack]]:
    """Only the log is read while the server is down, where files can be held open; else everything is."""
    held, blocks, log = _hold_all(stack, tree)
    _refuse_nothing(blocks, log, tree)
    packs = _block_packs(held, blocks, naming, capture)
    logs = [_log_pack(held, log, naming)] if log else []
    if tree.reach == "archive":
        yield logs + packs
        start()
        return
    yield logs
    start()
    yield packs


def _hold_all(stack: ExitStack, tree: Tree) -> tuple[Tree, list[BlockFiles], tuple[Entry, ...]]:
    """Every complete block and the log, held open. Listed again where something vanished before it was held."""
    for _ in range(_TRIES):
        entries = tree.walk()
        blocks = [b for b in group_blocks(entries) if b.is_complete]
        log = files_only(entries, _is_log)
        with ExitStack() as attempt:
            held, gone = attempt.enter_context(tree.hold([*_files(blocks), *log]))
            if not gone:
                stack.push(attempt.pop_all())
                return held, blocks, log
    raise SourceChanged(
        f"the blocks in {tree.place} changed {_TRIES} times while they were opened", remedy="run the backup again"
    )


def _block_packs(
    tree: Tree, blocks: Sequence[BlockFiles], naming: Naming, capture: Capture, *, part: str = "meta"
) -> list[Pack]:
    """A pack for each block's index and chunks, and one with everybody's meta.json and tombstones."""
    mutable = [entry for block in blocks for entry in block.mutable]
    contents = inline_of(tree, mutable)
    missing = [entry.path for entry in mutable if entry.path not in contents]
    if missing:
        raise SourceChanged(f"{missing[0]} was deleted while it was read", remedy="run the backup again")
    packs = []
    for files in blocks:
        name = block_name(files.ulid, files.immutable, naming.recipients)
        capture.blocks[files.ulid] = (parse_block(files.ulid, contents[f"{files.ulid}/meta.json"]), name)
        packs.append(Pack(name=name, entries=(*files.directories, *files.immutable), tree=tree, reusable=True))
    if mutable:
        folders = [next(d for d in b.directories if d.path == b.ulid) for b in blocks]
        meta = tuple(sorted([*folders, *mutable], key=lambda entry: entry.path))
        packs.append(Pack(name=naming.per_snapshot(part), entries=meta, tree=tree, inline=contents))
    return packs


def _log_pack(tree: Tree, log: tuple[Entry, ...], naming: Naming) -> Pack:
    # A segment may be truncated away by the server while it is read through the engine: what it held is then in a
    # block that the second look finds.
    return Pack(name=naming.per_snapshot("wal"), entries=log, tree=tree, must_be_whole=tree.reach != "archive")


def _is_log(entry: Entry) -> bool:
    parts = entry.path.split("/")
    return parts[0] in _LOGS and not any(part.endswith(".tmp") for part in parts)


def _files(blocks: Sequence[BlockFiles]) -> list[Entry]:
    return [entry for block in blocks for entry in (*block.immutable, *block.mutable) if entry.kind is Kind.FILE]


def _refuse_nothing(blocks: Sequence[BlockFiles], log: Sequence[Entry], tree: Tree) -> None:
    """An empty folder is a wrong name, not a Prometheus: backing it up would look like success."""
    if not blocks and not any(entry.kind is Kind.FILE for entry in log):
        raise MonopsError(
            f"{tree.place} holds no Prometheus data: no block and no write-ahead log",
            remedy='docker volume ls; and name the right one in monops.toml: [prometheus] volume = "…"',
        )
