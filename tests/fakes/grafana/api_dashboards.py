"""Search, dashboards and folders over HTTP.

True of the real Grafana: saving without `overwrite` over another version answers 412 `version-mismatch`, over
another dashboard's uid 412 `name-exists`; a provisioned dashboard cannot be saved or deleted; `/api/folders`
lists one level, `parentUid` names it; search takes `type`, `query`, `tag`, `folderUIDs`, `limit` (5,000 at
most) and `page`.
Source: Grafana documentation, "Dashboard HTTP API", "Folder HTTP API", "Folder/Dashboard Search HTTP API".
"""

from __future__ import annotations

import json
import os
import sqlite3
from typing import Any

from . import stores
from .app import App
from .replies import Problem, Reply, Request, as_json

_BY_UID = "SELECT * FROM dashboard WHERE org_id = 1 AND is_folder = 0 AND uid = ?"


def search(app: App, request: Request) -> Reply:
    """GET /api/search."""
    limit, page = min(request.number("limit", 1000), 5000), max(1, request.number("page", 1))
    kind, words, tags = request.one("type"), request.one("query").lower(), set(request.query.get("tag", []))
    folders = set(request.query.get("folderUIDs", []))
    with app.database.reading() as connection:
        rows = connection.execute(
            "SELECT d.*, f.title AS folder_title FROM dashboard d LEFT JOIN folder f ON f.uid = d.folder_uid"
            " WHERE d.org_id = 1 ORDER BY d.is_folder DESC, d.title, d.id"
        ).fetchall()
        starred = {row[0] for row in connection.execute("SELECT dashboard_id FROM star WHERE user_id = 1")}
        tagged: dict[int, list[str]] = {}
        for dashboard_id, term in connection.execute("SELECT dashboard_id, term FROM dashboard_tag ORDER BY term"):
            tagged.setdefault(dashboard_id, []).append(term)
    hits = [
        _hit(row, tagged.get(row["id"], []), row["id"] in starred)
        for row in rows
        if (not kind or kind == ("dash-folder" if row["is_folder"] else "dash-db"))
        and words in row["title"].lower()
        and tags <= set(tagged.get(row["id"], []))
        and (not folders or (row["folder_uid"] or "general") in folders)
    ]
    return as_json(hits[(page - 1) * limit : page * limit])


def get(app: App, request: Request) -> Reply:
    """GET /api/dashboards/uid/:uid."""
    with app.database.reading() as connection:
        row = connection.execute(_BY_UID, (request.parts[0],)).fetchone()
        if row is None:
            raise Problem(404, "Dashboard not found")
        provisioned = _provisioned(connection, row["id"])
        folder = connection.execute("SELECT title FROM folder WHERE uid = ?", (row["folder_uid"],)).fetchone()
    meta = {
        "type": "db", "canSave": True, "canEdit": True, "canAdmin": True, "canStar": True, "canDelete": True,
        "slug": row["slug"], "url": f"/d/{row['uid']}/{row['slug']}", "expires": "0001-01-01T00:00:00Z",
        "created": _iso(row["created"]), "updated": _iso(row["updated"]), "updatedBy": "admin",
        "createdBy": "admin", "version": row["version"], "hasAcl": False, "isFolder": False,
        "folderId": row["folder_id"],
        "folderUid": row["folder_uid"] or "", "folderTitle": folder[0] if folder else "General",
        "provisioned": provisioned, "provisionedExternalId": "",
    }  # fmt: skip
    return as_json({"meta": meta, "dashboard": {**json.loads(row["data"]), "id": row["id"]}})


def versions(app: App, request: Request) -> Reply:
    """GET /api/dashboards/uid/:uid/versions."""
    with app.database.reading() as connection:
        row = connection.execute(_BY_UID, (request.parts[0],)).fetchone()
        if row is None:
            raise Problem(404, "Dashboard not found")
        query = "SELECT * FROM dashboard_version WHERE dashboard_id = ? ORDER BY version DESC"
        found = connection.execute(query, (row["id"],)).fetchall()
    listed = [
        {"id": v["id"], "dashboardId": row["id"], "uid": row["uid"], "parentVersion": v["parent_version"],
         "restoredFrom": 0, "version": v["version"], "created": _iso(v["created"]), "createdBy": "admin",
         "message": v["message"]}
        for v in found
    ]  # fmt: skip
    return as_json({"continueToken": "", "versions": listed})


