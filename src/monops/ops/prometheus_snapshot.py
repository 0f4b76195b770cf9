"""Prometheus's own snapshots: made by its admin API, read, and always removed again.

There is no call that deletes one, so monops removes the folder. Leftovers would keep expired blocks on the disk.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from monops.domain.errors import CaptureError, EngineError, ServiceUnreachable, VolumeMissing
from monops.domain.place import Place
from monops.domain.ports import Prometheus, VolumeWriter
from monops.ops.interruption import uninterrupted
from monops.ops.outside import Outside

FOLDER = "snapshots"
#: The call waits for a running compaction, which takes minutes on a large TSDB.
WITHIN = timedelta(minutes=15)
#: A snapshot is named when the call arrives, before it waits for anything: what bears a later time is a person's own.
#: Source: prometheus/web/api/v1/api.go, snapshot.
_NAMED_WITHIN = timedelta(minutes=1)
#: How long an interrupted run waits for the answer, so that it can tidy up.
_GRACE = timedelta(seconds=20)
_LOOK_AGAIN = timedelta(seconds=0.5)


def can_remove(outside: Outside, place: Place) -> bool:
    """Whether a snapshot could be removed again: needs write access, or an image with a shell."""
    try:
        with outside.volumes.writer(place) as writer:
            writer.names(FOLDER)
    except VolumeMissing:
        raise
    except EngineError:
        return False
    return True


@contextmanager
def snapshot(outside: Outside, prometheus: Prometheus, place: Place) -> Iterator[str]:
    """A snapshot's folder, relative to the data's root. Removed when the context is left, however it is left."""
    with outside.volumes.writer(place) as writer:
        before = writer.names(FOLDER)
        asked = outside.clock.now()
        facts: dict[str, Any] = {
            "kind": "prometheus-snapshot",
            "volume": place.volume,
            "path": place.path,
            "subpath": place.subpath,
        }
        facts |= {
            "images": list(place.images),
            "name": "a snapshot",
            "asked": asked.isoformat(),
            "before": list(before),
        }
        note = outside.journal.open(facts)
        call = _Call(prometheus)
        try:
            yield f"{FOLDER}/{_answer(call, prometheus, writer, before)}"
        finally:
            with uninterrupted():
                # Removed while the server still writes it, it would come back. One that waits for a long compaction
                # is left to the next run.
                is_over = call.is_over(_GRACE)
                # The one that was named in any case: the server's clock may be another.
                made = [call.name] if call.name else []
                made += _new(writer.names(FOLDER), before, asked, outside.clock.now())
                if _remove(outside, writer, made) and is_over:
                    outside.journal.close(note)


class _Call:
    """The request, in a thread of its own: a signal that ends the waiting does not lose the answer."""

    def __init__(self, prometheus: Prometheus) -> None:
        self.name = ""
        self._error: Exception | None = None
        self._prometheus = prometheus
        self._thread = threading.Thread(target=self._run, name="snapshot", daemon=True)
        self._thread.start()

    def answer(self) -> str:
        """The snapshot's name; raises what the request raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self.name

    def is_over(self, within: timedelta) -> bool:
        self._thread.join(within.total_seconds())
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self.name = self._prometheus.snapshot(within=WITHIN)
        except Exception as error:  # noqa: BLE001 - raised again by `answer`
            self._error = error


def remove_leftovers(outside: Outside, note: Mapping[str, Any]) -> list[str]:
    """Remove the snapshots that a killed run asked for; a sentence for each."""
    place = Place(
        volume=str(note["volume"]),
        path=str(note["path"]),
        subpath=str(note["subpath"]),
        images=tuple(str(image) for image in note["images"]),
    )
    asked = datetime.fromisoformat(str(note["asked"]))
    with outside.volumes.writer(place) as writer:
        left: list[str] = []
        # The server goes on with a snapshot whose caller was killed, and would make its folder again.
        while again := _new(writer.names(FOLDER), note["before"], asked, asked + _NAMED_WITHIN):
            if not _remove(outside, writer, again):
                raise CaptureError("it could not be removed", remedy=f"look into {FOLDER}/ of {place.name}")
            left += [name for name in again if name not in left]
            outside.clock.sleep(_LOOK_AGAIN)
    return [f"removed the snapshot {name}, which an interrupted run had left in {place.name}" for name in left]


def _answer(call: _Call, prometheus: Prometheus, writer: VolumeWriter, before: tuple[str, ...]) -> str:
    try:
        name = call.answer()
    except ServiceUnreachable:
        # The answer may be lost although the snapshot was made; asking again would make a second one.
        if set(writer.names(FOLDER)) == set(before):
            raise
        raise CaptureError(
            "Prometheus's answer to the snapshot request was lost", remedy="run the backup again"
        ) from None
    if name not in writer.names(FOLDER):
        raise CaptureError(
            f"the snapshot {name} of the Prometheus at {prometheus.url} is not in {writer.place}: "
            "another Prometheus answers there",
            remedy='name the right one in monops.toml: [prometheus] url = "http://…"',
        )
    return name


def _new(names: tuple[str, ...], before: object, asked: datetime, until: datetime) -> list[str]:
    """Snapshots that are new and bear a time between asking and now: somebody else's keep out of it."""
    known = set(before) if isinstance(before, list | tuple) else set()
    slack = timedelta(seconds=2)  # names have whole seconds
    return [n for n in names if n not in known and asked - slack <= _time_of(n) <= until + slack]


def _time_of(name: str) -> datetime:
    try:
        return datetime.strptime(name.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def _remove(outside: Outside, writer: VolumeWriter, names: list[str]) -> bool:
    """Whether all are gone."""
    writer.remove([f"{FOLDER}/{name}" for name in dict.fromkeys(names)])
    there = writer.names(FOLDER)
    left = [name for name in names if name in there]
    if left:
        outside.progress.warn(f"the snapshot {left[0]} could not be removed from {writer.place}")
    return not left
