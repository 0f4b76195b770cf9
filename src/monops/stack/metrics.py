"""The metric contract: what the application has to expose, used by rules, dashboards, sample application and checks.

The names are those of the setup document. Where its alerts need a value that it does not name (failed jobs, a session's
end), the metric is marked so. Source: `docs/reference/metrics.md`, which is written from this file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]

#: Upper bounds of `request_duration_seconds`, in seconds: the alert's limit of 30 s is one, with room above it.
REQUEST_BUCKETS = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 120.0)
#: Upper bounds of `api_latency_seconds`, in seconds.
API_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric of the application."""

    name: str
    kind: Kind
    #: Labels that the service itself sets; Prometheus adds `job` and `instance`.
    labels: tuple[str, ...]
    #: "requests", "seconds", "jobs", … ; a Unix time is "seconds since 1970".
    unit: str
    help: str
    #: The scrape job whose targets expose it.
    job: str
    #: Whether the setup document names it; else its alerts need it.
    named: bool = True
    buckets: tuple[float, ...] = ()

    @property
    def series(self) -> tuple[str, ...]:
        """The names that a scrape shows: a histogram has three."""
        if self.kind == "histogram":
            return (f"{self.name}_bucket", f"{self.name}_sum", f"{self.name}_count")
        return (self.name,)


BROWSER_WORKERS = "browser-workers"
QUOTA_TRACKER = "quota-tracker"
API_GATEWAY = "api-gateway"
BULLMQ = "bullmq"

#: scrape job -> what it is, in words.
APPLICATION_JOBS = {
    BROWSER_WORKERS: "browser workers",
    QUOTA_TRACKER: "quota tracker",
    API_GATEWAY: "API gateway",
    BULLMQ: "BullMQ queue",
}

CONTRACT: tuple[Metric, ...] = (
    Metric(
        name="requests_total",
        kind="counter",
        labels=("provider", "status"),
        unit="requests",
        help="Requests processed, by provider and outcome (completed or failed).",
        job=BROWSER_WORKERS,
    ),
    Metric(
        name="requests_completed_total",
        kind="counter",
        labels=("provider",),
        unit="requests",
        help="Requests completed successfully.",
        job=BROWSER_WORKERS,
    ),
    Metric(
        name="requests_failed_total",
        kind="counter",
        labels=("provider",),
        unit="requests",
        help="Requests that failed.",
        job=BROWSER_WORKERS,
    ),
    Metric(
        name="request_duration_seconds",
        kind="histogram",
        labels=("provider",),
        unit="seconds",
        help="Duration of a request.",
        job=BROWSER_WORKERS,
        buckets=REQUEST_BUCKETS,
    ),
    Metric(
        name="active_sessions_count",
        kind="gauge",
        labels=("provider",),
        unit="sessions",
        help="Browser sessions that are open now.",
        job=BROWSER_WORKERS,
    ),
    Metric(
        name="quota_daily_used",
        kind="gauge",
        labels=("provider",),
        unit="requests",
        help="Requests used of today's quota.",
        job=QUOTA_TRACKER,
    ),
    Metric(
        name="quota_daily_limit",
        kind="gauge",
        labels=("provider",),
        unit="requests",
        help="Requests that today's quota allows.",
        job=QUOTA_TRACKER,
    ),
    Metric(
        name="quota_monthly_used",
        kind="gauge",
        labels=("provider",),
        unit="requests",
        help="Requests used of this month's quota, where the provider has one.",
        job=QUOTA_TRACKER,
    ),
    Metric(
        name="active_accounts_count",
        kind="gauge",
        labels=("provider",),
        unit="accounts",
        help="Accounts that can take requests now.",
        job=QUOTA_TRACKER,
    ),
    Metric(
        name="expired_sessions_count",
        kind="gauge",
        labels=("provider",),
        unit="sessions",
        help="Account sessions that have expired and need a new login.",
        job=QUOTA_TRACKER,
    ),
    Metric(
        name="session_expiry_timestamp_seconds",
        kind="gauge",
        labels=("provider", "account"),
        unit="seconds since 1970",
        help="When an account's session expires. Label an account by a short alias, never by its address.",
        job=QUOTA_TRACKER,
        named=False,
    ),
    Metric(
        name="api_requests_total",
        kind="counter",
        labels=("route", "status"),
        unit="requests",
        help="Requests to the API, by route (the pattern, not the path) and HTTP status.",
        job=API_GATEWAY,
    ),
    Metric(
        name="api_latency_seconds",
        kind="histogram",
        labels=("route",),
        unit="seconds",
        help="Time until the API has answered.",
        job=API_GATEWAY,
        buckets=API_BUCKETS,
    ),
    Metric(
        name="api_errors_total",
        kind="counter",
        labels=("route",),
        unit="requests",
        help="Requests to the API that ended with an error (HTTP 5xx).",
        job=API_GATEWAY,
    ),
    Metric(
        name="bullmq_queue_waiting",
        kind="gauge",
        labels=("queue",),
        unit="jobs",
        help="Jobs that wait in the queue.",
        job=BULLMQ,
    ),
    Metric(
        name="bullmq_queue_active",
        kind="gauge",
        labels=("queue",),
        unit="jobs",
        help="Jobs that are worked on now.",
        job=BULLMQ,
        named=False,
    ),
    Metric(
        name="bullmq_queue_delayed",
        kind="gauge",
        labels=("queue",),
        unit="jobs",
        help="Jobs that wait for their time.",
        job=BULLMQ,
        named=False,
    ),
    Metric(
        name="bullmq_jobs_completed_total",
        kind="counter",
        labels=("queue",),
        unit="jobs",
        help="Jobs that ended well.",
        job=BULLMQ,
        named=False,
    ),
    Metric(
        name="bullmq_jobs_failed_total",
        kind="counter",
        labels=("queue",),
        unit="jobs",
        help="Jobs that failed for good, after their last attempt.",
        job=BULLMQ,
        named=False,
    ),
)

#: What monops itself tells Prometheus after each backup, through the node exporter's textfile folder.
BACKUP_METRICS: tuple[Metric, ...] = tuple(
    Metric(name=name, kind="gauge", labels=labels, unit=unit, help=about, job="node", named=False)
    for name, labels, unit, about in (
        (
            "monops_backup_last_run_timestamp_seconds",
            ("source", "destination"),
            "seconds since 1970",
            "When the last backup of the source to the destination ended, well or not.",
        ),
        (
            "monops_backup_last_success_timestamp_seconds",
            ("source", "destination"),
            "seconds since 1970",
            "When the last good backup of the source to the destination ended.",
        ),
        (
            "monops_backup_last_run_success",
            ("source", "destination"),
            "1 or 0",
            "Whether the last backup of the source to the destination was good.",
        ),
        (
            "monops_backup_last_duration_seconds",
            ("destination",),
            "seconds",
            "How long the last backup to the destination took, all sources together.",
        ),
        (
            "monops_backup_last_size_bytes",
            ("source", "destination"),
            "bytes",
            "Size of the source in the last good backup, before compression.",
        ),
        (
            "monops_backup_last_stored_bytes",
            ("source", "destination"),
            "bytes",
            "Bytes that the last good backup of the source added to the destination.",
        ),
    )
)
