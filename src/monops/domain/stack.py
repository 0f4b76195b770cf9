"""Finding the monitoring stack among an engine's containers, and each source's data in it."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from monops.domain.errors import NotFound, UsageFault, VolumeMissing
from monops.domain.nearest import did_you_mean, listed
from monops.domain.place import Place
from monops.domain.ports import Container, Listed, Mount
from monops.domain.scale import LABEL

#: What `monops init` calls the stack's folder and the Compose file in it, after the setup document.
STACK_FOLDER, COMPOSE_FILE = "monitoring", "docker-compose.monitoring.yml"
#: The sources, in the order in which they are captured.
SOURCES = ("prometheus", "grafana", "alertmanager", "config")

#: service -> last parts of the image names that are this service.
_IMAGES: dict[str, tuple[str, ...]] = {
    "prometheus": ("prometheus",),
    "grafana": ("grafana", "grafana-oss", "grafana-enterprise"),
    "alertmanager": ("alertmanager",),
    "node-exporter": ("node-exporter", "node_exporter"),
    "redis-exporter": ("redis_exporter", "redis-exporter"),
    "cadvisor": ("cadvisor",),
}
#: The services whose data are sources: (flag, environment variable, where the program itself keeps its data without
#: them, where images keep them). The official images name the flag in their command, and a command in the Compose file
#: replaces it: then Prometheus writes to `data/` below its working directory.
_DATA: dict[str, tuple[str, str, str, str]] = {
    "prometheus": ("--storage.tsdb.path", "", "data", "/prometheus"),
    "grafana": ("", "GF_PATHS_DATA", "/var/lib/grafana", "/var/lib/grafana"),
    "alertmanager": ("--storage.path", "", "data", "/alertmanager"),
}
#: The port a service listens on inside its container.
PORTS = {"prometheus": 9090, "grafana": 3000, "alertmanager": 9093}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """One Compose project with monitoring services."""

    project: str
    #: service -> container; one each.
    services: Mapping[str, Container]
    #: Every container of the project.
    containers: tuple[Container, ...]

    def container(self, service: str) -> Container:
        """Raises NotFound."""
        found = self.services.get(service)
        if found is None:
            raise NotFound(
                f"the stack {self.project or '(no project)'} has no {service}",
                remedy=f'name its container in monops.toml: [{service}] container = "NAME"; or see: docker ps --all',
            )
        return found

    @property
    def images(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(c.image_id for c in self.containers if c.image_id))


def service_of(container: Container | Listed) -> str | None:
    """Which service a container is: by its image's name, else by its Compose service's name."""
    image = container.image.split("@", 1)[0]
    last = image.rsplit("/", 1)[-1].split(":", 1)[0].lower()
    for service, names in _IMAGES.items():
        if last in names:
            return service
    return container.service if container.service in _IMAGES else None


def find_stack_among(
    listed: Iterable[Listed],
    inspected: Callable[[Sequence[str]], Iterable[Container]],
    *,
    project: str | None,
    named: Mapping[str, str],
) -> Stack:
    """The stack among all that an engine lists, as `find_stack` has it.

    `inspected` gives the containers with these ids, and is asked only for those that can matter.
    """
    return find_stack(inspected(_worth_inspecting(listed, project, named.values())), project=project, named=named)


def find_stack(
    containers: Iterable[Container], *, project: str | None, named: Mapping[str, str] | None = None
) -> Stack:
    """The stack among `containers`.

    `project` picks one of several; `named` gives containers by service, from the configuration. Raises NotFound where
    there is none and UsageFault where there are several.
    """
    everything = tuple(containers)
    found: dict[str, list[Container]] = {}
    for container in everything:
        if service_of(container) in _DATA:
            found.setdefault(container.project, []).append(container)
    if project is not None and project not in found:
        raise NotFound(
            f"no monitoring services in a Compose project named {project!r}.{did_you_mean(project, found)}",
            remedy="docker compose ls --all",
        )
    if project is None and named:
        # A container that is named says which stack is meant.
        meant = {_by_name(everything, service, name).project for service, name in named.items()}
        found = {name: inside for name, inside in found.items() if name in meant} if len(meant) == 1 else found
    if project is None and len(found) > 1:
        found = _running_only(found)
    if project is None and len(found) > 1:
        first = sorted(filter(None, found))[0]
        raise UsageFault(
            f"there are {len(found)} stacks: {listed(sorted(name or '(no project)' for name in found))}",
            remedy=f"choose one: monops --project {first} …",
        )
    chosen: str | None = project if project is not None else next(iter(found), None)
    services = _one_each(found.get(chosen, []) if chosen is not None else [])
    for service, container_name in (named or {}).items():
        services[service] = _by_name(everything, service, container_name)
    if not services:
        raise NotFound(
            "no Prometheus, Grafana or Alertmanager container was found",
            remedy="start the stack: docker compose up -d; or name its directories in monops.toml: "
            '[sources.prometheus] path = "…"',
        )
    if chosen is None:
        chosen = next(iter(services.values())).project
    members = tuple(c for c in everything if c.project == chosen and chosen) or tuple(services.values())
    for container in members:
        name = None if LABEL in container.labels else service_of(container)
        if name is not None:
            services.setdefault(name, container)
    return Stack(project=chosen, services=services, containers=members)


def data_place(service: str, container: Container, stack: Stack, *, volume: str | None = None) -> Place:
    """Where the data of `service` are. Raises VolumeMissing where no volume holds them."""
    images = (container.image_id, *(image for image in stack.images if image != container.image_id))
    path = data_path(service, container)
    mount = holding(container.mounts, path)
    if volume is not None and (mount is None or mount.name != volume):
        return Place(volume=volume, images=images)
    if mount is None or mount.type == "tmpfs":
        raise VolumeMissing(
            f"{container.name} keeps its data in {path}, which no volume holds: they end with the container",
            remedy=f"give the service a volume at {path} in the Compose file, then: docker compose up -d {service}",
        )
    inside = posixpath.relpath(path, mount.destination)
    subpath = "" if inside == "." else inside
    if mount.type == "volume":
        return Place(volume=mount.name, subpath=subpath, images=images)
    return Place(path=posixpath.join(mount.source, subpath).rstrip("/"), images=images)


def _worth_inspecting(listed: Iterable[Listed], project: str | None, named: Iterable[str]) -> list[str]:
    """Ids of the containers that can belong to a stack: of projects with a monitoring service, or named."""
    everything, names = tuple(listed), set(named)
    projects = {one.project for one in everything if service_of(one) in _DATA or one.name in names}
    if project not in projects:
        project = None  # for the message that says which there are
    return [
        one.id
        for one in everything
        if one.name in names
        or one.id in names
        or one.id[:12] in names
        or (one.project and one.project in projects and project in (None, one.project))
        or (not one.project and service_of(one) is not None)
    ]


def data_path(service: str, container: Container) -> str:
    """The folder in the container where a service keeps its data."""
    flag, variable, default, usual = _DATA[service]
    found = container.environment.get(variable, "") if variable else ""
    words = container.command
    for index, word in enumerate(words):
        if flag and word.startswith(flag + "="):
            found = word.partition("=")[2]
        elif flag and word == flag and index + 1 < len(words):
            found = words[index + 1]
    path = posixpath.normpath(posixpath.join(container.working_dir or "/", found or default))
    if not found and holding(container.mounts, path) is None:
        return usual  # a script in the image may give the flag
    return path


def holding(mounts: Iterable[Mount], path: str) -> Mount | None:
    """The mount with the longest destination that `path` is in."""
    fitting = [m for m in mounts if f"{path}/".startswith(posixpath.normpath(m.destination).rstrip("/") + "/")]
    return max(fitting, key=lambda m: len(m.destination), default=None)


def _running_only(found: dict[str, list[Container]]) -> dict[str, list[Container]]:
    running = {p: cs for p, cs in found.items() if any(c.state in ("running", "paused", "restarting") for c in cs)}
    return running or found


def _one_each(containers: Iterable[Container]) -> dict[str, Container]:
    """One container a service: a running one before a stopped one, then by name. Of several Prometheus the first,
    running or not: the others hold other data."""
    chosen: dict[str, Container] = {}
    for container in sorted(containers, key=lambda c: (c.state != "running", c.name)):
        service = None if LABEL in container.labels else service_of(container)
        if service is not None:
            chosen.setdefault(service, container)
    return chosen


def _by_name(containers: Iterable[Container], service: str, name: str) -> Container:
    everything = list(containers)
    for container in everything:
        if name in (container.name, container.id, container.id[:12]):
            return container
    raise NotFound(
        f"[{service}] names the container {name!r}, which is not there."
        + did_you_mean(name, [c.name for c in everything]),
        remedy="docker ps --all",
    )
