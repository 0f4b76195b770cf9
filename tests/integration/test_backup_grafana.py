"""Grafana's database is captured of one moment, whoever writes to it, and Grafana hardly notices."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.fakes.grafana.check_consistency import breaches
from tests.integration.restored import members, object_paths, unpack
from tests.integration.support import GRAFANA_PASSWORD, Monops, Stack, running_stack, source_record, wait_until
from tests.integration.web import fetch

pytestmark = [pytest.mark.engine, pytest.mark.slow]

#: Grafana paused, stopped or locked out of its database by a backup. Source: docs/design, budgets.
LONGEST_GAP_MS = 500.0
DATABASE_MB = 100


@pytest.fixture(scope="module", params=["rollback", "wal"])
def grafana(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A Grafana with a database of 100 MB that is written to all the time."""
    wal = request.param == "wal"
    environment = {"STANDIN_DB_MB": str(DATABASE_MB), "GF_DATABASE_WAL": str(wal).lower()}
    folder = tmp_path_factory.mktemp(request.param) / "stack"
    with running_stack(folder, "grafana", environment=environment) as started:
        database = started.mountpoint("grafana") / "grafana.db"
        assert database.stat().st_size > DATABASE_MB * 900_000
        assert _journal_mode(database) == ("wal" if wal else "delete")
        yield started


@pytest.mark.parametrize("reach", ["mountpoint", "archive", "directory"])
def test_grafana_is_captured_of_one_moment_while_it_writes(grafana: Stack, tmp_path: Path, reach: str) -> None:
    monops, store = Monops(tmp_path / "monops", grafana.project), tmp_path / "store"
    volume, url = grafana.mountpoint("grafana"), grafana.grafana
    if reach == "directory":
        monops.config(f'[sources.grafana]\npath = "{volume}"\n')
    else:
        monops.environment["MONOPS_REACH"] = reach
    wait_until(lambda: any(volume.glob("unified-search/**/*")), "the search index")
    gaps: list[float] = []
    limit = LONGEST_GAP_MS
    # The best of some: the budget is for monops, not for what else the machine does meanwhile.
    while not gaps or (min(gaps) > limit and len(gaps) < 8):
        before = int(fetch(f"{url}/standin/writes")["writes"])
        fetch(f"{url}/standin/reset-gap", method="POST")
        ran = monops.backup("grafana", "--to", store)
        after = fetch(f"{url}/standin/writes")
        assert after["writes"] > before
        assert after["locked"] == 0
        gaps.append(float(after["longest_gap_ms"]))
        quickest = 2 * _engine_copy_ms(grafana) if reach == "archive" else 2 * _copy_ms(volume, tmp_path) + 200
        limit = max(limit, quickest)
    mode = _journal_mode(volume / "grafana.db")
    print(f"longest gap, {reach}, {mode}: {gaps} ms, allowed {limit:.0f}, load {os.getloadavg()[0]:.1f}")
    assert min(gaps) <= limit
    record = source_record(store, ran.snapshot, "grafana")
    assert (record["reach"], record["capture"]) == (reach, "live" if reach == "archive" else "snapshot")
    names = [name for path in object_paths(store, ran.snapshot, "grafana") for name in members(path)]
    assert "grafana.db" in names
    assert not [n for n in names if n.startswith(("unified-search", "grafana.db-"))]
    assert {path.stat().st_uid for path in volume.glob("grafana.db*")} == {472}
    grafana.is_undisturbed(monops)
    restored = unpack(store, ran.snapshot, "grafana", tmp_path / "restored")
    assert breaches(restored / "grafana.db") == []
    counts = {golden["question"]: golden["answer"] for golden in record["golden"]}
    assert counts["user"] >= 1
    assert counts["dashboard"] == _count(restored / "grafana.db", "dashboard")


def test_grafana_starts_again_after_a_stopped_capture(grafana: Stack, tmp_path: Path) -> None:
    monops, store = Monops(tmp_path / "monops", grafana.project), tmp_path / "store"
    ran = monops.backup("grafana", "--capture", "stop", "--to", store)
    assert source_record(store, ran.snapshot, "grafana")["capture"] == "stop"
    grafana.is_undisturbed(monops)
    wait_until(lambda: grafana.inspect("grafana")["State"]["Health"]["Status"] == "healthy", "Grafana's health")
    restored = unpack(store, ran.snapshot, "grafana", tmp_path / "restored")
    assert breaches(restored / "grafana.db") == []


def test_grafana_password_is_nowhere_in_a_store_of_the_whole_stack(grafana: Stack, tmp_path: Path) -> None:
    monops, store = Monops(tmp_path / "monops", grafana.project), tmp_path / "store"
    ran = monops.backup("grafana", "config", "--compression", "none", "--to", store)
    stored = [path for path in store.rglob("*") if path.is_file()]
    assert len(stored) >= 5
    for path in stored:
        assert GRAFANA_PASSWORD.encode() not in path.read_bytes(), path
    restored = unpack(store, ran.snapshot, "config", tmp_path / "restored")
    facts = json.loads((restored / "containers" / "grafana.json").read_text())
    assert "GF_SECURITY_ADMIN_PASSWORD=<removed>" in facts["Config"]["Env"]


def test_a_database_in_an_exclusive_transaction_is_still_captured(grafana: Stack, tmp_path: Path) -> None:
    """A writer that holds its lock for two seconds: the copy waits for it, and is whole."""
    monops, store = Monops(tmp_path / "monops", grafana.project), tmp_path / "store"
    database = grafana.mountpoint("grafana") / "grafana.db"
    with closing(sqlite3.connect(database, timeout=20, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        process = monops.start("backup", "grafana", "--to", store)
        until = time.monotonic() + 2
        wait_until(lambda: time.monotonic() > until, "two seconds")
        writer.execute("ROLLBACK")
    ran = monops.ended(process)
    assert ran.code == 0, ran
    restored = unpack(store, ran.snapshot, "grafana", tmp_path / "restored")
    assert breaches(restored / "grafana.db") == []


def _copy_ms(volume: Path, to: Path) -> float:
    """How long a plain copy of the database takes, on this machine and right now: Grafana stands still for one."""
    began = time.monotonic()
    shutil.copyfile(volume / "grafana.db", to / "copy.db")
    seconds = time.monotonic() - began
    (to / "copy.db").unlink()
    return seconds * 1000


def _engine_copy_ms(grafana: Stack) -> float:
    """How long the engine takes, on this machine and right now, to hand out the database: on two busy cores more than
    the whole budget, and nobody can be quicker."""
    began = time.monotonic()
    with subprocess.Popen(
        ["docker", "cp", f"{grafana.container('grafana')}:/var/lib/grafana/grafana.db", "-"], stdout=subprocess.PIPE
    ) as copying:
        assert copying.stdout is not None
        while copying.stdout.read(1 << 20):
            pass
    return (time.monotonic() - began) * 1000


def _journal_mode(database: Path) -> str:
    """From the file's header, so that nothing is opened. Source: sqlite.org/fileformat.html, offset 18."""
    with database.open("rb") as file:
        return "wal" if file.read(20)[18] == 2 else "delete"


def _count(database: Path, table: str) -> int:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return int(connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0])  # noqa: S608 - our names
