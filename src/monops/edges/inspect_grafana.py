"""The facts that Grafana tells.

Grafana locks a user out for five minutes after five wrong passwords: so the login is tried once, what needs it asks
nothing where it was refused, and the default password is tried only where nothing else tells, once in five minutes.
Source: grafana.com/docs, HTTP API; grafana/grafana, pkg/services/loginattempt.
"""

from __future__ import annotations

import contextlib
import json
import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from monops.domain.errors import ConfigurationError, ServiceError
from monops.domain.facts import Dashboard, DataSource, GrafanaHealth
from monops.domain.ports import Container
from monops.domain.ports.inspection import Reader
from monops.edges.config_file import read_secret
from monops.edges.http_pool import basic
from monops.edges.inspect_http import Asked
from monops.edges.journal_file import state_folder
from monops.edges.once import Once, at_once
from monops.edges.refused_login import RefusedLogin

_PASSWORD_FILE = "secrets/grafana/admin-password"  # noqa: S105 - where it is, not what it is
_FROM_FILE = "GF_SECURITY_ADMIN_PASSWORD__FILE"
_DEFAULT = "admin"
_MOST_DASHBOARDS = 500


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """How Grafana is asked. Never shown."""

    user: str
    password: str
    token: str = ""

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else basic(self.user, self.password)


