"""How what Prometheus writes elsewhere fares: its queues, their complaints, and whether the first samples arrive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monops.domain.exposition import read
from monops.domain.ports import Container
from monops.domain.remote_write import Complaint, Queue, complaints, queues, reloaded_at
from monops.ops.workshop import Workshop

#: A scrape interval of a minute, and a batch.
SENT_WITHIN = timedelta(seconds=90)
#: A receiver that refuses connections may just be starting; one that answers no has answered.
_RETRIES_FOR = timedelta(seconds=12)
#: Samples that were on their way with the old password when a new one was written; the connection is quick, or dead.
_ON_THEIR_WAY = timedelta(seconds=5)
_EVERY = timedelta(milliseconds=500)
#: Prometheus writes the same message to its log at most once a minute, whatever its error is.
#: Source: prometheus/prometheus, util/logging/dedupe.go, and storage/remote/storage.go.
_LOGGED_WITHIN = timedelta(seconds=66)
#: A scrape interval that is usual, and a batch: as long as it takes to see whether a queue is still refused.
_SEEN_WITHIN = timedelta(seconds=25)
_REFUSED = "its receiver refuses the samples"
_LINES = 400
_RECENT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fare:
    """One remote."""

    queue: Queue
    #: The last complaint that is still of interest.
    error: str = ""

    @property
    def state(self) -> str:
        """In a word or two."""
        return "fails" if self.error else self.queue.state


def look(shop: Workshop, container: Container) -> tuple[Fare, ...]:
    """Every queue. Raises ServiceUnreachable."""
    lines = shop.outside.engine.logs(container.id, _LINES)
    since = shop.outside.clock.now() - _RECENT
    found = []
    for queue in _queues(shop, container):
        said = [one for one in complaints(lines, queue) if one.at is None or one.at >= since]
        found.append(_fare(shop, container, queue, said[-1]) if said else Fare(queue=queue))
    return tuple(found)


def _fare(shop: Workshop, container: Container, queue: Queue, last: Complaint) -> Fare:
    """Whether a complaint still holds. Where newer samples have been dealt with, the next ones tell."""
    clock, start = shop.outside.clock, shop.outside.clock.monotonic()
    if last.at is None or queue.sent_until <= last.at.timestamp():
        return Fare(queue=queue, error=last.error)
    if not last.is_final or clock.now() - last.at > SENT_WITHIN:
        return Fare(queue=queue)
    while timedelta(seconds=clock.monotonic() - start) < _SEEN_WITHIN:
        clock.sleep(_EVERY)
        now = _mine(_queues(shop, container), queue.url, queue.name)
        grown = now.since(queue) if now is not None else queue
        if now is not None and _arrives(grown):
            return Fare(queue=now)
        if grown.failed:
            break
    return Fare(queue=queue, error=last.error)


def counts(shop: Workshop, container: Container) -> dict[tuple[str, str], Queue]:
    """Before a change: what its first samples are measured against."""
    return {(one.name, one.url): one for one in _queues(shop, container)}


def wait_for_samples(
    shop: Workshop, url: str, name: str | None, before: dict[tuple[str, str], Queue], since: datetime
) -> Fare:
    """Until the receiver has taken some, says no, or SENT_WITHIN is over. Raises ServiceUnreachable.

    What was logged before `since`, or before Prometheus has read its configuration last, is not said of this change.
    """
    clock, start = shop.outside.clock, shop.outside.clock.monotonic()
    base: Queue | None = None
    is_new = False
    refused_since: timedelta | None = None
    said: list[Complaint] = []
    while True:
        container = shop.container("prometheus")
        samples = tuple(read(shop.outside.services.prometheus(container).metrics()))
        queue = _mine(queues(samples), url, name)
        waited = timedelta(seconds=clock.monotonic() - start)
        if queue is not None:
            if base is None:
                earlier = before.get((queue.name, queue.url))
                # A queue whose settings change begins anew, at nought.
                is_new = earlier is None or queue.tried < earlier.tried
                base = Queue(name=queue.name, url=queue.url) if is_new else queue
            grown = queue.since(base)
            if _arrives(grown):
                return Fare(queue=queue)
            if grown.failed:
                # What counts is what is taken after the last that was refused.
                base = queue
                if refused_since is None and (is_new or waited >= _ON_THEIR_WAY):
                    refused_since = waited
            said = _said(shop, container, queue, max(since, reloaded_at(samples) or since))
            is_told = bool(said) or (refused_since is not None and waited - refused_since >= _LOGGED_WITHIN)
            if (refused_since is not None and is_told) or _is_out_of_reach(said, waited):
                return Fare(queue=queue, error=said[-1].error if said else _REFUSED)
        if waited >= SENT_WITHIN:
            empty = Queue(name=name or url, url=url)
            why = _REFUSED if refused_since is not None else f"nothing was sent within {SENT_WITHIN.seconds} s"
            return Fare(queue=queue or empty, error=said[-1].error if said else why)
        clock.sleep(_EVERY)


def _said(shop: Workshop, container: Container, queue: Queue, since: datetime) -> list[Complaint]:
    lines = shop.outside.engine.logs(container.id, _LINES)
    return [one for one in complaints(lines, queue) if one.at is not None and one.at >= since]


def _is_out_of_reach(said: Sequence[Complaint], waited: timedelta) -> bool:
    """Whether it still tries in vain. Samples that were refused for good are counted, which tells more."""
    return bool(said) and not said[-1].is_final and waited >= _RETRIES_FOR


def _arrives(grown: Queue) -> bool:
    return grown.sent_until > 0 and grown.taken > 0 and not grown.failed


def _mine(found: Sequence[Queue], url: str, name: str | None) -> Queue | None:
    mine = [one for one in found if one.name == name] if name else [one for one in found if one.url == url]
    return mine[0] if mine else None


def _queues(shop: Workshop, container: Container) -> tuple[Queue, ...]:
    return queues(read(shop.outside.services.prometheus(container).metrics()))
