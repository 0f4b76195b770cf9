"""Tables of grafana.db, by their real names and with their main real columns.

True of the real Grafana: it keeps users, dashboards and every version of them, data sources, alert rules, the
Alertmanager configuration, sessions and (since 12) unified storage (`resource*`) in one SQLite file.
Source: the migrations under `pkg/services/sqlstore/migrations/` and
`pkg/storage/unified/sql/db/migrations/resource_mig.go` of grafana/grafana. Tables no one asks about are left
out.
"""

from __future__ import annotations

import re
import sqlite3

#: Column lists as SQLite sees them. `id` is the usual autoincrementing key.
_ID = "id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL"
_TIMES = "created DATETIME NOT NULL, updated DATETIME NOT NULL"

TABLES: dict[str, str] = {
    "migration_log": f"{_ID}, migration_id TEXT NOT NULL, sql TEXT NOT NULL, success INTEGER NOT NULL,"
    " error TEXT NOT NULL, timestamp DATETIME NOT NULL",
    "org": f"{_ID}, version INTEGER NOT NULL, name TEXT NOT NULL, address1 TEXT, address2 TEXT, city TEXT,"
    f" state TEXT, zip_code TEXT, country TEXT, billing_email TEXT, {_TIMES}",
    "user": f"{_ID}, version INTEGER NOT NULL, login TEXT NOT NULL, email TEXT NOT NULL, name TEXT,"
    f" password TEXT,"
    " salt TEXT, rands TEXT, company TEXT, org_id INTEGER NOT NULL, is_admin INTEGER NOT NULL,"
    f" email_verified INTEGER, theme TEXT, {_TIMES}, help_flags1 INTEGER NOT NULL DEFAULT 0,"
    " last_seen_at DATETIME, is_disabled INTEGER NOT NULL DEFAULT 0,"
    " is_service_account BOOLEAN DEFAULT 0, uid TEXT",
    "org_user": f"{_ID}, org_id INTEGER NOT NULL, user_id INTEGER NOT NULL, role TEXT NOT NULL, {_TIMES}",
    "dashboard": f"{_ID}, version INTEGER NOT NULL, slug TEXT NOT NULL, title TEXT NOT NULL, data TEXT"
    f" NOT NULL,"
    f" org_id INTEGER NOT NULL, {_TIMES}, updated_by INTEGER, created_by INTEGER, gnet_id INTEGER,"
    f" plugin_id TEXT,"
    " folder_id INTEGER NOT NULL DEFAULT 0, is_folder INTEGER NOT NULL DEFAULT 0,"
    " has_acl INTEGER NOT NULL DEFAULT 0, uid TEXT, is_public INTEGER NOT NULL DEFAULT 0, deleted DATETIME,"
    " api_version TEXT, folder_uid TEXT",
    "dashboard_version": f"{_ID}, dashboard_id INTEGER NOT NULL, parent_version INTEGER NOT NULL,"
    " restored_from INTEGER NOT NULL, version INTEGER NOT NULL, created DATETIME NOT NULL,"
    " created_by INTEGER NOT NULL, message TEXT NOT NULL, data TEXT NOT NULL, api_version TEXT",
    "dashboard_tag": f"{_ID}, dashboard_id INTEGER NOT NULL, term TEXT NOT NULL, dashboard_uid TEXT, org_id INTEGER",
    "dashboard_provisioning": f"{_ID}, dashboard_id INTEGER, name TEXT NOT NULL, external_id TEXT NOT NULL,"
    " updated INTEGER NOT NULL DEFAULT 0, check_sum TEXT",
    "folder": f"{_ID}, uid TEXT NOT NULL, org_id INTEGER NOT NULL, title TEXT NOT NULL, description TEXT,"
    f" parent_uid TEXT, {_TIMES}, lft INTEGER NOT NULL DEFAULT 0, rgt INTEGER NOT NULL DEFAULT 0",
    "data_source": f"{_ID}, org_id INTEGER NOT NULL, version INTEGER NOT NULL, type TEXT NOT NULL,"
    " name TEXT NOT NULL, access TEXT NOT NULL, url TEXT NOT NULL, password TEXT, user TEXT, database TEXT,"
    " basic_auth INTEGER NOT NULL, basic_auth_user TEXT, basic_auth_password TEXT, is_default INTEGER NOT"
    " NULL,"
    f" json_data TEXT, {_TIMES}, with_credentials INTEGER NOT NULL DEFAULT 0, secure_json_data TEXT,"
    " read_only INTEGER, uid TEXT NOT NULL DEFAULT 0, is_prunable BOOLEAN DEFAULT 0, api_version TEXT",
    "data_keys": "name TEXT PRIMARY KEY NOT NULL, active INTEGER NOT NULL, scope TEXT NOT NULL,"
    f" provider TEXT NOT NULL, encrypted_data BLOB NOT NULL, {_TIMES}, label TEXT NOT NULL DEFAULT ''",
    "secrets": f"{_ID}, org_id INTEGER NOT NULL, namespace TEXT NOT NULL, type TEXT NOT NULL, value TEXT, {_TIMES}",
    "alert_rule": f"{_ID}, org_id INTEGER NOT NULL, title TEXT NOT NULL, condition TEXT NOT NULL, data"
    f" TEXT NOT NULL,"
    " updated DATETIME NOT NULL, interval_seconds INTEGER NOT NULL DEFAULT 60, version INTEGER NOT NULL"
    " DEFAULT 0,"
    " uid TEXT NOT NULL DEFAULT 0, namespace_uid TEXT NOT NULL, rule_group TEXT NOT NULL,"
    " no_data_state TEXT NOT NULL DEFAULT 'NoData', exec_err_state TEXT NOT NULL DEFAULT 'Alerting',"
    ' "for" INTEGER NOT NULL DEFAULT 0, annotations TEXT, labels TEXT, dashboard_uid TEXT, panel_id INTEGER,'
    " rule_group_idx INTEGER NOT NULL DEFAULT 1, is_paused INTEGER NOT NULL DEFAULT 0",
    "alert_rule_version": f"{_ID}, rule_org_id INTEGER NOT NULL, rule_uid TEXT NOT NULL DEFAULT 0,"
    " rule_namespace_uid TEXT NOT NULL, rule_group TEXT NOT NULL, parent_version INTEGER NOT NULL,"
    " restored_from INTEGER NOT NULL, version INTEGER NOT NULL, created DATETIME NOT NULL, title TEXT NOT"
    " NULL,"
    " condition TEXT NOT NULL, data TEXT NOT NULL, interval_seconds INTEGER NOT NULL,"
    " no_data_state TEXT NOT NULL DEFAULT 'NoData', exec_err_state TEXT NOT NULL DEFAULT 'Alerting',"
    ' "for" INTEGER NOT NULL DEFAULT 0, annotations TEXT, labels TEXT,'
    " rule_group_idx INTEGER NOT NULL DEFAULT 1, is_paused INTEGER NOT NULL DEFAULT 0",
    "alert_configuration": f"{_ID}, alertmanager_configuration TEXT NOT NULL, configuration_version TEXT"
    f" NOT NULL,"
    ' created_at INTEGER NOT NULL, "default" INTEGER NOT NULL DEFAULT 0, org_id INTEGER NOT NULL DEFAULT 0,'
    " configuration_hash TEXT NOT NULL DEFAULT 'not-yet-calculated'",
    "alert_instance": "rule_org_id INTEGER NOT NULL, rule_uid TEXT NOT NULL DEFAULT 0, labels TEXT NOT NULL,"
    " labels_hash TEXT NOT NULL, current_state TEXT NOT NULL, current_state_since INTEGER NOT NULL,"
    " last_eval_time INTEGER NOT NULL, current_state_end INTEGER NOT NULL DEFAULT 0, current_reason TEXT,"
    " result_fingerprint TEXT, PRIMARY KEY (rule_org_id, rule_uid, labels_hash)",
    "kv_store": f"{_ID}, org_id INTEGER NOT NULL, namespace TEXT NOT NULL, key TEXT NOT NULL,"
    f" value TEXT NOT NULL, {_TIMES}",
    "annotation": f"{_ID}, org_id INTEGER NOT NULL, alert_id INTEGER, user_id INTEGER, dashboard_id INTEGER,"
    " panel_id INTEGER, category_id INTEGER, type TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL,"
    " metric TEXT, prev_state TEXT NOT NULL, new_state TEXT NOT NULL, data TEXT NOT NULL, epoch INTEGER"
    " NOT NULL,"
    " region_id INTEGER DEFAULT 0, tags TEXT, created INTEGER DEFAULT 0, updated INTEGER DEFAULT 0,"
    " epoch_end INTEGER NOT NULL DEFAULT 0, dashboard_uid TEXT",
    "annotation_tag": f"{_ID}, annotation_id INTEGER NOT NULL, tag_id INTEGER NOT NULL",
    "tag": f"{_ID}, key TEXT NOT NULL, value TEXT NOT NULL",
    "api_key": f"{_ID}, org_id INTEGER NOT NULL, name TEXT NOT NULL, key TEXT NOT NULL, role TEXT NOT NULL,"
    f" {_TIMES}, expires INTEGER, service_account_id INTEGER, last_used_at DATETIME, is_revoked INTEGER"
    f" DEFAULT 0",
    "team": f"{_ID}, name TEXT NOT NULL, org_id INTEGER NOT NULL, {_TIMES}, uid TEXT, email TEXT",
    "team_member": f"{_ID}, org_id INTEGER NOT NULL, team_id INTEGER NOT NULL, user_id INTEGER NOT NULL, {_TIMES}",
    "playlist": f"{_ID}, name TEXT NOT NULL, interval TEXT NOT NULL, org_id INTEGER NOT NULL,"
    " created_at INTEGER NOT NULL DEFAULT 0, updated_at INTEGER NOT NULL DEFAULT 0, uid TEXT NOT NULL"
    " DEFAULT 0",
    "playlist_item": f"{_ID}, playlist_id INTEGER NOT NULL, type TEXT NOT NULL, value TEXT NOT NULL,"
    ' title TEXT NOT NULL, "order" INTEGER NOT NULL',
    "preferences": f"{_ID}, org_id INTEGER NOT NULL, user_id INTEGER NOT NULL, version INTEGER NOT NULL,"
    f" home_dashboard_id INTEGER NOT NULL, timezone TEXT NOT NULL, theme TEXT NOT NULL, {_TIMES},"
    " team_id INTEGER, week_start TEXT, json_data TEXT, home_dashboard_uid TEXT",
    "star": f"{_ID}, user_id INTEGER NOT NULL, dashboard_id INTEGER NOT NULL, dashboard_uid TEXT, org_id"
    f" INTEGER,"
    " updated DATETIME",
    "user_auth_token": f"{_ID}, user_id INTEGER NOT NULL, auth_token TEXT NOT NULL, prev_auth_token TEXT"
    f" NOT NULL,"
    " user_agent TEXT NOT NULL, client_ip TEXT NOT NULL, auth_token_seen INTEGER NOT NULL, seen_at INTEGER,"
    " rotated_at INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, revoked_at"
    " INTEGER,"
    " external_session_id INTEGER",
    "resource": 'guid TEXT PRIMARY KEY NOT NULL, resource_version INTEGER, "group" TEXT NOT NULL,'
    " resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, value TEXT, action INTEGER NOT"
    " NULL,"
    " label_set TEXT, previous_resource_version INTEGER, folder TEXT NOT NULL DEFAULT ''",
    "resource_history": 'guid TEXT PRIMARY KEY NOT NULL, resource_version INTEGER, "group" TEXT NOT NULL,'
    " resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, value TEXT, action INTEGER NOT"
    " NULL,"
    " label_set TEXT, previous_resource_version INTEGER, folder TEXT NOT NULL DEFAULT '',"
    " generation INTEGER NOT NULL DEFAULT 0",
    "resource_version": '"group" TEXT NOT NULL, resource TEXT NOT NULL, resource_version INTEGER NOT NULL,'
    ' PRIMARY KEY ("group", resource)',
    "resource_blob": 'uuid TEXT PRIMARY KEY NOT NULL, created DATETIME NOT NULL, "group" TEXT NOT NULL,'
    " resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL,"
    " hash TEXT NOT NULL, content_type TEXT NOT NULL",
}

