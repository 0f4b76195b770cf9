"""Reading from the engine, many things at once.

Through the socket with the standard library, because that starts at once; over TCP, TLS and SSH with docker-py.
Source: Docker Engine API v1.41 and later (docs.docker.com/reference/api/engine).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from monops.domain.errors import EngineError, EngineUnreachable, NotFound
from monops.edges.docker_client import DockerClient
from monops.edges.http_pool import Hangs, HttpPool, NobodyThere, Reply
from monops.edges.once import Once

#: Seconds for one question.
WITHIN = 5.0


class DockerReader(DockerClient):
    """The engine, asked by many threads. Changes nothing."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__(environment)
        # Who does not answer once is not waited for again.
        self._connected = Once(lambda: self._api(connect_within=int(WITHIN)))
        self._pool = HttpPool(self.address) if self.is_local else None
        self._inspected: dict[str, Mapping[str, Any]] = {}
        self.info = Once(lambda: dict(self.json("/info")))
        #: Every container as a list shows it.
        self.listed = Once(lambda: list(self.json("/containers/json", {"all": "1"})))
        self._shares_host = Once(self._look_around)

    def json(self, path: str, parameters: Mapping[str, str] | None = None, *, within: float = WITHIN) -> Any:
        """Raises EngineUnreachable, EngineError and NotFound."""
        return json.loads(self.bytes(path, parameters, within=within) or b"null")

    def bytes(self, path: str, parameters: Mapping[str, str] | None = None, *, within: float = WITHIN) -> bytes:
        """The body of the answer. Raises EngineUnreachable, EngineError and NotFound."""
        reply = self._get(path, parameters, within)
        if reply.status < 300:
            return reply.body
        found = reply.json()
        said = str(found.get("message", "")) if isinstance(found, dict) else ""
        if reply.status == 404:
            raise NotFound(f"Docker has no {path}: {said}", remedy="docker ps --all")
        raise EngineError(f"Docker refuses {path}: {said or f'HTTP {reply.status}'}", remedy="docker info")

    def inspect(self, container_id: str) -> Mapping[str, Any]:
        """As `docker inspect`; asked once. Raises NotFound, and EngineError for one that hangs."""
        found = self._inspected.get(container_id)
        if found is None:
            try:
                found = dict(self.json(f"/containers/{quote(container_id)}/json"))
            except EngineUnreachable as error:
                if not isinstance(error.__cause__, Hangs):
                    raise
                # One stuck container must not look like a stuck engine.
                raise EngineError(
                    f"Docker does not answer for the container {container_id[:12]} "
                    "(paused while its health check began?)",
                    remedy=f"docker unpause {container_id[:12]}; if that hangs too: restart the Docker engine",
                ) from error
            self._inspected[container_id] = found
        return found

    @property
    def shares_host(self) -> bool:
        """Whether the engine's paths and processes are those that we see."""
        return self._shares_host()

    def _look_around(self) -> bool:
        root = str(self.info().get("DockerRootDir") or "")
        if not self.is_local or not root or not Path(root).is_dir():
            return False
        # In a container of this engine, with its socket: its paths would mean something else here.
        try:
            around = Path("/proc/self/mountinfo").read_text(errors="replace")
        except OSError:
            return False
        return not any(str(item.get("Id")) in around for item in self.listed())

    def _get(self, path: str, parameters: Mapping[str, str] | None, within: float) -> Reply:
        if self._pool is None:
            return self._through_client(path, parameters, within)
        try:
            return self._pool.get(path, parameters, within=within)
        except NobodyThere as error:
            raise self._unreachable(error) from error
        except Hangs as error:
            raise EngineUnreachable(
                f"the Docker engine at {self.address} does not answer {path} within {within:g} s",
                remedy="see what it does: sudo journalctl -u docker --since -5min",
            ) from error

    def _through_client(self, path: str, parameters: Mapping[str, str] | None, within: float) -> Reply:
        api = self._connected()
        with self._translated(f"answer {path}"):
            answer = api.get(f"{api.base_url}/v{api.api_version}{path}", params=parameters, timeout=within)
            return Reply(int(answer.status_code), bytes(answer.content))
