"""All routes, and the HTTP server that serves them.

True of the real Grafana: `/api/health`, `/healthz`, `/metrics` and `/login` ask for no credentials, all the
rest does; unknown paths under `/api` answer 404 `{"message":"Not found"}`.
Source: grafana/grafana `pkg/api/api.go`, `pkg/api/http_server.go`. The header `X-Monops-Stand-In` and
everything under `/standin/` exist only here.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from . import api_alerting, api_dashboards, api_datasources, api_general
from .app import RANK, App, authenticate
from .database import is_locked
from .logs import log
from .replies import Problem, Reply, Request, as_json, forbidden

Handler = Callable[[App, Request], Reply]

_UID = r"([^/]+)"
#: method, path, lowest role ("" for no authentication), permission named in a 403, handler.
_TABLE: tuple[tuple[str, str, str, str, Handler], ...] = (
    ("GET", "/api/health", "", "", api_general.health),
    ("GET", "/healthz", "", "", api_general.healthz),
    ("GET", "/metrics", "", "", api_general.metrics),
    ("GET", "/login", "", "", api_general.login_page),
    ("GET", "/standin/writes", "", "", api_general.writes),
    ("POST", "/standin/reset-gap", "", "", api_general.reset_gap),
    ("GET", "/api/org", "Viewer", "orgs:read", api_general.org),
    ("GET", "/api/user", "Viewer", "", api_general.user),
    ("GET", "/api/admin/stats", "GrafanaAdmin", "server.stats:read", api_general.stats),
    ("POST", "/api/admin/provisioning/(dashboards|datasources)/reload", "GrafanaAdmin", "provisioning:reload",
     api_general.reload_provisioning),
    ("POST", "/api/serviceaccounts", "Admin", "serviceaccounts:create", api_general.add_service_account),
    ("POST", r"/api/serviceaccounts/(\d+)/tokens", "Admin", "serviceaccounts:write", api_general.add_token),
    ("GET", "/api/datasources", "Admin", "datasources:read", api_datasources.list_all),
    ("POST", "/api/datasources", "Admin", "datasources:create", api_datasources.create),
    ("GET", f"/api/datasources/name/{_UID}", "Admin", "datasources:read", api_datasources.by_name),
    ("GET", f"/api/datasources/uid/{_UID}", "Admin", "datasources:read", api_datasources.get),
    ("PUT", f"/api/datasources/uid/{_UID}", "Admin", "datasources:write", api_datasources.update),
    ("DELETE", f"/api/datasources/uid/{_UID}", "Admin", "datasources:delete", api_datasources.delete),
    ("GET", f"/api/datasources/uid/{_UID}/health", "Viewer", "datasources:query", api_datasources.health),
    ("GET", f"/api/datasources/proxy/uid/{_UID}/(.*)", "Viewer", "datasources:query", api_datasources.proxy),
    ("GET", "/api/search", "Viewer", "", api_dashboards.search),
    ("GET", f"/api/dashboards/uid/{_UID}", "Viewer", "dashboards:read", api_dashboards.get),
    ("POST", "/api/dashboards/db", "Editor", "dashboards:create", api_dashboards.save),
    ("DELETE", f"/api/dashboards/uid/{_UID}", "Editor", "dashboards:delete", api_dashboards.delete),
    ("GET", f"/api/dashboards/uid/{_UID}/versions", "Editor", "dashboards:write", api_dashboards.versions),
    ("GET", "/api/folders", "Viewer", "folders:read", api_dashboards.folders),
    ("POST", "/api/folders", "Editor", "folders:create", api_dashboards.create_folder),
    ("GET", f"/api/folders/{_UID}", "Viewer", "folders:read", api_dashboards.folder),
    ("DELETE", f"/api/folders/{_UID}", "Editor", "folders:delete", api_dashboards.delete_folder),
    ("GET", "/api/v1/provisioning/(alert-rules|contact-points|policies|mute-timings|templates)", "Admin",
     "alert.provisioning:read", api_alerting.read),
    ("GET", "/api/v1/provisioning/(alert-rules|contact-points|policies|mute-timings)/export", "Admin",
     "alert.provisioning:read", api_alerting.export),
    ("GET", f"/api/v1/provisioning/alert-rules/{_UID}", "Admin", "alert.provisioning:read",
     api_alerting.rule),
)  # fmt: skip
ROUTES = tuple((method, re.compile(path), role, needs, call) for method, path, role, needs, call in _TABLE)


def answer(app: App, request: Request) -> Reply:
    """Find the route, check who calls, and let the handler work. Problems and locks become replies."""
    try:
        return _answer(app, request)
    except Problem as problem:
        return problem.reply
    except sqlite3.Error as error:
        log("context", "error", "Request error", error=error, path=request.path)
        locked = isinstance(error, sqlite3.OperationalError) and is_locked(error)
        return as_json({"message": "database is locked" if locked else "Internal Server Error", "traceID": ""}, 500)


def _answer(app: App, request: Request) -> Reply:
    path = request.path.rstrip("/") or "/"
    for method, pattern, role, permission, call in ROUTES:
        match = pattern.fullmatch(path)
        if match is None or request.method != method:
            continue
        login = ""
        if role:
            login, has = authenticate(app, request.headers.get("authorization", ""))
            if RANK[has] < RANK[role]:
                raise forbidden(permission)
        parts = tuple(unquote(part) for part in match.groups())
        here = Request(request.method, path, request.query, request.headers, request.body, parts, login)
        return call(app, here)
    if path.startswith("/api"):
        authenticate(app, request.headers.get("authorization", ""))
        raise Problem(404, "Not found")
    if path == "/":
        return Reply(302, b"", "text/html; charset=utf-8", {"Location": "/login"})
    return Reply(404, b"<html><body>Page not found. This is a stand-in, not Grafana.</body></html>", "text/html")


class Server(ThreadingHTTPServer):
    """One thread per connection; none of them holds up the end of the process."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, app: App) -> None:
        self.app = app
        super().__init__((app.settings.address, app.settings.port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is not worth a traceback; a bug is."""
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            log("http.server", "error", "handler failed", error=repr(error), client=client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "GrafanaStandIn"
    timeout = 30
    server: Server

    def handle_any(self) -> None:
        """Read the request, answer it, write the reply."""
        url = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        method = "GET" if self.command == "HEAD" else self.command
        request = Request(
            method=method,
            path=url.path,
            query=parse_qs(url.query, keep_blank_values=True),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length) if length else b"",
        )
        reply = answer(self.server.app, request)
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Monops-Stand-In", "grafana")
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Grafana logs requests only with `router_logging`; so nothing here."""
