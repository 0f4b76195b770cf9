"""The Grafana stand-in's database is of one moment whatever happens to it; stops, pauses and locks are seen."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from tests.fakes.grafana import check_consistency
from tests.fakes.grafana.settings import SettingsError, from_environment
from tests.fakes.grafana_process import FOLDER, StandIn, until

# What is on disk


@pytest.mark.parametrize(("wal", "mode"), [("true", "wal"), ("false", "delete")])
def test_the_database_is_consistent_after_kill_9_and_goes_on(stand_in: StandIn, wal: str, mode: str) -> None:
    stand_in.start(GF_DATABASE_WAL=wal)
    created = stand_in.call("/api/folders", "POST", {"title": "Kept", "uid": "kept"})
    stand_in.until_it_wrote()
    assert created.status == 200
    assert stand_in.end(signal.SIGKILL) == -signal.SIGKILL
    with closing(sqlite3.connect(stand_in.database)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == mode
    assert check_consistency.breaches(stand_in.database) == []
    stand_in.start(GF_DATABASE_WAL=wal, GF_SECURITY_ADMIN_PASSWORD="only at the first start")
    stand_in.until_it_wrote()
    assert stand_in.get("/api/folders/kept")["title"] == "Kept"
    assert stand_in.writes()["gap_before_start_ms"] > 0
    assert stand_in.end(signal.SIGTERM) == 0
    assert check_consistency.breaches(stand_in.database) == []


def test_a_database_in_wal_mode_stays_in_it_with_wal_off(stand_in: StandIn) -> None:
    stand_in.start(GF_DATABASE_WAL="true").end(signal.SIGTERM)
    stand_in.start(GF_DATABASE_WAL="false").until_it_wrote(3)
    assert stand_in.database.with_name("grafana.db-wal").exists()


def test_an_online_backup_of_the_written_database_is_consistent(running: StandIn, tmp_path: Path) -> None:
    running.until_it_wrote()
    copy = backup(running, tmp_path / "copy.db")
    assert checked(copy) == (0, "consistent\n")
    with copy.open("r+b") as file:
        file.write(b"not a database")
    code, text = checked(copy)
    assert (code, "not a database" in text) == (1, True)


def backup(running: StandIn, copy: Path) -> Path:
    """A copy by SQLite's own means, as after a few writes of each kind."""
    until(lambda: running.writes()["writes"] >= 8)
    with closing(sqlite3.connect(running.database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


def checked(database: Path) -> tuple[int, str]:
    """What the script says of a file, run as a user runs it."""
    command = [sys.executable, str(FOLDER / "check_consistency.py"), str(database)]
    ran = subprocess.run(command, capture_output=True, text=True)
    return ran.returncode, ran.stdout


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM annotation WHERE id = (SELECT max(id) FROM annotation)",
        "UPDATE dashboard SET version = version + 1 WHERE uid = 'standin-live-1'",
        "DELETE FROM dashboard_version WHERE id = (SELECT max(id) FROM dashboard_version)",
        "UPDATE user_auth_token SET auth_token = 'other' WHERE id = 1",
        "UPDATE alert_instance SET last_eval_time = -1 WHERE labels_hash = 'hash-1'",
        "UPDATE kv_store SET value = value + 1 WHERE key = 'writes.total'",
        "UPDATE resource SET resource_version = 0 WHERE name = 'standin-live-1'",
        "DELETE FROM org",
    ],
)
def test_the_check_finds_a_copy_that_is_not_of_one_moment(running: StandIn, tmp_path: Path, damage: str) -> None:
    copy = backup(running, tmp_path / "copy.db")
    assert check_consistency.breaches(copy) == []
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute(damage)
        connection.commit()
    assert len(check_consistency.breaches(copy)) >= 1


def test_a_damaged_database_is_refused(stand_in: StandIn) -> None:
    stand_in.start().end(signal.SIGTERM)
    with stand_in.database.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\x5a" * 4096 * 4)
    assert stand_in.launch().wait(10) == 1
    assert "malformed" in (stand_in.root / "log").read_text()
    assert check_consistency.breaches(stand_in.database) != []


