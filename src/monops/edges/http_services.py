"""Prometheus and Grafana over HTTP: finds the address that answers, translates what goes wrong.

Source: prometheus.io/docs/prometheus/latest/querying/api; grafana.com/docs, HTTP API, "Other".
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from monops.domain.errors import CaptureError, ServiceError, ServiceUnreachable
from monops.domain.ports import Container, Engine, PrometheusStatus
from monops.domain.stack import PORTS

if TYPE_CHECKING:
    import requests

_TIMEOUT = 10.0


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

    def answers(self, container: Container, port: int, path: str) -> bool:
        return any(_try(_session(), url + path) == 200 for url in self._candidates("", container, port))

    def _connect(self, service: str, container: Container | None, probe: str) -> tuple[str, requests.Session]:
        candidates = self._candidates(service, container, PORTS[service])
        if candidates:  # requests takes a fifth of a second to import: not where there is nobody to ask
            session = _session()
            for url in candidates:
                # 503: it is this service, and it is not well.
                if _try(session, url + probe) in (200, 503):
                    return url, session
        tried = ", ".join(candidates) or "no published port and no address"
        name = container.name if container is not None else service
        raise ServiceUnreachable(
            f"{name} does not answer over HTTP (tried {tried})",
            remedy=f"docker logs --tail 20 {name}; or set [{service}] url in monops.toml",
        )

    def _candidates(self, service: str, container: Container | None, port: int) -> list[str]:
        if service in self._urls:
            return [self._urls[service].rstrip("/")]
        found: list[str] = []
        if container is None:
            return found
        if port in container.ports:
            address, public = container.ports[port]
            host = self._engine.host if address in ("0.0.0.0", "127.0.0.1", "::") else address  # noqa: S104
            found.append(f"http://{host}:{public}")
        # The container's own address: from the engine's host, and from a container on the same network.
        if self._engine.is_local:
            found += [f"http://{address}:{port}" for address in container.addresses.values()]
        return found


class HttpPrometheus:
    """A running Prometheus."""

    def __init__(self, url: str, session: requests.Session) -> None:
        self._url = url
        self._session = session

    @property
    def url(self) -> str:
        return self._url

    def status(self) -> PrometheusStatus:
        flags = self._get("/api/v1/status/flags")
        runtime = self._get("/api/v1/status/runtimeinfo")
        build = self._get("/api/v1/status/buildinfo")
        config = str(self._get("/api/v1/status/config").get("yaml", ""))
        return PrometheusStatus(
            version=str(build.get("version", "")),
            admin_api=flags.get("web.enable-admin-api") == "true",
            storage_path=str(flags.get("storage.tsdb.path", "")),
            working_dir=str(runtime.get("CWD", "/")),
            retention=str(runtime.get("storageRetention", "")),
            out_of_order=_has_out_of_order_window(config),
        )

    def ready(self) -> bool:
        return _try(self._session, self._url + "/-/ready") == 200

    def snapshot(self, *, within: timedelta) -> str:
        """The call waits for a running compaction: give it minutes. Raises CaptureError with the cause."""
        path = "/api/v1/admin/tsdb/snapshot"
        with self._translated(path):
            answer = self._session.post(self._url + path, timeout=(_TIMEOUT, within.total_seconds()))
        content = _json(answer)
        if answer.status_code == 200 and content.get("status") == "success":
            return str(content["data"]["name"])
        raise _snapshot_error(str(content.get("error") or answer.text[:300]))

    def query(self, promql: str, at: float) -> tuple[tuple[Mapping[str, str], float], ...]:
        data = self._get("/api/v1/query", {"query": promql, "time": f"{at:.3f}"})
        if data.get("resultType") != "vector":
            raise ServiceError(f"{promql!r} does not give a vector", remedy=f"try it: {self._url}/graph")
        rows = [(dict(item["metric"]), float(item["value"][1])) for item in data["result"]]
        return tuple(sorted(rows, key=lambda row: sorted(row[0].items())))

    def blocks_loaded(self) -> int | None:
        with contextlib.suppress(ServiceError), self._translated("/metrics"):
            text = self._session.get(self._url + "/metrics", timeout=_TIMEOUT).text
            for line in text.splitlines():
                if line.startswith("prometheus_tsdb_blocks_loaded "):
                    return int(float(line.split()[1]))
        return None

    def _get(self, path: str, parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
        with self._translated(path):
            answer = self._session.get(self._url + path, params=parameters, timeout=_TIMEOUT)
        content = _json(answer)
        if content.get("status") != "success":
            raise ServiceError(
                f"Prometheus at {self._url} refuses {path}: HTTP {answer.status_code} {content.get('error', '')}",
                remedy=f"curl '{self._url}{path}'",
            )
        data = content.get("data")
        return data if isinstance(data, dict) else {}

    @contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        import requests

        try:
            yield
        except requests.Timeout as error:
            raise ServiceUnreachable(
                f"Prometheus at {self._url} did not answer {path} in time", remedy=f"curl -m 10 {self._url}/-/ready"
            ) from error
        except requests.RequestException as error:
            raise ServiceUnreachable(
                f"Prometheus at {self._url} does not answer", remedy=f"curl -m 10 {self._url}/-/ready"
            ) from error


class HttpGrafana:
    """A running Grafana."""

    def __init__(self, url: str, session: requests.Session) -> None:
        self._url = url
        self._session = session

    @property
    def url(self) -> str:
        return self._url

    def ready(self) -> bool:
        health = self._health()
        return health.get("database") == "ok"

    def version(self) -> str | None:
        found = self._health().get("version")
        return str(found) if found else None

    def _health(self) -> dict[str, Any]:
        import requests

        try:
            return _json(self._session.get(self._url + "/api/health", timeout=_TIMEOUT))
        except requests.RequestException:
            return {}


def _session() -> requests.Session:
    import requests

    session = requests.Session()
    # A proxy of the environment is for the internet, never for a container.
    session.trust_env = False
    session.headers["User-Agent"] = "monops"
    return session


def _try(session: requests.Session, url: str) -> int | None:
    """The status of a GET, or None where nobody answers."""
    import requests

    if not urlsplit(url).hostname:
        return None
    try:
        return session.get(url, timeout=(2.0, _TIMEOUT), allow_redirects=False).status_code
    except requests.RequestException:
        return None


def _json(answer: requests.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _has_out_of_order_window(config: str) -> bool:
    for line in config.splitlines():
        name, _, value = line.strip().partition(":")
        if name == "out_of_order_time_window" and value.strip() not in ("", "0s", "0"):
            return True
    return False


def _snapshot_error(text: str) -> CaptureError:
    if "admin APIs disabled" in text:
        return CaptureError(
            "Prometheus's admin API is off, so it makes no snapshots",
            remedy="add --web.enable-admin-api to its command, or use --capture live",
        )
    if "operation not permitted" in text:
        return CaptureError(
            f"Prometheus may not hard-link its own blocks: their files belong to another user ({text})",
            remedy="give the data to the server's user (chown -R 65534:65534 …), or use --capture live",
        )
    if "no space left" in text:
        return CaptureError(
            f"no space left in Prometheus's volume for a snapshot ({text})",
            remedy="free space there, or use --capture live",
        )
    return CaptureError(
        f"Prometheus made no snapshot: {text}",
        remedy="see its log: docker logs --tail 50 PROMETHEUS; or --capture live",
    )
