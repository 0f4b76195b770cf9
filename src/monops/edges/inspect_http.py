"""A service of the stack over HTTP, asked many things at once.

Who does not answer once is not waited for again: every later question fails at once, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

from monops.domain.errors import EngineError, NotFound, ServiceError, ServiceUnreachable
from monops.domain.facts import Unknown
from monops.domain.ports import Container
from monops.domain.scale import LAYER_PORT, LAYER_SERVICE, RULES_PORT, RULES_SERVICE
from monops.domain.stack import PORTS
from monops.edges.http_pool import Hangs, HttpPool, NobodyThere, Reply
from monops.edges.once import Once

#: Seconds for one question.
WITHIN = 3.0
#: service -> how people write it, and what tells whether it is ready.
_NAMES = {
    "prometheus": "Prometheus",
    "alertmanager": "Alertmanager",
    "grafana": "Grafana",
    LAYER_SERVICE: "VictoriaMetrics",
    RULES_SERVICE: "vmalert",
}
_READY = {
    "prometheus": "/-/ready",
    "alertmanager": "/-/ready",
    "grafana": "/api/health",
    LAYER_SERVICE: "/-/ready",
    RULES_SERVICE: "/-/ready",
}
_PORTS = {**PORTS, LAYER_SERVICE: LAYER_PORT, RULES_SERVICE: RULES_PORT}
#: service -> the flag that tells where it listens: `:9090`, `127.0.0.1:9090`.
_LISTEN = {
    "prometheus": "web.listen-address",
    "alertmanager": "web.listen-address",
    LAYER_SERVICE: "httpListenAddr",
    RULES_SERVICE: "httpListenAddr",
}
_ANYWHERE = ("0.0.0.0", "127.0.0.1", "::", "")  # noqa: S104 - what a published port may be bound to


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What is known of where a service answers."""

    service: str
    #: From the configuration: then nothing else is tried.
    url: str | None
    container: Container | None
    #: Why the containers could not be looked at.
    unknown: Unknown | None = None
    #: The name under which published ports answer.
    host: str
    #: Whether the containers' own addresses can be reached.
    is_local: bool

    def addresses(self) -> tuple[str, ...]:
        """In the order in which they are tried."""
        if self.url:
            return (self.url.rstrip("/"),)
        if self.container is None:
            return ()
        found = []
        prefix, listening = _prefix(self.container), _listening(self.service, self.container)
        for _, port in listening:
            if port in self.container.ports:
                address, public = self.container.ports[port]
                place = self.host if address in _ANYWHERE else address
                found.append(f"http://{_bracketed(place)}:{public}{prefix}")
        for host, port in listening if self.is_local else ():
            own = "127.0.0.1" if host in _ANYWHERE else host
            places = [own] if _is_on_host(self.container) else list(self.container.addresses.values())
            found += [f"http://{_bracketed(place)}:{port}{prefix}" for place in places]
        return tuple(found)


@dataclass(frozen=True, slots=True)
class _Found:
    pool: HttpPool
    #: What it said of being ready.
    ready: Reply


