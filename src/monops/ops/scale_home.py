"""What one of several Prometheus holds is brought into the first one's storage before its container goes.

Blocks know no external labels, so those of a shard join as if they had always been there. Prometheus takes a block that
appears in its storage within a minute, overlapping or not, and merges what overlaps.
Source: prometheus/tsdb/db.go, reloadBlocks and open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from monops.domain.errors import MonopsError, NotFound
from monops.domain.place import Place
from monops.domain.ports import Container, Prometheus, Tree, VolumeWriter
from monops.domain.ports.streams import Reader
from monops.domain.scale import LABEL, instance_of
from monops.domain.stack import Stack, data_path, data_place
from monops.domain.tsdb import Block, group_blocks, parse_block
from monops.domain.units import show_size
from monops.ops.prometheus_snapshot import snapshot
from monops.ops.scale_look import SERVICE, members
from monops.ops.workshop import Workshop

#: Not a block's name, so Prometheus does not look into it.
_INCOMING = "monops-incoming"
#: How long the first may take to scrape everything itself, before the others go.
_READY_WITHIN = timedelta(minutes=5)
_EVERY = timedelta(milliseconds=500)
#: Scrapes of a target that another replica may have fewer of: each begins and ends the time in its own rhythm.
_FEWER = 1
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class _Home:
    """An instance and its storage."""

    container: Container
    prometheus: Prometheus
    place: Place


@dataclass(frozen=True, slots=True)
class _Held:
    """A block of a snapshot."""

    block: Block
    size: int


def bring_home(shop: Workshop, container: Container) -> None:
    """Nothing for what is no Prometheus. What cannot be brought is said, and stays in its volume: a change that is
    taken back must not fail for it."""
    if instance_of(container.labels.get(LABEL, "")) is None:
        return
    volume = ", ".join(mount.name for mount in container.mounts if mount.type == "volume")
    try:
        if container.state != "running":
            raise NotFound(f"it is {container.state}", remedy=f"docker start {container.name}")
        brought = _bring(shop, container)
    except MonopsError as error:
        shop.outside.progress.warn(
            f"what {container.name} holds was not brought into {SERVICE}: {error.message}; "
            f"it stays in the volume {volume}"
        )
        return
    if brought:
        shop.outside.progress.say(f"brought into {SERVICE}: {brought} of {container.name}; the volume {volume} stays")


def _bring(shop: Workshop, container: Container) -> str:
    first, leaving = _home(shop, shop.container(SERVICE)), _home(shop, container)
    _wait_until_it_scrapes(shop, first)
    peers = _peers(shop, first, container)
    with shop.outside.volumes.writer(first.place) as writer:
        writer.remove([_INCOMING])
        there = {name for name in writer.names() if len(name) == 26}
        with snapshot(shop.outside, leaving.prometheus, leaving.place) as folder:
            held = _held(shop, leaving.place, folder)
            wanted = [
                one for one in held if one.block.ulid not in there and not _is_needless(one.block, leaving, peers)
            ]
            if not wanted:
                return ""
            _check_space(writer, wanted)
            _copy(shop, leaving, first, writer, folder, [one.block.ulid for one in wanted])
        _keep_own_head(shop, first, writer)
    size, samples = sum(one.size for one in wanted), sum(one.block.samples for one in wanted)
    return f"{len(wanted)} block{'' if len(wanted) == 1 else 's'} ({show_size(size)}, {samples:,} samples)"


def _home(shop: Workshop, container: Container) -> _Home:
    stack = Stack(project=container.project, services={}, containers=(container,))
    place = data_place(SERVICE, container, stack)
    return _Home(container, shop.outside.services.prometheus(container), place)


def _wait_until_it_scrapes(shop: Workshop, first: _Home) -> None:
    """Else nobody would scrape between the end of the one and the start of the other."""
    clock = shop.outside.clock
    deadline = clock.monotonic() + _READY_WITHIN.total_seconds()
    while clock.monotonic() < deadline:
        try:
            targets = first.prometheus.targets() if first.prometheus.ready() else ()
        except MonopsError:
            targets = ()
        if targets and all(one.health != "unknown" for one in targets):
            return
        clock.sleep(_EVERY)
    raise NotFound(f"{first.container.name} does not scrape all its targets", remedy="monops targets")


def _peers(shop: Workshop, first: _Home, leaving: Container) -> list[_Home]:
    """The other replicas of its shard that still run: what they hold need not be brought twice."""
    own = instance_of(leaving.labels[LABEL])
    found = [first] if own is not None and own.shard == 1 else []
    for container in members(shop, leaving.project):
        one = instance_of(container.labels[LABEL])
        is_peer = one is not None and own is not None and one.shard == own.shard and one != own
        if is_peer and container.state == "running":
            found.append(_home(shop, container))
    return found


def _held(shop: Workshop, place: Place, folder: str) -> list[_Held]:
    with shop.outside.volumes.tree(place) as tree:
        return list(_blocks(tree.under(folder)))


def _blocks(tree: Tree) -> Iterator[_Held]:
    for files in group_blocks(tree.walk()):
        if not files.is_complete:
            continue
        metas = [entry for entry in files.mutable if entry.path.endswith("/meta.json")]
        for _, reader in tree.read(metas):
            yield _Held(parse_block(files.ulid, b"".join(_chunks(reader))), files.size)


def _chunks(reader: Reader) -> Iterator[bytes]:
    while data := reader.read(_CHUNK):
        yield bytes(data)


def _is_needless(block: Block, leaving: _Home, peers: Sequence[_Home]) -> bool:
    """Whether another replica has the same scrapes of that time."""
    if not peers:
        return False
    mine = _scrapes(leaving.prometheus, block)
    return any(has_the_same(mine, _scrapes(peer.prometheus, block)) for peer in peers)


def has_the_same(mine: Mapping[tuple[str, str], float], theirs: Mapping[tuple[str, str], float]) -> bool:
    """Whether of no target a gap would stay that `mine` could fill. Both: how often each target was scraped."""
    return bool(mine) and all(theirs.get(target, 0.0) >= count - _FEWER for target, count in mine.items())


def _scrapes(prometheus: Prometheus, block: Block) -> Mapping[tuple[str, str], float]:
    """(job, instance) -> how often it was scraped in the time of a block. {} where that cannot be asked: then it is
    brought."""
    seconds = max(1, -(-(block.max_time - block.min_time) // 1000))
    try:
        rows = prometheus.query(f"count_over_time(up[{seconds}s])", block.max_time / 1000)
    except MonopsError:
        return {}
    return {(labels.get("job", ""), labels.get("instance", "")): value for labels, value in rows}


def _check_space(writer: VolumeWriter, wanted: Sequence[_Held]) -> None:
    needed, free = sum(one.size for one in wanted), writer.free_bytes()
    if free is not None and free < needed:
        raise NotFound(
            f"{show_size(needed)} would be needed, and {show_size(free)} are free",
            remedy=f"free {show_size(needed - free)}",
        )


def _copy(
    shop: Workshop, leaving: _Home, first: _Home, writer: VolumeWriter, folder: str, ulids: Sequence[str]
) -> None:
    engine = shop.outside.engine
    source, target = (data_path(SERVICE, one.container) for one in (leaving, first))
    writer.make(_INCOMING)
    try:
        for ulid in ulids:
            shop.outside.progress.step(f"bringing block {ulid} of {leaving.container.name}")
            with engine.archive(leaving.container.id, f"{source}/{folder}/{ulid}") as reader:
                engine.unarchive(first.container.id, f"{target}/{_INCOMING}", _chunks(reader))
        writer.flush()
        # By rename: Prometheus sees a block whole, or not at all.
        writer.move([(f"{_INCOMING}/{ulid}", ulid) for ulid in ulids])
    finally:
        writer.remove([_INCOMING])


def _keep_own_head(shop: Workshop, first: _Home, writer: VolumeWriter) -> None:
    """A Prometheus that starts drops from its log what is older than its newest block. That of another now reaches to
    this minute: so what the first has in its head becomes a block too, before it may start again."""
    with snapshot(shop.outside, first.prometheus, first.place) as folder:
        there = set(writer.names())
        new = [name for name in writer.names(folder) if len(name) == 26 and name not in there]
        writer.move([(f"{folder}/{name}", name) for name in new])
        writer.flush()
