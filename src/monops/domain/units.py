"""Sizes and durations as people and Prometheus write them."""

from __future__ import annotations

import re
from datetime import timedelta

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_SIZE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?b?)\s*$", re.IGNORECASE)
_POWER = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
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
    return int(float(number) * 1024 ** _POWER[prefix.lower()])


def parse_duration(text: str) -> timedelta:
    """The time in `text`, Prometheus style: `30d`, `1h30m`, `15s`. A year is 365 days.

    Raises ValueError with a sentence when it is not a duration.
    Source: Prometheus, configuration page, `<duration>`.
    """
    stripped = text.strip()
    parts = _DURATION_PART.findall(stripped)
    if not parts or "".join(number + unit for number, unit in parts) != stripped:
        raise ValueError(f"{text!r} is not a duration; write for example 30d, 12h or 1h30m")
    return timedelta(seconds=sum(int(number) * _SECONDS[unit] for number, unit in parts))


def show_size(size_bytes: float) -> str:
    """`832.1 MiB`: three or four significant digits, binary units."""
    value = float(size_bytes)
    for unit in _BINARY:
        if abs(value) < 1024 or unit == _BINARY[-1]:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
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
