"""grafana.db: opening it, and transactions that wait and retry as Grafana's do.

True of the real Grafana: the file is made with mode 0640; `wal = true` asks for `PRAGMA journal_mode=WAL` and
`wal = false` asks for nothing, so a file that is in WAL mode stays in it; the driver waits 5 s for a lock,
and a transaction that met "database is locked" is tried again up to 5 times, 10 ms apart.
Source: grafana/grafana `pkg/services/sqlstore/database_config.go`, `sqlstore.go` and `transactions.go`, and
`[database]` in `conf/defaults.ini`. The integrity check at the start is the stand-in's own: the real one
finds damage only when it reads the page.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TypeVar

from . import schema, seed
from .logs import log, now_text
from .settings import Settings

_T = TypeVar("_T")
_RETRIES = 5
_RETRY_SLEEP_S = 0.01


class CannotStart(Exception):
    """Grafana would exit with 1 and this message."""


class Database:
    """One grafana.db. Every thread opens its own connection; `locked` counts SQLITE_BUSY over all of them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._counting = threading.Lock()
        self.locked = 0

    def connect(self, timeout_s: float | None = None) -> sqlite3.Connection:
        """A connection with Grafana's busy timeout and explicit transactions. Does not create the file."""
        timeout = self._settings.busy_timeout_s if timeout_s is None else timeout_s
        uri = f"file:{self._settings.database}?mode=rw"
        return sqlite3.connect(uri, uri=True, timeout=timeout, isolation_level=None, check_same_thread=False)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for the length of one request, rows by name."""
        with closing(self.connect()) as connection:
            connection.row_factory = sqlite3.Row
            yield connection

    def transact(self, connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Run `work` in one transaction; wait and try again when the database is locked, then let it out."""
        for attempt in range(_RETRIES + 1):
            try:
                connection.execute("BEGIN IMMEDIATE")
                result = work(connection)
                connection.execute("COMMIT")
            except sqlite3.OperationalError as error:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if not is_locked(error):
                    raise
                with self._counting:
                    self.locked += 1
                if attempt == _RETRIES:
                    raise
                fields = {"error": error, "retry": attempt}
                log("sqlstore.transactions", "info", "Database locked, sleeping then retrying", **fields)
                time.sleep(_RETRY_SLEEP_S)
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            else:
                return result
        raise AssertionError("unreachable")

    def write(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """`transact` on a connection of its own, rows by name."""
        with self.reading() as connection:
            return self.transact(connection, work)

    def answers(self) -> bool:
        """Whether a query that reads the file comes back within a second (or the busy timeout, if shorter)."""
        try:
            with closing(self.connect(timeout_s=min(1.0, self._settings.busy_timeout_s))) as connection:
                connection.execute("SELECT count(*) FROM migration_log").fetchone()
        except sqlite3.Error:
            return False
        return True

    def open_or_create(self) -> None:
        """Leave a database that is whole and has all tables. Raises CannotStart on one that is damaged."""
        path = self._settings.database
        if not path.exists():
            log("sqlstore", "info", "Creating SQLite database file", path=path)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o640))
            path.chmod(0o640)
        try:
            with closing(self.connect()) as connection:
                self._prepare(connection)
        except sqlite3.DatabaseError as error:
            raise CannotStart(f"failed to open {path}: {error}") from error

    def _prepare(self, connection: sqlite3.Connection) -> None:
        complaint = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if complaint != "ok":
            raise CannotStart(f"{self._settings.database}: database disk image is malformed: {complaint}")
        if self._settings.wal:
            connection.execute("PRAGMA journal_mode=WAL")
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "migration_log" not in tables:
            self._create(connection)
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
        log("sqlstore", "info", "Connecting to DB", dbtype="sqlite3", journal_mode=mode)

    def _create(self, connection: sqlite3.Connection) -> None:
        log("migrator", "info", "Starting DB migrations")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("BEGIN IMMEDIATE")
        schema.create(connection, now_text())
        seed.first_start(connection, self._settings)
        seed.grow(connection, self._settings.db_mb)
        connection.execute("COMMIT")
        connection.execute("PRAGMA synchronous=FULL")
        log("migrator", "info", "migrations completed", performed=len(schema.TABLES) + len(schema.INDEXES))


def is_locked(error: sqlite3.Error) -> bool:
    """Whether SQLite said SQLITE_BUSY or SQLITE_LOCKED."""
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
