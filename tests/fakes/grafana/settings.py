"""Settings of the Grafana stand-in, read from the environment.

True of the real Grafana: every option of grafana.ini can be overridden by `GF_<SECTION>_<KEY>`, the image
sets `GF_PATHS_DATA=/var/lib/grafana` and `GF_PATHS_PROVISIONING=/etc/grafana/provisioning`, and an
unconfigured install has `admin`/`admin`, `[database] wal = false` and a well-known `[security] secret_key`.
Source: Grafana documentation, "Configure Grafana" and "Configure a Grafana Docker image".
`STANDIN_*` switches exist only here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_SECRET_KEY = "SW2YcwTIb9zpOOhoPsMm"
DEFAULT_VERSION = "12.4.0"
COMMIT = "standin0000"


class SettingsError(Exception):
    """A switch has a value that cannot be used."""


@dataclass(frozen=True)
class Settings:
    """Everything the stand-in can be told from outside."""

    data: Path
    provisioning: Path
    address: str
    port: int
    admin_user: str
    admin_password: str
    secret_key: str
    wal: bool
    version: str
    #: A service-account token (`glsa_…`) to accept, with the role it has. None: only those in the database.
    token: str | None
    token_role: str
    #: Grow a new database to about this size. 0: leave it small.
    db_mb: int
    write_interval_s: float
    busy_timeout_s: float
    index_interval_s: float
    live_dashboards: int

    @property
    def database(self) -> Path:
        """Where grafana.db is."""
        return self.data / "grafana.db"


def with_files(env: Mapping[str, str]) -> Mapping[str, str]:
    """`GF_X__FILE` names the file that holds `GF_X`, as the image's run.sh has it: both at once are refused.

    Source: Grafana documentation, "Configure a Grafana Docker image", "Default paths" and "Docker secrets".
    """
    found = dict(env)
    for name, path in env.items():
        if not (name.startswith("GF_") and name.endswith("__FILE")):
            continue
        plain = name.removesuffix("__FILE")
        if plain in env:
            raise SettingsError(f"both {plain} and {name} are set (but are exclusive)")
        try:
            found[plain] = Path(path).read_text(encoding="utf-8").rstrip("\n")
        except OSError as error:
            raise SettingsError(f"{name}: cannot read {path}: {error.strerror}") from error
    return found


def from_environment(env: Mapping[str, str] = os.environ) -> Settings:
    """Read all switches. Raises SettingsError naming the first one that makes no sense."""
    env = with_files(env)
    role = env.get("STANDIN_TOKEN_ROLE", "Admin")
    if role not in ("Admin", "Editor", "Viewer"):
        raise SettingsError(f"STANDIN_TOKEN_ROLE={role}: expected Admin, Editor or Viewer")
    return Settings(
        data=Path(env.get("GF_PATHS_DATA", "/var/lib/grafana")),
        provisioning=Path(env.get("GF_PATHS_PROVISIONING", "/etc/grafana/provisioning")),
        address=env.get("GF_SERVER_HTTP_ADDR", ""),
        port=_number(env, "GF_SERVER_HTTP_PORT", 3000),
        admin_user=env.get("GF_SECURITY_ADMIN_USER", "admin"),
        admin_password=env.get("GF_SECURITY_ADMIN_PASSWORD", "admin"),
        secret_key=env.get("GF_SECURITY_SECRET_KEY", DEFAULT_SECRET_KEY),
        wal=env.get("GF_DATABASE_WAL", "false").lower() in ("true", "1", "yes", "on"),
        version=env.get("GF_STANDIN_VERSION", DEFAULT_VERSION),
        token=env.get("STANDIN_TOKEN") or None,
        token_role=role,
        db_mb=_number(env, "STANDIN_DB_MB", 0),
        write_interval_s=_number(env, "STANDIN_WRITE_INTERVAL_MS", 50) / 1000,
        busy_timeout_s=_number(env, "STANDIN_BUSY_TIMEOUT_MS", 5000) / 1000,
        index_interval_s=_number(env, "STANDIN_INDEX_INTERVAL_MS", 3000) / 1000,
        live_dashboards=max(1, _number(env, "STANDIN_DASHBOARDS", 3)),
    )


def _number(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name) or str(default)
    if not text.isdecimal():
        raise SettingsError(f"{name}={text}: expected a whole number")
    return int(text)
