"""A running Alertmanager over HTTP.

Source: prometheus/alertmanager, api/v2/openapi.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from monops.domain.ports import RoutedAlert
from monops.edges.http_client import TIMEOUT, answering, refused, status_of

if TYPE_CHECKING:
    import requests


class HttpAlertmanager:
    """A running Alertmanager."""

    def __init__(self, url: str, session: requests.Session) -> None:
        self._url = url
        self._session = session

    @property
    def url(self) -> str:
        return self._url

    def ready(self) -> bool:
        return status_of(self._session, self._url + "/-/ready") == 200

    def alerts(self) -> tuple[RoutedAlert, ...]:
        path = "/api/v2/alerts"
        with answering("Alertmanager", self._url, path):
            answer = self._session.get(self._url + path, timeout=TIMEOUT)
        try:
            found = answer.json()
        except ValueError:
            found = None
        if answer.status_code != 200 or not isinstance(found, list):
            raise refused("Alertmanager", self._url, path, answer)
        return tuple(_alert(item) for item in found if isinstance(item, dict))


def _alert(item: Mapping[str, Any]) -> RoutedAlert:
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
