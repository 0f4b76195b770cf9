"""Where the files are that a running service was started from: by its container's labels and mounts.

Source: compose-go, labels `com.docker.compose.project.*`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from monops.domain.change import Site
from monops.domain.errors import NotFound, Refused
from monops.domain.nearest import listed
from monops.domain.ports import Container, Mount
from monops.domain.yaml_edit import has, value_at
from monops.ops.workshop import Workshop

_FILES = "com.docker.compose.project.config_files"
_FOLDER = "com.docker.compose.project.working_dir"
_VARIABLES = "com.docker.compose.project.environment_file"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
    """A service's own configuration file."""

    #: On this machine.
    path: str
    #: In the container.
    inside: str
    #: Mounted as a file: to be written in place.
    in_place: bool


def find_site(shop: Workshop, container: Container) -> Site:
    """Raises Refused where the container is not Compose's, or its files are not here, or not those that are meant."""
    labels = container.labels
    folder = labels.get(_FOLDER, "")
    files = _files(container, folder)
    if not files or not folder:
        raise Refused(
            f"{container.name} was not started by Docker Compose, so there is no file in which to change it",
            remedy="monops init; monops stack up",
        )
    for path in files:
        if shop.files.read(path) is None:
            raise Refused(
                f"{container.name} was started from {path}, which is not there (any more, or not on this machine)",
                remedy="go where the Compose file is now, and there: monops stack up",
            )
    own = shop.own_file
    if own is not None and not any(_is_same(shop, own, path) for path in files):
        raise Refused(
            f"{container.name} was started from {listed(files)}, and the Compose file here is {own}",
            remedy=f"cd {folder}, and run it there; or start the stack from this file: monops stack up",
        )
    return Site(project=container.project, folder=folder, files=files, variables=_split(labels.get(_VARIABLES, "")))


def folder_of(shop: Workshop) -> str | None:
    """Compose's project directory of the stack, be its containers running or not; None where there is no container, or
    none that was started from the Compose file here.

    Raises UsageFault where there are several stacks, EngineUnreachable."""
    try:
        found = shop.stack()
    except NotFound:
        return None
    for one in found.containers:
        folder, own = one.labels.get(_FOLDER), shop.own_file
        if folder and (own is None or any(_is_same(shop, own, path) for path in _files(one, folder))):
            return folder
    return None


def _files(container: Container, folder: str) -> tuple[str, ...]:
    return tuple(posixpath.join(folder, path) for path in _split(container.labels.get(_FILES, "")))


def _is_same(shop: Workshop, one: str, other: str) -> bool:
    return one == other or shop.files.real(one) == shop.files.real(other)


def site_files(shop: Workshop, site: Site) -> dict[str, str]:
    """Path -> text of the Compose files, in Compose's order."""
    return {path: shop.files.read(path) or "" for path in site.files}


def file_with(files: Mapping[str, str], service: str, key: str) -> str:
    """The Compose file that sets `key` of a service, or in which it would be set: the last one that says it wins.

    Raises Refused where the service comes from elsewhere.
    """
    path = ("services", service)
    setting = [file for file, text in files.items() if has(text, (*path, key), file=file)]
    if setting:
        return setting[-1]
    declaring = [file for file, text in files.items() if has(text, path, file=file)]
    for file in declaring:
        if has(files[file], (*path, "extends"), file=file):
            origin = value_at(files[file], (*path, "extends"), file=file)
            other = origin.get("file", file) if isinstance(origin, Mapping) else file
            raise Refused(
                f"{service} in {file} extends a service of {other}, which may set its {key}",
                remedy=f"write {key} of {service} into {file} itself, then run it again",
            )
    if declaring:
        return declaring[0]
    for file, text in files.items():
        if has(text, ("include",), file=file):
            raise Refused(
                f"{service} is in none of {listed(files)}, but in a file that {file} includes",
                remedy=f"edit the included file by hand, then: monops stack up {service}",
            )
    raise Refused(f"no service {service} is in {listed(files)}", remedy="monops stack status")


def config_file(shop: Workshop, container: Container, service: str) -> ConfigFile:
    """The file that the service reads, on this machine. Raises Refused where it is in a volume or in the image."""
    inside = posixpath.normpath(posixpath.join(container.working_dir or "/", shop.tools.config_path(service)))
    mount = _holding(container.mounts, inside)
    if mount is None or mount.type != "bind":
        where = f"the volume {mount.name}" if mount is not None and mount.type == "volume" else "its image"
        raise Refused(
            f"{container.name} reads {inside} from {where}, where monops does not edit it",
            remedy=f"mount it from a folder of this machine: docker cp {container.name}:{inside} .",
        )
    is_file = posixpath.normpath(mount.destination) == inside
    path = mount.source if is_file else posixpath.join(mount.source, posixpath.relpath(inside, mount.destination))
    if shop.files.read(path) is None:
        raise Refused(
            f"{container.name} reads {inside} from {path}, which is not on this machine", remedy=f"ls -l {path}"
        )
    return ConfigFile(path=path, inside=inside, in_place=is_file)


def _holding(mounts: tuple[Mount, ...], path: str) -> Mount | None:
    fitting = [m for m in mounts if f"{path}/".startswith(posixpath.normpath(m.destination).rstrip("/") + "/")]
    return max(fitting, key=lambda m: len(m.destination), default=None)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
