"""Examples for the application: its queue, the providers' quotas, sessions, slow and failing requests."""

from __future__ import annotations

from tests.integration.alert_examples_model import Example

# A counter that stands still for ten minutes, grows by 105 a minute for 21, and then by 1. Set against 1000 a minute
# in all: a window of 5 minutes holds four increases, so the share is 315/4000 at 12m, 420/4000 = 10.5% at 13m, and
# 316/4000 at 31m. Counters begin above zero, as one at zero would be taken for new.
_BURST = "1000x9 1105+105x20 3206+1x60"

QUEUE = (
    Example(
        alert="HighQueueDepth",
        sick={
            'bullmq_queue_waiting{job="bullmq",instance="a:9500",queue="scrape"}': "10x1 61x15 10x60",
            'bullmq_queue_waiting{job="bullmq",instance="b:9500",queue="scrape"}': "40x90",
            'bullmq_queue_waiting{job="bullmq",instance="a:9500",queue="mail"}': "100x90",
        },
        true_from="2m",
        over_at="18m",
        well={
            'bullmq_queue_waiting{job="bullmq",instance="a:9500",queue="scrape"}': "60x60",
            'bullmq_queue_waiting{job="bullmq",instance="b:9500",queue="scrape"}': "40x60",
            # Long, but for less than 10 minutes.
            'bullmq_queue_waiting{job="bullmq",instance="a:9500",queue="mail"}': "10x4 900x9 10x60",
        },
        severity="warning",
        team="orchestrator",
        labels={"queue": "scrape"},
        summary="Queue scrape is long",
        description="101 jobs wait in the queue scrape, more than 100 for 10 minutes.",
        wrong=(("> 100", "> 99"), ("> 100", ">= 100"), ("> 100", "> 101"), ("sum by (queue)", "max by (queue)")),
    ),
    Example(
        alert="HighJobFailureRate",
        sick={
            'bullmq_jobs_failed_total{job="bullmq",queue="scrape"}': _BURST,
            'bullmq_jobs_completed_total{job="bullmq",queue="scrape"}': "5000+895x90",
            'bullmq_jobs_failed_total{job="bullmq",queue="mail"}': "1000x90",
            'bullmq_jobs_completed_total{job="bullmq",queue="mail"}': "1000+1x90",
        },
        true_from="13m",
        over_at="31m",
        well={
            'bullmq_jobs_failed_total{job="bullmq",queue="scrape"}': "1000+60x60",
            'bullmq_jobs_completed_total{job="bullmq",queue="scrape"}': "5000+540x60",
            # Nothing to do is no failure.
            'bullmq_jobs_failed_total{job="bullmq",queue="mail"}': "1000x60",
            'bullmq_jobs_completed_total{job="bullmq",queue="mail"}': "1000x60",
        },
        severity="critical",
        team="orchestrator",
        labels={"queue": "scrape"},
        summary="Jobs of queue scrape fail",
        description="10.5% of the jobs of queue scrape failed, more than 10% for 5 minutes.",
        wrong=(("> 0.10", "> 0.09"), ("> 0.10", ">= 0.10"), ("> 0.10", "> 0.11")),
    ),
    Example(
        alert="HighJobFailureRate",
        case="no job has ever completed",
        sick={'bullmq_jobs_failed_total{job="bullmq",queue="scrape"}': "1000x9 1105+105x20 3205x60"},
        true_from="10m",
        over_at="34m",
        well={'bullmq_jobs_completed_total{job="bullmq",queue="scrape"}': "5000+900x60"},
        severity="critical",
        team="orchestrator",
        labels={"queue": "scrape"},
        summary="Jobs of queue scrape fail",
        description="100% of the jobs of queue scrape failed, more than 10% for 5 minutes.",
    ),
)

