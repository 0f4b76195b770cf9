"""The thread that writes to grafana.db all the time, and the record of how long it was kept from it.

True of the real Grafana: a running server is never quiet. It rotates session tokens, evaluates alert rules
and saves their state, adds annotations and stores dashboard versions, each in a transaction over several
tables.
Source: grafana/grafana `pkg/services/auth/authimpl` (token rotation, every 10 minutes),
`pkg/services/ngalert/state`, `pkg/services/annotations`. The pace here is made up, to be visible in seconds.
"""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import dataclass

from . import seed, stores
from .database import Database
from .logs import log

_PAIRS_TO_KEEP = 500


@dataclass(frozen=True)
class Writes:
    """What `GET /standin/writes` answers."""

    writes: int
    locked: int
    longest_gap_ms: float
    #: From the last write of the process before to the first one of this. None at a first start.
    gap_before_start_ms: float | None


class Writer:
    """Writes in a thread of its own until `stop`."""

    def __init__(self, database: Database, interval_s: float) -> None:
        self._database = database
        self._interval_s = interval_s
        self._stopping = threading.Event()
        self._measuring = threading.Lock()
        self._writes = 0
        self._longest_s = 0.0
        self._last: float | None = None
        self._gap_before_start_s: float | None = None
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Finish the transaction at hand. False if it is still waiting for a lock after `timeout_s`."""
        self._stopping.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def seen(self) -> Writes:
        """The counters now. A gap that has not ended yet counts as well."""
        with self._measuring:
            longest = self._longest_s
            if self._last is not None:
                longest = max(longest, time.monotonic() - self._last)
            before = None if self._gap_before_start_s is None else round(self._gap_before_start_s * 1000, 1)
            return Writes(self._writes, self._database.locked, round(longest * 1000, 1), before)

    def reset_gap(self) -> None:
        """Measure gaps from this moment on."""
        with self._measuring:
            self._longest_s = 0.0
            if self._last is not None:
                self._last = time.monotonic()

    def _run(self) -> None:
        with closing(self._database.connect()) as connection:
            while not self._stopping.is_set():
                try:
                    before = self._database.transact(connection, self._write)
                except sqlite3.Error as error:
                    log("standin.writer", "error", "write failed", error=error)
                else:
                    self._record(before)
                self._stopping.wait(self._interval_s)

    def _record(self, before: float | None) -> None:
        now = time.monotonic()
        with self._measuring:
            if self._last is not None:
                self._longest_s = max(self._longest_s, now - self._last)
            elif before is not None:
                self._gap_before_start_s = max(0.0, time.time() - before)
            self._last = now
            self._writes += 1

    def _write(self, connection: sqlite3.Connection) -> float | None:
        """One transaction, of the four kinds in turn. Returns the wall clock of the write before it."""
        total = int(stores.get_key(connection, "standin", "writes.total") or 0)
        before = stores.get_key(connection, "standin", "last_write")
        kind = ("dashboard", "annotation", "rotation", "alert")[total % 4]
        {
            "dashboard": _save_dashboard,
            "annotation": _annotate,
            "rotation": _rotate_tokens,
            "alert": _evaluate_rule,
        }[kind](connection)
        done = int(stores.get_key(connection, "standin", f"writes.{kind}") or 0)
        stores.set_key(connection, "standin", f"writes.{kind}", str(done + 1))
        stores.set_key(connection, "standin", "writes.total", str(total + 1))
        stores.set_key(connection, "standin", "last_write", repr(time.time()))
        return None if before is None else float(before)


def _save_dashboard(connection: sqlite3.Connection) -> None:
    rows = connection.execute(
        "SELECT uid, title FROM dashboard WHERE uid GLOB 'standin-live-[0-9]*' AND is_folder = 0"
    ).fetchall()
    for uid, title in rows:
        panels = [{"id": n, "type": "timeseries", "title": os.urandom(16).hex()} for n in range(1, 9)]
        model = {"uid": uid, "title": title, "tags": ["standin"], "panels": panels}
        stores.save_dashboard(connection, model, folder_uid=seed.LIVE_FOLDER, message="by the stand-in's writer")


def _annotate(connection: sqlite3.Connection) -> None:
    for _ in range(3):
        stores.add_annotation_pair(connection, random.randint(1, 10**6), os.urandom(64).hex(), kind="live")
    connection.execute(
        "DELETE FROM annotation WHERE org_id = 1 AND type = 'live' AND region_id NOT IN"
        " (SELECT DISTINCT region_id FROM annotation WHERE org_id = 1 AND type = 'live'"
        " ORDER BY region_id DESC LIMIT ?)",
        (_PAIRS_TO_KEEP,),
    )


def _rotate_tokens(connection: sqlite3.Connection) -> None:
    now = int(time.time())
    for (token_id,) in connection.execute("SELECT id FROM user_auth_token").fetchall():
        token = os.urandom(16).hex()
        connection.execute(
            "UPDATE user_auth_token SET prev_auth_token = auth_token, auth_token = ?, auth_token_seen = 0,"
            " seen_at = ?, rotated_at = ?, updated_at = ? WHERE id = ?",
            (token, now, now, now, token_id),
        )
        stores.set_key(connection, "standin", f"rotation.{token_id}", token)


def _evaluate_rule(connection: sqlite3.Connection) -> None:
    row = connection.execute(
        "SELECT title, namespace_uid, rule_group, data FROM alert_rule WHERE uid = ?", (seed.LIVE_RULE,)
    ).fetchone()
    if row is None:
        return
    title, folder, group, data = row
    version = stores.save_alert_rule(
        connection, uid=seed.LIVE_RULE, title=title, folder_uid=folder, group=group, data=data
    )
    state = "Alerting" if version % 2 else "Normal"
    connection.execute(
        "UPDATE alert_instance SET last_eval_time = ?, current_state = ? WHERE rule_uid = ?",
        (version, state, seed.LIVE_RULE),
    )
    for key in ("notifications", "silences"):
        stores.set_key(connection, "alertmanager", key, f"{version}:{os.urandom(48).hex()}", org_id=1)
