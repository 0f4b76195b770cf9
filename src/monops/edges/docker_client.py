"""The connection to the engine: who it is, how it is reached, and its faults in monops's own words."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from monops.domain.errors import EngineError, EngineUnreachable
from monops.domain.rebuild import without_secret
from monops.edges.http_pool import NobodyThere

if TYPE_CHECKING:
    import docker


class DockerClient:
    """The engine that DOCKER_HOST or the default socket names. Connects when first asked."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._client: docker.DockerClient | None = None

    @property
    def address(self) -> str:
        return self._environment.get("DOCKER_HOST") or "unix:///var/run/docker.sock"

    @property
    def is_local(self) -> bool:
        return self.address.startswith("unix://")

    @property
    def host(self) -> str:
        return "127.0.0.1" if self.is_local else (urlsplit(self.address).hostname or "127.0.0.1")

    def _api(self, timeout: int = 60, *, connect_within: int = 60) -> Any:
        """docker-py's client. Both in seconds: for one answer, and for each of the first connection's two questions.
        Raises EngineUnreachable."""
        if self._client is None:
            import docker

            kept = {k: v for k, v in self._environment.items() if k.startswith("DOCKER_")}
            try:
                found = kept or {"DOCKER_HOST": self.address}
                self._client = docker.from_env(environment=found, timeout=connect_within)
                self._client.ping()
            except Exception as error:
                self._client = None
                raise self._unreachable(error) from error
        api = self._client.api
        api.timeout = timeout
        return api

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        from docker import errors
        from requests import exceptions

        try:
            yield
        except errors.NotFound:
            raise
        except errors.APIError as error:
            raise EngineError(
                f"Docker could not {doing}: {error.explanation or error}", remedy="docker info; docker ps --all"
            ) from error
        except (errors.DockerException, exceptions.RequestException) as error:
            raise self._unreachable(error) from error

    @contextmanager
    def _on_container(self, doing: str) -> Iterator[None]:
        """As `_translated`; what goes at that very moment is an EngineError."""
        try:
            with self._translated(doing):
                yield
        except not_found() as error:
            raise EngineError(f"Docker could not {doing}: it has gone", remedy="docker ps --all") from error

    def _unreachable(self, error: Exception) -> EngineUnreachable:
        text = str(error)
        if "ermission denied" in text:
            return EngineUnreachable(
                f"not allowed to talk to Docker at {self.address}",
                remedy="run as root, or join the group: sudo usermod -aG docker $USER",
            )
        if "paramiko" in text:
            return EngineUnreachable(
                f"to reach Docker at {self.address}, monops wants the package paramiko, which is not installed",
                remedy=f"{shlex.quote(sys.executable)} -m pip install 'docker[ssh]'",
            )
        if not _is_of_connection(error):
            return EngineUnreachable(
                f"Docker at {self.address} cannot be asked: {without_secret(text)}",
                remedy="see what is set for it: env | grep ^DOCKER_; docker info",
            )
        return EngineUnreachable(
            f"no Docker engine answers at {self.address}", remedy="start it: sudo systemctl start docker; docker info"
        )


def _is_of_connection(error: BaseException) -> bool:
    """Whether nobody took the connection, or it broke; a refused certificate is another matter."""
    if isinstance(error, NobodyThere):
        return True
    from requests import exceptions

    chain: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in chain:
        chain.append(at)
        at = at.__cause__ or at.__context__
    if any(isinstance(one, exceptions.SSLError) for one in chain):
        return False
    return any(isinstance(one, OSError) for one in chain)


def not_found() -> type[Exception]:
    """docker-py's own error for what is not there: the one that `_translated` lets through."""
    from docker import errors

    return errors.NotFound
