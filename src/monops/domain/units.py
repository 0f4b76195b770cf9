"""Sizes and durations as people and Prometheus write them."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_SIZE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?b?)\s*$", re.IGNORECASE)
_POWER = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_MILLISECONDS = {
    "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "y": 31_536_000_000,
}  # fmt: skip
_DURATION_PART = re.compile(r"(\d+)(ms|[smhdwy])")


def parse_size(text: str) -> int:
    """Bytes in `text`: `50GB`, `1.5GiB`, `200M`, `4096`. Units are powers of 1024, as in Prometheus.

    Raises ValueError with a sentence when it is not a size.
    Source: Prometheus, "Operational aspects" of its storage page (units based on powers of 2).
    """
    match = _SIZE.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a size; write for example 50GB or 512MiB")
    number, prefix, _ = match.groups()
    return int(Decimal(number) * 1024 ** _POWER[prefix.lower()])


def parse_duration(text: str) -> timedelta:
    """The time in `text`, Prometheus style: `30d`, `1h30m`, `15s`. A year is 365 days.

    Raises ValueError with a sentence when it is not a duration.
    Source: Prometheus, configuration page, `<duration>`.
    """
    stripped = text.strip()
    if stripped == "0":
        return timedelta()
    parts = _DURATION_PART.findall(stripped)
    if not parts or "".join(number + unit for number, unit in parts) != stripped:
        raise ValueError(f"{text!r} is not a duration; write for example 30d, 12h or 1h30m")
    try:
        return timedelta(milliseconds=sum(int(number) * _MILLISECONDS[unit] for number, unit in parts))
    except OverflowError as error:
        raise ValueError(f"{text!r} is longer than time can be; write for example 10y") from error


def show_size(size_bytes: float) -> str:
    """`832.1 MiB`: three or four significant digits, binary units."""
    value = float(size_bytes)
    for unit in _BINARY:
        shown = f"{value:.0f}" if unit == "B" else f"{value:.1f}"
        # As shown: 1048575 bytes are 1.0 MiB, not 1024.0 KiB.
        if abs(float(shown)) < 1024 or unit == _BINARY[-1]:
            return f"{shown} {unit}"
        value /= 1024
    raise AssertionError("the last unit takes everything")


def show_duration(span: timedelta) -> str:
    """`2d 3h`, `4m 10s`, `0.4s`: the two largest units."""
    seconds = span.total_seconds()
    if seconds < 10:
        return f"{seconds:.1f}s"
    left = int(seconds)
    shown = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            shown.append(f"{count}{unit}")
    return " ".join(shown[:2]) or "0s"
