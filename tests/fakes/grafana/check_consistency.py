"""Check that a grafana.db written by the stand-in is of one moment: `python3 check_consistency.py
grafana.db`.

Exit 0: SQLite finds no damage and every invariant holds. Exit 1: each breach is a line on stdout. The file is
opened read-only; a `-wal` or `-journal` beside it is taken into account as SQLite does. The real Grafana
keeps the invariants on `dashboard_version`, `alert_rule_version` and `resource*` too; the pairs of
annotations, the rotation keys and the write counters are the stand-in's own.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

#: What must hold, and a query that finds the rows for which it does not.
INVARIANTS: dict[str, str] = {
    "dashboard.version is the highest version in dashboard_version, with the same data": """
        SELECT d.uid, d.version, max(v.version) FROM dashboard d
        LEFT JOIN dashboard_version v ON v.dashboard_id = d.id GROUP BY d.id
        HAVING max(v.version) IS NOT d.version OR d.data IS NOT
          (SELECT data FROM dashboard_version w WHERE w.dashboard_id = d.id AND w.version = d.version)
    """,
    "every dashboard_version belongs to a dashboard, and none is missing in between": """
        SELECT v.dashboard_id, count(*), max(v.version) FROM dashboard_version v
        LEFT JOIN dashboard d ON d.id = v.dashboard_id GROUP BY v.dashboard_id
        HAVING d.id IS NULL OR count(*) <> max(v.version) - min(v.version) + 1
    """,
    "annotations come in pairs that sum to zero": """
        SELECT region_id, count(*), sum(json_extract(data, '$.value')) FROM annotation GROUP BY region_id
        HAVING count(*) <> 2 OR sum(json_extract(data, '$.value')) <> 0
    """,
    "user_auth_token and the rotation key in kv_store hold the same token": """
        SELECT t.id FROM user_auth_token t
        LEFT JOIN kv_store k ON k.namespace = 'standin' AND k.key = 'rotation.' || t.id
        WHERE k.value IS NOT t.auth_token OR t.prev_auth_token = t.auth_token
    """,
    "alert_rule.version is the highest version in alert_rule_version": """
        SELECT r.uid, r.version, max(v.version) FROM alert_rule r
        LEFT JOIN alert_rule_version v ON v.rule_uid = r.uid GROUP BY r.uid HAVING max(v.version) IS NOT r.version
    """,
    "all instances of an alert rule were evaluated together": """
        SELECT rule_uid, min(last_eval_time), max(last_eval_time) FROM alert_instance GROUP BY rule_uid
        HAVING min(last_eval_time) <> max(last_eval_time)
    """,
    "the notification log and the silences are of one moment": """
        SELECT count(*) FROM kv_store WHERE namespace = 'alertmanager' AND key IN ('notifications', 'silences')
        GROUP BY namespace HAVING count(DISTINCT substr(value, 1, instr(value, ':'))) <> 1
    """,
    "resource has the newest version of resource_history": """
        SELECT r.name, r.resource_version FROM resource r WHERE r.resource_version IS NOT
          (SELECT max(h.resource_version) FROM resource_history h
           WHERE h.name = r.name AND h."group" = r."group" AND h.resource = r.resource)
    """,
    "resource_version is the newest version of all in resource_history": """
        SELECT v.resource, v.resource_version FROM resource_version v WHERE v.resource_version IS NOT
          (SELECT max(h.resource_version) FROM resource_history h
           WHERE h."group" = v."group" AND h.resource = v.resource)
    """,
    "every dashboard and folder is in unified storage, and nothing else": """
        SELECT d.uid FROM dashboard d LEFT JOIN resource r ON r.name = d.uid WHERE r.name IS NULL
        UNION ALL SELECT r.name FROM resource r LEFT JOIN dashboard d ON d.uid = r.name WHERE d.uid IS NULL
    """,
    "writes.total is the sum of the writes of each kind": """
        SELECT sum(CASE WHEN key = 'writes.total' THEN -value ELSE value END) FROM kv_store
        WHERE namespace = 'standin' AND key GLOB 'writes.*' GROUP BY namespace
        HAVING sum(CASE WHEN key = 'writes.total' THEN -value ELSE value END) <> 0 OR count(*) <> 5
    """,
}

#: Tables that are never empty. A copy that lost all rows of one would pass the queries above.
NEVER_EMPTY = ("migration_log", "org", "user", "dashboard", "user_auth_token", "alert_rule", "kv_store", "resource")


def breaches(database: Path) -> list[str]:
    """Everything that is wrong with the file, as sentences. Empty: nothing."""
    if not database.is_file():
        return [f"{database}: no such file"]
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            damage = [row[0] for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
            if damage:
                return [f"integrity_check: {line}" for line in damage]
            empty = [
                f"{table} has no rows"
                for table in NEVER_EMPTY
                if connection.execute(f'SELECT 1 FROM "{table}" LIMIT 1').fetchone() is None  # noqa: S608 - constants
            ]
            return empty + [f"{text}: {row}" for text, query in INVARIANTS.items() for row in connection.execute(query)]
    except sqlite3.Error as error:
        return [f"{database}: {error}"]


def main(arguments: list[str]) -> int:
    """Print what is wrong with the one file named."""
    if len(arguments) != 1:
        sys.stderr.write("usage: check_consistency.py grafana.db\n")
        return 2
    found = breaches(Path(arguments[0]))
    sys.stdout.write("".join(f"{line}\n" for line in found) or "consistent\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
