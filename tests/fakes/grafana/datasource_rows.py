"""Rows of `data_source`, between the API's words and the table's.

True of the real Grafana: secrets never leave the server, `secureJsonFields` only says which are set; a
changed row gets the next `version`; only one data source of an org is the default.
Source: Grafana documentation, "Data source HTTP API"; grafana/grafana `pkg/services/datasources`.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from . import sealing
from .logs import now_text

#: (name in JSON, column, value if absent)
_FIELDS: tuple[tuple[str, str, object], ...] = (
    ("name", "name", ""),
    ("type", "type", ""),
    ("access", "access", "proxy"),
    ("url", "url", ""),
    ("user", "user", ""),
    ("database", "database", ""),
    ("basicAuth", "basic_auth", False),
    ("basicAuthUser", "basic_auth_user", ""),
    ("withCredentials", "with_credentials", False),
    ("isDefault", "is_default", False),
    ("readOnly", "read_only", False),
)


def insert(connection: sqlite3.Connection, secret_key: str, fields: dict[str, Any]) -> None:
    """Add the data source `fields["uid"]`. Raises sqlite3.IntegrityError if name or uid is taken."""
    now, values = now_text(), _values(fields)
    sealed = sealing.encrypt_fields(connection, secret_key, fields.get("secureJsonData") or {}, now)
    _only_default(connection, values)
    connection.execute(
        "INSERT INTO data_source (org_id, version, uid, created, updated, json_data, secure_json_data,"
        " name, type,"
        " access, url, user, database, basic_auth, basic_auth_user, with_credentials, is_default, read_only)"
        " VALUES (1, 1, :uid, :now, :now, :json_data, :secure, :name, :type, :access, :url, :user, :database,"
        " :basic_auth, :basic_auth_user, :with_credentials, :is_default, :read_only)",
        {**values, "uid": fields["uid"], "now": now, "secure": sealed},
    )
    _mirror_secret(connection, str(values["name"]), sealed, now)


def update(connection: sqlite3.Connection, secret_key: str, uid: str, fields: dict[str, Any]) -> None:
    """Change the data source `uid`; secrets not named in `secureJsonData` stay as they are."""
    now, values = now_text(), _values(fields)
    old = connection.execute("SELECT secure_json_data FROM data_source WHERE org_id = 1 AND uid = ?", (uid,)).fetchone()
    added = sealing.encrypt_fields(connection, secret_key, fields.get("secureJsonData") or {}, now)
    sealed = json.dumps({**json.loads(old[0] or "{}"), **json.loads(added)})
    _only_default(connection, values)
    connection.execute(
        "UPDATE data_source SET version = version + 1, uid = :new_uid, updated = :now, json_data ="
        " :json_data,"
        " secure_json_data = :secure, name = :name, type = :type, access = :access, url = :url, user = :user,"
        " database = :database, basic_auth = :basic_auth, basic_auth_user = :basic_auth_user,"
        " with_credentials = :with_credentials, is_default = :is_default, read_only = :read_only"
        " WHERE org_id = 1 AND uid = :uid",
        {**values, "uid": uid, "new_uid": fields.get("uid") or uid, "now": now, "secure": sealed},
    )
    _mirror_secret(connection, str(values["name"]), sealed, now)


def delete(connection: sqlite3.Connection, uid: str) -> None:
    """Remove the data source and its secret."""
    connection.execute(
        "DELETE FROM secrets WHERE type = 'datasource' AND namespace IN (SELECT name FROM data_source WHERE uid = ?)",
        (uid,),
    )
    connection.execute("DELETE FROM data_source WHERE org_id = 1 AND uid = ?", (uid,))


def as_json(row: sqlite3.Row, *, in_list: bool = False) -> dict[str, Any]:
    """The documented shape of one data source, or of one entry in the list of all."""
    kind = str(row["type"])
    shared = {
        "id": row["id"],
        "uid": row["uid"],
        "orgId": row["org_id"],
        "name": row["name"],
        "type": kind,
        "typeLogoUrl": f"public/app/plugins/datasource/{kind}/img/{kind}_logo.svg" if in_list else "",
        "access": row["access"],
        "url": row["url"],
        "user": row["user"] or "",
        "database": row["database"] or "",
        "basicAuth": bool(row["basic_auth"]),
    }
    end = {
        "isDefault": bool(row["is_default"]),
        "jsonData": json.loads(row["json_data"] or "{}"),
        "readOnly": bool(row["read_only"]),
    }
    if in_list:
        return {**shared, "typeName": kind.capitalize(), **end}
    return {
        **shared,
        "basicAuthUser": row["basic_auth_user"] or "",
        "withCredentials": bool(row["with_credentials"]),
        "secureJsonFields": dict.fromkeys(json.loads(row["secure_json_data"] or "{}"), True),
        "version": row["version"],
        **end,
    }


def _values(fields: dict[str, Any]) -> dict[str, object]:
    values = {column: fields[name] if fields.get(name) is not None else absent for name, column, absent in _FIELDS}
    values["json_data"] = json.dumps(fields.get("jsonData") or {})
    return values


def _only_default(connection: sqlite3.Connection, values: dict[str, object]) -> None:
    if values["is_default"]:
        connection.execute("UPDATE data_source SET is_default = 0 WHERE org_id = 1 AND is_default = 1")


def _mirror_secret(connection: sqlite3.Connection, name: str, sealed: str, now: str) -> None:
    """Grafana 9 and newer keep the same secret in `secrets` too."""
    connection.execute(
        "INSERT INTO secrets (org_id, namespace, type, value, created, updated) VALUES (1, ?,"
        " 'datasource', ?, ?, ?)"
        " ON CONFLICT (org_id, namespace, type) DO UPDATE SET value = excluded.value, updated ="
        " excluded.updated",
        (name, sealed, now, now),
    )
