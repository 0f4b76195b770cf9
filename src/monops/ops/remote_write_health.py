"""How what Prometheus writes elsewhere fares: its queues, their complaints, and whether the first samples arrive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monops.domain.exposition import read
from monops.domain.ports import Container
from monops.domain.remote_write import Complaint, Queue, complaints, queues
from monops.ops.workshop import Workshop

#: A scrape interval of a minute, and a batch.
SENT_WITHIN = timedelta(seconds=90)
#: A receiver that refuses connections may just be starting; one that answers no has answered.
_RETRIES_FOR = timedelta(seconds=12)
_EVERY = timedelta(milliseconds=500)
#: Prometheus writes the same message to its log at most once a minute, whatever its error is.
#: Source: prometheus/prometheus, util/logging/dedupe.go, and storage/remote/storage.go.
_LOGGED_WITHIN = timedelta(seconds=66)
#: A scrape interval that is usual, and a batch: as long as it takes to see whether a queue is still refused.
_SEEN_WITHIN = timedelta(seconds=25)
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
    """Until the receiver has taken some, says no, or SENT_WITHIN is over. Raises ServiceUnreachable."""
    clock, start = shop.outside.clock, shop.outside.clock.monotonic()
    base: Queue | None = None
    refused_since: timedelta | None = None
    while True:
        container = shop.container("prometheus")
        queue = _mine(_queues(shop, container), url, name)
        waited = timedelta(seconds=clock.monotonic() - start)
        if queue is not None:
            earlier = before.get((queue.name, queue.url))
            if base is None:
                # A queue whose settings change begins anew, at nought.
                is_new = earlier is None or queue.tried < earlier.tried
                base = Queue(name=queue.name, url=queue.url) if is_new else queue
            grown = queue.since(base)
            said = [
                one
                for one in complaints(shop.outside.engine.logs(container.id, _LINES), queue)
                if one.at is not None and one.at >= since
            ]
            refused_since = refused_since or (waited if grown.failed else None)
            is_told = bool(said) or (refused_since is not None and waited - refused_since >= _LOGGED_WITHIN)
            if is_told and (grown.failed or _is_hopeless(said, waited)) and not _arrives(grown):
                return Fare(queue=queue, error=said[-1].error if said else "its receiver refuses the samples")
            if _arrives(grown):
                return Fare(queue=queue)
        if waited >= SENT_WITHIN:
            empty = queue or Queue(name=name or url, url=url)
            return Fare(queue=empty, error=f"nothing was sent within {SENT_WITHIN.total_seconds():.0f} s")
        clock.sleep(_EVERY)


def _is_hopeless(said: Sequence[Complaint], waited: timedelta) -> bool:
    return bool(said) and (said[-1].is_final or waited >= _RETRIES_FOR)


def _arrives(grown: Queue) -> bool:
    return grown.sent_until > 0 and grown.taken > 0 and not grown.failed


def _mine(found: Sequence[Queue], url: str, name: str | None) -> Queue | None:
    mine = [one for one in found if one.name == name] if name else [one for one in found if one.url == url]
    return mine[0] if mine else None


def _queues(shop: Workshop, container: Container) -> tuple[Queue, ...]:
    return queues(read(shop.outside.services.prometheus(container).metrics()))
