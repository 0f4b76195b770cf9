"""Consistent copies of databases that others write to, and what is refused."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.fakes.backup_world import write_database

from monops.domain.errors import CaptureError
from monops.edges.sqlite import SqliteFiles

#: Moves one unit from row to row, each time in a transaction of its own: the sum never changes.
_WRITER = """
import random, sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
database.execute("PRAGMA synchronous = OFF")  # more transactions: none of them waits for the disk
print("ready", flush=True)
while True:
    one, other = random.sample(range(1, 51), 2)
    database.execute("BEGIN IMMEDIATE")
    database.execute("UPDATE account SET balance = balance - 1 WHERE id = ?", (one,))
    database.execute("UPDATE account SET balance = balance + 1 WHERE id = ?", (other,))
    database.execute("COMMIT")
"""
#: Is killed in the middle of a transaction, when pages have been written to the database already.
_CRASHER = """
import os, signal, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA cache_size = 5")
database.execute("BEGIN IMMEDIATE")
database.execute("UPDATE account SET balance = balance + 7, filler = randomblob(2000)")
os.kill(os.getpid(), signal.SIGKILL)
"""


def accounts(path: Path, mode: str) -> Path:
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA journal_mode={mode}")
        database.execute("CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER, filler BLOB)")
        rows = [(100, b"x" * 2000)] * 50
        database.executemany("INSERT INTO account (balance, filler) VALUES (?, ?)", rows)
        database.commit()
    return path


def total(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        return int(database.execute("SELECT sum(balance) FROM account").fetchone()[0])


@contextmanager
def writing(path: Path) -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield
        finally:
            process.kill()


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_copy_taken_while_others_write_is_one_moment(tmp_path: Path, mode: str) -> None:
    live = accounts(tmp_path / "grafana.db", mode)
    with writing(live):
        for number in range(20):
            copy = tmp_path / f"copy{number}.db"
            assert SqliteFiles().snapshot(str(live), str(copy)) == mode
            SqliteFiles().check(str(copy))
            assert total(copy) == 5000


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_copy_leaves_nothing_beside_a_database_in_use(tmp_path: Path, mode: str) -> None:
    live = accounts(tmp_path / "grafana.db", mode)
    (tmp_path / "copy").mkdir()
    with closing(sqlite3.connect(live)) as user:
        user.execute("SELECT count(*) FROM account").fetchone()
        before = set(os.listdir(tmp_path))
        SqliteFiles().snapshot(str(live), str(tmp_path / "copy/grafana.db"))
        assert set(os.listdir(tmp_path)) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_no_file_beside_the_database_belongs_to_root(tmp_path: Path) -> None:
    folder = tmp_path / "grafana"
    folder.mkdir()
    live = accounts(folder / "grafana.db", "wal")
    for path in (folder, live):
        os.chown(path, 472, 472)
    SqliteFiles().snapshot(str(live), str(tmp_path / "copy.db"))
    assert {path.stat().st_uid for path in folder.iterdir()} == {472}
    assert total(live) == 5000


def test_the_database_itself_is_not_changed(tmp_path: Path) -> None:
    live = accounts(tmp_path / "grafana.db", "wal")
    before = (live.read_bytes(), live.stat().st_mtime_ns)
    SqliteFiles().snapshot(str(live), str(tmp_path / "copy.db"))
    assert (live.read_bytes(), live.stat().st_mtime_ns) == before


def test_what_is_only_in_the_wal_is_in_the_copy(tmp_path: Path) -> None:
    live = accounts(tmp_path / "grafana.db", "wal")
    with closing(sqlite3.connect(live)) as user:
        user.execute("UPDATE account SET balance = 0 WHERE id = 1")
        user.commit()
        SqliteFiles().snapshot(str(live), str(tmp_path / "copy.db"))
    assert total(tmp_path / "copy.db") == 4900


def copied(live: Path, target: Path) -> Path:
    """The database with its side files, as a capture in a pause copies them."""
    target.mkdir()
    for name in ("grafana.db", "grafana.db-wal", "grafana.db-journal"):
        if (live.parent / name).exists():
            shutil.copy(live.parent / name, target / name)
    return target / "grafana.db"


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_transaction_that_was_cut_off_is_undone(tmp_path: Path, mode: str) -> None:
    live = accounts(tmp_path / "grafana.db", mode)
    crash = subprocess.run([sys.executable, "-c", _CRASHER, str(live)], check=False)
    assert crash.returncode == -signal.SIGKILL
    assert (tmp_path / f"grafana.db-{'wal' if mode == 'wal' else 'journal'}").exists()
    copy = copied(live, tmp_path / "copy")
    assert SqliteFiles().recover(str(copy)) == mode
    SqliteFiles().check(str(copy))
    assert total(copy) == 5000


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_recovered_database_is_one_file(tmp_path: Path, mode: str) -> None:
    live = accounts(tmp_path / "grafana.db", mode)
    with closing(sqlite3.connect(live)) as user:
        user.execute("UPDATE account SET balance = 0 WHERE id = 1")
        user.commit()
        copy = copied(live, tmp_path / "copy")
    SqliteFiles().recover(str(copy))
    assert os.listdir(tmp_path / "copy") == ["grafana.db"]
    assert total(copy) == 4900


def test_a_wal_of_another_database_is_ignored(tmp_path: Path) -> None:
    one = accounts(tmp_path / "grafana.db", "wal")
    (tmp_path / "other").mkdir()
    other = accounts(tmp_path / "other/grafana.db", "wal")
    with closing(sqlite3.connect(other)) as user:
        user.execute("UPDATE account SET balance = 0")
        user.commit()
        copy = copied(one, tmp_path / "copy")
        # Cut in the middle of a frame, and of other salts than any this database has seen.
        stale = bytearray((tmp_path / "other/grafana.db-wal").read_bytes()[:-100])
        stale[16:24] = bytes(8)
        (tmp_path / "copy/grafana.db-wal").write_bytes(stale)
    SqliteFiles().recover(str(copy))
    SqliteFiles().check(str(copy))
    assert total(copy) == 5000


def test_a_damaged_database_is_refused_with_what_is_wrong(tmp_path: Path) -> None:
    live = accounts(tmp_path / "grafana.db", "delete")
    data = bytearray(live.read_bytes())
    data[3 * 4096 : 3 * 4096 + 200] = b"\xff" * 200
    live.write_bytes(data)
    with pytest.raises(CaptureError) as caught:
        SqliteFiles().check(str(live))
    assert caught.value.remedy


@pytest.mark.parametrize("content", [b"this is no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4000])
def test_what_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "grafana.db"
    path.write_bytes(content)
    with pytest.raises(CaptureError):
        SqliteFiles().check(str(path))
    with pytest.raises(CaptureError):
        SqliteFiles().snapshot(str(path), str(tmp_path / "copy.db"))


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"SQLite cannot read grafana\.db"):
        SqliteFiles().snapshot(str(tmp_path / "grafana.db"), str(tmp_path / "copy.db"))
    with pytest.raises(CaptureError):
        SqliteFiles().recover(str(tmp_path / "grafana.db"))
    assert not (tmp_path / "grafana.db").exists()


def test_rows_of_the_tables_that_are_there_are_counted(tmp_path: Path) -> None:
    write_database(tmp_path / "x.db", {"dashboard": 3, "org": 0})
    assert SqliteFiles().counts(str(tmp_path / "x.db"), ("dashboard", "org", "absent")) == {"dashboard": 3, "org": 0}


def test_a_path_with_odd_signs_is_the_same_path(tmp_path: Path) -> None:
    folder = tmp_path / "a ?b#c%20d&mode=rw"
    folder.mkdir()
    write_database(folder / "x.db", {"dashboard": 2})
    SqliteFiles().snapshot(str(folder / "x.db"), str(tmp_path / "copy.db"))
    assert SqliteFiles().counts(str(tmp_path / "copy.db"), ("dashboard",)) == {"dashboard": 2}
