"""Health, org, statistics, metrics, service accounts, and what tests ask the stand-in about itself.

True of the real Grafana: `/api/health` answers 200 with `"database": "ok"`, or 503 with `"failing"`; it only
runs `SELECT 1` and keeps the result for 5 s, so the real one is weaker than this, which reads the file every
time.
Source: Grafana documentation, "Other HTTP API", "Organization HTTP API", "Admin HTTP API", "Service account
HTTP API"; grafana/grafana `pkg/api/health.go`, `pkg/infra/metrics/metrics.go`.
"""

from __future__ import annotations

import dataclasses
import os
import sqlite3

from . import provisioning, seed, stores
from .app import App
from .database import CannotStart
from .replies import Problem, Reply, Request, as_json
from .settings import COMMIT

_COUNTS = {
    "orgs": "SELECT count(*) FROM org",
    "dashboards": "SELECT count(*) FROM dashboard WHERE is_folder = 0",
    "folders": "SELECT count(*) FROM folder",
    "tags": "SELECT count(DISTINCT term) FROM dashboard_tag",
    "datasources": "SELECT count(*) FROM data_source",
    "playlists": "SELECT count(*) FROM playlist",
    "stars": "SELECT count(*) FROM star",
    "alerts": "SELECT count(*) FROM alert_rule",
    "users": "SELECT count(*) FROM user WHERE is_service_account = 0",
    "admins": "SELECT count(*) FROM org_user o JOIN user u ON u.id = o.user_id"
    " WHERE o.role = 'Admin' AND u.is_service_account = 0",
    "activeSessions": "SELECT count(*) FROM user_auth_token WHERE revoked_at IS NULL",
}
_ZEROS = [
    "snapshots",
    "editors",
    "viewers",
    "activeUsers",
    "activeAdmins",
    "activeEditors",
    "activeViewers",
    "dailyActiveUsers",
    "dailyActiveAdmins",
    "dailyActiveEditors",
    "dailyActiveViewers",
    "dailyActiveSessions",
    "monthlyActiveUsers",
    "activeDevices",
]


def health(app: App, _: Request) -> Reply:
    """GET /api/health."""
    answers = app.database.answers()
    document = {"commit": COMMIT, "database": "ok" if answers else "failing", "version": app.settings.version}
    return as_json(document, 200 if answers else 503)


def healthz(_: App, __: Request) -> Reply:
    """GET /healthz: the server runs."""
    return Reply(200, b"Ok", "text/plain; charset=utf-8")


def login_page(app: App, _: Request) -> Reply:
    """GET /login."""
    title, text = "Grafana stand-in", f"Not Grafana {app.settings.version}: a stand-in"
    page = f"<html><head><title>{title}</title></head><body>{text}</body></html>"
    return Reply(200, page.encode(), "text/html; charset=UTF-8")


def org(app: App, _: Request) -> Reply:
    """GET /api/org."""
    with app.database.reading() as connection:
        row = connection.execute("SELECT * FROM org WHERE id = 1").fetchone()
    if row is None:
        raise Problem(404, "Organization not found")
    address = dict.fromkeys(("address1", "address2", "city", "zipCode", "state", "country"), "")
    return as_json({"id": row["id"], "name": row["name"], "address": address})


def user(app: App, request: Request) -> Reply:
    """GET /api/user: who calls."""
    with app.database.reading() as connection:
        row = connection.execute("SELECT * FROM user WHERE login = ?", (request.login,)).fetchone()
    if row is None:
        raise Problem(404, "user not found")
    names = ("id", "uid", "email", "name", "login", "theme")
    return as_json({**{n: row[n] for n in names}, "orgId": row["org_id"], "isGrafanaAdmin": bool(row["is_admin"])})


def stats(app: App, _: Request) -> Reply:
    """GET /api/admin/stats."""
    with app.database.reading() as connection:
        return as_json({**dict.fromkeys(_ZEROS, 0), **_counts(connection)})


def reload_provisioning(app: App, request: Request) -> Reply:
    """POST /api/admin/provisioning/{dashboards,datasources}/reload."""
    kind = request.parts[0]
    reload = provisioning.provision_dashboards if kind == "dashboards" else provisioning.provision_datasources
    try:
        reload(app.database, app.settings)
    except CannotStart as error:
        raise Problem(500, str(error)) from error
    return as_json({"message": f"{kind.capitalize()} config reloaded"})


