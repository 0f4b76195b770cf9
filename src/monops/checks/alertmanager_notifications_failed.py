"""Notifications reach those whom they are for.

Alertmanager takes an alert and answers that all is well whatever becomes of it. It tries again for as long as
`group_interval` and counts the notification as failed only then; the tries that fail are counted at once. The reason it
gives tells a wrong address from one that is down.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._alerting import is_for_tests, receivers_in_use, routing_of, with_routing
from monops.checks._healthy import series, with_answers
from monops.checks._prometheus import must_be_scraped
from monops.checks._reading import label, value
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, Unknown
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.ports import Series

FAILED = "sum by (integration, receiver_name, reason) (increase(alertmanager_notifications_failed_total[10m])) > 0"
TRIES = "sum by (integration, receiver_name) (increase(alertmanager_notification_requests_failed_total[5m])) > 0"
#: There while Prometheus scrapes Alertmanager.
SCRAPED = "alertmanager_build_info"
_BLIND = Unknown("the Prometheus that was asked has no metrics of Alertmanager", "monops targets --probe")
#: reason -> (what it means, what to do). Source: prometheus/alertmanager, notify/util.go (`Reason`).
_REASONS = {
    "clientError": (
        "the other side refuses them: its address, token or channel is wrong",
        "Put the right address or token into the secret's file.",
    ),
    "authError": ("the other side does not accept the password or token", "Put a valid one into the secret's file."),
    "rateLimited": ("the other side takes no more for now", "Group alerts by fewer labels, or repeat them less often."),
    "serverError": ("the other side has an error of its own", "Wait for it, and let another receiver hear too."),
    "contextDeadlineExceeded": (
        "the other side did not answer in time",
        "Look whether the address can be reached from Alertmanager's container.",
    ),
    "contextCanceled": (
        "they were broken off, by a reload or because the group was done",
        "Look in the log for what came before.",
    ),
    "other": (
        "the other side cannot be reached or the secret's file cannot be read",
        "Read in Alertmanager's log which.",
    ),
}


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each integration and reason; one for each that fails and is still being tried."""
    if not (facts.answer(FAILED) or facts.answer(TRIES)):
        must_be_scraped(facts, SCRAPED, _BLIND)
    tests = _of_tests(facts)
    failed = [one for one in facts.answer(FAILED) if not tests.intersection(_whose(one))]
    for one in failed:
        yield _failing(one)
    gone = {_whose(one) for one in failed}
    for one in facts.answer(TRIES):
        if _whose(one) not in gone and not tests.intersection(_whose(one)):
            yield Finding(
                severity=Severity.WARNING,
                subject=_subject(one),
                cause="tries to send them fail, and are repeated until group_interval is over",
                evidence=(f"alertmanager_notification_requests_failed_total: {value(one):.0f} more in 5 minutes",),
                fix=Fix(say="Read in Alertmanager's log why.", command="monops stack logs alertmanager"),
            )


def _of_tests(facts: Facts) -> frozenset[str]:
    """Receivers, and integrations, that only test alerts use: nobody listens there once the test is over."""
    if isinstance(facts.alertmanager_status, Unknown):
        return frozenset()
    routing = routing_of(facts)
    in_use = receivers_in_use(routing)
    names = {path[-1].receiver for path in routing.root.walk() if is_for_tests(path)} - in_use
    kinds = {kind for name in in_use if name in routing.receivers for kind in routing.receivers[name].kinds}
    test_kinds = {kind for name in names if name in routing.receivers for kind in routing.receivers[name].kinds}
    return frozenset({f"receiver {name}" for name in names} | (test_kinds - kinds))


def _whose(one: Series) -> tuple[str, str]:
    """The integration, and the receiver where Alertmanager tells it (--enable-feature=receiver-name-in-metrics)."""
    return label(one, "integration"), f"receiver {label(one, 'receiver_name')}"


def _subject(one: Series) -> str:
    kind, receiver = _whose(one)
    return f"notifications by {kind}" + (f" to {receiver}" if label(one, "receiver_name") else "")


def _failing(one: Series) -> Finding:
    reason = label(one, "reason") or "other"
    why, todo = _REASONS.get(reason, _REASONS["other"])
    return Finding(
        severity=Severity.ERROR,
        subject=_subject(one),
        cause=f"nobody is told by them: {why}",
        evidence=(
            f"alertmanager_notifications_failed_total: {max(1.0, value(one)):.0f} more in 10 minutes, reason {reason}",
        ),
        fix=Fix(say=todo, command="monops stack logs alertmanager"),
    )


def _failed(facts: Facts, **labels: str) -> Facts:
    return with_answers(facts, {FAILED: (series(4, **labels),), TRIES: (series(30, integration="webhook"),)})


def _with_webhook(facts: Facts) -> Facts:
    return with_routing(facts, "slack_configs:", "webhook_configs:")


CHECK = Check(
    id="alertmanager.notifications_failed",
    well="notifications reach those whom they are for",
    reads=("prometheus_runtime",),
    looks_at=("alertmanager_status",),
    queries=(FAILED, TRIES, SCRAPED),
    needs=("alertmanager", "prometheus"),
    judge=judge,
    # The listener of a test is gone when the test is over; here nothing else is told by webhook.
    healthy=lambda facts: _failed(
        with_routing(facts, "- name: webhook\n  webhook_configs:", "- name: webhook\n  slack_configs:"),
        integration="webhook",
        reason="other",
    ),
    sick=(
        Sick(
            what="a webhook that refuses",
            facts=lambda facts: _failed(_with_webhook(facts), integration="webhook", reason="clientError"),
            severity=Severity.ERROR,
            says="the other side refuses them",
        ),
        Sick(
            what="a mail server that does not answer",
            facts=lambda facts: _failed(facts, integration="email", reason="contextDeadlineExceeded"),
            severity=Severity.ERROR,
            says="did not answer in time",
        ),
        Sick(
            what="a receiver whose secret is missing",
            facts=lambda facts: _failed(facts, integration="slack", reason="other", receiver_name="team"),
            severity=Severity.ERROR,
            says="cannot be reached",
        ),
        Sick(
            what="tries that fail and go on",
            facts=lambda facts: with_answers(facts, {FAILED: (), TRIES: (series(30, integration="slack"),)}),
            severity=Severity.WARNING,
            says="are repeated",
        ),
    ),
)
