"""Which limits would fit a service, from what it has used. Pure.

Memory: the highest that was seen and a quarter, or the 99th percentile and a half, whichever is more. Processors: the
highest five minutes, or twice the 95th percentile, whichever is less: who reaches the limit is slowed down, not killed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from monops.domain.limits import BILLION, Limits
from monops.domain.units import show_duration, show_size

#: Less than this says nothing of a day's load: then no limit is lowered.
ENOUGH = timedelta(days=1)
#: Nearer to what is there already than this, it stays: every change is a risk.
_KEEP = 0.2
#: At this share of its limit, what was seen says what it may use, not what it wants.
_AT_LIMIT = 0.95
_LEAST_MEMORY, _LEAST_CPUS = 32 << 20, BILLION // 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one service has used."""

    #: In bytes: without what the kernel can take back.
    memory_peak: int
    memory_p99: int
    memory_p95: int
    #: In billionths of a processor; None where it is not known.
    cpus_peak: int | None
    cpus_p95: int | None
    #: How much time that is from; 0 where it is only the present.
    over: timedelta
    #: Kills for want of memory meanwhile.
    killed: int = 0

    @property
    def is_present_only(self) -> bool:
        return not self.over


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """The limits that fit."""

    limits: Limits
    #: What to know of them, as sentences.
    notes: tuple[str, ...]


def advise(usage: Usage, now: Limits, *, asked: timedelta, processors: int, memory: int) -> Advice:
    """For a service with the limits `now`, on a machine with so much."""
    notes: list[str] = []
    if usage.is_present_only:
        notes.append("only what it uses at present is known: cAdvisor's metrics of it are not in Prometheus")
    elif usage.over < asked * 0.95:
        notes.append(f"only {show_duration(usage.over)} of the {show_duration(asked)} are in Prometheus")
    may_lower = usage.over >= ENOUGH
    wanted = _wanted_memory(usage, now, notes)
    limit = _settled(now.memory, wanted, may_lower=may_lower, most=memory)
    if not may_lower and now.memory > wanted:
        notes.append("too little to lower a limit on: it stays")
    reserve = min(_rounded(max(usage.memory_p95, _LEAST_MEMORY // 2)), limit)
    reserve = min(_settled(now.reserve_memory, reserve, may_lower=may_lower, most=memory), limit)
    cpus = now.cpus
    # A moment says nothing of the processors: they idle until somebody asks.
    if usage.cpus_peak is not None and usage.cpus_p95 is not None and not usage.is_present_only:
        least = max(usage.cpus_p95 * 2, _LEAST_CPUS)
        fitting = _rounded_cpus(min(max(usage.cpus_peak, usage.cpus_p95), least) if may_lower else least)
        cpus = _settled(now.cpus, fitting, may_lower=may_lower, most=processors * BILLION)
    if wanted > memory > 0:
        notes.append(f"it would want {show_size(wanted)}, and the machine has {show_size(memory)}")
    return Advice(limits=Limits(memory=limit, cpus=cpus, reserve_memory=reserve), notes=tuple(notes))


def _wanted_memory(usage: Usage, now: Limits, notes: list[str]) -> int:
    wanted = max(usage.memory_peak * 5 // 4, usage.memory_p99 * 3 // 2, _LEAST_MEMORY)
    if usage.is_present_only:
        wanted = max(usage.memory_peak * 3, _LEAST_MEMORY * 2)
    is_capped = bool(now.memory) and usage.memory_peak >= _AT_LIMIT * now.memory
    if now.memory and (usage.killed or is_capped):
        wanted = max(wanted, now.memory * 3 // 2)
        why = f"it was killed {usage.killed} times for want of memory" if usage.killed else "it has reached its limit"
        notes.append(f"{why}: what it would use with more is not known")
    return _rounded(wanted)


def _settled(now: int, wanted: int, *, may_lower: bool, most: int) -> int:
    """What is there already, where that is near or may not be lowered."""
    wanted = min(wanted, most) if most else wanted
    if now and ((now > wanted and not may_lower) or (now >= wanted and now - wanted <= _KEEP * now)):
        return now
    return wanted


def _rounded(size: int) -> int:
    """Up to 16 MiB, 64 MiB above 1 GiB, 256 MiB above 4 GiB."""
    step = (16 if size <= 1 << 30 else 64 if size <= 4 << 30 else 256) << 20
    return -(-size // step) * step


def _rounded_cpus(billionths: int) -> int:
    """Up to a tenth of a processor; a quarter above one."""
    step = BILLION // 10 if billionths <= BILLION else BILLION // 4
    return -(-billionths // step) * step