class GrafanaInspector:
    """A Grafana."""

    def __init__(
        self,
        asked: Asked,
        environment: Mapping[str, str],
        *,
        shares_host: Callable[[], bool],
        compose_file: str | None,
    ) -> None:
        self._asked = asked
        self._environment = environment
        self._shares_host = shares_host
        self._compose_file = compose_file
        self._credentials = Once(self._find_login)
        self._status = Once(self._find_status)

    def readers(self) -> Mapping[str, Reader]:
        return {
            "grafana_health": self._health,
            "grafana_login": self._status,
            "grafana_default_password": self._default_password,
            "grafana_data_sources": self._data_sources,
            "grafana_dashboards": self._dashboards,
        }

    def _health(self) -> GrafanaHealth:
        status, text = self._asked.ready()
        if status == 0:
            return GrafanaHealth(version="", database=f"unreachable: {text}")
        found = self._asked.json("/api/health") if status == 200 else _as_json(text)
        database = str(found.get("database") or f"HTTP {status}")
        return GrafanaHealth(version=str(found.get("version", "")), database=database)

    def _default_password(self) -> bool:
        """Raises ServiceError and ConfigurationError where it is not known."""
        login = None
        try:
            login = self._credentials()
        except ConfigurationError:
            if self._own().get(_FROM_FILE):  # there is a password, which only others may read
                raise
        if login is not None and not login.token:
            if self._status() == 200:
                # One user has one password: the right one tells about the other. And where the administrator has
                # another name, there is no admin.
                return login.user == login.password == _DEFAULT
            if login.user == login.password == _DEFAULT and self._status() == 401:
                return False
            raise ServiceError(
                f"Grafana does not take the password that is known here (HTTP {self._status()}), and the password "
                "admin is not tried as well, because five wrong logins lock the user out",
                remedy="monops doctor --only grafana.login",
            )
        if self._written() not in (None, _DEFAULT):
            return False
        tried = f"grafana-admin-{quote(self._asked.shown, safe='')}"
        refused = RefusedLogin(state_folder(self._environment) / tried)
        return refused.is_right(lambda: self._log_in(basic(_DEFAULT, _DEFAULT)))

    def _data_sources(self) -> tuple[DataSource, ...]:
        found = self._ask("/api/datasources")
        uids = [str(item.get("uid", "")) for item in found]
        tests: list[Callable[[], Any]] = [partial(self._test, uid) for uid in uids]
        tests += [partial(self._up_series, uid) for uid, item in zip(uids, found, strict=True) if _is_prometheus(item)]
        results = at_once(lambda test: test(), tests)
        healths, ups = results[: len(found)], iter(results[len(found) :])
        return tuple(
            self._data_source(item, *health, up=next(ups) if _is_prometheus(item) else None)
            for item, health in zip(found, healths, strict=True)
        )

    def _data_source(self, item: Mapping[str, Any], health: str, message: str, *, up: int | None) -> DataSource:
        return DataSource(
            uid=str(item.get("uid", "")),
            name=str(item.get("name", "")),
            type=str(item.get("type", "")),
            url=_without_login(str(item.get("url", ""))),
            access=str(item.get("access", "")),
            is_default=bool(item.get("isDefault")),
            is_read_only=bool(item.get("readOnly")),
            health=health,
            message=message,
            up_series=up,
        )

    def _test(self, uid: str) -> tuple[str, str]:
        """ "OK" or "ERROR" and why; "" where the kind of data source has no test."""
        try:
            reply = self._asked.get(f"/api/datasources/uid/{quote(uid, safe='')}/health", headers=self._login())
        except ServiceError as error:
            return "ERROR", error.message
        found = reply.json()
        found = found if isinstance(found, dict) else {}
        if found.get("status") in ("OK", "ERROR"):
            return str(found["status"]), str(found.get("message", ""))
        if reply.status in (404, 501):
            return "", str(found.get("message", ""))
        return "ERROR", str(found.get("message") or f"HTTP {reply.status}")

    def _up_series(self, uid: str) -> int | None:
        with contextlib.suppress(ServiceError, KeyError, TypeError, ValueError):
            path = f"/api/datasources/proxy/uid/{quote(uid, safe='')}/api/v1/query"
            reply = self._asked.get(path, {"query": "count(up)"}, headers=self._login())
            if reply.status == 200:
                result = (reply.json() or {})["data"]["result"]
                return int(float(result[0]["value"][1])) if result else 0
        return None

    def _dashboards(self) -> tuple[Dashboard, ...]:
        found = self._ask("/api/search", {"type": "dash-db", "limit": str(_MOST_DASHBOARDS)})
        made = at_once(lambda item: self._dashboard(str(item.get("uid", ""))), found)
        return tuple(sorted((one for one in made if one is not None), key=lambda one: (one.title, one.uid)))

    def _dashboard(self, uid: str) -> Dashboard | None:
        reply = self._asked.get(f"/api/dashboards/uid/{quote(uid, safe='')}", headers=self._login())
        found = reply.json()
        if reply.status == 404 or not isinstance(found, dict) or "dashboard" not in found:
            return None  # it has gone meanwhile
        return Dashboard(uid=uid, title=str(found["dashboard"].get("title", "")), model=found["dashboard"])

    # --- the login ---------------------------------------------------------------------------------

    def _ask(self, path: str, parameters: Mapping[str, str] | None = None) -> list[Mapping[str, Any]]:
        reply = self._asked.get(path, parameters, headers=self._login())
        found = reply.json()
        if reply.status != 200 or not isinstance(found, list):
            said = str(found.get("message", "")) if isinstance(found, dict) else ""
            raise ServiceError(
                f"Grafana refuses {path}: HTTP {reply.status} {said}".rstrip(),
                remedy="give monops an administrator: MONOPS_GRAFANA_PASSWORD_FILE or MONOPS_GRAFANA_TOKEN",
            )
        return found

    def _login(self) -> dict[str, str]:
        """Raises ServiceError where it was refused, and ConfigurationError where none is known."""
        status = self._status()
        if status in (401, 403):
            raise ServiceError(
                f"Grafana refuses the login (HTTP {status})",
                remedy="export MONOPS_GRAFANA_PASSWORD_FILE=FILE; or set it back: docker exec GRAFANA "
                "grafana cli admin reset-admin-password NEW",
            )
        return self._credentials().headers()

    def _find_status(self) -> int:
        return self._log_in(self._credentials().headers())

    def _log_in(self, headers: Mapping[str, str]) -> int:
        """HTTP status of a login. Raises ServiceError where it is not Grafana that answers: another program may have
        the port, and it must not be told the password."""
        status, text = self._asked.ready()
        if status and "database" not in _as_json(text):
            raise ServiceError(
                f"what answers in Grafana's place is not Grafana (/api/health: HTTP {status} without its database), "
                "so it is not sent the password",
                remedy=f"curl -m 10 {self._asked.shown}/api/health; "
                'or give Grafana\'s address in monops.toml: [grafana] url = "…"',
            )
        return self._asked.get("/api/org", headers=headers).status

    def _own(self) -> Mapping[str, str]:
        """The container's variables."""
        container = self._asked.place.container
        return container.environment if container is not None else {}

    def _find_login(self) -> Login:
        environment = self._environment
        user = self._own().get("GF_SECURITY_ADMIN_USER") or _DEFAULT
        # As `read_secret` does: a variable that was filled from a file may end with the line.
        if token := environment.get("MONOPS_GRAFANA_TOKEN", "").strip():
            return Login(user, "", token)
        if environment.get("MONOPS_GRAFANA_PASSWORD_FILE"):
            return Login(user, read_secret(environment["MONOPS_GRAFANA_PASSWORD_FILE"]))
        if password := environment.get("MONOPS_GRAFANA_PASSWORD", "").strip():
            return Login(user, password)
        if written := self._written():
            return Login(user, written)
        raise ConfigurationError(
            "Grafana's password is not known here",
            remedy="export MONOPS_GRAFANA_PASSWORD_FILE=FILE, or MONOPS_GRAFANA_TOKEN",
        )

    def _written(self) -> str | None:
        """The password that the stack gives its Grafana; None where none can be found. Raises ConfigurationError where
        its file may not be read."""
        container, inside = self._asked.place.container, self._own().get(_FROM_FILE, "")
        files = [self._outside(container, inside)] if container is not None and inside else []
        if self._compose_file is not None:
            files.append(str(Path(self._compose_file).parent / _PASSWORD_FILE))
        for path in filter(None, files):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                return _secret_in(path)
        return self._own().get("GF_SECURITY_ADMIN_PASSWORD") or None

    def _outside(self, container: Container, path: str) -> str | None:
        """Where a file of the container is on this machine."""
        fitting = [m for m in container.mounts if path == m.destination or path.startswith(m.destination + "/")]
        mount = max(fitting, key=lambda one: len(one.destination), default=None)
        if mount is None or not self._shares_host():
            return None
        return posixpath.normpath(posixpath.join(mount.source, posixpath.relpath(path, mount.destination)))


def _secret_in(path: str) -> str:
    """Raises FileNotFoundError, and ConfigurationError where it may not be read."""
    try:
        Path(path).stat()
    except PermissionError:
        pass  # said below, with the way out
    try:
        return read_secret(path)
    except ConfigurationError as error:
        raise ConfigurationError(
            error.message, remedy=f"run monops as root; or export MONOPS_GRAFANA_PASSWORD_FILE, for example of {path}"
        ) from error


def _is_prometheus(item: Mapping[str, Any]) -> bool:
    return item.get("type") == "prometheus"


def _without_login(url: str) -> str:
    head, scheme, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    return f"{head}{scheme}{place.rpartition('@')[2]}{slash}{path}"


def _as_json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
