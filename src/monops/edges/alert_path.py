"""Prometheus and Alertmanager as links of an alert's way, and a listener at its end.

Sources: prometheus/alertmanager, api/v2/openapi.yaml (postAlerts); prometheus.io/docs, "Management API" and
"<webhook_config>".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Self

from monops.domain.errors import MonopsError, ServiceError
from monops.domain.ports import Heard, RoutedAlert
from monops.domain.rebuild import without_secret
from monops.edges.http_client import TIMEOUT, answering, json_of, new_session

#: The label by which a run's alerts are known.
RUN = "monops_run"
_LARGEST = 1 << 20


class HttpAlertPath:
    """The chain over HTTP. The addresses are found when first needed: a test of Alertmanager needs no Prometheus."""

    def __init__(self, prometheus: Callable[[], str], alertmanager: Callable[[], str]) -> None:
        self._prometheus = prometheus
        self._alertmanager = alertmanager
        self._session = new_session()

    def routing(self) -> str:
        return str((self._ask_alertmanager("/api/v2/status").get("config") or {}).get("original", ""))

    def send(self, labels: Mapping[str, str], annotations: Mapping[str, str], *, ends_at: datetime) -> None:
        url = self._alertmanager()
        alert = {
            "labels": dict(labels),
            "annotations": dict(annotations),
            # It must be before the end, also of an alert that ends now.
            "startsAt": (min(datetime.now(UTC), ends_at) - timedelta(seconds=1)).isoformat(),
            "endsAt": ends_at.isoformat(),
            "generatorURL": "http://monops/alerts/test",
        }
        with answering("Alertmanager", url, "/api/v2/alerts"):
            answer = self._session.post(f"{url}/api/v2/alerts", json=[alert], timeout=TIMEOUT)
        if answer.status_code != 200:
            raise ServiceError(
                f"Alertmanager refuses the alert: HTTP {answer.status_code} {answer.text[:200]}",
                remedy=f"curl '{url}/api/v2/status'",
            )

    def at_alertmanager(self, run: str) -> tuple[RoutedAlert, ...]:
        from monops.edges.http_alertmanager import HttpAlertmanager

        found = HttpAlertmanager(self._alertmanager(), self._session).alerts()
        return tuple(alert for alert in found if alert.labels.get(RUN) == run)

    def reload_prometheus(self) -> None:
        url = self._prometheus()
        with answering("Prometheus", url, "/-/reload"):
            answer = self._session.post(f"{url}/-/reload", timeout=TIMEOUT * 3)
        if answer.status_code != 200:
            raise ServiceError(
                f"Prometheus does not reload: {without_secret(answer.text.strip()[:300])}",
                remedy="give it --web.enable-lifecycle, and mend what it says: monops doctor --only prometheus",
            )

    def rule_of(self, run: str) -> tuple[str, str] | None:
        groups = self._ask_prometheus("/api/v1/rules", {"type": "alert"}).get("groups") or ()
        for rule in (rule for group in groups for rule in group.get("rules") or ()):
            if (rule.get("labels") or {}).get(RUN) == run:
                health = str(rule.get("health", ""))
                error = str(rule.get("lastError") or "")
                return (f"{health}: {error}" if error else health, str(rule.get("state", "")))
        return None

    def alertmanagers(self) -> tuple[str, ...]:
        found = self._ask_prometheus("/api/v1/alertmanagers").get("activeAlertmanagers") or ()
        return tuple(str(one.get("url", "")) for one in found)

    @contextmanager
    def listen(self, address: str, port: int) -> Iterator[WebhookListener]:
        try:
            server = WebhookListener(address, port)
        except OSError as error:
            raise MonopsError(
                f"cannot listen on {address}:{port}: {error.strerror}",
                remedy=f"see who has it: ss -ltnp 'sport = :{port}'; or choose: monops alerts test --listen HOST:PORT",
            ) from error
        with server:
            yield server

    def _ask_prometheus(self, path: str, parameters: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        url = self._prometheus()
        with answering("Prometheus", url, path):
            content = json_of(self._session.get(url + path, params=parameters, timeout=TIMEOUT))
        data = content.get("data")
        if content.get("status") != "success" or not isinstance(data, Mapping):
            raise ServiceError(f"Prometheus at {url} refuses {path}", remedy=f"curl '{url}{path}'")
        return data

    def _ask_alertmanager(self, path: str) -> Mapping[str, Any]:
        url = self._alertmanager()
        with answering("Alertmanager", url, path):
            answer = self._session.get(url + path, timeout=TIMEOUT)
        if answer.status_code != 200:
            raise ServiceError(
                f"Alertmanager at {url} refuses {path}: HTTP {answer.status_code}", remedy=f"curl '{url}{path}'"
            )
        return json_of(answer)


class WebhookListener:
    """An HTTP server that takes Alertmanager's notifications. A context: it listens inside."""

    def __init__(self, address: str, port: int) -> None:
        heard: SimpleQueue[Heard] = SimpleQueue()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = min(int(self.headers.get("Content-Length") or 0), _LARGEST)
                _put(heard, self.rfile.read(size))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                """Nothing: results are on stdout, and this is none."""

        self._heard = heard
        self._server = ThreadingHTTPServer((address, port), Handler)
        self._server.daemon_threads = True

    @property
    def address(self) -> str:
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    def next(self, within: timedelta) -> Heard | None:
        try:
            return self._heard.get(timeout=max(0.0, within.total_seconds()))
        except Empty:
            return None

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _put(heard: SimpleQueue[Heard], body: bytes) -> None:
    """What is no notification is nobody's."""
    try:
        content = json.loads(body)
        alerts = tuple(dict(alert["labels"]) for alert in content["alerts"])
        heard.put(Heard(status=str(content["status"]), alerts=alerts))
    except (ValueError, KeyError, TypeError):
        return
