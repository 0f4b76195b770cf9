"""Putting the stand-in together, and its end.

True of the real Grafana: it opens the database and migrates it, provisions, then listens; SIGTERM ends it
within about a second, also as process 1 of a container; what it cannot start with is logged and ends it with
1.
Source: grafana/grafana `pkg/server/server.go`, `packaging/docker/run.sh`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from . import api, layout, provisioning, seed
from .app import App
from .database import CannotStart, Database
from .logs import log
from .settings import Settings, SettingsError, from_environment
from .writer import Writer

_STOP_S = 0.7


def main() -> int:
    """Run until SIGTERM or SIGINT. Returns the exit code."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        settings = from_environment()
        log("standin", "info", "This is a stand-in for Grafana, not Grafana", version=settings.version)
        database = _prepare(settings)
        writer = Writer(database, settings.write_interval_s)
        server = api.Server(App(settings, database, writer))
    except (CannotStart, SettingsError, OSError) as error:
        log("server", "error", "Failed to start", error=error)
        sys.stderr.write(f"Error: ✗ {error}\n")
        return 1
    index = layout.SearchIndex(settings.data, settings.index_interval_s)
    index.start()
    writer.start()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    log("http.server", "info", "HTTP Server Listen", address=f"[::]:{settings.port}", protocol="http")
    while not stopping.wait(0.05):  # a signal may land in a thread other than this one
        pass
    log("server", "info", "Shutdown started", reason="System signal: terminated")
    server.shutdown()
    server.server_close()
    index.stop()
    if not writer.stop(_STOP_S):  # it waits for a lock that someone else holds; SQLite rolls back what it left
        log("standin.writer", "warn", "stopped while waiting for the database")
        os._exit(0)
    return 0


def _prepare(settings: Settings) -> Database:
    layout.lay_out(settings.data)
    database = Database(settings)
    database.open_or_create()
    provisioning.provision(database, settings)
    token = settings.token
    if token is not None:
        database.write(lambda connection: seed.ensure_token(connection, token, settings.token_role))
    return database
