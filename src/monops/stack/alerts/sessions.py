"""Sessions: browser logins that end. Thresholds are the setup document's; it names no durations."""

from __future__ import annotations

from monops.stack.alerts.model import Alert, RuleGroup

GROUP = RuleGroup(
    name="sessions",
    about="Logins that end soon or have ended.",
    rules=(
        Alert(
            name="SessionExpiringSoon",
            expr="0 < (session_expiry_timestamp_seconds - time()) < 24 * 3600",
            severity="warning",
            team="orchestrator",
            summary="Session of {{ $labels.account }} at {{ $labels.provider }} ends soon",
            description="The session of account {{ $labels.account }} at {{ $labels.provider }} ends in"
            " {{ $value | humanizeDuration }}, less than 24 hours.",
        ),
        Alert(
            name="SessionExpired",
            expr="sum by (provider) (expired_sessions_count) > 0",
            severity="critical",
            team="orchestrator",
            summary="Sessions at {{ $labels.provider }} have expired",
            description="{{ $value }} sessions at {{ $labels.provider }} have expired and need a new login.",
        ),
    ),
)