def save(app: App, request: Request) -> Reply:
    """POST /api/dashboards/db."""
    body = request.json()
    model = body.get("dashboard")
    if not isinstance(model, dict):
        raise Problem(400, "bad request data")
    if not model.get("title"):
        raise Problem(400, "Dashboard title cannot be empty", status="empty-name")
    saved, dashboard_id, version = app.database.write(lambda c: _save(c, body, model))
    slug = stores.slug_of(str(saved["title"]))
    document = {
        "folderUid": body.get("folderUid") or "",
        "id": dashboard_id,
        "slug": slug,
        "status": "success",
    }
    return as_json({**document, "uid": saved["uid"], "url": f"/d/{saved['uid']}/{slug}", "version": version})


def delete(app: App, request: Request) -> Reply:
    """DELETE /api/dashboards/uid/:uid."""

    def work(connection: sqlite3.Connection) -> sqlite3.Row:
        row: sqlite3.Row | None = connection.execute(_BY_UID, (request.parts[0],)).fetchone()
        if row is None:
            raise Problem(404, "Dashboard not found", status="not-found")
        if _provisioned(connection, row["id"]):
            raise Problem(400, "provisioned dashboard cannot be deleted", status="error")
        stores.delete_dashboard(connection, row["uid"])
        return row

    row = app.database.write(work)
    title = row["title"]
    return as_json({"title": title, "message": f"Dashboard {title} deleted", "id": row["id"], "uid": row["uid"]})


def folders(app: App, request: Request) -> Reply:
    """GET /api/folders: one level."""
    limit, page, parent = (
        request.number("limit", 1000),
        max(1, request.number("page", 1)),
        request.one("parentUid"),
    )
    with app.database.reading() as connection:
        if parent:
            _folder_row(connection, parent)
        rows = connection.execute(
            "SELECT d.id, f.uid, f.title, f.parent_uid FROM folder f JOIN dashboard d ON d.uid = f.uid"
            " AND d.is_folder = 1"
            " WHERE f.org_id = 1 AND coalesce(f.parent_uid, '') = ? ORDER BY f.title LIMIT ? OFFSET ?",
            (parent, limit, (page - 1) * limit),
        ).fetchall()
    return as_json([_short_folder(row) for row in rows])


def folder(app: App, request: Request) -> Reply:
    """GET /api/folders/:uid."""
    with app.database.reading() as connection:
        return as_json(_full_folder(connection, request.parts[0]))


def create_folder(app: App, request: Request) -> Reply:
    """POST /api/folders."""
    body = request.json()
    title, parent = str(body.get("title") or ""), str(body.get("parentUid") or "") or None
    uid = str(body.get("uid") or os.urandom(7).hex())
    if not title:
        raise Problem(400, "folder title cannot be empty")

    def work(connection: sqlite3.Connection) -> dict[str, Any]:
        if parent is not None:
            _folder_row(connection, parent)
        taken = connection.execute(
            "SELECT uid FROM folder WHERE org_id = 1 AND (uid = ? OR (title = ? AND coalesce(parent_uid, '') = ?))",
            (uid, title, parent or ""),
        ).fetchone()
        if taken is not None:
            raise Problem(409, "a folder with the same name already exists in the current location")
        stores.save_folder(connection, uid, title, parent)
        return _full_folder(connection, uid)

    return as_json(app.database.write(work))


def delete_folder(app: App, request: Request) -> Reply:
    """DELETE /api/folders/:uid: with the dashboards and folders in it."""

    def remove(connection: sqlite3.Connection, uid: str) -> None:
        for (inner,) in connection.execute("SELECT uid FROM folder WHERE parent_uid = ?", (uid,)).fetchall():
            remove(connection, inner)
        query = "SELECT uid FROM dashboard WHERE folder_uid = ? AND is_folder = 0"
        for (inner,) in connection.execute(query, (uid,)).fetchall():
            stores.delete_dashboard(connection, inner)
        stores.delete_dashboard(connection, uid)
        connection.execute("DELETE FROM folder WHERE uid = ?", (uid,))

    def work(connection: sqlite3.Connection) -> dict[str, Any]:
        row = _full_folder(connection, request.parts[0])
        rules = connection.execute("SELECT count(*) FROM alert_rule WHERE namespace_uid = ?", (row["uid"],)).fetchone()[
            0
        ]
        if rules and request.one("forceDeleteRules") != "true":
            raise Problem(400, "folder cannot be deleted: folder contains alert rules")
        connection.execute("DELETE FROM alert_rule_version WHERE rule_namespace_uid = ?", (row["uid"],))
        connection.execute(
            "DELETE FROM alert_instance WHERE rule_uid IN (SELECT uid FROM alert_rule WHERE namespace_uid = ?)",
            (row["uid"],),
        )
        connection.execute("DELETE FROM alert_rule WHERE namespace_uid = ?", (row["uid"],))
        remove(connection, row["uid"])
        return row

    row = app.database.write(work)
    return as_json({"message": "Folder deleted", "id": row["id"], "title": row["title"]})


