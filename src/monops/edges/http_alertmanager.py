"""A running Alertmanager over HTTP.

Source: prometheus/alertmanager, api/v2/openapi.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from monops.domain.ports import RoutedAlert
from monops.edges.http_client import TIMEOUT, HttpService, answering, refused, status_of
from monops.edges.http_items import routed_alert_of

_T = TypeVar("_T", dict[str, Any], list[Any])


class HttpAlertmanager(HttpService):
    """A running Alertmanager."""

    def ready(self) -> bool:
        return status_of(self._session, self._url + "/-/ready") == 200

    def config(self) -> str:
        """The configuration in force."""
        return str((self._ask("/api/v2/status", dict).get("config") or {}).get("original", ""))

    def alerts(self) -> tuple[RoutedAlert, ...]:
        found = self._ask("/api/v2/alerts", list)
        return tuple(routed_alert_of(item) for item in found if isinstance(item, dict))

    def send(self, alerts: Sequence[Mapping[str, Any]]) -> None:
        """Give it alerts, as Prometheus does."""
        path = "/api/v2/alerts"
        with answering("Alertmanager", self._url, path):
            answer = self._session.post(self._url + path, json=list(alerts), timeout=TIMEOUT)
        if answer.status_code != 200:
            raise refused("Alertmanager", self._url, path, answer, answer.text[:200].strip())

    def _ask(self, path: str, kind: type[_T]) -> _T:
        with answering("Alertmanager", self._url, path):
            answer = self._session.get(self._url + path, timeout=TIMEOUT)
        try:
            found = answer.json()
        except ValueError:
            found = None
        if answer.status_code != 200 or not isinstance(found, kind):
            raise refused("Alertmanager", self._url, path, answer)
        return found
