"""The connection to the engine: who it is, how it is reached, and its faults in monops's own words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from monops.domain.errors import EngineError, EngineUnreachable

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

    def _unreachable(self, error: Exception) -> EngineUnreachable:
        text = str(error)
        if "ermission denied" in text:
            return EngineUnreachable(
                f"not allowed to talk to Docker at {self.address}",
                remedy="run as root, or join the group: sudo usermod -aG docker $USER",
            )
        return EngineUnreachable(
            f"no Docker engine answers at {self.address}", remedy="start it: sudo systemctl start docker; docker info"
        )


def not_found() -> type[Exception]:
    """docker-py's own error for what is not there: the one that `_translated` lets through."""
    from docker import errors

    return errors.NotFound