def _save(
    connection: sqlite3.Connection, body: dict[str, Any], model: dict[str, Any]
) -> tuple[dict[str, Any], int, int]:
    folder_uid, uid = str(body.get("folderUid") or ""), str(model.get("uid") or "")
    if folder_uid and connection.execute("SELECT 1 FROM folder WHERE uid = ?", (folder_uid,)).fetchone() is None:
        raise Problem(400, "folder not found", status="not-found")
    row = connection.execute(_BY_UID, (uid,)).fetchone()
    if row is None and model.get("id"):
        by_id = "SELECT * FROM dashboard WHERE org_id = 1 AND is_folder = 0 AND id = ?"
        row = connection.execute(by_id, (model["id"],)).fetchone()
        if row is None:
            raise Problem(404, "Dashboard not found", status="not-found")
        uid = str(row["uid"])
    if row is not None:
        if _provisioned(connection, row["id"]):
            raise Problem(400, "Cannot save provisioned dashboard")
        if not body.get("overwrite") and not model.get("id") and not model.get("version"):
            raise Problem(412, "A dashboard with the same uid already exists", status="name-exists")
        if not body.get("overwrite") and int(model.get("version") or 0) != row["version"]:
            raise Problem(412, "The dashboard has been changed by someone else", status="version-mismatch")
    saved = {**{k: v for k, v in model.items() if k != "id"}, "uid": uid or os.urandom(7).hex()}
    ids = stores.save_dashboard(connection, saved, folder_uid=folder_uid, message=str(body.get("message") or ""))
    return saved, *ids


def _hit(row: sqlite3.Row, tags: list[str], starred: bool) -> dict[str, Any]:
    is_folder, uid, slug = bool(row["is_folder"]), row["uid"], row["slug"]
    hit = {
        "id": row["id"], "orgId": 1, "uid": uid, "title": row["title"], "uri": f"db/{slug}",
        "url": f"/dashboards/f/{uid}/{slug}" if is_folder else f"/d/{uid}/{slug}", "slug": "",
        "type": "dash-folder" if is_folder else "dash-db", "tags": tags, "isStarred": starred,
        "isDeleted": False, "sortMeta": 0,
    }  # fmt: skip
    if row["folder_uid"]:
        title = row["folder_title"] or ""
        url = f"/dashboards/f/{row['folder_uid']}/{stores.slug_of(title)}"
        hit |= {
            "folderId": row["folder_id"],
            "folderUid": row["folder_uid"],
            "folderTitle": title,
            "folderUrl": url,
        }
    return hit


def _provisioned(connection: sqlite3.Connection, dashboard_id: int) -> bool:
    query = "SELECT 1 FROM dashboard_provisioning WHERE dashboard_id = ?"
    return connection.execute(query, (dashboard_id,)).fetchone() is not None


def _folder_row(connection: sqlite3.Connection, uid: str) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute(
        "SELECT f.*, d.id AS dashboard_id, d.slug, d.version FROM folder f"
        " JOIN dashboard d ON d.uid = f.uid AND d.is_folder = 1 WHERE f.org_id = 1 AND f.uid = ?",
        (uid,),
    ).fetchone()
    if row is None:
        raise Problem(404, "folder not found", status="not-found")
    return row


def _short_folder(row: sqlite3.Row) -> dict[str, Any]:
    short = {"id": row["id"], "uid": row["uid"], "title": row["title"]}
    return {**short, "parentUid": row["parent_uid"]} if row["parent_uid"] else short


def _full_folder(connection: sqlite3.Connection, uid: str) -> dict[str, Any]:
    row = _folder_row(connection, uid)
    full = {
        "id": row["dashboard_id"], "uid": uid, "orgId": 1, "title": row["title"],
        "url": f"/dashboards/f/{uid}/{row['slug']}", "hasAcl": False, "canSave": True, "canEdit": True,
        "canAdmin": True, "canDelete": True, "createdBy": "admin", "created": _iso(row["created"]),
        "updatedBy": "admin", "updated": _iso(row["updated"]), "version": row["version"],
    }  # fmt: skip
    if row["parent_uid"]:
        parent = _full_folder(connection, row["parent_uid"])
        full |= {"parentUid": row["parent_uid"], "parents": [*parent.pop("parents", []), parent]}
    return full


def _iso(text: str) -> str:
    return text.replace(" ", "T") + "Z"
