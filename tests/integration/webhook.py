"""Where alerts arrive: a listener for Alertmanager's webhook and Slack messages, and a place for what goes wrong."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: Two samples of one series: Prometheus takes one and throws the other away.
DOUBLE = "# TYPE twice gauge\ntwice 1\ntwice 2\n"


@dataclass(frozen=True)
class Notified:
    """An alert in a message of the webhook."""

    status: str
    labels: dict[str, str]
    annotations: dict[str, str]

    @property
    def name(self) -> str:
        return self.labels["alertname"]


@dataclass
class Listener:
    """What has arrived until now."""

    address: str
    port: int
    #: Paths that answer 403 for now.
    refused: set[str] = field(default_factory=set)
    #: Path -> documents, in the order in which they came.
    documents: list[tuple[str, Any]] = field(default_factory=list)

    def url(self, path: str) -> str:
        """For containers."""
        return f"http://{self.address}:{self.port}{path}"

    @property
    def notified(self) -> list[Notified]:
        return [
            Notified(alert["status"], alert["labels"], alert["annotations"])
            for path, document in list(self.documents)
            if path == "/webhook"
            for alert in document["alerts"]
        ]

    @property
    def slack(self) -> list[tuple[str, str]]:
        """Title and text of every message."""
        return [
            (attachment["title"], attachment["text"])
            for path, document in list(self.documents)
            if path == "/slack"
            for attachment in document["attachments"]
        ]

    def heard(self, alert: str, status: str, labels: Mapping[str, str]) -> list[Notified]:
        """The messages of an alert with at least these labels."""
        return [
            one
            for one in self.notified
            if (one.name, one.status) == (alert, status) and labels.items() <= one.labels.items()
        ]

    def is_over(self, alert: str, labels: Mapping[str, str]) -> bool:
        """Whether the last that was heard of it is that it is resolved."""
        states = [one.status for one in self.notified if one.name == alert and labels.items() <= one.labels.items()]
        return bool(states) and states[-1] == "resolved"


@contextmanager
def listener(address: str) -> Iterator[Listener]:
    """Listens on this address until the end: POST /webhook, POST /slack; GET /metrics is what nobody should expose."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path in found.refused:
                self._answer(403, "go away")
            else:
                found.documents.append((self.path, document))
                self._answer(200, "ok")

        def do_GET(self) -> None:
            self._answer(200, DOUBLE)

        def _answer(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            """Keeps requests out of the tests' output."""

    server = ThreadingHTTPServer((address, 0), Handler)
    found = Listener(address, server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def silent_port(address: str) -> Iterator[int]:
    """A port where the machine answers and nobody speaks, like a service that hangs."""
    with socket.create_server((address, 0), backlog=128) as server:
        yield server.getsockname()[1]


def as_pattern(template: str, labels: Mapping[str, str]) -> str:
    """What an annotation may become: the labels in their places, and some number where the value is."""

    def filled(found: re.Match[str]) -> str:
        label = re.fullmatch(r"\$labels\.(\w+)", found[1])
        return re.escape(labels[label[1]]) if label else r"\S*\d\S*(?: \S*\d\S*)*"

    return "".join(
        re.sub(r"\{\{ *(.*?) *\}\}", filled, part) if part.startswith("{{") else re.escape(part)
        for part in re.split(r"(\{\{.*?\}\})", template)
    )