@dataclass(slots=True)
class Asked:
    """A service, found when it is first asked."""

    place: Place
    #: Sent with every question: the login, where there is one.
    headers: Mapping[str, str] = field(default_factory=dict)
    _found: Once[_Found] = field(init=False)

    def __post_init__(self) -> None:
        self._found = Once(self._find)

    @property
    def name(self) -> str:
        return _NAMES[self.place.service]

    @property
    def shown(self) -> str:
        """Where it answers, without a password. Raises as `get` does."""
        return self._found().pool.shown

    def ready(self) -> tuple[int, str]:
        """HTTP status and text; (0, why) where nobody answers. Raises NotFound and EngineError where it is not known
        where to ask."""
        try:
            reply = self._found().ready
        except ServiceUnreachable as error:
            return 0, error.message
        return reply.status, reply.text()[:1000]

    def get(
        self, path: str, parameters: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Whatever it answers. Raises ServiceUnreachable, and as `ready`."""
        pool = self._found().pool
        try:
            return pool.get(path, parameters, within=WITHIN, headers={**self.headers, **(headers or {})})
        except Hangs as error:
            raise ServiceUnreachable(
                f"{self.name} at {pool.shown} did not answer {path} within {WITHIN:g} s",
                remedy=f"curl -m 10 {pool.shown}{path}",
            ) from error
        except NobodyThere as error:
            raise ServiceUnreachable(
                f"{self.name} at {pool.shown} broke off at {path}: {error}", remedy=self._see_log()
            ) from error

    def json(self, path: str, parameters: Mapping[str, str] | None = None) -> Any:
        """The document of an answer with status 200. Raises ServiceError too."""
        reply = self.get(path, parameters)
        found = reply.json()
        if reply.status == 200 and found is not None:
            return found
        said = ""
        if isinstance(found, dict):
            said = str(found.get("error") or found.get("message") or "")
        elif reply.status != 200:
            said = reply.text().strip()[:200]
        raise ServiceError(
            f"{self.name} refuses {path}: HTTP {reply.status}{f' {said}' if said else ''}",
            remedy=f"curl '{self._found().pool.shown}{path}'",
        )

    def _find(self) -> _Found:
        container = self.place.container
        if self.place.url is None and self.place.unknown is not None:
            raise EngineError(self.place.unknown.reason, remedy=self.place.unknown.remedy)
        if self.place.url is None and container is None:
            raise NotFound(
                f"no container of the stack is a {self.name}",
                remedy=f'name it in monops.toml: [{self.place.service}] url = "…" or container = "…"',
            )
        if self.place.url is None and container is not None and container.state != "running":
            verb = "unpause" if container.state == "paused" else "start"
            raise ServiceUnreachable(f"{container.name} is {container.state}", remedy=f"docker {verb} {container.name}")
        tried = []
        for address in self.place.addresses():
            pool = HttpPool(address)
            try:
                return _Found(pool, pool.get(_READY[self.place.service], within=WITHIN))
            except Hangs as error:
                raise ServiceUnreachable(
                    f"{self.name} at {pool.shown} takes connections and does not answer within {WITHIN:g} s",
                    remedy=self._see_log(),
                ) from error
            except NobodyThere as error:
                tried.append(f"{pool.shown}: {error}")
        raise ServiceUnreachable(self._nobody(tried), remedy=self._see_log())

    def _nobody(self, tried: Sequence[str]) -> str:
        name = self.place.container.name if self.place.container is not None else self.name
        said = "; ".join(tried) or "no published port and no address that can be reached from here"
        return f"{name} does not answer over HTTP ({said})"

    def _see_log(self) -> str:
        container = self.place.container
        return f"docker logs --tail 20 {container.name}" if container else f"see [{self.place.service}] in monops.toml"


def _is_on_host(container: Container) -> bool:
    return ((container.raw.get("HostConfig") or {}).get("NetworkMode") or "") == "host"


def _listening(service: str, container: Container) -> tuple[tuple[str, int], ...]:
    """(host, port) of each place where a service listens inside, by its flags or variables; host "" for everywhere.

    Sources: prometheus.io/docs, --web.listen-address, which may be repeated; docs.victoriametrics.com, -httpListenAddr;
    grafana.com/docs, http_addr and http_port.
    """
    own = container.environment
    if service == "grafana":
        written = [f"{_bracketed(own.get('GF_SERVER_HTTP_ADDR', ''))}:{own.get('GF_SERVER_HTTP_PORT', '')}"]
    else:
        written = _flags(container, _LISTEN[service])
    found = []
    for text in written or [""]:
        try:
            parts = urlsplit(f"//{text}")
            found.append((parts.hostname or "", parts.port or _PORTS[service]))
        except ValueError:  # no port, as a variable that only a shell inside knows
            found.append(("", _PORTS[service]))
    return tuple(found)


def _bracketed(host: str) -> str:
    """A host as URLs have it."""
    return f"[{host}]" if ":" in host else host


def _prefix(container: Container) -> str:
    """The path below which Prometheus and Alertmanager answer, by their flags.

    Source: prometheus.io/docs, --web.route-prefix: by default the path of --web.external-url.
    """
    external = [urlsplit(url).path for url in _flags(container, "web.external-url")]
    path = (_flags(container, "web.route-prefix") or external or [""])[-1]
    return "/" + path.strip("/") if path.strip("/") else ""


def _flags(container: Container, name: str) -> list[str]:
    """The values of a flag of its command, which may be one word with `=`, or two."""
    found = []
    for word, following in pairwise((*container.command, "")):
        flag, equals, value = word.partition("=")
        if word.startswith("-") and flag.lstrip("-") == name:
            found.append(value if equals else following)
    return found
