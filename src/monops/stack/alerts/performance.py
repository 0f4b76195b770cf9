"""Performance: slow or failing requests.

Thresholds are the setup document's. It names no durations, and none is added: the values are rates over 5 minutes.
"""

from __future__ import annotations

from monops.stack.alerts.model import Alert, RuleGroup

GROUP = RuleGroup(
    name="performance",
    about="Requests that are slow or fail, over the last 5 minutes.",
    rules=(
        Alert(
            name="HighLatency",
            expr="provider:request_duration_seconds:p95_rate5m > 30",
            severity="warning",
            team="orchestrator",
            summary="Requests to {{ $labels.provider }} are slow",
            description="The slowest 5% of the requests to {{ $labels.provider }} take {{ $value |"
            " humanizeDuration }}"
            " or longer (P95), more than 30 s.",
        ),
        Alert(
            name="HighErrorRate",
            expr="provider:requests_failed:ratio_rate5m > 0.10",
            severity="critical",
            team="orchestrator",
            summary="Requests to {{ $labels.provider }} fail",
            description="{{ $value | humanizePercentage }} of the requests to {{ $labels.provider }} failed,"
            " more than 10%.",
        ),
        Alert(
            name="HighApiErrorRate",
            expr="api:errors:ratio_rate5m > 0.10",
            severity="critical",
            team="orchestrator",
            summary="The API answers with errors",
            description="{{ $value | humanizePercentage }} of the requests to the API ended with an error, more"
            " than 10%.",
        ),
    ),
)
