"""Data sources over HTTP: reading and changing them, testing them, and going through them.

True of the real Grafana: the health call runs `1+1` against Prometheus, answers 200
`{"status":"OK","message": "Successfully queried the Prometheus API."}` or 400
`{"status":"ERROR","message":"<error> - There was an error returned querying the Prometheus API."}`; a plugin
without a health check answers 404; a secret that cannot be decrypted is an internal error before the plugin
is asked.
Source: Grafana documentation, "Data source HTTP API"; grafana/grafana `pkg/promlib/healthcheck.go`,
`pkg/api/datasources.go`, `pkg/api/pluginproxy`. Errors of the network are worded as Go words them.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import sqlite3
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode, urlsplit

from . import datasource_rows, sealing
from .app import App
from .logs import log
from .replies import Problem, Reply, Request, as_json

_TIMEOUT_S = 10
_WRONG = "There was an error returned querying the Prometheus API."
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class _NotReached(Exception):
    """No HTTP answer came; the message is Go's."""


def list_all(app: App, _: Request) -> Reply:
    """GET /api/datasources."""
    with app.database.reading() as connection:
        rows = connection.execute("SELECT * FROM data_source WHERE org_id = 1 ORDER BY name").fetchall()
    return as_json([datasource_rows.as_json(row, in_list=True) for row in rows])


def get(app: App, request: Request) -> Reply:
    """GET /api/datasources/uid/:uid."""
    return as_json(datasource_rows.as_json(_row(app, "uid", request.parts[0])))


def by_name(app: App, request: Request) -> Reply:
    """GET /api/datasources/name/:name."""
    return as_json(datasource_rows.as_json(_row(app, "name", request.parts[0])))


def create(app: App, request: Request) -> Reply:
    """POST /api/datasources."""
    body = request.json()
    if not body.get("name") or not body.get("type") or not body.get("access"):
        raise Problem(400, "bad request data")
    fields = {**body, "uid": str(body.get("uid") or os.urandom(7).hex()), "readOnly": False}

    def work(connection: sqlite3.Connection) -> None:
        for column, value in (("name", fields["name"]), ("uid", fields["uid"])):
            if _find(connection, column, str(value)) is not None:
                raise Problem(409, f"data source with the same {column} already exists")
        datasource_rows.insert(connection, app.settings.secret_key, fields)

    app.database.write(work)
    return _changed(app, fields["uid"], "Datasource added")


def update(app: App, request: Request) -> Reply:
    """PUT /api/datasources/uid/:uid."""
    uid, body = request.parts[0], request.json()
    if not body.get("name") or not body.get("type") or not body.get("access"):
        raise Problem(400, "bad request data")

    def work(connection: sqlite3.Connection) -> None:
        row = _find(connection, "uid", uid)
        if row is None:
            raise Problem(404, "Data source not found")
        if row["read_only"]:
            raise Problem(403, "Cannot update read-only data source")
        if body.get("version") and int(body["version"]) != row["version"]:
            raise Problem(409, "Datasource has already been updated by someone else. Please reload and try again")
        datasource_rows.update(connection, app.settings.secret_key, uid, {**body, "readOnly": False})

    app.database.write(work)
    return _changed(app, str(body.get("uid") or uid), "Datasource updated")


def delete(app: App, request: Request) -> Reply:
    """DELETE /api/datasources/uid/:uid."""

    def work(connection: sqlite3.Connection) -> int:
        row = _find(connection, "uid", request.parts[0])
        if row is None:
            raise Problem(404, "Data source not found")
        if row["read_only"]:
            raise Problem(403, "Cannot delete read-only data source")
        datasource_rows.delete(connection, request.parts[0])
        return int(row["id"])

    return as_json({"message": "Data source deleted", "id": app.database.write(work)})


