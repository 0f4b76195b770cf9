"""The facts that Alertmanager tells.

Source: prometheus/alertmanager, api/v2/openapi.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monops.domain.errors import ServiceError
from monops.domain.facts import AlertmanagerStatus, Silence
from monops.domain.ports import RoutedAlert
from monops.domain.ports.inspection import Reader
from monops.edges.docker_items import time_of
from monops.edges.http_items import routed_alert_of
from monops.edges.inspect_http import Asked


class AlertmanagerInspector:
    """An Alertmanager."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def readers(self) -> Mapping[str, Reader]:
        return {
            "alertmanager_ready": self._asked.ready,
            "alertmanager_status": self._status,
            "alertmanager_alerts": self._alerts,
            "alertmanager_silences": self._silences,
        }

    def _status(self) -> AlertmanagerStatus:
        found = self._asked.json("/api/v2/status")
        cluster = found.get("cluster") or {}
        return AlertmanagerStatus(
            version=str((found.get("versionInfo") or {}).get("version", "")),
            config=str((found.get("config") or {}).get("original", "")),
            cluster=str(cluster.get("status", "")),
            peers=tuple(str(peer.get("address", "")) for peer in cluster.get("peers") or ()),
        )

    def _list(self, path: str) -> list[Mapping[str, Any]]:
        found = self._asked.json(path)
        if not isinstance(found, list):
            raise ServiceError(f"{self._asked.name} answers {path} in an unknown form", remedy="")
        return found

    def _alerts(self) -> tuple[RoutedAlert, ...]:
        return tuple(routed_alert_of(item) for item in self._list("/api/v2/alerts"))

    def _silences(self) -> tuple[Silence, ...]:
        items = self._list("/api/v2/silences")
        return tuple(_silence(item) for item in items if (item.get("status") or {}).get("state") != "expired")


def _silence(item: Mapping[str, Any]) -> Silence:
    return Silence(
        id=str(item.get("id", "")),
        matchers=tuple(_matcher(one) for one in item.get("matchers") or ()),
        state=str((item.get("status") or {}).get("state", "")),
        created_by=str(item.get("createdBy", "")),
        comment=str(item.get("comment", "")),
        starts_at=time_of(str(item["startsAt"])).timestamp(),
        ends_at=time_of(str(item["endsAt"])).timestamp(),
    )


def _matcher(item: Mapping[str, Any]) -> str:
    # `isEqual` came later than `isRegex`: where it is missing it is true.
    sign = ("=~" if item.get("isEqual", True) else "!~") if item.get("isRegex") else None
    sign = sign or ("=" if item.get("isEqual", True) else "!=")
    value = str(item.get("value", "")).replace("\\", "\\\\").replace('"', '\\"')
    return f'{item.get("name", "")}{sign}"{value}"'