def add_service_account(app: App, request: Request) -> Reply:
    """POST /api/serviceaccounts."""
    body = request.json()
    name, role = str(body.get("name") or ""), str(body.get("role") or "Viewer")
    if not name:
        raise Problem(400, "bad request data")
    try:
        account = app.database.write(lambda connection: stores.add_service_account(connection, name, role))
    except sqlite3.IntegrityError as error:
        raise Problem(400, "service account already exists", messageId="serviceaccounts.ErrAlreadyExists") from error
    document = {
        "id": account,
        "name": name,
        "login": f"sa-1-{name}",
        "orgId": 1,
        "isDisabled": False,
        "role": role,
    }
    return as_json({**document, "tokens": 0, "avatarUrl": ""}, 201)


def add_token(app: App, request: Request) -> Reply:
    """POST /api/serviceaccounts/:id/tokens. The token is shown this once."""
    account, name = int(request.parts[0]), str(request.json().get("name") or "")
    token = f"glsa_{os.urandom(16).hex()}_{os.urandom(4).hex()}"

    def work(connection: sqlite3.Connection) -> int:
        row = connection.execute(
            "SELECT o.role FROM user u JOIN org_user o ON o.user_id = u.id WHERE u.id = ? AND u.is_service_account = 1",
            (account,),
        ).fetchone()
        if row is None:
            raise Problem(404, "service account not found", messageId="serviceaccounts.ErrNotFound")
        return stores.add_token(connection, account, name, seed.token_hash(token), str(row[0]))

    try:
        return as_json({"id": app.database.write(work), "name": name, "key": token})
    except sqlite3.IntegrityError as error:
        raise Problem(409, "service account token with given name already exists in the organization") from error


def writes(app: App, _: Request) -> Reply:
    """GET /standin/writes: how much was written, how often the database was locked, the longest pause."""
    return as_json(dataclasses.asdict(app.writer.seen()))


def reset_gap(app: App, _: Request) -> Reply:
    """POST /standin/reset-gap: measure pauses from now on."""
    app.writer.reset_gap()
    return writes(app, _)


def metrics(app: App, _: Request) -> Reply:
    """GET /metrics."""
    with app.database.reading() as connection:
        counts = _counts(connection)
    seen = app.writer.seen()
    version = app.settings.version
    build = f'branch="HEAD",edition="oss",goversion="stand-in",revision="{COMMIT}",version="{version}"'
    lines = [
        *_metric("grafana_build_info", "gauge", "A metric with a constant '1' value: a stand-in's.", 1, build),
        *_metric("grafana_stat_totals_dashboard", "gauge", "total amount of dashboards", counts["dashboards"]),
        *_metric("grafana_stat_totals_folder", "gauge", "total amount of folders", counts["folders"]),
        *_metric("grafana_stat_totals_datasource", "gauge", "total number of data sources", counts["datasources"]),
        *_metric("grafana_stat_total_users", "gauge", "total amount of users", counts["users"]),
        *_metric("grafana_stat_total_orgs", "gauge", "total amount of orgs", counts["orgs"]),
        *_metric("grafana_stat_totals_alert_rules", "gauge", "total amount of alert rules", counts["alerts"]),
        *_metric("standin_writes_total", "counter", "Transactions of the writer thread.", seen.writes),
        *_metric("standin_locked_errors_total", "counter", "Times that the database was locked.", seen.locked),
        *_metric("standin_longest_gap_milliseconds", "gauge", "Longest pause of the writer.", seen.longest_gap_ms),
    ]
    return Reply(200, ("\n".join(lines) + "\n").encode(), "text/plain; version=0.0.4; charset=utf-8")


def _counts(connection: sqlite3.Connection) -> dict[str, int]:
    return {name: int(connection.execute(query).fetchone()[0]) for name, query in _COUNTS.items()}


def _metric(name: str, kind: str, help_text: str, value: float, labels: str = "") -> list[str]:
    sample = f"{name}{{{labels}}}" if labels else name
    return [f"# HELP {name} {help_text}", f"# TYPE {name} {kind}", f"{sample} {value}"]
