"""Quota: what the providers still allow. Thresholds are the setup document's; it names no durations."""

from __future__ import annotations

from monops.stack.alerts.model import Alert, RuleGroup

GROUP = RuleGroup(
    name="quota",
    about="The providers' quotas and the accounts that can use them.",
    rules=(
        Alert(
            name="QuotaAlmostExceeded",
            expr="provider:quota_daily_used:ratio > 0.90",
            severity="warning",
            team="orchestrator",
            summary="Daily quota of {{ $labels.provider }} is nearly used up",
            description="{{ $value | humanizePercentage }} of today's quota of {{ $labels.provider }} is used,"
            " more than 90%.",
        ),
        Alert(
            name="QuotaExceeded",
            expr="provider:quota_daily_used:ratio >= 1",
            severity="critical",
            team="orchestrator",
            summary="Daily quota of {{ $labels.provider }} is used up",
            description="{{ $value | humanizePercentage }} of today's quota of {{ $labels.provider }} is used:"
            " further requests fail until it is renewed.",
        ),
        Alert(
            name="NoActiveAccounts",
            expr="sum by (provider) (active_accounts_count) == 0",
            severity="critical",
            team="orchestrator",
            summary="No account of {{ $labels.provider }} can take requests",
            description="{{ $value }} active accounts for {{ $labels.provider }}: none is left to take requests.",
        ),
    ),
)
