"""Which restored blocks Prometheus would delete at once, by its retention.

Source: prometheus/tsdb/db.go, BeyondTimeRetention and BeyondSizeRetention: time is measured from the newest block's
maxTime, not from now; size counts from the newest block back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from monops.domain.manifest import BlockRecord
from monops.domain.units import parse_duration, parse_size, show_duration

_SIZE_PART = re.compile(r"\d+(?:\.\d+)?[KMGTPE]?i?B", re.IGNORECASE)
#: A head is cut into a block when it spans three hours. Source: prometheus/tsdb/head.go, compactable.
_HEAD_SPAN = timedelta(hours=3)
_SETTING = "raise it first: --storage.tsdb.retention.time=… (or .size=…) in Prometheus's command"


@dataclass(frozen=True, slots=True)
class Retention:
    """What Prometheus keeps; None for no limit of that kind, or one that is not known."""

    time: timedelta | None = None
    size: int | None = None


def parse_retention(text: str) -> Retention:
    """The retention as `runtimeinfo` shows it: `15d`, `15d or 10GiB`. What is not understood is left out."""
    time: timedelta | None = None
    size: int | None = None
    for part in text.split(" or "):
        sizes = _SIZE_PART.findall(part)
        if sizes and "".join(sizes) == part.strip():
            size = sum(parse_size(found) for found in sizes)
            continue
        try:
            time = parse_duration(part)
        except ValueError:
            continue
    return Retention(time=time or None, size=size or None)


def doomed(blocks: Sequence[BlockRecord], sizes: Mapping[str, int], retention: Retention) -> tuple[BlockRecord, ...]:
    """The blocks that Prometheus deletes when it loads these; `sizes` by ULID in bytes. Oldest first."""
    ordered = sorted(blocks, key=lambda block: -block.max_time)
    gone: set[str] = set()
    if ordered and retention.time is not None:
        reach = ordered[0].max_time - retention.time // timedelta(milliseconds=1)
        gone |= {block.ulid for block in ordered[1:] if block.max_time <= reach}
    if retention.size is not None:
        total = 0
        for block in ordered:
            total += sizes.get(block.ulid, 0)
            if total > retention.size:
                gone.add(block.ulid)
    return tuple(block for block in reversed(ordered) if block.ulid in gone)


def retention_warnings(
    blocks: Sequence[BlockRecord], sizes: Mapping[str, int], shown: str, now: datetime
) -> tuple[str, ...]:
    """What a person should know before these blocks are given to a server that keeps `shown`."""
    if not blocks:
        return ()
    warnings = []
    retention = parse_retention(shown)
    newest = max(block.max_time for block in blocks)
    at_once = doomed(blocks, sizes, retention)
    if at_once:
        until = _time(max(block.max_time for block in at_once))
        warnings.append(
            f"Prometheus keeps {shown}: it will delete {len(at_once)} of {len(blocks)} restored blocks at once "
            f"(what is older than {until:%Y-%m-%d %H:%M} UTC); {_SETTING}"
        )
    if retention.time is not None:
        reach = (now - retention.time).timestamp() * 1000
        later = [b for b in blocks if b.max_time <= reach and b not in at_once]
        if later:
            warnings.append(
                f"{len(later)} of {len(blocks)} restored blocks are older than the {shown} that Prometheus keeps: it "
                f"deletes them when it writes its next block, in about {show_duration(_HEAD_SPAN)}; {_SETTING}"
            )
    if newest > now.timestamp() * 1000:
        warnings.append(
            f"the newest restored block ends in the future ({_time(newest):%Y-%m-%d %H:%M} UTC): Prometheus takes no "
            "samples from before that; check the clock: date -u"
        )
    return tuple(warnings)


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
