"""Limits of containers, as text and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from monops.cli.show import table
from monops.domain.limits import BILLION, NAMES, Limits, shown
from monops.domain.units import show_duration, show_size

if TYPE_CHECKING:
    from monops.ops.limits_look import LimitsSeen, Seen
    from monops.ops.limits_recommend import Recommendations, Recommended

_HEADER = ("service", "limit", "declared", "running", "used", "")
_WORDS = {"memory": "memory", "cpus": "cpus", "reserve_memory": "reserve"}


def seen_lines(seen: LimitsSeen) -> list[str]:
    """A table with three lines a service."""
    rows = []
    for one in seen.services:
        many = sum(other.service == one.service for other in seen.services) > 1
        name = one.container if many else one.service
        for number, setting in enumerate(NAMES):
            rows.append((name if number == 0 else "", *_row(one, setting)))
    return table(_HEADER, rows)


def _row(one: Seen, setting: str) -> tuple[str, ...]:
    declared = None if one.declared is None else one.declared.of(setting)
    running = None if one.running is None else one.running.of(setting)
    used: int | None = {"memory": one.used_memory, "cpus": one.used_cpus}.get(setting)
    now = "" if setting == "reserve_memory" else shown_use(setting, used)
    if used is not None and running:
        now += f" ({used / running:.0%})"
    mark = "drift" if declared is not None and running is not None and declared != running else ""
    if one.running is None:
        mark = "no container"
    elif used is None and setting == "memory":
        mark = mark or one.state
    return _WORDS[setting], shown(setting, declared), shown(setting, running), now, mark


def seen_result(seen: LimitsSeen) -> dict[str, Any]:
    """The same for a program."""
    return {
        "project": seen.project,
        "services": [
            {
                "service": one.service,
                "container": one.container or None,
                "state": one.state,
                "declared": limits_result(one.declared),
                "running": limits_result(one.running),
                "used": {"memory_bytes": one.used_memory, "cpus": _cpus(one.used_cpus)},
                "drift": list(one.drift),
            }
            for one in seen.services
        ],
        "unknown": list(seen.unknown),
    }


def limits_result(limits: Limits | None) -> Mapping[str, Any] | None:
    """None is unknown; null in it is no limit."""
    if limits is None:
        return None
    return {
        "memory_bytes": limits.memory or None,
        "cpus": _cpus(limits.cpus or None),
        "reserve_memory_bytes": limits.reserve_memory or None,
    }


def recommended_lines(found: Recommendations) -> list[str]:
    """A table, what to know of it, and the commands that set it."""
    rows = [row for one in found.services for row in _recommended_rows(one)]
    lines = table(("service", "limit", "now", "recommended", "peak", "p99", "p95"), rows)
    for one in found.services:
        lines += [f"{one.service}: {note}" for note in (one.advice.notes if one.advice else ())]
    missing = [one.service for one in found.services if one.advice is None]
    if missing:
        lines.append(f"unknown: {', '.join(missing)} (they do not run, and Prometheus knows nothing of them)")
    if found.unknown:
        lines.append(f"not from the last {show_duration(found.over)}: {found.unknown}")
    commands = [f"  {command(one)}" for one in found.services if list(one.wanted)]
    is_all_known = all(one.usage is not None and not one.usage.is_present_only for one in found.services)
    return [*lines, *(["to set them:", *commands] if commands else ["every limit fits"] if is_all_known else [])]


def command(one: Recommended) -> str:
    """What sets it."""
    words = [f"--{name.replace('_', '-')} {value}" for name, value in one.wanted]
    return f"monops limits set {one.service} {' '.join(words)}"


def _recommended_rows(one: Recommended) -> list[tuple[str, ...]]:
    rows = []
    for number, setting in enumerate(NAMES):
        advised = None if one.advice is None else one.advice.limits.of(setting)
        same = advised == one.now.of(setting)
        usage = one.usage
        seen: tuple[int | None, ...] = (None, None, None)
        if usage is not None and setting == "memory":
            seen = (usage.memory_peak, usage.memory_p99, usage.memory_p95)
        elif usage is not None and setting == "cpus":
            seen = (usage.cpus_peak, None, usage.cpus_p95)
        texts = ["" if value is None else shown_use(setting, value) for value in seen]
        says = "as it is" if same and advised is not None else shown(setting, advised)
        rows.append(
            (one.service if number == 0 else "", _WORDS[setting], shown(setting, one.now.of(setting)), says, *texts)
        )
    return rows


def recommended_result(found: Recommendations) -> dict[str, Any]:
    """The same for a program."""
    return {
        "asked_seconds": found.over.total_seconds(),
        "services": [
            {
                "service": one.service,
                "now": limits_result(one.now),
                "recommended": None if one.advice is None else limits_result(one.advice.limits),
                "used": _usage(one),
                "notes": list(one.advice.notes) if one.advice else [],
                "command": command(one) if list(one.wanted) else None,
            }
            for one in found.services
        ],
        "unknown": found.unknown or None,
    }


def _usage(one: Recommended) -> dict[str, Any] | None:
    usage = one.usage
    if usage is None:
        return None
    return {
        "source": "docker stats" if usage.is_present_only else "prometheus",
        "over_seconds": usage.over.total_seconds(),
        "memory_peak_bytes": usage.memory_peak,
        "memory_p99_bytes": usage.memory_p99,
        "memory_p95_bytes": usage.memory_p95,
        "cpus_peak": _cpus(usage.cpus_peak),
        "cpus_p95": _cpus(usage.cpus_p95),
        "killed": usage.killed,
    }


def shown_use(setting: str, value: int | None) -> str:
    """What is used: nothing is 0, not "none"."""
    if value is None:
        return "unknown"
    return f"{value / BILLION:.2f}" if setting == "cpus" else show_size(value)


def _cpus(billionths: int | None) -> float | None:
    return None if billionths is None else billionths / BILLION
