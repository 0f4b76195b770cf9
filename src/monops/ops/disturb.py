"""Stopping and pausing containers so that they come back whatever happens: noted first, undone by context."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from monops.domain.errors import CaptureError, EngineError, MonopsError
from monops.domain.pausing import patience, wait_before_pausing
from monops.domain.ports import Container
from monops.ops.interruption import uninterrupted
from monops.ops.outside import Outside

#: How long a service may take to stop by itself. Prometheus writes its head's chunks; Docker's default is 10 s.
STOP_WITHIN = timedelta(seconds=120)


@contextmanager
def stopped(outside: Outside, container: Container) -> Iterator[Callable[[], None]]:
    """`container` is stopped until the given function is called or the context left; unless it was down anyway."""
    if container.state not in ("running", "paused", "restarting"):
        yield lambda: None
        return
    what = {"kind": "stopped", "container": container.id, "name": container.name}
    note, is_down, is_stopping = outside.journal.open({**what, "stopping": True}), True, True

    def start() -> None:
        nonlocal is_down
        with uninterrupted():
            if is_down:
                _start(outside, container.id, is_stopping=is_stopping)
                outside.journal.close(note)
                is_down = False

    try:
        outside.engine.stop(container.id, within=STOP_WITHIN)
        with uninterrupted():
            stopping, note = note, outside.journal.open(what)
            is_stopping = False
            outside.journal.close(stopping)
        yield start
    finally:
        start()


def _start(outside: Outside, container_id: str, *, is_stopping: bool) -> None:
    """Start a container that was stopped, or whose stop was cut short: the engine goes on with that, and a container
    that still runs is not started."""
    if is_stopping:
        outside.engine.stop(container_id, within=STOP_WITHIN)
    outside.engine.start(container_id)


@contextmanager
def paused(outside: Outside, container: Container) -> Iterator[None]:
    """`container` is frozen. Its processes notice nothing but the time."""
    if container.state != "running":
        yield
        return
    _wait_between_probes(outside, container)
    note = outside.journal.open({"kind": "paused", "container": container.id, "name": container.name})
    try:
        outside.engine.pause(container.id)
        yield
    finally:
        with uninterrupted():
            _unpause(outside, container.id)
            outside.journal.close(note)


def _wait_between_probes(outside: Outside, container: Container) -> None:
    """Raises CaptureError where no safe moment for a pause comes."""
    probe = outside.engine.probe(container.id)
    deadline = outside.clock.monotonic() + patience(probe).total_seconds()
    while wait := wait_before_pausing(probe):
        if outside.clock.monotonic() > deadline:
            raise CaptureError(
                f"{container.name} cannot be paused safely: its health check does not come to an end",
                remedy=f"docker inspect --format '{{{{json .State.Health}}}}' {container.name}; or use --capture stop",
            )
        outside.clock.sleep(wait)
        probe = outside.engine.probe(container.id)


def _unpause(outside: Outside, container_id: str) -> None:
    try:
        outside.engine.unpause(container_id)
    except EngineError:
        # The pause itself may have failed, or come through although its answer was lost.
        if outside.engine.container(container_id).state == "paused":
            outside.engine.unpause(container_id)


def repair(outside: Outside) -> tuple[str, ...]:
    """Undo what a killed run left disturbed: start, unpause, remove; a sentence for each thing done.

    What cannot be undone now is said and tried again by the next run.
    """
    done = []
    for note_id, note in outside.journal.abandoned():
        kind, name = note.get("kind"), str(note.get("name", ""))
        try:
            if kind == "stopped":
                _start(outside, str(note["container"]), is_stopping=bool(note.get("stopping")))
                done.append(f"started {name} again, which an interrupted run had stopped")
            elif kind == "paused":
                # Asked for in any case: the pause that a killed run asked for may still be under way.
                _unpause(outside, str(note["container"]))
                done.append(f"{name} was paused by an interrupted run; it runs again")
            elif kind == "prometheus-snapshot":
                from monops.ops.prometheus_snapshot import remove_leftovers

                done.extend(remove_leftovers(outside, note))
            else:
                continue  # not a note of a backup: its own command repairs it
        except MonopsError as error:
            outside.progress.warn(f"could not undo what an interrupted run left ({name}): {error.message}")
            continue
        outside.journal.close(note_id)
    return tuple(done)