QUOTA = (
    Example(
        alert="QuotaAlmostExceeded",
        sick={
            'quota_daily_used{instance="quota-tracker:9600",provider="openai"}': "500x4 905x10 500x60",
            'quota_daily_limit{instance="quota-tracker:9600",provider="openai"}': "1000x90",
            'quota_daily_used{instance="quota-tracker:9600",provider="mistral"}': "900x90",
            'quota_daily_limit{instance="quota-tracker:9600",provider="mistral"}': "1000x90",
        },
        true_from="5m",
        over_at="16m",
        well={
            'quota_daily_used{instance="quota-tracker:9600",provider="openai"}': "900x60",
            'quota_daily_limit{instance="quota-tracker:9600",provider="openai"}': "1000x60",
        },
        severity="warning",
        team="orchestrator",
        labels={"provider": "openai"},
        summary="Daily quota of openai is nearly used up",
        description="90.5% of today's quota of openai is used, more than 90%.",
        wrong=(("> 0.90", "> 0.89"), ("> 0.90", ">= 0.90"), ("> 0.90", "> 0.91")),
    ),
    Example(
        alert="QuotaExceeded",
        sick={
            'quota_daily_used{instance="quota-tracker:9600",provider="openai"}': "500x4 1000x10 500x60",
            'quota_daily_limit{instance="quota-tracker:9600",provider="openai"}': "1000x90",
        },
        true_from="5m",
        over_at="16m",
        well={
            'quota_daily_used{instance="quota-tracker:9600",provider="openai"}': "999x60",
            'quota_daily_limit{instance="quota-tracker:9600",provider="openai"}': "1000x60",
        },
        severity="critical",
        team="orchestrator",
        labels={"provider": "openai"},
        summary="Daily quota of openai is used up",
        description="100% of today's quota of openai is used: further requests fail until it is renewed.",
        wrong=((">= 1", "> 1"), (">= 1", ">= 0.999"), (">= 1", ">= 1.001")),
    ),
    Example(
        alert="NoActiveAccounts",
        sick={
            'active_accounts_count{instance="a:9600",provider="openai"}': "1x4 0x10 1x60",
            'active_accounts_count{instance="b:9600",provider="openai"}': "0x90",
            'active_accounts_count{instance="a:9600",provider="mistral"}': "7x90",
        },
        true_from="5m",
        over_at="16m",
        well={
            'active_accounts_count{instance="a:9600",provider="openai"}': "1x60",
            'active_accounts_count{instance="b:9600",provider="openai"}': "0x60",
        },
        severity="critical",
        team="orchestrator",
        labels={"provider": "openai"},
        summary="No account of openai can take requests",
        description="0 active accounts for openai: none is left to take requests.",
        wrong=(("== 0", "<= 1"), ("== 0", "== 1"), ("sum by (provider)", "min by (provider)")),
    ),
)

SESSIONS = (
    Example(
        # Ends 30 hours after the start: exactly 24 hours are left at 6h, which is not yet soon, and none at 30h.
        alert="SessionExpiringSoon",
        sick={'session_expiry_timestamp_seconds{instance="q:9600",provider="openai",account="blue"}': "108000x60"},
        true_from="7h",
        over_at="30h",
        well={
            'session_expiry_timestamp_seconds{instance="q:9600",provider="openai",account="blue"}': "86400+3600x60",
            # Ended long ago: that is SessionExpired's business.
            'session_expiry_timestamp_seconds{instance="q:9600",provider="openai",account="red"}': "-3600x60",
            # Ends at this very moment, again and again.
            'session_expiry_timestamp_seconds{instance="q:9600",provider="openai",account="grey"}': "0+3600x60",
        },
        step="1h",
        severity="warning",
        team="orchestrator",
        labels={"instance": "q:9600", "provider": "openai", "account": "blue"},
        summary="Session of blue at openai ends soon",
        description="The session of account blue at openai ends in 23h 0m 0s, less than 24 hours.",
        wrong=(("< 24 *", "<= 24 *"), ("< 24 *", "< 25 *"), ("< 24 *", "< 23 *"), ("0 < (", "0 <= ("), ("0 < ", "")),
    ),
    Example(
        alert="SessionExpired",
        sick={
            'expired_sessions_count{instance="a:9600",provider="openai"}': "0x4 1x10 0x60",
            'expired_sessions_count{instance="b:9600",provider="openai"}': "0x90",
            'expired_sessions_count{instance="a:9600",provider="mistral"}': "0x90",
        },
        true_from="5m",
        over_at="16m",
        well={'expired_sessions_count{instance="a:9600",provider="openai"}': "0x60"},
        severity="critical",
        team="orchestrator",
        labels={"provider": "openai"},
        summary="Sessions at openai have expired",
        description="1 sessions at openai have expired and need a new login.",
        wrong=(("> 0", ">= 0"), ("> 0", "> 1"), ("sum by (provider)", "min by (provider)")),
    ),
)