#: (table, columns, unique), named like the real ones: UQE_<table>_<columns> or IDX_<table>_<columns>.
INDEXES: tuple[tuple[str, str, bool], ...] = (
    ("org", "name", True),
    ("user", "login", True),
    ("user", "email", True),
    ("org_user", "org_id, user_id", True),
    ("dashboard", "org_id", False),
    ("dashboard", "org_id, uid", True),
    ("dashboard_version", "dashboard_id", False),
    ("dashboard_version", "dashboard_id, version", True),
    ("dashboard_tag", "dashboard_id", False),
    ("dashboard_provisioning", "dashboard_id", False),
    ("folder", "uid, org_id", True),
    ("folder", "title, parent_uid, org_id", True),
    ("data_source", "org_id, name", True),
    ("data_source", "org_id, uid", True),
    ("secrets", "org_id, namespace, type", True),
    ("alert_rule", "org_id, uid", True),
    ("alert_rule_version", "rule_org_id, rule_uid, version", True),
    ("alert_configuration", "org_id", True),
    ("kv_store", "org_id, namespace, key", True),
    ("annotation", "org_id, type", False),
    ("annotation", "org_id, epoch_end, epoch", False),
    ("annotation", "org_id, dashboard_id, epoch_end, epoch", False),
    ("api_key", "key", True),
    ("api_key", "org_id, name", True),
    ("user_auth_token", "auth_token", True),
    ("user_auth_token", "prev_auth_token", True),
    ("resource", 'namespace, "group", resource, name', True),
    ("resource_history", 'namespace, "group", resource, name, resource_version', True),
    ("resource_history", "resource_version", False),
)


def create(connection: sqlite3.Connection, now: str) -> None:
    """Create all tables and indexes, and log each in `migration_log` as Grafana's migrator does."""
    for table, columns in TABLES.items():
        _migrate(connection, f"create {table} table", f'CREATE TABLE "{table}" ({columns})', now)
    for table, columns, unique in INDEXES:
        suffix = re.sub(r"\W+", "_", columns).strip("_")
        name = f"{'UQE' if unique else 'IDX'}_{table}_{suffix}"
        kind = "UNIQUE INDEX" if unique else "INDEX"
        _migrate(connection, f"add {name}", f'CREATE {kind} "{name}" ON "{table}" ({columns})', now)


def _migrate(connection: sqlite3.Connection, name: str, sql: str, now: str) -> None:
    connection.execute(sql)
    connection.execute(
        "INSERT INTO migration_log (migration_id, sql, success, error, timestamp) VALUES (?, ?, 1, '', ?)",
        (name, sql, now),
    )
