"""Secrets of a service as files: where the container has them, where they are on this machine, and their edits."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass

from monops.domain.change import FileEdit
from monops.domain.errors import MonopsError, Refused
from monops.domain.ports import Container
from monops.ops.change_site import config_file
from monops.ops.workshop import Workshop

#: Where the stack that ships has them.
SECRETS = "/run/secrets"
#: Users of the images that are known by name there. Source: their Dockerfiles.
_USERS = {"nobody": 65534, "nonroot": 65532, "root": 0, "": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretFile:
    """One secret."""

    #: In the container.
    inside: str
    #: On this machine.
    path: str
    owner: int


def secret_file(shop: Workshop, container: Container, service: str, name: str) -> SecretFile:
    """Where a new secret goes. Raises Refused where the container mounts no folder for it."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    places = [SECRETS]
    try:
        found = config_file(shop, container, service)
        if not found.in_place:
            places.append(posixpath.join(posixpath.dirname(found.inside), "secrets", service))
    except MonopsError:
        pass  # said where the configuration itself is edited
    for folder in places:
        inside = f"{folder}/{name}"
        path = on_this_machine(container, inside)
        if path is not None:
            return SecretFile(inside=inside, path=path, owner=_user(container))
    raise Refused(
        f"{container.name} mounts no folder for secrets, and monops writes none into the configuration",
        remedy=f"mkdir -m 711 -p secrets/{service}; add ./secrets/{service}:{SECRETS}:ro to the volumes of {service}; "
        f"then: monops stack up {service}",
    )


def known_secret_file(container: Container, inside: str) -> SecretFile | None:
    """The file that a configuration names; None where it is not on this machine."""
    path = on_this_machine(container, inside)
    return None if path is None else SecretFile(inside=inside, path=path, owner=_user(container))


def on_this_machine(container: Container, inside: str) -> str | None:
    """Where a path of the container is here; None where it is in a volume, in memory or in the image."""
    host = container.raw.get("HostConfig") or {}
    inside = posixpath.normpath(inside)
    found: dict[str, str | None] = {posixpath.normpath(path): None for path in host.get("Tmpfs") or {}}
    for mount in container.mounts:
        found[posixpath.normpath(mount.destination)] = mount.source if mount.type == "bind" else None
    holding = max((path for path in found if f"{inside}/".startswith(path.rstrip("/") + "/")), key=len, default=None)
    source = found[holding] if holding is not None else None
    if source is None or holding is None:
        return None
    return posixpath.normpath(posixpath.join(source, posixpath.relpath(inside, holding)))


def secret_edit(shop: Workshop, file: SecretFile, value: str) -> FileEdit | None:
    """None where it holds this already."""
    before = shop.files.read(file.path)
    if before is not None and before.strip() == value:
        return None
    return FileEdit(path=file.path, before=before, after=value, mode=0o600, owner=file.owner, is_secret=True)


def check_secret_files(shop: Workshop, container: Container, settings: Mapping[str, str], writing: set[str]) -> None:
    """Every `…_file` is there, or is being written. Raises Refused."""
    for name, inside in settings.items():
        if not name.endswith("_file") or inside in writing or not inside:
            continue
        path = on_this_machine(container, inside)
        if path is None:
            raise Refused(
                f"{name}: {container.name} has {inside} from no folder of this machine",
                remedy=f"put the secret into a folder that it mounts, as {SECRETS}: docker inspect {container.name}",
            )
        if shop.files.read(path) is None:
            raise Refused(
                f"{name}: there is no secret {inside} ({path} on this machine)",
                remedy=f"write it: install -m 600 -o {_user(container)} /dev/stdin {path}",
            )


def _user(container: Container) -> int:
    user = container.user.partition(":")[0]
    return int(user) if user.isdigit() else _USERS.get(user, 65534)