def test_a_missing_file_is_not_consistent(tmp_path: Path) -> None:
    assert check_consistency.breaches(tmp_path / "none.db") == [f"{tmp_path / 'none.db'}: no such file"]


def test_the_data_folder_is_laid_out_like_grafanas(running: StandIn) -> None:
    data = running.root / "data"
    assert {p.name for p in data.iterdir()} >= {"grafana.db", "plugins", "png", "csv", "pdf", "unified-search"}
    assert running.database.stat().st_mode & 0o777 == 0o640
    assert (data / "plugins" / "standin-clock-panel" / "plugin.json").is_file()
    assert list((data / "unified-search" / "bleve").rglob("*.zap"))


def test_a_new_database_grows_to_the_size_asked_for(stand_in: StandIn) -> None:
    stand_in.start(STANDIN_DB_MB="4")
    assert 4_000_000 <= stand_in.database.stat().st_size <= 6_000_000


def test_the_derived_index_is_rewritten_and_rebuilt(stand_in: StandIn) -> None:
    stand_in.start(STANDIN_INDEX_INTERVAL_MS="20")
    bleve = stand_in.root / "data" / "unified-search" / "bleve"
    before = {p.name for p in bleve.rglob("*.zap")}
    until(lambda: {p.name for p in bleve.rglob("*.zap")}.isdisjoint(before))


# Stopping, pausing and locking


def test_sigterm_ends_it_within_a_second_even_when_the_database_is_locked(stand_in: StandIn) -> None:
    stand_in.start()
    with closing(sqlite3.connect(stand_in.database, isolation_level=None)) as holder:
        holder.execute("PRAGMA busy_timeout = 5000")
        holder.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        assert stand_in.end(signal.SIGTERM) == 0
        assert time.monotonic() - began < 1.5


def test_a_pause_of_the_process_is_seen_as_a_gap(stand_in: StandIn) -> None:
    stand_in.start()
    stand_in.until_it_wrote(5)
    stand_in.call("/standin/reset-gap", "POST", auth=None)
    assert stand_in.process is not None
    stand_in.process.send_signal(signal.SIGSTOP)
    time.sleep(0.4)
    stand_in.process.send_signal(signal.SIGCONT)
    assert stand_in.writes()["longest_gap_ms"] >= 390
    stand_in.until_it_wrote(2)
    assert stand_in.writes()["longest_gap_ms"] >= 390
    reset = stand_in.call("/standin/reset-gap", "POST", auth=None)
    assert reset.json()["longest_gap_ms"] < 390


def test_a_lock_is_waited_for_counted_and_told_by_health(stand_in: StandIn) -> None:
    stand_in.start(STANDIN_BUSY_TIMEOUT_MS="20")
    with closing(sqlite3.connect(stand_in.database, isolation_level=None)) as holder:
        holder.execute("PRAGMA busy_timeout = 5000")
        holder.execute("BEGIN EXCLUSIVE")
        until(lambda: stand_in.writes()["locked"] >= 3)
        failing = stand_in.call("/api/health", auth=None)
        assert (failing.status, failing.json()["database"]) == (503, "failing")
        assert stand_in.call("/api/org").status == 500
    stand_in.until_it_wrote(5)
    assert stand_in.call("/api/health", auth=None).status == 200
    assert b"Database locked, sleeping then retrying" in (stand_in.root / "log").read_bytes()


def test_an_option_can_come_from_a_file(tmp_path: Path) -> None:
    """As the image's run.sh has it: with the file's text, and never beside the option itself."""
    (tmp_path / "password").write_text("from a file\n")
    named = {"GF_SECURITY_ADMIN_PASSWORD__FILE": str(tmp_path / "password")}
    assert from_environment(named).admin_password == "from a file"
    with pytest.raises(SettingsError, match="exclusive"):
        from_environment({**named, "GF_SECURITY_ADMIN_PASSWORD": "both"})
    with pytest.raises(SettingsError, match="cannot read"):
        from_environment({"GF_SECURITY_ADMIN_PASSWORD__FILE": str(tmp_path / "absent")})
