"""Silences are narrow, short, and say why.

A silence mutes whatever it matches, those alerts too of which nobody thought when it was made. One that matches every
alert switches alerting off; one for weeks outlives its reason; one without a comment tells nobody whether it may go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from monops.checks._alerting import expire_command, mutes_everything, silence_matchers
from monops.checks._healthy import AT
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, Silence, known
from monops.domain.finding import Finding, Fix, Risk, Severity
from monops.domain.units import show_duration

#: A week, and a moment for whoever fills in the form.
_LONGEST = 7 * 86400.0 + 3600


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each silence, about the worst of it."""
    for silence in known(facts.alertmanager_silences):
        found = _worst(silence)
        if found is None:
            continue
        severity, cause = found
        left = show_duration(timedelta(seconds=max(0.0, silence.ends_at - facts.now.timestamp())))
        yield Finding(
            severity=severity,
            subject=f"silence {silence.id}",
            cause=cause,
            evidence=(
                f"/api/v2/silences: {', '.join(silence.matchers)}; {silence.state}, ends in {left}",
                f"by {silence.created_by or 'nobody who is named'}: {silence.comment.strip() or 'no comment'}",
            ),
            fix=Fix(
                say="Expire it, and make one that matches less, ends soon and says why.",
                command=expire_command(facts, silence.id),
                risk=Risk.SAFE,
            ),
        )


def _worst(silence: Silence) -> tuple[Severity, str] | None:
    narrow = [matcher for matcher in silence_matchers(silence) if not matcher.matches_everything]
    if mutes_everything(silence):
        if silence.state == "active":
            return Severity.ERROR, "it mutes every alert, so nobody is told of anything"
        return Severity.WARNING, "it will mute every alert once it begins"
    if [str(matcher) for matcher in narrow] == ['severity="critical"']:
        return Severity.WARNING, "it mutes every critical alert, whatever it is about"
    lasts = silence.ends_at - silence.starts_at
    if lasts > _LONGEST:
        return Severity.WARNING, f"it lasts {show_duration(timedelta(seconds=lasts))}, so what it mutes is forgotten"
    if not silence.comment.strip():
        return Severity.INFO, "it says nothing of why it is there"
    return None


def _silenced(
    facts: Facts, *matchers: str, days: float = 1.0, comment: str = "new disk", state: str = "active"
) -> Facts:
    silence = Silence(
        id="3f2a",
        matchers=matchers,
        state=state,
        created_by="eva",
        comment=comment,
        starts_at=AT - 3600,
        ends_at=AT - 3600 + days * 86400,
    )
    return replace(facts, alertmanager_silences=(silence,))


_NARROW = ('alertname="DiskSpaceLow"', 'instance="docker-host"')

CHECK = Check(
    id="alertmanager.silences",
    well="silences are narrow, short and say why",
    reads=("alertmanager_silences",),
    needs=("alertmanager",),
    judge=judge,
    healthy=lambda facts: _silenced(facts, *_NARROW),
    sick=(
        Sick(
            what="a silence of everything",
            facts=lambda facts: _silenced(facts, 'alertname=~".+"'),
            severity=Severity.ERROR,
            says="mutes every alert",
        ),
        Sick(
            what="a silence of everything that has not begun",
            facts=lambda facts: _silenced(facts, 'alertname=~".*"', 'severity!=""', state="pending"),
            severity=Severity.WARNING,
            says="will mute every alert",
        ),
        Sick(
            what="a silence of all that is critical",
            facts=lambda facts: _silenced(facts, 'severity="critical"'),
            severity=Severity.WARNING,
            says="every critical alert",
        ),
        Sick(
            what="a silence of a month",
            facts=lambda facts: _silenced(facts, *_NARROW, days=30),
            severity=Severity.WARNING,
            says="it lasts 30d",
        ),
        Sick(
            what="a silence without a comment",
            facts=lambda facts: _silenced(facts, *_NARROW, comment=" "),
            severity=Severity.INFO,
            says="says nothing of why",
        ),
    ),
)
