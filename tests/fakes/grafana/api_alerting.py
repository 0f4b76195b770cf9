"""Alert rules, contact points, policies, mute timings and templates: the provisioning API, reading only.

True of the real Grafana: rules are in `alert_rule`, all the rest in one JSON of `alert_configuration`;
exports come as YAML unless `format=json` or the Accept header says otherwise; no rules at all export as 404;
secrets of contact points are shown as "[REDACTED]". Templates have no export.
Source: Grafana documentation, "Alerting Provisioning HTTP API"; grafana/grafana
`pkg/services/ngalert/api/api_provisioning.go`, `tooling/definitions/provisioning_*.go`.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from . import yaml_subset
from .app import App
from .replies import Problem, Reply, Request, as_json


def read(app: App, request: Request) -> Reply:
    """GET /api/v1/provisioning/{alert-rules,contact-points,policies,mute-timings,templates}."""
    with app.database.reading() as connection:
        what = request.parts[0]
        if what == "alert-rules":
            return as_json([_rule(row) for row in _rules(connection)])
        configuration = _configuration(connection)
    manager = configuration["alertmanager_config"]
    if what == "contact-points":
        return as_json([_contact_point(receiver) for receiver in _receivers(manager)])
    if what == "policies":
        return as_json(manager["route"])
    if what == "mute-timings":
        return as_json([{**timing, "provenance": ""} for timing in manager.get("mute_time_intervals", [])])
    templates = configuration.get("template_files") or {}
    return as_json([{"name": name, "template": text, "provenance": ""} for name, text in templates.items()])


def rule(app: App, request: Request) -> Reply:
    """GET /api/v1/provisioning/alert-rules/:uid."""
    with app.database.reading() as connection:
        found = next((row for row in _rules(connection) if row["uid"] == request.parts[0]), None)
    if found is None:
        return Reply(404, b"")
    return as_json(_rule(found))


def export(app: App, request: Request) -> Reply:
    """GET /api/v1/provisioning/{alert-rules,contact-points,policies,mute-timings}/export."""
    with app.database.reading() as connection:
        document = _export(connection, request.parts[0])
    default = "json" if "json" in request.headers.get("accept", "") else "yaml"
    wanted = request.one("format", default)
    if wanted == "json":
        return as_json(document)
    if wanted != "yaml":
        raise Problem(400, f"the stand-in does not export as {wanted}")
    return Reply(200, yaml_subset.dump(document).encode(), "application/yaml")


def _export(connection: sqlite3.Connection, what: str) -> dict[str, Any]:
    if what == "alert-rules":
        rules = _rules(connection)
        if not rules:
            raise Problem(404, "no alert rules found")
        titles = dict(connection.execute("SELECT uid, title FROM folder").fetchall())
        return {"apiVersion": 1, "groups": _groups(rules, titles)}
    manager = _configuration(connection)["alertmanager_config"]
    if what == "contact-points":
        points: dict[str, list[dict[str, Any]]] = {}
        for point in map(_contact_point, _receivers(manager)):
            name = point.pop("name")
            points.setdefault(name, []).append({k: v for k, v in point.items() if k != "provenance"})
        listed = [{"orgId": 1, "name": name, "receivers": receivers} for name, receivers in points.items()]
        return {"apiVersion": 1, "contactPoints": listed}
    if what == "policies":
        return {"apiVersion": 1, "policies": [{"orgId": 1, **manager["route"]}]}
    return {"apiVersion": 1, "muteTimes": [{"orgId": 1, **t} for t in manager.get("mute_time_intervals", [])]}


def _groups(rules: list[sqlite3.Row], titles: dict[str, str]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rules:
        key = (row["namespace_uid"], row["rule_group"])
        group = groups.setdefault(
            key,
            {
                "orgId": 1,
                "name": key[1],
                "folder": titles.get(key[0], ""),
                "interval": f"{row['interval_seconds']}s",
                "rules": [],
            },
        )
        full = _rule(row)
        names = [
            "uid",
            "title",
            "condition",
            "data",
            "noDataState",
            "execErrState",
            "for",
            "annotations",
            "labels",
            "isPaused",
        ]
        group["rules"].append({name: full[name] for name in names})
    return list(groups.values())


def _rules(connection: sqlite3.Connection) -> list[sqlite3.Row]:
    query = "SELECT * FROM alert_rule WHERE org_id = 1 ORDER BY namespace_uid, rule_group, rule_group_idx, id"
    return connection.execute(query).fetchall()


def _rule(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"], "uid": row["uid"], "orgID": row["org_id"], "folderUID": row["namespace_uid"],
        "ruleGroup": row["rule_group"], "title": row["title"], "condition": row["condition"],
        "data": json.loads(row["data"]), "updated": row["updated"].replace(" ", "T") + "Z",
        "noDataState": row["no_data_state"], "execErrState": row["exec_err_state"],
        "for": f"{row['for'] // 10**9}s", "annotations": json.loads(row["annotations"] or "{}"),
        "labels": json.loads(row["labels"] or "{}"), "isPaused": bool(row["is_paused"]), "provenance": "",
    }  # fmt: skip


def _configuration(connection: sqlite3.Connection) -> dict[str, Any]:
    query = "SELECT alertmanager_configuration FROM alert_configuration WHERE org_id = 1"
    row = connection.execute(query).fetchone()
    if row is None:
        raise Problem(404, "could not find an Alertmanager configuration")
    configuration: dict[str, Any] = json.loads(row[0])
    return configuration


def _receivers(manager: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {**config, "name": receiver["name"]}
        for receiver in manager.get("receivers", [])
        for config in receiver.get("grafana_managed_receiver_configs", [])
    ]


def _contact_point(config: dict[str, Any]) -> dict[str, Any]:
    hidden = dict.fromkeys(config.get("secureSettings") or {}, "[REDACTED]")
    return {
        "uid": config["uid"], "name": config["name"], "type": config["type"],
        "settings": {**config["settings"], **hidden},
        "disableResolveMessage": config["disableResolveMessage"], "provenance": "",
    }  # fmt: skip
