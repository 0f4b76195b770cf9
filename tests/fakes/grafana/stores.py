"""Changes to grafana.db that keep its parts in agreement. All run inside the caller's transaction.

True of the real Grafana: saving a dashboard raises `dashboard.version` and adds the row of that version to
`dashboard_version` in one transaction, the newest 20 versions are kept; an alert rule has its history in
`alert_rule_version` likewise; unified storage writes `resource`, `resource_history` and `resource_version`
together; a folder is a row in `folder` and, for the time being, one in `dashboard` with `is_folder`.
Source: grafana/grafana `pkg/services/dashboards/database`, `pkg/services/ngalert/store`,
`pkg/storage/unified/sql`; `[dashboards] versions_to_keep` in `conf/defaults.ini`.
"""

from __future__ import annotations

import json
import re
import sqlite3
import uuid
from collections.abc import Mapping
from typing import Any

from .logs import now_text

VERSIONS_TO_KEEP = 20
_NAMESPACE = "default"
_DASHBOARDS = ("dashboard.grafana.app", "dashboards")
_FOLDERS = ("folder.grafana.app", "folders")


def slug_of(title: str) -> str:
    """`Production Overview` gives `production-overview`."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "dashboard"


def set_key(connection: sqlite3.Connection, namespace: str, key: str, value: str, org_id: int = 0) -> None:
    """Put one value into kv_store."""
    now = now_text()
    connection.execute(
        "INSERT INTO kv_store (org_id, namespace, key, value, created, updated) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (org_id, namespace, key) DO UPDATE SET value = excluded.value, updated ="
        " excluded.updated",
        (org_id, namespace, key, value, now, now),
    )


def get_key(connection: sqlite3.Connection, namespace: str, key: str, org_id: int = 0) -> str | None:
    """Read one value of kv_store."""
    query = "SELECT value FROM kv_store WHERE org_id = ? AND namespace = ? AND key = ?"
    row = connection.execute(query, (org_id, namespace, key)).fetchone()
    return None if row is None else str(row[0])


def save_dashboard(
    connection: sqlite3.Connection,
    model: Mapping[str, Any],
    *,
    folder_uid: str = "",
    message: str = "",
    is_folder: bool = False,
) -> tuple[int, int]:
    """Create the dashboard of `model["uid"]` or give it its next version. Returns (id, version)."""
    now, uid, title = now_text(), str(model["uid"]), str(model["title"])
    row = connection.execute("SELECT id, version FROM dashboard WHERE org_id = 1 AND uid = ?", (uid,)).fetchone()
    version = 1 if row is None else int(row[1]) + 1
    data = json.dumps({**model, "version": version})
    folder = connection.execute("SELECT id FROM dashboard WHERE uid = ? AND is_folder = 1", (folder_uid,)).fetchone()
    folder_id = 0 if folder is None else int(folder[0])
    if row is None:
        cursor = connection.execute(
            "INSERT INTO dashboard (version, slug, title, data, org_id, created, updated, updated_by,"
            " created_by,"
            " folder_id, is_folder, uid, folder_uid) VALUES (1, ?, ?, ?, 1, ?, ?, 1, 1, ?, ?, ?, ?)",
            (slug_of(title), title, data, now, now, folder_id, int(is_folder), uid, folder_uid),
        )
        dashboard_id = int(cursor.lastrowid or 0)
    else:
        dashboard_id = int(row[0])
        connection.execute(
            "UPDATE dashboard SET version = ?, slug = ?, title = ?, data = ?, updated = ?, updated_by = 1,"
            " folder_id = ?, folder_uid = ? WHERE id = ?",
            (version, slug_of(title), title, data, now, folder_id, folder_uid, dashboard_id),
        )
    connection.execute(
        "INSERT INTO dashboard_version (dashboard_id, parent_version, restored_from, version, created,"
        " created_by,"
        " message, data) VALUES (?, ?, 0, ?, ?, 1, ?, ?)",
        (dashboard_id, version - 1, version, now, message, data),
    )
    connection.execute(
        "DELETE FROM dashboard_version WHERE dashboard_id = ? AND version <= ?",
        (dashboard_id, version - VERSIONS_TO_KEEP),
    )
    connection.execute("DELETE FROM dashboard_tag WHERE dashboard_id = ?", (dashboard_id,))
    for tag in model.get("tags") or ():
        connection.execute(
            "INSERT INTO dashboard_tag (dashboard_id, term, dashboard_uid, org_id) VALUES (?, ?, ?, 1)",
            (dashboard_id, tag, uid),
        )
    meta = json.dumps({"spec": {"title": title}, "version": version})
    _save_resource(connection, _FOLDERS if is_folder else _DASHBOARDS, uid, meta, folder_uid)
    return dashboard_id, version


def delete_dashboard(connection: sqlite3.Connection, uid: str) -> None:
    """Remove a dashboard (or the dashboard side of a folder) with its versions, tags and provisioning row."""
    dashboard_id, is_folder = connection.execute(
        "SELECT id, is_folder FROM dashboard WHERE org_id = 1 AND uid = ?", (uid,)
    ).fetchone()
    for statement in (
        "DELETE FROM dashboard_version WHERE dashboard_id = ?",
        "DELETE FROM dashboard_tag WHERE dashboard_id = ?",
        "DELETE FROM dashboard_provisioning WHERE dashboard_id = ?",
        "DELETE FROM star WHERE dashboard_id = ?",
        "DELETE FROM dashboard WHERE id = ?",
    ):
        connection.execute(statement, (dashboard_id,))
    _save_resource(connection, _FOLDERS if is_folder else _DASHBOARDS, uid, None, "")


def save_folder(connection: sqlite3.Connection, uid: str, title: str, parent_uid: str | None = None) -> None:
    """Create a folder: its row in `folder`, and the one in `dashboard`."""
    now = now_text()
    connection.execute(
        "INSERT INTO folder (uid, org_id, title, description, parent_uid, created, updated)"
        " VALUES (?, 1, ?, '', ?, ?, ?)",
        (uid, title, parent_uid, now, now),
    )
    model = {"uid": uid, "title": title, "schemaVersion": 17}
    save_dashboard(connection, model, folder_uid=parent_uid or "", is_folder=True)


def add_annotation_pair(connection: sqlite3.Connection, value: int, text: str, kind: str) -> int:
    """Two annotations that share a region_id and whose values sum to zero. Returns the region_id."""
    region = 0
    for signed in (value, -value):
        cursor = connection.execute(
            "INSERT INTO annotation (org_id, alert_id, user_id, dashboard_id, panel_id, type, title,"
            " text, prev_state,"
            " new_state, data, epoch, epoch_end, region_id, tags, created, updated)"
            " VALUES (1, 0, 1, 1, 1, ?, '', ?, '', '', ?, ?, ?, ?, '[]', ?, ?)",
            (kind, text, json.dumps({"value": signed}), *(5 * (0,))),
        )
        new_id = int(cursor.lastrowid or 0)
        region = region or new_id
        connection.execute("UPDATE annotation SET region_id = ? WHERE id = ?", (region, new_id))
    return region


def save_alert_rule(
    connection: sqlite3.Connection, *, uid: str, title: str, folder_uid: str, group: str, data: str
) -> int:
    """Create the rule `uid` or give it its next version. Returns the version."""
    now = now_text()
    row = connection.execute("SELECT version FROM alert_rule WHERE org_id = 1 AND uid = ?", (uid,)).fetchone()
    version = 1 if row is None else int(row[0]) + 1
    values = {
        "uid": uid,
        "title": title,
        "folder": folder_uid,
        "group": group,
        "data": data,
        "now": now,
        "v": version,
    }
    if row is None:
        connection.execute(
            "INSERT INTO alert_rule (org_id, title, condition, data, updated, version, uid,"
            " namespace_uid, rule_group,"
            " \"for\", annotations, labels, exec_err_state) VALUES (1, :title, 'A', :data, :now, :v,"
            " :uid, :folder,"
            ' :group, 300000000000, \'{"summary":"stand-in"}\', \'{"severity":"warning"}\', \'Error\')',
            values,
        )
    else:
        connection.execute(
            "UPDATE alert_rule SET version = :v, updated = :now, title = :title, data = :data"
            " WHERE org_id = 1 AND uid = :uid",
            values,
        )
    connection.execute(
        "INSERT INTO alert_rule_version (rule_org_id, rule_uid, rule_namespace_uid, rule_group,"
        " parent_version,"
        " restored_from, version, created, title, condition, data, interval_seconds, annotations, labels)"
        " VALUES (1, :uid, :folder, :group, :v - 1, 0, :v, :now, :title, 'A', :data, 60, '{}', '{}')",
        values,
    )
    connection.execute(
        "DELETE FROM alert_rule_version WHERE rule_uid = ? AND version <= ?",
        (uid, version - VERSIONS_TO_KEEP),
    )
    return version


def add_service_account(connection: sqlite3.Connection, name: str, role: str) -> int:
    """A user that is a service account, with its role in the org. Returns its id."""
    now = now_text()
    cursor = connection.execute(
        "INSERT INTO user (version, login, email, name, org_id, is_admin, created, updated,"
        " is_service_account)"
        " VALUES (0, ?, ?, ?, 1, 0, ?, ?, 1)",
        (f"sa-1-{name}", f"sa-1-{name}", name, now, now),
    )
    account = int(cursor.lastrowid or 0)
    connection.execute(
        "INSERT INTO org_user (org_id, user_id, role, created, updated) VALUES (1, ?, ?, ?, ?)",
        (account, role, now, now),
    )
    return account


def add_token(connection: sqlite3.Connection, account: int, name: str, hashed: str, role: str) -> int:
    """A token of a service account. Returns the id of the key. Raises sqlite3.IntegrityError if it exists."""
    now = now_text()
    cursor = connection.execute(
        "INSERT INTO api_key (org_id, name, key, role, created, updated, service_account_id)"
        " VALUES (1, ?, ?, ?, ?, ?, ?)",
        (name, hashed, role, now, now, account),
    )
    return int(cursor.lastrowid or 0)


def _save_resource(
    connection: sqlite3.Connection, kind: tuple[str, str], name: str, value: str | None, folder: str
) -> None:
    """The unified-storage side of a change; `value` None deletes."""
    group, resource = kind
    where = (_NAMESPACE, group, resource, name)
    connection.execute(
        'INSERT INTO resource_version ("group", resource, resource_version) VALUES (?, ?, 1)'
        ' ON CONFLICT ("group", resource) DO UPDATE SET resource_version = resource_version + 1',
        kind,
    )
    latest = connection.execute(
        'SELECT resource_version FROM resource_version WHERE "group" = ? AND resource = ?', kind
    ).fetchone()[0]
    was = connection.execute(
        'SELECT resource_version FROM resource WHERE namespace = ? AND "group" = ? AND resource = ? AND name = ?',
        where,
    ).fetchone()
    previous, action = (0, 1) if was is None else (was[0], 2 if value is not None else 3)
    connection.execute('DELETE FROM resource WHERE namespace = ? AND "group" = ? AND resource = ? AND name = ?', where)
    row = (str(uuid.uuid4()), latest, *where, value, action, previous, folder)
    values = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    columns = (
        '(guid, resource_version, namespace, "group", resource, name, value, action, previous_resource_version, folder)'
    )
    if value is not None:
        connection.execute(f"INSERT INTO resource {columns} VALUES {values}", row)  # noqa: S608 - constants
    connection.execute(f"INSERT INTO resource_history {columns} VALUES {values}", row)  # noqa: S608 - constants
    connection.execute(
        'DELETE FROM resource_history WHERE namespace = ? AND "group" = ? AND resource = ? AND name = ?'
        ' AND guid NOT IN (SELECT guid FROM resource_history WHERE namespace = ? AND "group" = ? AND'
        " resource = ?"
        " AND name = ? ORDER BY resource_version DESC LIMIT ?)",
        (*where, *where, VERSIONS_TO_KEEP),
    )
