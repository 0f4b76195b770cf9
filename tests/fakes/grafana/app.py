"""The parts of a running stand-in, and who may call it.

True of the real Grafana: HTTP basic authentication with a user of the database, or `Authorization: Bearer`
with a service-account token (`glsa_…`); an organisation role gives the permissions.
Source: Grafana documentation, "Authentication HTTP API" and "Service accounts".
"""

from __future__ import annotations

import base64
import hmac
import sqlite3
from dataclasses import dataclass

from . import seed
from .database import Database
from .replies import unauthorized
from .settings import Settings
from .writer import Writer

RANK = {"Viewer": 1, "Editor": 2, "Admin": 3, "GrafanaAdmin": 4}


@dataclass(frozen=True)
class App:
    """What every handler gets."""

    settings: Settings
    database: Database
    writer: Writer


def authenticate(app: App, authorization: str) -> tuple[str, str]:
    """Who calls, and in which role. Raises Problem (401)."""
    scheme, _, credentials = authorization.partition(" ")
    with app.database.reading() as connection:
        if scheme.lower() == "basic":
            return _by_password(connection, credentials)
        if scheme.lower() == "bearer":
            return _by_token(connection, credentials)
    raise unauthorized("Unauthorized", "auth.unauthorized")


def _by_password(connection: sqlite3.Connection, credentials: str) -> tuple[str, str]:
    try:
        login, _, password = base64.b64decode(credentials).decode().partition(":")
    except ValueError as error:
        raise unauthorized("Invalid username or password", "password-auth.failed") from error
    if login == "api_key":  # the old way to send a token
        return _by_token(connection, password)
    row = connection.execute(
        "SELECT u.login, u.password, u.salt, u.is_admin, o.role FROM user u JOIN org_user o ON o.user_id"
        " = u.id"
        " WHERE (u.login = ? OR u.email = ?) AND u.is_disabled = 0 AND u.is_service_account = 0",
        (login, login),
    ).fetchone()
    if row is None or not hmac.compare_digest(seed.password_hash(password, row["salt"]), row["password"]):
        raise unauthorized("Invalid username or password", "password-auth.failed")
    return str(row["login"]), "GrafanaAdmin" if row["is_admin"] else str(row["role"])


def _by_token(connection: sqlite3.Connection, token: str) -> tuple[str, str]:
    row = connection.execute(
        "SELECT name, role FROM api_key WHERE key = ? AND is_revoked = 0", (seed.token_hash(token.strip()),)
    ).fetchone()
    if row is None:
        raise unauthorized("Invalid API key", "api-key.invalid")
    return str(row["name"]), str(row["role"])
