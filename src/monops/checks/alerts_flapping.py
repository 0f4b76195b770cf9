"""No alert comes and goes all the time.

Where the expression is true and false in turn, `for` begins anew each time: the alert may never fire though things are
bad most of the time, or people are told again and again. A longer window in the expression, or `keep_firing_for`,
calms it.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._alerting import few, is_watchdog
from monops.checks._healthy import series, with_answers
from monops.checks._reading import value
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Severity

#: The value of ALERTS_FOR_STATE is when the alert became active: each change is a new beginning.
BEGUN = "changes(ALERTS_FOR_STATE[1h]) > 5"


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each alert name."""
    found: dict[str, list[str]] = {}
    most: dict[str, float] = {}
    for one in facts.answer(BEGUN):
        name = one.labels.get("alertname", "")
        if not is_watchdog(one.labels):
            others = [f"{key}={text}" for key, text in sorted(one.labels.items()) if key not in _USUAL]
            found.setdefault(name, []).append(" ".join(others) or "no other labels")
            most[name] = max(most.get(name, 0.0), value(one))
    for name, whose in found.items():
        yield Finding(
            severity=Severity.INFO,
            subject=f"alert {name}",
            cause=f"it began anew {most[name]:.0f} times within an hour, so its for starts again each time",
            evidence=(f"{BEGUN}: {few(whose)}",),
            fix=Fix(
                say="Look over a longer window in its expression, or add keep_firing_for to the rule.",
                command=f"monops query 'ALERTS{{alertname=\"{name}\"}}'",
            ),
        )


_USUAL = ("__name__", "alertname", "severity", "team")

CHECK = Check(
    id="alerts.flapping",
    well="no alert comes and goes all the time",
    reads=(),
    queries=(BEGUN,),
    needs=("prometheus",),
    judge=judge,
    sick=(
        Sick(
            what="an alert that began nine times in an hour",
            facts=lambda facts: with_answers(
                facts, {BEGUN: (series(9, alertname="HighLatency", provider="claude"), series(6, alertname="Watchdog"))}
            ),
            severity=Severity.INFO,
            says="began anew 9 times",
        ),
    ),
)
