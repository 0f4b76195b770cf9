"""Which containers are the stack's."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from monops.domain.errors import EngineError, NotFound
from monops.domain.ports import Container
from monops.domain.scale import LABEL
from monops.domain.stack import find_stack_among, service_of
from monops.edges.docker_items import container_of, listed_of
from monops.edges.docker_reader import DockerReader
from monops.edges.once import Once, at_once

_PROJECT = "com.docker.compose.project"
_FILES, _FOLDER = "com.docker.compose.project.config_files", "com.docker.compose.project.working_dir"
_SERVICE, _HASH = "com.docker.compose.service", "com.docker.compose.config-hash"
_ONE_OFF = "com.docker.compose.oneoff"
_VARIABLES = "com.docker.compose.project.environment_file"


class Members:
    """The containers of one Compose project, and those that the configuration names."""

    def __init__(
        self, reader: DockerReader, *, project: str | None, named: Mapping[str, str], file: str | None
    ) -> None:
        self._reader = reader
        self._given = project
        #: service -> container name, from the configuration.
        self.named = dict(named)
        #: The stack's own Compose file, where one is known.
        self._file = os.path.realpath(file) if file else None
        self.containers = Once(self._find)
        #: Where `containers` fails because one of them is stuck: the others, by which the services can still be asked.
        self.answering: tuple[Container, ...] = ()
        self._project: str | None = project

    def project(self) -> str:
        """The project's name; "" where there is no stack yet. Raises UsageFault where there are several, NotFound where
        there is none and no Compose file is known, and EngineUnreachable."""
        if self._project is None:
            found = self.containers()
            self._project = found[0].project if found else ""
        return self._project

    def labelled(self) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
        """(Compose files, project directory, files of variables) from the containers' labels; empty where none says."""
        for item in self._reader.listed():
            labels = item.get("Labels") or {}
            if labels.get(_FILES) and labels.get(_PROJECT) == self.project() != "":
                return _split(labels[_FILES]), str(labels.get(_FOLDER) or ""), _split(labels.get(_VARIABLES) or "")
        return (), "", ()

    def hashes(self) -> dict[str, list[str]]:
        """service -> the hashes of what its containers were made from."""
        found: dict[str, list[str]] = {}
        for item in self._reader.listed():
            labels = item.get("Labels") or {}
            if labels.get(_PROJECT) == self.project() != "" and labels.get(_ONE_OFF) != "True" and labels.get(_HASH):
                found.setdefault(str(labels.get(_SERVICE)), []).append(str(labels[_HASH]))
        return found

    def ids(self) -> frozenset[str]:
        return frozenset(container.id for container in self.containers())

    def of(self, service: str, containers: Sequence[Container]) -> Container | None:
        """The container that is a service: the named one, else a running one before a stopped one; never one of the
        other Prometheus that `scale set` has made."""
        name = self.named.get(service)
        fitting = [
            one
            for one in containers
            if (
                name in (one.name, one.id, one.id[:12])
                if name
                else service_of(one) == service and LABEL not in one.labels
            )
        ]
        return min(fitting, key=lambda one: (one.state != "running", one.name), default=None)

    def _find(self) -> tuple[Container, ...]:
        items = self._reader.listed()
        names = set(self.named.values())
        project = self._given if self._given is not None else self._project_of_file(items)
        if project is not None:
            ids = [str(item["Id"]) for item in items if _is_in(item, project) or _names(item) & names]
            if ids or self._file:
                self._project = project
                return self._inspected(items, ids)
        try:
            stack = find_stack_among(
                map(listed_of, items), partial(self._inspected, items), project=project, named=self.named
            )
        except NotFound:
            if self._file and self._given is None:
                return ()
            raise
        self._project = stack.project
        extra = [one for one in stack.services.values() if one not in stack.containers]
        return (*stack.containers, *extra)

    def _project_of_file(self, items: Sequence[Mapping[str, Any]]) -> str | None:
        """The project that was started from the Compose file at hand."""
        if self._file is None:
            return None
        for item in items:
            labels = item.get("Labels") or {}
            if self._file in map(os.path.realpath, _split(labels.get(_FILES) or "")):
                return str(labels.get(_PROJECT) or "") or None
        return None

    def _inspected(self, items: Sequence[Mapping[str, Any]], ids: Sequence[str]) -> tuple[Container, ...]:
        """The containers with these ids, of all that are listed. Raises EngineError where one of them is stuck."""
        looked = at_once(self._inspect, ids)
        found = tuple(container_of(one) for one in looked if one is not None and not isinstance(one, EngineError))
        errors = [one for one in looked if isinstance(one, EngineError)]
        if not errors:
            return found
        labels = {item["Id"]: item.get("Labels") or {} for item in items if item["Id"] in ids}
        projects = {str(one.get(_PROJECT) or "") for one in labels.values()}
        answered = {one.id for one in found}
        # Where one of several Prometheus is stuck, another alone would tell half of everything.
        is_whole = not any(LABEL in one for container_id, one in labels.items() if container_id not in answered)
        if len(projects) == 1 and is_whole:
            self._project = self._project or projects.pop() or None
            self.answering = found
        raise errors[0]

    def _inspect(self, container_id: str) -> Mapping[str, Any] | EngineError | None:
        try:
            return self._reader.inspect(container_id)
        except NotFound:  # it has gone meanwhile
            return None
        except EngineError as error:
            return error


def neighbours(reader: DockerReader, own: frozenset[str], at_most: int) -> list[Mapping[str, Any]]:
    """`docker inspect` of the other containers; one that has gone or that hangs is left out."""

    def look(container_id: str) -> Mapping[str, Any] | None:
        try:
            return reader.inspect(container_id)
        except (EngineError, NotFound):
            return None

    others = [str(item["Id"]) for item in reader.listed() if item["Id"] not in own]
    return [item for item in at_once(look, others[:at_most]) if item is not None]


def _is_in(item: Mapping[str, Any], project: str) -> bool:
    return bool(project) and (item.get("Labels") or {}).get(_PROJECT) == project


def _names(item: Mapping[str, Any]) -> set[str]:
    found = {str(name).lstrip("/") for name in item.get("Names") or ()}
    return found | {str(item["Id"]), str(item["Id"])[:12]}


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in str(text).split(",") if part.strip())
