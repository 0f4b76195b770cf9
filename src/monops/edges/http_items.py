"""What Prometheus and Alertmanager answer, as monops's own types: whoever asks them.

Sources: prometheus.io/docs/prometheus/latest/querying/api; prometheus/alertmanager, api/v2/openapi.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monops.domain.ports import RoutedAlert, RuleAlert


def rule_alert_of(item: Mapping[str, Any]) -> RuleAlert:
    """One of `/api/v1/alerts`."""
    return RuleAlert(
        labels=dict(item.get("labels") or {}),
        annotations=dict(item.get("annotations") or {}),
        state=str(item.get("state", "")),
        active_at=str(item.get("activeAt", "")),
        value=str(item.get("value", "")),
    )


def routed_alert_of(item: Mapping[str, Any]) -> RoutedAlert:
    """One of `/api/v2/alerts`."""
    status = item.get("status") or {}
    return RoutedAlert(
        labels=dict(item.get("labels") or {}),
        annotations=dict(item.get("annotations") or {}),
        state=str(status.get("state", "")),
        silenced_by=tuple(status.get("silencedBy") or ()),
        inhibited_by=tuple(status.get("inhibitedBy") or ()),
        receivers=tuple(str(receiver.get("name", "")) for receiver in item.get("receivers") or ()),
        starts_at=str(item.get("startsAt", "")),
    )
