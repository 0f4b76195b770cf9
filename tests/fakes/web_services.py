"""Prometheus and Alertmanager as far as a program sees them: an HTTP server with answers that are set."""

from __future__ import annotations

import json
import threading
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class WebServices:
    """Both, at one address; whatever has no answer here is well and empty, or as `other` says."""

    url: str
    #: Path -> (status, document or text).
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    #: Path and words of every question that is not a probe.
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    #: Path -> the login of each question, "" where it came without.
    logins: dict[str, list[str]] = field(default_factory=dict)
    #: What has no answer gets this one; None: it is well and empty.
    other: tuple[int, Any] | None = None

    def data(self, path: str, data: Any, **more: Any) -> None:
        """As Prometheus answers."""
        self.answers[path] = (200, {"status": "success", "data": data, **more})

    def vector(self, *rows: tuple[dict[str, str], str], **more: Any) -> None:
        result = [{"metric": labels, "value": [1795413723.5, value]} for labels, value in rows]
        self.data("/api/v1/query", {"resultType": "vector", "result": result}, **more)

    def matrix(
        self, *rows: tuple[dict[str, str], Sequence[tuple[float, str]]], path: str = "/api/v1/query_range"
    ) -> None:
        result = [{"metric": labels, "values": [list(point) for point in points]} for labels, points in rows]
        self.data(path, {"resultType": "matrix", "result": result})

    def error(self, path: str, status: int, kind: str, said: str) -> None:
        self.answers[path] = (status, {"status": "error", "errorType": kind, "error": said})


@contextmanager
def web_services() -> Iterator[WebServices]:
    """Answers until the end."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urllib.parse.urlsplit(self.path)
            if not url.path.startswith("/-/"):
                found.asked.append((url.path, dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))))
            found.logins.setdefault(url.path, []).append(self.headers.get("Authorization") or "")
            empty = [] if url.path.startswith("/api/v2/") else {"status": "success", "data": {}}
            status, document = found.answers.get(url.path, found.other or (200, empty))
            body = (document if isinstance(document, str) else json.dumps(document)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self._take()
            self.do_GET()

        def do_PUT(self) -> None:
            self._take()
            self.do_GET()

        def _take(self) -> None:
            """What is sent is read: a connection that is closed over it would be a fault of its own."""
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Transfer-Encoding") == "chunked":
                while size := int(self.rfile.readline(), 16):
                    self.rfile.read(size + len("\r\n"))
                self.rfile.readline()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            """Keeps requests out of the tests' output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = WebServices(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