def health(app: App, request: Request) -> Reply:
    """GET /api/datasources/uid/:uid/health: really ask the data source."""
    with app.database.reading() as connection:
        row = _find(connection, "uid", request.parts[0])
        if row is None:
            raise Problem(500, "Unable to load datasource metadata", traceID="")
        headers = _credentials(app, connection, row)
    if row["type"] != "prometheus":
        raise Problem(404, "Plugin not found", messageId="plugin.notFound", statusCode=404, traceID="")
    try:
        status, _, body = _fetch(f"{row['url'].rstrip('/')}/api/v1/query?{urlencode({'query': '1+1'})}", headers)
        complaint = _complaint(status, body)
    except _NotReached as error:
        complaint = str(error)
    if complaint:
        return as_json({"status": "ERROR", "message": f"{complaint} - {_WRONG}"}, 400)
    details = {"application": "Prometheus", "features": {"rulerApiEnabled": False}}
    message = "Successfully queried the Prometheus API."
    return as_json({"details": details, "message": message, "status": "OK"})


def proxy(app: App, request: Request) -> Reply:
    """GET /api/datasources/proxy/uid/:uid/*: pass the call on and its answer back."""
    uid, rest = request.parts
    with app.database.reading() as connection:
        row = _find(connection, "uid", uid)
        if row is None:
            raise Problem(404, "Unable to find datasource", traceID="")
        headers = _credentials(app, connection, row)
    query = urlencode(request.query, doseq=True)
    try:
        status, kind, body = _fetch(f"{row['url'].rstrip('/')}/{rest}{'?' + query if query else ''}", headers)
    except _NotReached as error:
        log("data-proxy-log", "error", "Proxy request failed", err=error)
        return Reply(502, b"", "text/plain; charset=utf-8")
    return Reply(status, body, kind)


def _credentials(app: App, connection: sqlite3.Connection, row: sqlite3.Row) -> dict[str, str]:
    try:
        secrets = sealing.decrypt_fields(connection, app.settings.secret_key, row["secure_json_data"])
    except sealing.CannotDecrypt as error:
        log("secrets", "error", "Failed to decrypt secret", error=error, datasource=row["name"])
        raise Problem(500, "Failed to decrypt secret", traceID="") from error
    if row["basic_auth"]:
        pair = f"{row['basic_auth_user'] or ''}:{secrets.get('basicAuthPassword', '')}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    return {}


def _fetch(url: str, headers: dict[str, str]) -> tuple[int, str, bytes]:
    """Status, content type and body of a GET. Raises _NotReached."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise _NotReached(f'Get "{url}": unsupported protocol scheme "{urlsplit(url).scheme}"')
    try:
        with _OPENER.open(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT_S) as answer:
            return answer.status, answer.headers.get("Content-Type", ""), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers.get("Content-Type", ""), error.read()
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise _NotReached(f'Get "{url}": {_as_go_says(reason, urlsplit(url))}') from error


def _as_go_says(reason: object, url: Any) -> str:
    if isinstance(reason, socket.gaierror):
        return f"dial tcp: lookup {url.hostname} on 127.0.0.11:53: no such host"
    if isinstance(reason, ConnectionRefusedError):
        return f"dial tcp {url.netloc}: connect: connection refused"
    if isinstance(reason, TimeoutError):
        return "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
    return str(reason)


def _complaint(status: int, body: bytes) -> str:
    """What is wrong with the answer of a Prometheus. Empty: nothing."""
    try:
        document = json.loads(body)
        if document["status"] == "success":
            return "" if status == 200 else f"unexpected status code: {status}"
        return f"{document['errorType']}: {document['error']}"
    except (ValueError, KeyError, TypeError):
        return f"unexpected response with status code {status}"


def _find(connection: sqlite3.Connection, column: str, value: str) -> sqlite3.Row | None:
    rows = connection.execute("SELECT * FROM data_source WHERE org_id = 1").fetchall()
    return next((row for row in rows if row[column] == value), None)


def _row(app: App, column: str, value: str) -> sqlite3.Row:
    with app.database.reading() as connection:
        row = _find(connection, column, value)
    if row is None:
        raise Problem(404, "Data source not found")
    return row


def _changed(app: App, uid: str, message: str) -> Reply:
    row = _row(app, "uid", uid)
    document = {"id": row["id"], "message": message, "name": row["name"]}
    return as_json({"datasource": datasource_rows.as_json(row), **document})
