"""The HTTP side of the services: finds the address that answers.

Source: grafana.com/docs, HTTP API, "Other".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from monops.domain.errors import ServiceUnreachable
from monops.domain.ports import Container, Engine
from monops.domain.rebuild import without_secret
from monops.domain.scale import LABEL, LAYER, LAYER_PORT, RULES, RULES_PORT
from monops.domain.stack import PORTS
from monops.edges.http_alertmanager import HttpAlertmanager
from monops.edges.http_client import TIMEOUT, HttpService, json_of, new_session, status_of
from monops.edges.http_prometheus import HttpPrometheus

if TYPE_CHECKING:
    import requests


#: What answers as Prometheus does, on another port.
_SCALED = {LAYER: LAYER_PORT, RULES: RULES_PORT}


class HttpServices:
    """Finds the HTTP side of containers: a configured URL, the published port, or the container's own address."""

    def __init__(self, engine: Engine, *, urls: Mapping[str, str]) -> None:
        self._engine = engine
        #: service -> URL from the configuration.
        self._urls = urls

    def prometheus(self, container: Container | None) -> HttpPrometheus:
        return HttpPrometheus(*self._connect("prometheus", container, "/-/healthy"))

    def grafana(self, container: Container | None) -> HttpGrafana:
        return HttpGrafana(*self._connect("grafana", container, "/api/health"))

    def alertmanager(self, container: Container | None) -> HttpAlertmanager:
        return HttpAlertmanager(*self._connect("alertmanager", container, "/-/healthy"))

    def answers(self, container: Container, port: int, path: str) -> bool:
        return any(status_of(new_session(), url + path) == 200 for url in self._candidates("", container, port))

    def _connect(self, service: str, container: Container | None, probe: str) -> tuple[str, requests.Session]:
        label = container.labels.get(LABEL, "") if container is not None else ""
        candidates = self._candidates(service, container, _SCALED.get(label, PORTS[service]))
        if candidates:  # requests takes a fifth of a second to import: not where there is nobody to ask
            session = new_session()
            for url in candidates:
                # 503: it is this service, and it is not well.
                if status_of(session, url + probe) in (200, 503):
                    return url, session
        tried = ", ".join(map(without_secret, candidates)) or "no published port and no address"
        name = container.name if container is not None else service
        remedy = f"docker logs --tail 20 {name}; or set [{service}] url in monops.toml"
        if service in self._urls:
            remedy = f"curl {tried}{probe}; or mend [{service}] url in monops.toml"
        raise ServiceUnreachable(f"{name} does not answer over HTTP (tried {tried})", remedy=remedy)

    def _candidates(self, service: str, container: Container | None, port: int) -> list[str]:
        # The configured address is that of the first of several.
        if service in self._urls and (container is None or LABEL not in container.labels):
            return [self._urls[service].rstrip("/")]
        found: list[str] = []
        if container is None:
            return found
        if port in container.ports:
            address, public = container.ports[port]
            host = self._engine.host if address in ("0.0.0.0", "127.0.0.1", "::") else address  # noqa: S104
            found.append(f"http://{_bracketed(host)}:{public}")
        # The container's own address: from the engine's host, and from a container on the same network.
        if self._engine.is_local:
            found += [f"http://{_bracketed(address)}:{port}" for address in container.addresses.values()]
        return found


def _bracketed(host: str) -> str:
    """A host as URLs have it."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


class HttpGrafana(HttpService):
    """A running Grafana."""

    def ready(self) -> bool:
        health = self._health()
        return health.get("database") == "ok"

    def version(self) -> str | None:
        found = self._health().get("version")
        return str(found) if found else None

    def _health(self) -> dict[str, Any]:
        import requests

        try:
            return json_of(self._session.get(self._url + "/api/health", timeout=TIMEOUT))
        except requests.RequestException:
            return {}
