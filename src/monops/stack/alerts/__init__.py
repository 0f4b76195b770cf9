"""The alert rules that ship: one file a group, in the setup document's order, then the stack's own."""

from __future__ import annotations

from monops.stack.alerts import (
    backups,
    monitoring,
    performance,
    queue,
    quota,
    recording,
    services,
    sessions,
    system,
)
from monops.stack.alerts.model import Alert, Record, RuleGroup

GROUPS: tuple[RuleGroup, ...] = (
    recording.GROUP,
    system.GROUP,
    services.GROUP,
    queue.GROUP,
    quota.GROUP,
    sessions.GROUP,
    performance.GROUP,
    monitoring.GROUP,
    backups.GROUP,
)


def alerts() -> tuple[Alert, ...]:
    """Every alert that ships."""
    return tuple(alert for group in GROUPS for alert in group.alerts)


def records() -> tuple[Record, ...]:
    """Every recording rule that ships."""
    return tuple(record for group in GROUPS for record in group.records)
