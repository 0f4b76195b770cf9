"""What a Grafana has at its first start, the objects that the stand-in writes to, and filler of a wished
size.

True of the real Grafana: the first start makes the org "Main Org." and one server admin, whose password comes
from `GF_SECURITY_ADMIN_PASSWORD` then and never again (PBKDF2-SHA256, 10,000 rounds, 50 bytes, hex); the
default contact point is "grafana-default-email". Token secrets are stored hashed.
Source: grafana/grafana `pkg/services/sqlstore/sqlstore.go` (ensureMainOrgAndAdminUser),
`pkg/util/encoding.go`, `[unified_alerting] default Alertmanager configuration` in
`pkg/setting/setting_unified_alerting.go`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sqlite3

from . import sealing, stores
from .logs import now_text
from .settings import Settings

LIVE_FOLDER = "standin-live"
LIVE_RULE = "standin-live-rule"
_FILLER_TEXT = 8 * 1024
_FILLER_DASHBOARD = 64 * 1024
_VERSIONS_OF_FILLER = 8


def first_start(connection: sqlite3.Connection, settings: Settings) -> None:
    """The org, the admin, a data key, an Alertmanager configuration and what the writer changes."""
    now = now_text()
    connection.execute(
        "INSERT INTO org (id, version, name, created, updated) VALUES (1, 0, 'Main Org.', ?, ?)", (now, now)
    )
    salt, login = os.urandom(5).hex(), settings.admin_user
    connection.execute(
        "INSERT INTO user (id, version, login, email, name, password, salt, rands, company, org_id, is_admin,"
        " email_verified, theme, created, updated, last_seen_at, uid)"
        " VALUES (1, 0, ?, ?, '', ?, ?, ?, '', 1, 1, 0, '', ?, ?, ?, 'standinadmin')",
        (
            login,
            f"{login}@localhost",
            password_hash(settings.admin_password, salt),
            salt,
            salt,
            now,
            now,
            now,
        ),
    )
    connection.execute(
        "INSERT INTO org_user (org_id, user_id, role, created, updated) VALUES (1, 1, 'Admin', ?, ?)",
        (now, now),
    )
    sealed = sealing.encrypt_fields(connection, settings.secret_key, {"standin": "first start"}, now)
    connection.execute(
        "INSERT INTO secrets (org_id, namespace, type, value, created, updated)"
        " VALUES (1, 'standin', 'canary', ?, ?, ?)",
        (sealed, now, now),
    )
    stores.set_key(connection, "standin", "secret_key_fingerprint", sealing.fingerprint(settings.secret_key))
    _alerting(connection, now)
    _live_objects(connection, settings.live_dashboards, now)
    small = {"version": 0, "home_dashboard_id": 0}
    connection.execute(
        "INSERT INTO preferences (org_id, user_id, version, home_dashboard_id, timezone, theme, created,"
        " updated,"
        " team_id, json_data) VALUES (1, 0, :version, :home_dashboard_id, 'browser', '', :now, :now, 0,"
        " '{}')",
        {**small, "now": now},
    )
    connection.execute(
        "INSERT INTO team (name, org_id, created, updated, uid) VALUES ('ops', 1, ?, ?, 'ops')", (now, now)
    )
    connection.execute("INSERT INTO playlist (name, interval, org_id, uid) VALUES ('wall', '5m', 1, 'wall')")
    connection.execute("INSERT INTO star (user_id, dashboard_id, org_id, updated) VALUES (1, 1, 1, ?)", (now,))


def password_hash(password: str, salt: str) -> str:
    """What Grafana keeps of a password."""
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), 10000, 50).hex()


def ensure_token(connection: sqlite3.Connection, token: str, role: str, name: str = "standin") -> int:
    """Make a service account that `token` opens, unless there is one, and return the id of the key."""
    row = connection.execute("SELECT id FROM api_key WHERE key = ?", (token_hash(token),)).fetchone()
    if row is not None:
        return int(row[0])
    account = stores.add_service_account(connection, f"{name}-{token_hash(token)[:6]}", role)
    return stores.add_token(connection, account, f"{name}-{token_hash(token)[:6]}", token_hash(token), role)


def token_hash(token: str) -> str:
    """What is kept of a service-account token."""
    return hashlib.sha256(token.encode()).hexdigest()


def grow(connection: sqlite3.Connection, target_mb: int) -> None:
    """Add annotations and dashboards that hardly compress until the file has about `target_mb` MB."""
    page_size = int(connection.execute("PRAGMA page_size").fetchone()[0])
    number = 0
    while connection.execute("PRAGMA page_count").fetchone()[0] * page_size < target_mb * 1_000_000:
        number += 1
        for value in range(1, 21):
            stores.add_annotation_pair(connection, value, _noise(_FILLER_TEXT), kind="filler")
        uid = f"standin-filler-{number}"
        for version in range(_VERSIONS_OF_FILLER):
            model = {
                "uid": uid,
                "title": f"Filler {number}",
                "tags": ["filler"],
                "panels": [],
                "version": version,
            }
            model["noise"] = _noise(_FILLER_DASHBOARD)
            stores.save_dashboard(connection, model, message="filler")


def _noise(size: int) -> str:
    return base64.b64encode(os.urandom(size * 3 // 4)).decode()


def _live_objects(connection: sqlite3.Connection, dashboards: int, now: str) -> None:
    stores.save_folder(connection, LIVE_FOLDER, "Stand-in live")
    for number in range(1, dashboards + 1):
        model = {
            "uid": f"standin-live-{number}",
            "title": f"Live {number}",
            "tags": ["standin"],
            "panels": [],
        }
        stores.save_dashboard(connection, model, folder_uid=LIVE_FOLDER, message="first version")
    for number in range(1, 4):
        token = os.urandom(16).hex()
        connection.execute(
            "INSERT INTO user_auth_token (id, user_id, auth_token, prev_auth_token, user_agent, client_ip,"
            " auth_token_seen, rotated_at, created_at, updated_at)"
            " VALUES (?, 1, ?, ?, 'stand-in', '127.0.0.1', 1, 0, 0, 0)",
            (number, token, os.urandom(16).hex()),
        )
        stores.set_key(connection, "standin", f"rotation.{number}", token)
    query = {"refId": "A", "expr": "up == 0", "instant": True}
    data = [
        {
            "refId": "A",
            "relativeTimeRange": {"from": 600, "to": 0},
            "datasourceUid": "prometheus",
            "model": query,
        }
    ]
    stores.save_alert_rule(
        connection,
        uid=LIVE_RULE,
        title="Target down",
        folder_uid=LIVE_FOLDER,
        group="live",
        data=json.dumps(data),
    )
    for number in range(1, 4):
        connection.execute(
            "INSERT INTO alert_instance (rule_org_id, rule_uid, labels, labels_hash, current_state,"
            " current_state_since, last_eval_time) VALUES (1, ?, ?, ?, 'Normal', 0, 0)",
            (LIVE_RULE, json.dumps([["instance", f"host-{number}"]]), f"hash-{number}"),
        )
    for kind in ("dashboard", "annotation", "rotation", "alert", "total"):
        stores.set_key(connection, "standin", f"writes.{kind}", "0")


def _alerting(connection: sqlite3.Connection, now: str) -> None:
    email = {
        "uid": "standin-email", "name": "email receiver", "type": "email", "disableResolveMessage": False,
        "settings": {"addresses": "<example@email.com>"}, "secureSettings": {},
    }  # fmt: skip
    configuration = {
        "template_files": {"standin": '{{ define "standin" }}{{ len .Alerts }} alerts{{ end }}'},
        "alertmanager_config": {
            "route": {"receiver": "grafana-default-email", "group_by": ["grafana_folder", "alertname"]},
            "mute_time_intervals": [{"name": "weekends", "time_intervals": [{"weekdays": ["saturday", "sunday"]}]}],
            "receivers": [{"name": "grafana-default-email", "grafana_managed_receiver_configs": [email]}],
        },
    }
    text = json.dumps(configuration)
    connection.execute(
        "INSERT INTO alert_configuration (alertmanager_configuration, configuration_version, created_at,"
        " \"default\", org_id, configuration_hash) VALUES (?, 'v1', 0, 1, 1, ?)",
        (text, hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()),
    )
    for key in ("notifications", "silences"):
        stores.set_key(connection, "alertmanager", key, "", org_id=1)
