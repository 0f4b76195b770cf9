"""Restore into running volumes by a plan: all sources staged first, then exchanged one by one, all or none."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta

from monops.domain.errors import MonopsError, RestoreFailed
from monops.domain.ports import VolumeWriter
from monops.domain.units import show_duration, show_size
from monops.ops.outside import Outside
from monops.ops.restore_directory import Origin, Restored, RestoredSource, opener, records_of
from monops.ops.restore_in_place import containers
from monops.ops.restore_in_place.health import HEALTHY_WITHIN, wait_until_well
from monops.ops.restore_in_place.plan import Plan, SourcePlan, refuse_open_restore
from monops.ops.restore_in_place.stage import stage
from monops.ops.restore_in_place.state import FOLDER, Phase, Root, State, clear_leftover, load, member, remembered, save
from monops.ops.restore_in_place.swap import swap
from monops.ops.restore_in_place.undo import undo

#: Lines of a sick container's log that are shown.
_LOG_LINES = 10


@dataclass(slots=True)
class _Open:
    """One source on its way."""

    plan: SourcePlan
    writer: VolumeWriter
    state: State
    note: str = ""
    bytes: int = 0
    seconds_down: float = 0.0
    warnings: list[str] = field(default_factory=list)


def restore_in_place(
    origin: Origin, plan: Plan, outside: Outside, *, healthy_within: timedelta = HEALTHY_WITHIN
) -> Restored:
    """Every source of `plan` is restored and its service well on it; or everything is as it was, and why is raised.

    The data from before stay in each volume until `commit` or `rollback`. Raises RestoreFailed for a sick service,
    Damaged and whatever a destination raises for data that do not come whole.
    """
    begun = outside.clock.monotonic()
    with ExitStack() as stack:
        open_ones: list[_Open] = []
        try:
            for one in plan.sources:
                writer = stack.enter_context(outside.volumes.writer(one.place))
                # In the list before it leaves a mark: whatever ends this, it is looked after.
                open_ones.append(_prepare(plan, one, writer, outside))
                _begin(open_ones[-1], outside)
                _stage(origin, open_ones[-1], outside)
            for opened in open_ones:
                _exchange(opened, outside, healthy_within)
            for opened in open_ones:
                opened.state = save(opened.writer, opened.state, phase=Phase.DONE)
        except BaseException as error:
            _undo_all(open_ones, error, outside)
            raise
        for opened in open_ones:
            outside.journal.close(opened.note)
    return Restored(
        snapshot=plan.snapshot,
        sources=tuple(opened.plan.source.name for opened in open_ones),
        bytes=sum(opened.bytes for opened in open_ones),
        seconds=round(outside.clock.monotonic() - begun, 3),
        restored=tuple(_restored(origin, opened) for opened in open_ones),
        warnings=(
            *plan.warnings,
            *(warning for one in plan.sources for warning in one.warnings),
            *(warning for opened in open_ones for warning in opened.warnings),
        ),
    )


def _prepare(plan: Plan, one: SourcePlan, writer: VolumeWriter, outside: Outside) -> _Open:
    """What is to be; nothing is written. Raises Refused and Locked where another restore is open."""
    refuse_open_restore(writer, load(writer), outside)
    source = one.source
    state = State(
        phase=Phase.STAGING,
        snapshot=plan.snapshot,
        source=source.name,
        by=dict(outside.machine.identity()),
        begun=outside.clock.now().isoformat(timespec="seconds"),
        service=member(one.container) if one.container is not None else None,
        answered=one.answers,
        old_root=Root(uid=one.root.uid, gid=one.root.gid, mode=one.root.mode),
        new_root=Root(uid=source.uid, gid=source.gid, mode=int(source.mode, 8)),
        blocks=len(source.blocks) - len(one.doomed) if source.name == "prometheus" else None,
        golden=tuple(answer for answer in source.golden if answer.kind == "promql"),
        doomed_until=one.doomed_until,
    )
    return _Open(one, writer, state)


def _begin(opened: _Open, outside: Outside) -> None:
    """The journals exist: the local one that names the volume, then the one in the volume."""
    opened.note = outside.journal.open(remembered(opened.plan.place, opened.plan.source.name))
    opened.writer.make(FOLDER)
    opened.state = save(opened.writer, opened.state)


def _stage(origin: Origin, opened: _Open, outside: Outside) -> None:
    source = opened.plan.source
    records = records_of(origin.manifest, source)
    outside.progress.step(f"staging {source.name}", sum(record.bytes_stored for record in records))
    names, opened.bytes = stage(opened.writer, source, records, opener(origin, outside), threads=outside.machine.cpus)
    opened.state = save(opened.writer, opened.state, new_entries=names)
    outside.progress.say(f"{source.name}: {show_size(opened.bytes)} staged in {opened.plan.place.name} and checked")


def _exchange(opened: _Open, outside: Outside, healthy_within: timedelta) -> None:
    """The service runs on the new data and is well. Raises RestoreFailed for a sick one, with its last words shown."""
    plan, writer = opened.plan, opened.writer
    running = tuple(member(c) for c in containers.users(outside.engine, plan.place) if containers.is_running(c))
    opened.state = save(writer, opened.state, phase=Phase.STOPPING, running=running)
    down = outside.clock.monotonic()
    containers.stop(outside, plan.place)
    opened.state = swap(writer, opened.state)
    containers.start(outside, opened.state.running)
    opened.seconds_down = outside.clock.monotonic() - down
    opened.state = save(writer, opened.state, phase=Phase.CHECKING)
    health = wait_until_well(outside, opened.state, within=healthy_within, is_fresh=True)
    opened.warnings += health.warnings
    if not health.is_well:
        _show_log(opened, outside)
        raise RestoreFailed(
            f"{plan.source.name} is not well on the restored data: {health.reason}",
            remedy=f"look at them apart: monops restore {opened.state.snapshot} {plan.source.name} --to-dir DIR",
        )
    took = show_duration(timedelta(seconds=outside.clock.monotonic() - down))
    outside.progress.say(f"{plan.source.name}: restored and well, {took} after it was stopped")


def _show_log(opened: _Open, outside: Outside) -> None:
    for wanted in opened.state.running:
        container = containers.find(outside.engine, wanted)
        if container is not None:
            for line in outside.engine.logs(container.id, _LOG_LINES):
                outside.progress.say(f"{container.name} | {line}")


def _undo_all(open_ones: list[_Open], cause: BaseException, outside: Outside) -> None:
    """Everything is as it was before the command, the last source first. What cannot be undone now stays noted."""
    failed: list[str] = []
    for opened in reversed(open_ones):
        name = opened.plan.source.name
        try:
            state = load(opened.writer)
            if state is None:
                clear_leftover(opened.writer)
            else:
                undo(opened.writer, state, opened.plan.place, outside)
                if state.phase not in (Phase.STAGING, Phase.STOPPING):
                    outside.progress.say(f"{name}: the data from before are back")
        except MonopsError as error:
            failed.append(f"{name}: {error.message}")
            continue
        outside.journal.close(opened.note)
    if failed:
        raise RestoreFailed(
            f"not everything could be put back as it was ({'; '.join(failed)}) after: {cause}",
            remedy="mend that; the next monops command tries again: monops restore rollback",
        ) from cause


def _restored(origin: Origin, opened: _Open) -> RestoredSource:
    records = records_of(origin.manifest, opened.plan.source)
    return RestoredSource(
        name=opened.plan.source.name,
        path=opened.plan.place.name,
        objects=len(records),
        files=sum(record.files for record in records),
        bytes=opened.bytes,
    )