_DURATION = 'request_duration_seconds_bucket{instance="w:9400",provider="openai"'

PERFORMANCE = (
    Example(
        # 100 requests a minute. In the slow time 94 of them take 20 s to 30 s and 6 take 30 s to 45 s: the 95th of 100
        # is the first of the 6, 30 + 15 * (95 - 94) / 6 = 32.5 s. With three of four increases slow it is 29.9 s.
        alert="HighLatency",
        sick={
            f'{_DURATION},le="20"}}': "1000+100x9 1900x20 2000+100x60",
            f'{_DURATION},le="30"}}': "1000+100x9 1994+94x20 3974+100x60",
            f'{_DURATION},le="45"}}': "1000+100x90",
            f'{_DURATION},le="+Inf"}}': "1000+100x90",
        },
        true_from="13m",
        over_at="31m",
        # Exactly 95 of 100 take no more than 30 s.
        well={
            f'{_DURATION},le="20"}}': "1000+50x60",
            f'{_DURATION},le="30"}}': "1000+95x60",
            f'{_DURATION},le="45"}}': "1000+100x60",
            f'{_DURATION},le="+Inf"}}': "1000+100x60",
        },
        severity="warning",
        team="orchestrator",
        labels={"provider": "openai"},
        summary="Requests to openai are slow",
        description="The slowest 5% of the requests to openai take 32.5s or longer (P95), more than 30 s.",
        wrong=(("> 30", "> 29"), ("> 30", ">= 30"), ("> 30", "> 33")),
    ),
    Example(
        alert="HighErrorRate",
        sick={
            'requests_failed_total{instance="w:9400",provider="openai"}': _BURST,
            'requests_total{instance="w:9400",provider="openai",status="completed"}': "5000+900x90",
            'requests_total{instance="w:9400",provider="openai",status="failed"}': "5000+100x90",
            'requests_failed_total{instance="w:9400",provider="mistral"}': "1000x90",
            'requests_total{instance="w:9400",provider="mistral",status="completed"}': "5000+900x90",
        },
        true_from="13m",
        over_at="31m",
        well={
            'requests_failed_total{instance="w:9400",provider="openai"}': "1000+100x60",
            'requests_total{instance="w:9400",provider="openai",status="completed"}': "5000+900x60",
            'requests_total{instance="w:9400",provider="openai",status="failed"}': "5000+100x60",
            # No request at all: nothing fails.
            'requests_failed_total{instance="w:9400",provider="mistral"}': "1000x60",
            'requests_total{instance="w:9400",provider="mistral",status="failed"}': "5000x60",
        },
        severity="critical",
        team="orchestrator",
        labels={"provider": "openai"},
        summary="Requests to openai fail",
        description="10.5% of the requests to openai failed, more than 10%.",
        wrong=(("> 0.10", "> 0.09"), ("> 0.10", ">= 0.10"), ("> 0.10", "> 0.11")),
    ),
    Example(
        alert="HighApiErrorRate",
        sick={
            'api_errors_total{instance="api:8080",route="/jobs"}': _BURST,
            'api_requests_total{instance="api:8080",route="/jobs",status="200"}': "5000+500x90",
            'api_requests_total{instance="api:8080",route="/accounts",status="200"}': "5000+500x90",
        },
        true_from="13m",
        over_at="31m",
        well={
            'api_errors_total{instance="api:8080",route="/jobs"}': "1000+100x60",
            'api_requests_total{instance="api:8080",route="/jobs",status="200"}': "5000+500x60",
            'api_requests_total{instance="api:8080",route="/accounts",status="200"}': "5000+500x60",
        },
        severity="critical",
        team="orchestrator",
        summary="The API answers with errors",
        description="10.5% of the requests to the API ended with an error, more than 10%.",
        wrong=(("> 0.10", "> 0.09"), ("> 0.10", ">= 0.10"), ("> 0.10", "> 0.11")),
    ),
)
