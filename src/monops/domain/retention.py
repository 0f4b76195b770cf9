"""How long and how much Prometheus keeps: what may be asked, what it costs, when the disk is full.

Source: prometheus.io, storage page ("Operational aspects"); cmd/prometheus/main.go, `storageRetention`; and what
reads the values: prometheus/common, model/time.go, `ParseDuration`; alecthomas/units, si.go, `MakeUnitMap`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from monops.domain.errors import UsageFault
from monops.domain.units import parse_duration, show_duration, show_size

#: Units are looked up as they are written: `gb` is none.
_SIZE = re.compile(r"(\d+(?:\.\d+)?)(?:([KMGTPE])(i?))?B", re.ASCII)
_SIZE_IN_ANY_CASE = re.compile(_SIZE.pattern, re.ASCII | re.IGNORECASE)
#: How a server shows sizes that are no whole unit: `1GiB476MiB`.
_SIZES = re.compile(f"(?:{_SIZE.pattern})+", re.ASCII)
#: Each unit at most once, the longest first.
_TIME = re.compile(r"(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s)?(?:\d+ms)?", re.ASCII)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
#: Go's longest duration: more, and Prometheus does not start. Source: Go, package time, `Duration`.
_LONGEST = timedelta(days=292 * 365)
_SHORTEST = timedelta(hours=2)
#: Fuller than this, compaction has no room to work in. Source: prometheus.io, storage page.
FULLEST = 0.8
#: Where nothing is measured yet. Source: prometheus.io, storage page: "an average of only 1-2 bytes per sample".
ASSUMED_BYTES_A_SAMPLE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What was measured; None where it is not known."""

    #: Bytes of the blocks, and of the write-ahead log with the head's chunks.
    blocks: int | None
    log: int | None
    samples_a_second: float | None
    bytes_a_sample: float | None
    #: Of the file system that the volume is on.
    free: int | None
    total: int | None

    @property
    def used(self) -> int | None:
        return None if self.blocks is None or self.log is None else self.blocks + self.log

    @property
    def daily(self) -> float | None:
        """Bytes a day."""
        if self.samples_a_second is None:
            return None
        return self.samples_a_second * 86400 * (self.bytes_a_sample or ASSUMED_BYTES_A_SAMPLE)


