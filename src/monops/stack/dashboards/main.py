"""The main dashboard: the AI CLI Orchestrator at a glance, then every part of it."""

from __future__ import annotations

from monops.stack.dashboards.panel import (
    BarGauge,
    Column,
    Dashboard,
    Meaning,
    Row,
    Stat,
    Step,
    Table,
    Target,
    TimeSeries,
    Variable,
)
from monops.stack.dashboards.shared import ANY_IS_TOO_MANY, limit, limits, or_zero, quantile, rate, recorded
from monops.stack.metrics import BROWSER_WORKERS

#: A browser worker's own metrics; those of the quota tracker know no worker.
WORKER = '{provider=~"$provider", instance=~"$instance"}'
PROVIDER = '{provider=~"$provider"}'
UP = f'up{{job="{BROWSER_WORKERS}", instance=~"$instance"}}'

OVERVIEW = Row(
    title="System overview",
    shelves=(
        (
            Stat(
                title="Browser workers up",
                about="Browser workers that answer Prometheus. Worry when it is 0: then nothing is processed.",
                unit="short",
                targets=(Target(expr=or_zero(f"sum({UP})"), legend="up"),),
                steps=limits("BrowserWorkerDown"),
            ),
            Stat(
                title="Browser workers down",
                about="Browser workers that do not answer Prometheus. Any is too many: BrowserWorkerDown names it"
                " after a minute.",
                unit="short",
                targets=(Target(expr=or_zero(f"count({UP} == 0)"), legend="down"),),
                steps=ANY_IS_TOO_MANY,
            ),
            Stat(
                title="Active accounts",
                about="Accounts of the chosen providers that can take requests now. Worry when a provider has none"
                " left: NoActiveAccounts.",
                unit="short",
                targets=(Target(expr=f"sum(active_accounts_count{PROVIDER})", legend="accounts"),),
                steps=limits("NoActiveAccounts"),
            ),
            Stat(
                title="Queue depth",
                about="Jobs that wait, for every queue. Worry above 100 for longer than 10 minutes: HighQueueDepth.",
                unit="short",
                targets=(Target(expr="sum by (queue) (bullmq_queue_waiting)", legend="{{queue}}"),),
                steps=limits("HighQueueDepth"),
            ),
            Stat(
                title="Expired sessions",
                about="Sessions of the chosen providers that have ended. Each needs a new login: SessionExpired.",
                unit="short",
                targets=(Target(expr=f"sum(expired_sessions_count{PROVIDER})", legend="sessions"),),
                steps=limits("SessionExpired"),
            ),
            Stat(
                title="Firing alerts",
                about="Alerts that fire now, without Watchdog, which always does. Worry about critical ones now,"
                " about the others today. Which they are: Prometheus, /alerts.",
                unit="short",
                targets=(
                    Target(expr=or_zero('count(ALERTS{alertstate="firing", severity="critical"})'), legend="critical"),
                    Target(
                        expr=or_zero('count(ALERTS{alertstate="firing", severity=~"warning|info"})'), legend="others"
                    ),
                ),
                steps=ANY_IS_TOO_MANY,
            ),
        ),
    ),
)

REQUESTS = Row(
    title="Requests",
    shelves=(
        (
            TimeSeries(
                title="Requests per minute by provider",
                about="Requests that the chosen workers finished in a minute, well or not. Worry when it falls to 0"
                " while jobs wait.",
                unit="reqpm",
                targets=(
                    Target(expr=f"sum by (provider) ({rate(f'requests_total{WORKER}')}) * 60", legend="{{provider}}"),
                ),
                least=0,
            ),
            TimeSeries(
                title="Success rate by provider",
                about="Share of the requests that were completed. Worry below 90 %. Nothing is shown while there are"
                " no requests.",
                unit="percentunit",
                targets=(
                    Target(
                        expr=f"sum by (provider) ({rate(f'requests_completed_total{WORKER}')})"
                        f" / sum by (provider) ({rate(f'requests_total{WORKER}')})",
                        legend="{{provider}}",
                    ),
                ),
                steps=(Step(None, "red"), Step(1 - limit("HighErrorRate")[1], "green")),
                least=0,
                most=1,
            ),
        ),
        (
            TimeSeries(
                title="Request latency (P95)",
                about="19 of 20 requests were faster than this, over the last 5 minutes and all workers. Worry above"
                " 30 s: HighLatency.",
                unit="s",
                targets=(
                    Target(
                        expr=recorded("provider:request_duration_seconds:p95_rate5m") + PROVIDER,
                        legend="{{provider}}",
                    ),
                ),
                steps=limits("HighLatency"),
                least=0,
            ),
            TimeSeries(
                title="Error rate",
                about="Share of the requests that failed, over the last 5 minutes and all workers. Worry above 10 %:"
                " HighErrorRate.",
                unit="percentunit",
                targets=(
                    Target(
                        expr=or_zero(recorded("provider:requests_failed:ratio_rate5m") + PROVIDER),
                        legend="failed {{provider}}",
                    ),
                ),
                steps=limits("HighErrorRate"),
                least=0,
                most=1,
            ),
        ),
        (
            TimeSeries(
                title="Request latency by worker (P95)",
                about="19 of 20 requests of a worker were faster than this. Worry when one worker is slower than the"
                " others: then it is the worker, not the provider.",
                unit="s",
                targets=(
                    Target(
                        expr=quantile(0.95, "instance", f"request_duration_seconds_bucket{WORKER}"),
                        legend="{{instance}}",
                    ),
                ),
                steps=limits("HighLatency"),
                least=0,
            ),
            TimeSeries(
                title="Active sessions",
                about="Browser sessions that are open now. Worry when a provider that has requests has none.",
                unit="short",
                targets=(Target(expr=f"sum by (provider) (active_sessions_count{WORKER})", legend="{{provider}}"),),
                least=0,
            ),
        ),
    ),
)

