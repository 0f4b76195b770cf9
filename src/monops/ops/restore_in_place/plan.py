"""What an in-place restore would do: gathered, checked, and shown before anything happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monops.domain.errors import Locked, Refused, ServiceError
from monops.domain.manifest import Manifest, SourceRecord
from monops.domain.nearest import listed
from monops.domain.place import Place
from monops.domain.ports import Container, VolumeWriter
from monops.domain.stack import service_of
from monops.domain.tree import Entry
from monops.domain.units import show_size
from monops.ops.capture import Target
from monops.ops.outside import Outside
from monops.ops.restore_directory import Origin, check_space, chosen_sources, records_of, space_needed
from monops.ops.restore_in_place.containers import is_running, users
from monops.ops.restore_in_place.health import answers_now
from monops.ops.restore_in_place.retention import doomed, parse_retention, retention_warnings
from monops.ops.restore_in_place.state import Phase, State, load


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePlan:
    """What happens to one source."""

    source: SourceRecord
    place: Place
    container: Container | None
    #: Every container that has the data mounted.
    users: tuple[Container, ...]
    #: The data's root folder as it is now.
    root: Entry
    bytes_needed: int
    free_bytes: int | None
    #: Whether the service answers over HTTP now.
    answers: bool
    #: Blocks that the retention will delete at once.
    doomed: tuple[str, ...] = ()
    #: Unix seconds.
    doomed_until: float = 0.0
    warnings: tuple[str, ...] = ()

    @property
    def stops(self) -> tuple[str, ...]:
        """The names of the containers that will be stopped."""
        return tuple(c.name for c in self.users if is_running(c))

    @property
    def lines(self) -> tuple[str, ...]:
        """The steps, in sentences."""
        stops = f"stop {listed(self.stops)}, " if self.stops else ""
        starts = f", start {listed(self.stops)} and wait until well" if self.stops else ""
        name, place = self.source.name, self.place.name
        return (
            f"{name}: write {show_size(self.bytes_needed)} beside the data in {place} and check them there",
            f"{name}: {stops}exchange the data by renaming{starts}; if sick, go back",
            f"{name}: keep the data of now in {place} until: monops restore commit {name}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an in-place restore would do."""

    snapshot: str
    sources: tuple[SourcePlan, ...]
    warnings: tuple[str, ...] = ()


def plan_in_place(origin: Origin, names: Sequence[str], targets: Sequence[Target], outside: Outside) -> Plan:
    """Look at everything; change nothing.

    Raises Refused where an earlier restore is open, space is short, or monops could not stop what uses the data;
    Locked where another monops restores there now.
    """
    manifest = origin.manifest
    if "config" in names:
        raise Refused(
            "the stack's own files are not restored in place",
            remedy=f"monops restore {manifest.id} config --to-dir DIR, then copy what you want from there",
        )
    warnings = []
    if not names and any(source.name == "config" for source in manifest.sources):
        warnings.append(f"config is left alone; to get it: monops restore {manifest.id} config --to-dir DIR")
    by_name = {target.name: target for target in targets}
    plans = []
    for source in chosen_sources(manifest, names):
        if source.name == "config":
            continue
        target = by_name.get(source.name)
        if target is not None:
            plans.append(_plan_source(manifest, source, target, outside))
        elif source.name in names:
            raise Refused(f"the stack has no {source.name} to restore into", remedy="docker ps --all")
        else:
            warnings.append(f"{source.name} is left out: the stack has none")
    if not plans:
        raise Refused("there is nothing to restore in place", remedy=f"monops restore {manifest.id} --to-dir DIR")
    return Plan(snapshot=manifest.id, sources=tuple(plans), warnings=tuple(warnings))


def _plan_source(manifest: Manifest, source: SourceRecord, target: Target, outside: Outside) -> SourcePlan:
    found = users(outside.engine, target.place) if target.container is not None else ()
    if not found:
        raise Refused(
            f"no container is known to use {target.place.name}, so monops cannot stop and start its service",
            remedy=f"monops restore {manifest.id} {source.name} --to-dir DIR, then stop the service and exchange them",
        )
    needed = space_needed(manifest, [source])
    with outside.volumes.writer(target.place) as writer:
        refuse_open_restore(writer, load(writer), outside)
        free = writer.free_bytes()
    check_space(needed, free, target.place.name)
    with outside.volumes.tree(target.place) as tree:
        root = tree.root()
    container = next((c for c in found if target.container is not None and c.id == target.container.id), None)
    answers = container is not None and is_running(container) and answers_now(outside, container)
    retention = _retention(outside, container if answers else None, source)
    sizes = _block_sizes(manifest, source)
    at_once = doomed(source.blocks, sizes, parse_retention(retention))
    return SourcePlan(
        source=source,
        place=target.place,
        container=container,
        users=found,
        root=root,
        bytes_needed=needed,
        free_bytes=free,
        answers=answers,
        doomed=tuple(block.ulid for block in at_once),
        doomed_until=max((block.max_time for block in at_once), default=0) / 1000,
        warnings=(
            *retention_warnings(source.blocks, sizes, retention, outside.clock.now()),
            *owner_warnings(source, root, container),
            *([] if any(is_running(c) for c in found) else [f"{source.name} does not run: its health is not checked"]),
        ),
    )


def refuse_open_restore(writer: VolumeWriter, state: State | None, outside: Outside) -> None:
    """Raises Refused or Locked where a restore is open in the volume already."""
    if state is None:
        return
    if state.phase is Phase.DONE:
        raise Refused(
            f"{writer.place} still keeps the data from before the restore of {state.snapshot}",
            remedy=f"delete them: monops restore commit {state.source}; "
            f"or bring them back: monops restore rollback {state.source}",
        )
    if outside.machine.is_alive(state.by):
        raise Locked(f"another monops restores into {writer.place} (since {state.begun})", remedy="wait for it: ps aux")
    raise Refused(
        f"an interrupted restore of {state.snapshot} is open in {writer.place} (phase {state.phase})",
        remedy=f"monops restore rollback {state.source}",
    )


def owner_warnings(source: SourceRecord, root: Entry, container: Container | None) -> tuple[str, ...]:
    """Where the service may not be able to write to what is restored."""
    warnings = []
    if source.uid != root.uid:
        warnings.append(
            f"the restored {source.name} belongs to user {source.uid}, the data of now to {root.uid}: "
            f"the server may not be allowed to write; see: docker logs {container.name if container else source.name}"
        )
    runs_as = _user_number(container.user) if container is not None else None
    if runs_as is not None and runs_as not in (0, root.uid):
        warnings.append(
            f"{source.name} runs as user {runs_as}, its data of now belong to {root.uid}: "
            "images of different kinds have different users"
        )
    return tuple(warnings)


def _user_number(user: str) -> int | None:
    """The number in a container's user; None for a name, whose number only its image knows."""
    number = user.partition(":")[0]
    if number == "nobody":
        return 65534
    return int(number) if number.isdigit() else None


def _retention(outside: Outside, container: Container | None, source: SourceRecord) -> str:
    """What the server keeps now; as captured where it cannot be asked."""
    if container is not None and service_of(container) == "prometheus":
        try:
            return outside.services.prometheus(container).status().retention
        except ServiceError:
            return source.retention
    return source.retention


def _block_sizes(manifest: Manifest, source: SourceRecord) -> dict[str, int]:
    by_key = {record.key: record.bytes_inside for record in records_of(manifest, source)}
    return {block.ulid: by_key.get(block.object, 0) for block in source.blocks}
