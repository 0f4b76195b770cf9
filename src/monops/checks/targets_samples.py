"""No sample of a target that is up is thrown away.

A target can look healthy and lose data: samples older than those before, too far in the past or future, or two for one
moment are dropped without an error. Clocks that differ, exporters with times of their own, and two targets with the
same labels do that. Prometheus's log names the target.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._prometheus import SUBJECT, answers, grown, highest, increase
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Severity

_SAMPLES = "prometheus_target_scrapes_sample"
#: query -> (what they are, words of the log, what to do).
_DROPPED = {
    increase(f"{_SAMPLES}_out_of_order_total", "15m"): (
        "are older than those before",
        "out-of-order",
        "Write honor_timestamps: false in the job that the log names, or remove the double target.",
    ),
    increase(f"{_SAMPLES}_out_of_bounds_total", "15m"): (
        "are too old or in the future",
        "too old",
        "Set the clock of the target that the log names, or write honor_timestamps: false in its job.",
    ),
    increase(f"{_SAMPLES}_duplicate_timestamp_total", "15m"): (
        "have another value for the same moment",
        "different value but same timestamp",
        "Let the target that the log names write each series once, or remove the double target.",
    ),
}
#: Fewer are a restart of an exporter with times of its own.
_FEW = 10.0


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each way of losing samples."""
    for query, by in highest(facts, tuple(_DROPPED)).items():
        what, words, say = _DROPPED[query]
        if by >= _FEW:
            yield Finding(
                severity=Severity.WARNING,
                subject=SUBJECT,
                cause=f"it threw {by:.0f} samples away in 15 minutes that {what}; their targets look healthy",
                evidence=(grown(query, by),),
                fix=Fix(say=say, command=f"monops stack logs prometheus --tail 500 | grep '{words}'"),
            )


def _losing(query: str, what: str) -> Sick:
    return Sick(
        what=f"samples that {what}",
        facts=lambda facts: answers({query: 120}, facts),
        severity=Severity.WARNING,
        says=what,
    )


CHECK = Check(
    id="targets.samples",
    well="no sample is thrown away",
    reads=("prometheus_runtime",),
    queries=tuple(_DROPPED),
    judge=judge,
    needs=("prometheus",),
    healthy=lambda facts: answers(dict.fromkeys(_DROPPED, 0), facts),
    sick=tuple(_losing(query, what) for query, (what, _, _) in _DROPPED.items()),
)
