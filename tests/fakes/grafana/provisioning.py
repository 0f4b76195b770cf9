"""Data sources and dashboards from files.

True of the real Grafana: `datasources/*.yml|yaml` is read at every start and decides over the database (rows
get `read_only` unless `editable: true`); a data source without `uid` gets `P` and the start of its name's
SHA-256; two defaults in one org, or a file that does not parse, end the start. `dashboards/*.yml|yaml` names
providers whose path is searched for JSON; a dashboard whose checksum is unchanged is left alone; one whose
file is gone is deleted unless `disableDeletion`; a broken JSON is logged and skipped. `$VAR` and `${VAR}`
stand for environment variables.
Source: Grafana documentation, "Provision Grafana"; grafana/grafana `pkg/services/provisioning`.
Not done: `deleteDatasources`, `prune`, alerting, plugins, polling for changes (POST the reload endpoints
instead).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from . import datasource_rows, stores, yaml_subset
from .database import CannotStart, Database
from .logs import log
from .settings import Settings


def provision(database: Database, settings: Settings) -> None:
    """Bring the database in line with the files. Raises CannotStart where Grafana would not start."""
    provision_datasources(database, settings)
    provision_dashboards(database, settings)


def provision_datasources(database: Database, settings: Settings) -> None:
    """Create or update each data source that the files name."""
    wanted = [
        item
        for document in _documents(settings.provisioning / "datasources")
        for item in document.get("datasources") or []
    ]
    if sum(1 for item in wanted if item.get("isDefault")) > 1:
        raise CannotStart(
            "Datasource provisioning error: datasource.yaml config is invalid."
            " Only one datasource per organization can be marked as default"
        )
    for item in wanted:
        if not item.get("name") or not item.get("type"):
            raise CannotStart(f"Datasource provisioning error: name and type are required: {item}")
        fields = {
            **item,
            "uid": str(item.get("uid") or uid_from_name(str(item["name"]))),
            "readOnly": not item.get("editable", False),
        }
        database.write(partial(_save_datasource, settings, fields))
        log(
            "provisioning.datasources",
            "info",
            "provisioned datasource",
            name=fields["name"],
            uid=fields["uid"],
        )


def provision_dashboards(database: Database, settings: Settings) -> None:
    """Save each dashboard of each provider that is new or changed, and delete those whose file is gone."""
    for document in _documents(settings.provisioning / "dashboards"):
        for provider in document.get("providers") or []:
            _provide(database, provider)


def uid_from_name(name: str) -> str:
    """The uid that Grafana gives a data source provisioned without one."""
    return "P" + hashlib.sha256(name.encode()).hexdigest()[:16].upper()


def _save_datasource(settings: Settings, fields: dict[str, Any], connection: sqlite3.Connection) -> None:
    row = connection.execute("SELECT uid FROM data_source WHERE org_id = 1 AND name = ?", (fields["name"],)).fetchone()
    if row is None:
        datasource_rows.insert(connection, settings.secret_key, fields)
    else:
        datasource_rows.update(connection, settings.secret_key, str(row[0]), fields)


def _provide(database: Database, provider: dict[str, Any]) -> None:
    name, options = str(provider.get("name") or "default"), provider.get("options") or {}
    folder = Path(str(options.get("path") or ""))
    found: set[str] = set()
    for file in sorted(folder.rglob("*.json")) if folder.is_dir() else []:
        try:
            model = json.loads(file.read_text(encoding="utf-8"))
            if not isinstance(model, dict) or not model.get("title"):
                raise ValueError("Dashboard title cannot be empty")
        except (ValueError, OSError) as error:
            log("provisioning.dashboard", "error", "failed to load dashboard from ", file=file, error=error)
            continue
        found.add(str(file))
        database.write(partial(_save, provider, name, file, model))
    if not provider.get("disableDeletion", False):
        database.write(lambda connection: _delete_missing(connection, name, found))


def _save(
    provider: dict[str, Any], name: str, file: Path, model: dict[str, Any], connection: sqlite3.Connection
) -> None:
    checksum = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
    query = "SELECT check_sum, dashboard_id FROM dashboard_provisioning WHERE name = ? AND external_id = ?"
    row = connection.execute(query, (name, str(file))).fetchone()
    if row is not None and row[0] == checksum:
        return
    model = {
        **model,
        "uid": str(model.get("uid") or hashlib.sha1(str(file).encode(), usedforsecurity=False).hexdigest()[:14]),
    }
    folder_uid, title = str(provider.get("folderUid") or ""), str(provider.get("folder") or "")
    if title:
        known = connection.execute("SELECT uid FROM folder WHERE org_id = 1 AND title = ?", (title,)).fetchone()
        folder_uid = str(known[0]) if known else folder_uid or "fld-" + stores.slug_of(title)
        if known is None:
            stores.save_folder(connection, folder_uid, title)
    dashboard_id, _ = stores.save_dashboard(connection, model, folder_uid=folder_uid)
    connection.execute(
        "DELETE FROM dashboard_provisioning WHERE dashboard_id = ? OR (name = ? AND external_id = ?)",
        (dashboard_id, name, str(file)),
    )
    connection.execute(
        "INSERT INTO dashboard_provisioning (dashboard_id, name, external_id, updated, check_sum) VALUES"
        " (?, ?, ?, 0, ?)",
        (dashboard_id, name, str(file), checksum),
    )
    log("provisioning.dashboard", "info", "saved dashboard", file=file, uid=model["uid"])


def _delete_missing(connection: sqlite3.Connection, name: str, found: set[str]) -> None:
    rows = connection.execute(
        "SELECT p.external_id, d.uid FROM dashboard_provisioning p JOIN dashboard d ON d.id = p.dashboard_id"
        " WHERE p.name = ?",
        (name,),
    ).fetchall()
    for external_id, uid in rows:
        if external_id not in found:
            stores.delete_dashboard(connection, uid)


def _documents(folder: Path) -> Iterator[dict[str, Any]]:
    for file in sorted([*folder.glob("*.yml"), *folder.glob("*.yaml")]):
        try:
            document = yaml_subset.load(file.read_text(encoding="utf-8"))
        except (yaml_subset.YamlError, ValueError) as error:
            raise CannotStart(f"{folder.name} provisioning error: {file}: {error}") from error
        if isinstance(document, dict):
            yield _expanded(document)


def _expanded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _expanded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_expanded(item) for item in value]
    if isinstance(value, str):
        text = re.sub(r"\$\{(\w+)\}|\$(\w+)", lambda m: os.environ.get(m[1] or m[2], ""), value.replace("$$", "\0"))
        return text.replace("\0", "$")
    return value
