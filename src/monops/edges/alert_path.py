"""Prometheus and Alertmanager as links of an alert's way, and a listener at its end.

Sources: prometheus/alertmanager, api/v2/openapi.yaml (postAlerts); prometheus.io/docs, "Management API" and
"<webhook_config>".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Self

from monops.domain.errors import MonopsError
from monops.domain.ports import Heard, RoutedAlert
from monops.edges.http_alertmanager import HttpAlertmanager
from monops.edges.http_client import new_session
from monops.edges.http_prometheus import HttpPrometheus

#: The label by which a run's alerts are known.
RUN = "monops_run"
_LARGEST = 1 << 20


class HttpAlertPath:
    """The chain over HTTP. An address is found when first needed: a test of Alertmanager needs no Prometheus."""

    def __init__(self, prometheus: Callable[[], str], alertmanager: Callable[[], str]) -> None:
        self._prometheus_url = prometheus
        self._alertmanager_url = alertmanager
        self._session = new_session()

    @cached_property
    def _prometheus(self) -> HttpPrometheus:
        return HttpPrometheus(self._prometheus_url(), self._session)

    @cached_property
    def _alertmanager(self) -> HttpAlertmanager:
        return HttpAlertmanager(self._alertmanager_url(), self._session)

    def routing(self) -> str:
        return self._alertmanager.config()

    def send(self, labels: Mapping[str, str], annotations: Mapping[str, str], *, ends_at: datetime) -> None:
        alert = {
            "labels": dict(labels),
            "annotations": dict(annotations),
            # It must be before the end, also of an alert that ends now.
            "startsAt": (min(datetime.now(UTC), ends_at) - timedelta(seconds=1)).isoformat(),
            "endsAt": ends_at.isoformat(),
            "generatorURL": "http://monops/alerts/test",
        }
        self._alertmanager.send([alert])

    def at_alertmanager(self, run: str) -> tuple[RoutedAlert, ...]:
        return tuple(alert for alert in self._alertmanager.alerts() if alert.labels.get(RUN) == run)

    def reload_prometheus(self) -> None:
        self._prometheus.reload()

    def prometheus_config(self) -> str:
        return str(self._prometheus.data("/api/v1/status/config").get("yaml") or "")

    def rule_of(self, run: str) -> tuple[str, str] | None:
        groups = self._prometheus.data("/api/v1/rules", {"type": "alert"}).get("groups") or ()
        for rule in (rule for group in groups for rule in group.get("rules") or ()):
            if (rule.get("labels") or {}).get(RUN) == run:
                health = str(rule.get("health", ""))
                error = str(rule.get("lastError") or "")
                return (f"{health}: {error}" if error else health, str(rule.get("state", "")))
        return None

    def alertmanagers(self) -> tuple[str, ...]:
        found = self._prometheus.data("/api/v1/alertmanagers").get("activeAlertmanagers") or ()
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
