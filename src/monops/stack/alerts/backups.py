"""Backups: the only copy is no backup."""

from __future__ import annotations

from monops.stack.alerts.model import Alert, RuleGroup

GROUP = RuleGroup(
    name="backups",
    about="Freshness of the backups that monops makes, from the node exporter's textfile folder.",
    rules=(
        Alert(
            name="BackupFailed",
            expr="monops_backup_last_run_success == 0",
            severity="critical",
            team="platform",
            summary="The last backup of {{ $labels.source }} failed",
            description="The last backup of {{ $labels.source }} to {{ $labels.destination }} failed (success is"
            " {{ $value }}).",
        ),
        Alert(
            # A daily job and two hours' grace.
            name="BackupStale",
            expr="time() - max by (source) (monops_backup_last_success_timestamp_seconds) > 26 * 3600",
            severity="critical",
            team="platform",
            summary="The newest backup of {{ $labels.source }} is old",
            description="The newest good backup of {{ $labels.source }} is {{ $value | humanizeDuration }} old,"
            " more than 26 hours.",
        ),
        Alert(
            name="BackupMissing",
            expr="absent(monops_backup_last_success_timestamp_seconds)",
            holds_for="1d",
            severity="warning",
            team="platform",
            summary="There is no backup",
            description="Prometheus has not heard of a single backup for a day (absent is {{ $value }}): monops backup",
        ),
    ),
)