def size_bytes(text: str) -> int:
    """`50GB` in bytes, as Prometheus reads it: B to EB, powers of 1024. Raises ValueError."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no size that Prometheus knows; write for example 50GB or 512MB")
    return int(float(found[1]) * 1024 ** _POWERS[found[2] or ""])


def check_time(text: str) -> timedelta:
    """Raises UsageFault for what Prometheus would not start with, or would take for something else."""
    try:
        found = parse_duration(text)
    except ValueError as error:
        raise UsageFault(str(error), remedy="monops retention set --time 30d") from error
    if found > _LONGEST:
        raise UsageFault(f"{text} is longer than Prometheus can count (292y)", remedy="monops retention set --time 10y")
    if found < _SHORTEST:
        raise UsageFault(
            f"{text} is less than Prometheus's smallest block, 2h, so it would mean nothing",
            remedy="monops retention set --time 2h",
        )
    if not _TIME.fullmatch(text.strip()):
        raise UsageFault(
            f"{text}: Prometheus wants each unit once, the longest first, as in 1y2w3d4h",
            remedy=f"monops retention set --time {shown_time(str(int(found.total_seconds())))}",
        )
    return found


def check_size(text: str) -> int:
    """Raises UsageFault."""
    try:
        found = size_bytes(text)
    except ValueError as error:
        meant = _SIZE_IN_ANY_CASE.fullmatch(text.strip())
        if meant is None:
            raise UsageFault(str(error), remedy="monops retention set --size 50GB") from error
        number, prefix, binary = meant.groups(default="")
        right = f"{number}{prefix.upper()}{binary.lower()}B"
        raise UsageFault(
            f"{text}: Prometheus tells capitals from small letters in units, and knows {right}",
            remedy=f"monops retention set --size {right}",
        ) from error
    if found <= 0 or "." in text:
        raise UsageFault(f"{text}: Prometheus wants a whole number above 0", remedy="monops retention set --size 50GB")
    return found


def canonical(shown: str) -> dict[str, str]:
    """What a server shows (`15d or 10GiB`), in one way of writing: `time` in seconds, `size` in bytes; "" for none.

    What is neither is left out: see `unread`.
    """
    found = {"time": "", "size": ""}
    for part in _parts(shown):
        if _SIZES.fullmatch(part):
            found["size"] = str(sum(size_bytes(one[0]) for one in _SIZE.finditer(part)))
        else:
            with suppress(ValueError):
                found["time"] = str(int(parse_duration(part).total_seconds()))
    return found


def unread(shown: str) -> tuple[str, ...]:
    """The parts of what a server shows that are neither a time nor a size: `80%` of a later version."""
    return tuple(part for part in _parts(shown) if canonical(part) == {"time": "", "size": ""})


def _parts(shown: str) -> list[str]:
    return [part.strip() for part in shown.split(" or ") if part.strip()]


def shown_time(seconds: str) -> str:
    """`2592000` as people write it: `30d`."""
    if not seconds.isdigit():
        return seconds or "no limit"
    left = int(seconds)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if left and left % size == 0:
            return f"{left // size}{unit}"
    return f"{left}s"


def shown_bytes(number: str) -> str:
    """`53687091200` as Prometheus writes it: `50GB`."""
    if not number.isdigit():
        return number or "no limit"
    left, unit = int(number), "B"
    for larger in ("KB", "MB", "GB", "TB", "PB"):
        if left == 0 or left % 1024:
            break
        left, unit = left // 1024, larger
    return f"{left}{unit}"


def wanted_bytes(usage: Usage, kept: Mapping[str, str]) -> float | None:
    """What will be on disk once as much is kept as `canonical` says; None where that is not known."""
    size = float(kept["size"]) if kept.get("size") else None
    daily = usage.daily
    by_time = daily * int(kept["time"]) / 86400 if daily is not None and kept.get("time", "").isdigit() else None
    if by_time is None:
        return size if size is not None and not kept.get("time") else None
    # The log and the newest two hours come on top of what is counted by time.
    by_time += usage.log or 0
    return min(by_time, size) if size is not None else by_time


def full_in(usage: Usage, kept: Mapping[str, str]) -> tuple[str, timedelta | None]:
    """("never", None), ("unknown", None) or ("in", how long)."""
    wanted, used, daily = wanted_bytes(usage, kept), usage.used, usage.daily
    if used is None or daily is None or usage.free is None:
        return ("unknown", None)
    if daily <= 0:
        return ("unknown", None)
    if wanted is not None and wanted - used <= usage.free:
        return ("never", None)
    return ("in", timedelta(days=min(usage.free / daily, 36500.0)))


def shown_full(usage: Usage, kept: Mapping[str, str]) -> str:
    word, span = full_in(usage, kept)
    if span is not None:
        return f"in about {show_duration(span)}"
    return "not, as far as can be told: what is kept fits" if word == "never" else "unknown"


def size_warnings(size: int, usage: Usage) -> tuple[str, ...]:
    """Raises UsageFault for a size that the volume does not have."""
    if usage.total is None:
        return ("how large the volume is could not be found out: see that the size fits",)
    if size > usage.total:
        advised = max(int(usage.total * FULLEST / 2**30), 1)
        raise UsageFault(
            f"{show_size(size)} is more than the volume has ({show_size(usage.total)})",
            remedy=f"monops retention set --size {advised}GB",
        )
    room = (usage.free or 0) + (usage.used or 0)
    if usage.free is not None and usage.used is not None and size > room:
        return (f"{show_size(size)} is more than is free for it now ({show_size(room)}): others fill the same disk",)
    if size > FULLEST * usage.total:
        return (
            f"{show_size(size)} is over {FULLEST:.0%} of the volume ({show_size(usage.total)}): compaction needs room",
        )
    return ()
