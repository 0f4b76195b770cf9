"""The containers that use a volume: found, stopped, started again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from monops.domain.errors import VolumeMissing
from monops.domain.place import Place
from monops.domain.ports import Container, Engine, Mount
from monops.ops.disturb import STOP_WITHIN
from monops.ops.outside import Outside
from monops.ops.restore_in_place.state import Member, member

_RUNNING = ("running", "paused", "restarting")
#: What the labels of monops's own helper containers begin with.
_HELPER = "io.monops."


def is_running(container: Container) -> bool:
    return container.state in _RUNNING


def users(engine: Engine, place: Place) -> tuple[Container, ...]:
    """Every container that has `place` mounted, running or not, by name."""
    ids = [one.id for one in engine.listed() if any(_holds(mount, place) for mount in one.mounts)]
    found = [container for container in engine.containers(ids) if not _is_helper(container)]
    return tuple(sorted(found, key=lambda container: container.name))


def stop(outside: Outside, place: Place) -> tuple[Member, ...]:
    """Nothing runs on `place`; which containers this stopped. A paused one is let go first: it could not stop."""
    stopped = []
    for container in users(outside.engine, place):
        if is_running(container):
            if container.state == "paused":
                outside.engine.unpause(container.id)
            outside.progress.step(f"stopping {container.name}")
            outside.engine.stop(container.id, within=STOP_WITHIN)
            stopped.append(member(container))
    return tuple(stopped)


def start(outside: Outside, members: Iterable[Member]) -> None:
    """Each of `members` runs. One that is gone for good is said and left out: there is nothing to start."""
    for wanted in members:
        container = find(outside.engine, wanted)
        if container is None:
            outside.progress.warn(f"{wanted.name} is gone and cannot be started again: docker compose up -d")
        elif not is_running(container):
            outside.progress.step(f"starting {container.name}")
            outside.engine.start(container.id)


def find(engine: Engine, wanted: Member) -> Container | None:
    """The container, or the one that Compose has made in its place."""
    try:
        return engine.container(wanted.id)
    except VolumeMissing:
        for one in engine.listed():
            is_same_service = wanted.project and (one.project, one.service) == (wanted.project, wanted.service)
            if one.name == wanted.name or is_same_service:
                return engine.container(one.id)
        return None


def united(first: Iterable[Member], second: Iterable[Member]) -> tuple[Member, ...]:
    """Both, each container once."""
    by_name = {found.name: found for found in first}
    return tuple((by_name | {found.name: found for found in second}).values())


def _holds(mount: Mount, place: Place) -> bool:
    if place.volume:
        return mount.type == "volume" and mount.name == place.volume
    inside, outer = PurePosixPath(mount.source), PurePosixPath(place.path)
    return mount.type == "bind" and (outer.is_relative_to(inside) or inside.is_relative_to(outer))


def _is_helper(container: Container) -> bool:
    return any(label.startswith(_HELPER) for label in container.labels)