QUOTA = Row(
    title="Quota and accounts",
    shelves=(
        (
            BarGauge(
                title="Quota usage",
                about="Share of today's quota that is used. Worry above 90 % (QuotaAlmostExceeded); at 100 % requests"
                " fail until the quota is renewed (QuotaExceeded).",
                unit="percentunit",
                targets=(Target(expr=recorded("provider:quota_daily_used:ratio") + PROVIDER, legend="{{provider}}"),),
                steps=limits("QuotaAlmostExceeded", "QuotaExceeded"),
                least=0,
                most=1,
            ),
            Table(
                title="Quota and accounts by provider",
                about="Requests used and allowed, and the accounts left to use them. Worry when the used ones come"
                " near the limit, or no account is active.",
                unit="short",
                labels=(("provider", "Provider"),),
                columns=(
                    Column(name="Used today", expr=f"max by (provider) (quota_daily_used{PROVIDER})", unit="short"),
                    Column(name="Limit today", expr=f"max by (provider) (quota_daily_limit{PROVIDER})", unit="short"),
                    Column(
                        name="Used this month",
                        # 0 where a provider has no monthly quota.
                        expr=f"max by (provider) (quota_monthly_used{PROVIDER})"
                        f" or max by (provider) (quota_daily_used{PROVIDER}) * 0",
                        unit="short",
                    ),
                    Column(
                        name="Active accounts",
                        expr=f"sum by (provider) (active_accounts_count{PROVIDER})",
                        unit="short",
                        steps=limits("NoActiveAccounts"),
                    ),
                ),
            ),
        ),
        (
            TimeSeries(
                title="Quota usage over time",
                about="Share of today's quota that is used. Worry when the line will reach 100 % before the day ends.",
                unit="percentunit",
                targets=(Target(expr=recorded("provider:quota_daily_used:ratio") + PROVIDER, legend="{{provider}}"),),
                steps=limits("QuotaAlmostExceeded", "QuotaExceeded"),
                least=0,
                most=1,
            ),
            TimeSeries(
                title="Active accounts by provider",
                about="Accounts that can take requests. Worry at 0 (NoActiveAccounts), and when it falls: the others"
                " have to do the work.",
                unit="short",
                targets=(Target(expr=f"sum by (provider) (active_accounts_count{PROVIDER})", legend="{{provider}}"),),
                steps=limits("NoActiveAccounts"),
                least=0,
            ),
        ),
    ),
)

SESSIONS = Row(
    title="Sessions",
    shelves=(
        (
            TimeSeries(
                title="Expired sessions by provider",
                about="Account sessions that have ended. Any is too many: it needs a new login (SessionExpired).",
                unit="short",
                targets=(Target(expr=f"sum by (provider) (expired_sessions_count{PROVIDER})", legend="{{provider}}"),),
                steps=limits("SessionExpired"),
                least=0,
            ),
            Stat(
                title="Time until the next session ends",
                about="How long the provider's first session to end still lasts. Worry below 24 hours"
                " (SessionExpiringSoon): log in again in time.",
                unit="s",
                targets=(
                    Target(
                        expr=or_zero(f"min by (provider) (session_expiry_timestamp_seconds{PROVIDER} - time() > 0)"),
                        legend="next end {{provider}}",
                    ),
                ),
                steps=limits("SessionExpiringSoon"),
                meanings=(Meaning(0, "none is left", "red"),),
            ),
        ),
    ),
)

