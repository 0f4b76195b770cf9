"""What Prometheus sends to Alertmanager arrives.

Prometheus counts what it could not deliver. It tries once, and again at the next evaluation; a queue that is full loses
alerts. The first minutes after its start are left out: it drops what it has before it knows an Alertmanager, each time;
and those after a start of Alertmanager, which could take nothing before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._addresses import place_of, why_no_alertmanager
from monops.checks._healthy import AT, series, with_answers
from monops.checks._prometheus import OWN, must_be_scraped
from monops.checks._reading import label, share, value
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, SeenContainer, Unknown, known
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.scrape_scene import age
from monops.domain.stack import service_of

ERRORS = "sum by (alertmanager) (increase(prometheus_notifications_errors_total[2m])) > 0"
SENT = "sum by (alertmanager) (increase(prometheus_notifications_sent_total[2m]))"
DROPPED = "sum(increase(prometheus_notifications_dropped_total[2m])) > 0"
QUEUE = "max(prometheus_notifications_queue_length / prometheus_notifications_queue_capacity) > 0.5"
#: The window of the queries, and some scrapes.
_START = 180.0


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each Alertmanager that alerts do not reach; one for what is lost; one for a full queue."""
    if facts.now.timestamp() - known(facts.prometheus_runtime).started_at < _START:
        return
    if any(service_of(one.container) == "alertmanager" and _is_new(one, facts) for one in known(facts.containers)):
        return
    # Where it does not answer at all, that is what is wrong.
    ready = facts.alertmanager_ready
    if not isinstance(ready, Unknown) and ready[0] != 200:
        return
    # Those that it sent to until a moment ago count no more, nor those at an address where none can be.
    there = {url for url in known(facts.prometheus_alertmanagers) if not why_no_alertmanager(facts, url)}
    sent = {label(one, "alertmanager"): value(one) for one in facts.answer(SENT)}
    errors = facts.answer(ERRORS)
    if not (errors or facts.answer(DROPPED) or facts.answer(QUEUE)):
        must_be_scraped(facts)
    for one in (one for one in errors if label(one, "alertmanager") in there):
        yield _failing(label(one, "alertmanager"), value(one), sent.get(label(one, "alertmanager"), 0.0))
    for one in () if errors else facts.answer(DROPPED):
        yield Finding(
            severity=Severity.ERROR,
            subject="alerts of Prometheus",
            cause="alerts are lost before they are sent, for no Alertmanager is known or the queue is full",
            evidence=(f"prometheus_notifications_dropped_total: {value(one):.0f} more in 2 minutes",),
            fix=Fix(say="Read in Prometheus's log why.", command="monops stack logs prometheus"),
        )
    for one in facts.answer(QUEUE):
        yield Finding(
            severity=Severity.WARNING,
            subject="queue of alerts in Prometheus",
            cause="it is more than half full, because Alertmanager takes alerts too slowly; a full one loses alerts",
            evidence=(f"prometheus_notifications_queue_length: {share(value(one))} of its capacity",),
            fix=Fix(say="Give Alertmanager more processor time.", command="monops stack status alertmanager"),
        )


def _is_new(one: SeenContainer, facts: Facts) -> bool:
    return one.is_running and age(one, facts.now) < _START


def _failing(url: str, failed: float, sent: float) -> Finding:
    is_all = failed >= 0.95 * sent
    return Finding(
        severity=Severity.ERROR if is_all else Severity.WARNING,
        subject=f"Alertmanager {place_of(url)} of Prometheus",
        cause="no alert reaches it though it is ready: Prometheus cannot connect to that address"
        if is_all
        else "some of the alerts do not reach it",
        evidence=(
            f"prometheus_notifications_errors_total: {failed:.0f} more in 2 minutes",
            f"prometheus_notifications_sent_total: {sent:.0f} more in 2 minutes",
        ),
        fix=Fix(say="Read in Prometheus's log why the alerts were not taken.", command="monops stack logs prometheus"),
    )


_URL = "http://alertmanager:9093/api/v2/alerts"


def _failed(facts: Facts, failed: float) -> Facts:
    answers = {
        ERRORS: (series(failed, alertmanager=_URL),),
        SENT: (series(8, alertmanager=_URL),),
        DROPPED: (series(failed),),
    }
    return with_answers(facts, answers)


def _at_start(facts: Facts) -> Facts:
    runtime = replace(known(facts.prometheus_runtime), started_at=AT - 60)
    return replace(_failed(facts, 8), prometheus_runtime=runtime)


CHECK = Check(
    id="alertmanager.delivery",
    well="what is sent to it arrives",
    reads=("prometheus_runtime", "prometheus_alertmanagers", "containers"),
    looks_at=("alertmanager_ready", "neighbours"),
    queries=(ERRORS, SENT, DROPPED, QUEUE, OWN),
    needs=("alertmanager", "prometheus"),
    judge=judge,
    # A minute after the start some were dropped, as always.
    healthy=_at_start,
    sick=(
        Sick(
            what="an address that Prometheus cannot connect to",
            facts=lambda facts: _failed(_running(facts), 8),
            severity=Severity.ERROR,
            says="no alert reaches it",
        ),
        Sick(
            what="a connection that breaks now and then",
            facts=lambda facts: _failed(_running(facts), 2),
            severity=Severity.WARNING,
            says="some of the alerts",
        ),
        Sick(
            what="alerts that nobody takes",
            facts=lambda facts: with_answers(_running(facts), {ERRORS: (), DROPPED: (series(5),)}),
            severity=Severity.ERROR,
            says="lost before they are sent",
        ),
        Sick(
            what="a queue that fills",
            facts=lambda facts: with_answers(_running(facts), {ERRORS: (), DROPPED: (), QUEUE: (series(0.8),)}),
            severity=Severity.WARNING,
            says="more than half full",
        ),
    ),
)


def _running(facts: Facts) -> Facts:
    return replace(facts, prometheus_runtime=replace(known(facts.prometheus_runtime), started_at=AT - 86400))
