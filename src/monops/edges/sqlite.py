"""Consistent copies of SQLite databases.

Source: sqlite.org, "SQLite Backup API", "Write-Ahead Logging", "How To Corrupt An SQLite Database File" §1.2-1.4.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from monops.domain.errors import CaptureError

#: Seconds to wait for a writer to let go of its lock.
_PATIENCE = 20.0


class SqliteFiles:
    """Databases reached as files."""

    def snapshot(self, live: str, copy: str) -> str:
        """Copy `live` to `copy` in one step, while others write; the journal mode of `live`.

        One step, because a copy in several starts again whenever somebody writes in between. The pages are read once
        before, so that the lock is held for a memory copy and not for the disk. As root, SQLite gives side files that
        it has to make to the owner of the database. Raises CaptureError.
        """
        _warm(live)
        with self._translated(live), contextlib.closing(_open(live, "ro")) as source:
            source.execute("BEGIN")
            # The first look takes the read lock, which an open transaction keeps.
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            mode = str(source.execute("PRAGMA journal_mode").fetchone()[0])
            if mode == "wal":
                source.execute("ROLLBACK")
                _backup(source, copy)
            else:
                # Nobody changes the file while the lock is held, and it is all there is: the kernel copies it many
                # times faster than SQLite does, page by page, while every writer waits. The copy's own descriptor
                # must be the last that is closed before the lock may go: closing it drops this process's locks.
                shutil.copyfile(live, copy)
        return mode

    def recover(self, copy: str) -> str:
        """Finish or undo the last transaction of a copied database by its side files; its journal mode.

        Afterwards the database is one file without side files. Raises CaptureError.
        """
        with self._translated(copy), contextlib.closing(_open(copy, "rw")) as database:
            mode = str(database.execute("PRAGMA journal_mode").fetchone()[0])
            database.execute("PRAGMA schema_version").fetchone()
            if mode == "wal":
                database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return mode

    def check(self, copy: str) -> None:
        """Raises CaptureError with what `PRAGMA integrity_check` found."""
        with self._translated(copy), contextlib.closing(_open(copy, "ro")) as database:
            rows = [str(row[0]) for row in database.execute("PRAGMA integrity_check(5)")]
        if rows != ["ok"]:
            raise CaptureError(
                f"the database is damaged: {rows[0]}",
                remedy="restore an older snapshot: monops snapshots, then monops restore SNAPSHOT grafana --in-place",
            )

    def counts(self, copy: str, tables: Sequence[str]) -> Mapping[str, int]:
        """Rows of those of `tables` that exist. Raises CaptureError."""
        with self._translated(copy), contextlib.closing(_open(copy, "ro")) as database:
            there = {str(row[0]) for row in database.execute("SELECT name FROM sqlite_master WHERE type='table'")}
            return {
                name: int(database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0])  # noqa: S608 - our names
                for name in tables
                if name in there
            }

    @contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise CaptureError(
                f"SQLite cannot read {Path(path).name}: {error}",
                remedy="see whether it is damaged: sqlite3 grafana.db 'PRAGMA integrity_check'",
            ) from error
        except OSError as error:
            raise CaptureError(
                f"cannot make a temporary copy of {Path(path).name}: {error.strerror}",
                remedy="export TMPDIR=/a/folder/with/space",
            ) from error


def _backup(source: sqlite3.Connection, copy: str) -> None:
    """A database in WAL mode: its writers do not wait for a reader."""
    with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as target:
        target.execute("PRAGMA synchronous = OFF")  # a temporary copy: after a power cut nobody wants it
        target.execute("PRAGMA journal_mode = OFF")
        source.backup(target, pages=-1)


def _open(path: str, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(path)}?mode={mode}", uri=True, timeout=_PATIENCE, isolation_level=None)


def _warm(path: str) -> None:
    """Read a file once, so that its pages are in memory."""
    with contextlib.suppress(OSError), Path(path).open("rb", buffering=0) as file:
        buffer = bytearray(1 << 20)
        while file.readinto(buffer):
            pass