QUEUE = Row(
    title="Queue",
    shelves=(
        (
            TimeSeries(
                title="Jobs in the queue",
                about="Jobs that wait, are worked on, or wait for their time. Worry above 100 waiting for longer than"
                " 10 minutes: HighQueueDepth.",
                unit="short",
                targets=(
                    Target(expr="sum by (queue) (bullmq_queue_waiting)", legend="waiting {{queue}}"),
                    Target(expr="sum by (queue) (bullmq_queue_active)", legend="active {{queue}}"),
                    Target(expr="sum by (queue) (bullmq_queue_delayed)", legend="delayed {{queue}}"),
                ),
                steps=limits("HighQueueDepth"),
                least=0,
            ),
            TimeSeries(
                title="Jobs per minute",
                about="Jobs that ended in a minute. Worry when none ends while some wait: the workers are stuck.",
                unit="opm",
                targets=(
                    Target(
                        expr=or_zero(f"sum by (queue) ({rate('bullmq_jobs_completed_total')}) * 60"),
                        legend="completed {{queue}}",
                    ),
                    Target(
                        expr=or_zero(f"sum by (queue) ({rate('bullmq_jobs_failed_total')}) * 60"),
                        legend="failed {{queue}}",
                    ),
                ),
                least=0,
            ),
            TimeSeries(
                title="Job failure rate",
                about="Share of the jobs that failed for good, over the last 5 minutes. Worry above 10 % for longer"
                " than 5 minutes: HighJobFailureRate.",
                unit="percentunit",
                targets=(
                    Target(expr=or_zero(recorded("queue:bullmq_jobs_failed:ratio_rate5m")), legend="failed {{queue}}"),
                ),
                steps=limits("HighJobFailureRate"),
                least=0,
                most=1,
            ),
        ),
    ),
)

API = Row(
    title="API gateway",
    shelves=(
        (
            TimeSeries(
                title="API requests per minute by route",
                about="Requests to the API in a minute. Worry when it falls to 0: nobody reaches the API, or the"
                " gateway is down.",
                unit="reqpm",
                targets=(
                    Target(
                        expr=or_zero(f"sum by (route) ({rate('api_requests_total')}) * 60"),
                        legend="requests {{route}}",
                    ),
                ),
                least=0,
            ),
            TimeSeries(
                title="API latency (P95)",
                about="19 of 20 requests to the API were answered faster than this. No alert watches it: worry when"
                " it is a multiple of what it usually is.",
                unit="s",
                targets=(Target(expr=quantile(0.95, "route", "api_latency_seconds_bucket"), legend="{{route}}"),),
                least=0,
            ),
            TimeSeries(
                title="API error rate",
                about="Share of the requests to the API that ended with an error (HTTP 5xx), over the last 5 minutes."
                " Worry above 10 %: HighApiErrorRate.",
                unit="percentunit",
                targets=(Target(expr=or_zero(recorded("api:errors:ratio_rate5m")), legend="errors"),),
                steps=limits("HighApiErrorRate"),
                least=0,
                most=1,
            ),
        ),
    ),
)

HOST = Row(
    title="Host",
    shelves=(
        (
            TimeSeries(
                title="CPU usage",
                about="Share of the processor time in use on every host, over 5 minutes. Worry above 80 % for longer"
                " than 5 minutes: HighCpuUsage. More: the dashboard Host.",
                unit="percentunit",
                targets=(Target(expr=recorded("instance:node_cpu_used:ratio_rate5m"), legend="{{instance}}"),),
                steps=limits("HighCpuUsage"),
                least=0,
                most=1,
            ),
            TimeSeries(
                title="Memory usage",
                about="Share of the memory in use on every host. Worry above 90 % for longer than 5 minutes:"
                " HighMemoryUsage. More: the dashboard Host.",
                unit="percentunit",
                targets=(Target(expr=recorded("instance:node_memory_used:ratio"), legend="{{instance}}"),),
                steps=limits("HighMemoryUsage"),
                least=0,
                most=1,
            ),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="ai-orchestrator",
    title="AI CLI Orchestrator",
    about="Requests, quota, sessions, queue and API of the AI CLI Orchestrator, and the host it runs on.",
    tags=("orchestrator",),
    variables=(
        Variable(name="provider", label="Provider", query="label_values(requests_total, provider)"),
        Variable(
            name="instance", label="Browser worker", query=f'label_values(up{{job="{BROWSER_WORKERS}"}}, instance)'
        ),
    ),
    rows=(OVERVIEW, REQUESTS, QUOTA, SESSIONS, QUEUE, API, HOST),
)
