"""What the engine's API answers, as monops's own types.

Source: Docker Engine API v1.41 and later (docs.docker.com/reference/api/engine), ContainerInspect, ContainerList.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from monops.domain.ports import Container, Listed, Mount, Volume


def volume_of(item: Mapping[str, Any]) -> Volume:
    return Volume(name=item["Name"], mountpoint=item.get("Mountpoint") or "", labels=item.get("Labels") or {})


def container_of(item: Mapping[str, Any]) -> Container:
    config, state, network = item["Config"], item["State"], item.get("NetworkSettings") or {}
    labels = config.get("Labels") or {}
    name = item["Name"].lstrip("/")
    return Container(
        id=item["Id"],
        name=name,
        image=config.get("Image") or "",
        image_id=item.get("Image") or "",
        state=state.get("Status") or "",
        health=(state.get("Health") or {}).get("Status") or "",
        project=labels.get("com.docker.compose.project", ""),
        service=labels.get("com.docker.compose.service", name),
        command=(*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())),
        environment=dict(pair.partition("=")[::2] for pair in config.get("Env") or ()),
        labels=labels,
        mounts=tuple(_mount(mount) for mount in item.get("Mounts") or ()),
        ports=_published(network.get("Ports") or {}),
        addresses={
            name: found["IPAddress"]
            for name, found in (network.get("Networks") or {}).items()
            if found.get("IPAddress")
        },
        working_dir=config.get("WorkingDir") or "/",
        user=config.get("User") or "",
        raw=item,
    )


def listed_of(item: Mapping[str, Any]) -> Listed:
    labels = item.get("Labels") or {}
    name = (item.get("Names") or ["/"])[0].lstrip("/")
    return Listed(
        id=item["Id"],
        name=name,
        image=item.get("Image") or "",
        project=labels.get("com.docker.compose.project", ""),
        service=labels.get("com.docker.compose.service", name),
        mounts=tuple(_mount(mount) for mount in item.get("Mounts") or ()),
    )


def time_of(text: str) -> datetime:
    """Go's RFC 3339 with nanoseconds; Python knows microseconds."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", text)).astimezone(UTC)


def _mount(item: Mapping[str, Any]) -> Mount:
    return Mount(
        type=item.get("Type") or "",
        name=item.get("Name") or "",
        source=item.get("Source") or "",
        destination=item.get("Destination") or "",
        writable=bool(item.get("RW", True)),
    )


def _published(ports: Mapping[str, Any]) -> dict[int, tuple[str, int]]:
    """The first place of each; one of IPv6 only where there is none of IPv4, beside which the engine lists it."""
    found = {}
    for port, bindings in ports.items():
        number, _, protocol = port.partition("/")
        if protocol == "tcp" and bindings:
            first = min(bindings, key=lambda one: ":" in one.get("HostIp", ""))
            found[int(number)] = (first.get("HostIp") or "0.0.0.0", int(first["HostPort"]))  # noqa: S104
    return found
