"""One container, and what only a look into it tells.

Source: Docker Engine API, ContainerInspect, ContainerLogs, ContainerStats.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from monops.domain.errors import EngineError, MonopsError, NotFound
from monops.domain.facts import ListeningSocket, SeenContainer
from monops.domain.ports import Container, Memory
from monops.domain.rebuild import is_secret_mount, without_secret
from monops.domain.scrape_scene import networks_of
from monops.domain.stack import service_of
from monops.edges.docker_items import container_of
from monops.edges.docker_reader import DockerReader
from monops.edges.inspect_process import is_process_of, sockets_of, stale_mounts_of

#: Lines of the log of a container that is not well, and of those in whose logs checks look for known phrases.
_LAST_WORDS, _PHRASES = 20, 50
_ALWAYS_READ = ("prometheus", "alertmanager", "cadvisor", "grafana", "node-exporter")
#: The path of a webhook's address is its secret: https://hooks.slack.com/services/T0/B0/XXXX.
_WEBHOOK = re.compile(r"""(https?://[^/\s"'\\]+/)[^\s"'\\]+""")


def seen_lightly(item: Mapping[str, Any]) -> SeenContainer:
    """What `docker inspect` tells, without a look inside."""
    state = item.get("State") or {}
    networks = (item.get("NetworkSettings") or {}).get("Networks") or {}
    checked = (state.get("Health") or {}).get("Log") or ()
    container = container_of(item)
    return SeenContainer(
        container=container,
        aliases=frozenset(
            name
            for network in networks.values()
            for name in (*(network.get("Aliases") or ()), *(network.get("DNSNames") or ()))
        ),
        restarts=int(item.get("RestartCount") or 0),
        exit_code=None if state.get("Running") else state.get("ExitCode"),
        out_of_memory=bool(state.get("OOMKilled")),
        started_at=str(state.get("StartedAt") or ""),
        health_output=_shown(container, str(checked[-1].get("Output") or "").strip()) if checked else "",
        health_exit_code=checked[-1].get("ExitCode") if checked else None,
    )


def seen_from_outside(reader: DockerReader, item: Mapping[str, Any], near: frozenset[str]) -> SeenContainer:
    """A container that is not the stack's, with what explains why it does not answer where it is in one of the networks
    `near`: its sockets, and its log where it has ended."""
    seen = seen_lightly(item)
    container = seen.container
    if not near & networks_of(seen):
        return seen
    return replace(seen, sockets=_sockets(reader, item, container), log=_log(reader, seen))


def seen_closely(reader: DockerReader, item: Mapping[str, Any]) -> SeenContainer:
    """The same with its log, its memory, its sockets and its mounts, as far as they can be looked at from here."""
    seen = seen_lightly(item)
    container = seen.container
    running = seen.container.state in ("running", "paused", "restarting")
    pid = int((item.get("State") or {}).get("Pid") or 0)
    is_ours = reader.shares_host and is_process_of(pid, container.id)
    return replace(
        seen,
        image_now=_image_now(reader, container.image),
        log=_log(reader, seen),
        memory=_memory(reader, container) if running else None,
        sockets=_sockets(reader, item, container),
        stale_mounts=stale_mounts_of(pid, container.mounts) if is_ours else None,
        mount_owners=_owners(container) if reader.shares_host else {},
        secret_modes=_secret_modes(container) if reader.shares_host else {},
        log_bytes=_size(str(item.get("LogPath") or "")) if reader.shares_host else None,
    )


def _sockets(reader: DockerReader, item: Mapping[str, Any], container: Container) -> tuple[ListeningSocket, ...] | None:
    pid = int((item.get("State") or {}).get("Pid") or 0)
    whole_network = ((item.get("HostConfig") or {}).get("NetworkMode") or "") != "host"
    if not (reader.shares_host and is_process_of(pid, container.id)):
        return None
    return sockets_of(pid, whole_network=whole_network)


def _log(reader: DockerReader, seen: SeenContainer) -> tuple[str, ...]:
    container = seen.container
    is_terminal = bool((container.raw.get("Config") or {}).get("Tty"))
    is_well = container.state == "running" and container.health in ("healthy", "starting", "")
    always = service_of(container) in _ALWAYS_READ
    if is_well and not always:
        return ()
    asked = {"stdout": "1", "stderr": "1", "tail": str(_PHRASES if always else _LAST_WORDS)}
    # A log driver that cannot be read from gives nothing.
    with contextlib.suppress(EngineError, NotFound):
        raw = reader.bytes(f"/containers/{container.id}/logs", asked)
        text = (raw if is_terminal else _joined(raw)).decode(errors="replace")
        return tuple(_shown(container, line) for line in text.splitlines())
    return ()


def _joined(raw: bytes) -> bytes:
    """Without the 8 bytes before each piece, which tell its stream and its length. Source: ContainerAttach."""
    found, at = bytearray(), 0
    while at + 8 <= len(raw):
        size = int.from_bytes(raw[at + 4 : at + 8], "big")
        found += raw[at + 8 : at + 8 + size]
        at += 8 + size
    return bytes(found)


def _shown(container: Container, text: str) -> str:
    """Without secrets. Alertmanager names the whole address of a webhook that fails."""
    text = without_secret(text)
    return _WEBHOOK.sub(r"\1<removed>", text) if service_of(container) == "alertmanager" else text


def _image_now(reader: DockerReader, image: str) -> str:
    # The name may be gone since: then there is nothing to compare.
    with contextlib.suppress(MonopsError):
        return str(reader.json(f"/images/{quote(image, safe='/:@')}/json").get("Id", "")) if image else ""
    return ""


def _memory(reader: DockerReader, container: Container) -> Memory | None:
    # What it uses is of no weight beside that it is there at all: a container that ends meanwhile has none.
    with contextlib.suppress(MonopsError):
        asked = {"stream": "false", "one-shot": "true"}
        stats = reader.json(f"/containers/{container.id}/stats", asked).get("memory_stats") or {}
        if "usage" in stats:
            # As `docker stats` counts: pages that the kernel can drop at once are nobody's. cgroup v1, then v2.
            inside = stats.get("stats") or {}
            cache = inside.get("total_inactive_file", inside.get("inactive_file", 0))
            return Memory(used=max(0, stats["usage"] - cache), limit=stats.get("limit") or 0)
    return None


def _owners(container: Container) -> dict[str, tuple[int, int]]:
    found = {}
    for mount in container.mounts:
        if mount.source.startswith("/"):
            with contextlib.suppress(OSError):
                status = os.stat(mount.source)
                found[mount.source] = (status.st_uid, status.st_mode & 0o7777)
    return found


def _secret_modes(container: Container) -> dict[str, int]:
    """Of files that are mounted as secrets, and of those in folders that are."""
    found: dict[str, int] = {}
    for mount in container.mounts:
        if mount.type != "bind" or not is_secret_mount(mount):
            continue
        with contextlib.suppress(OSError):
            names = sorted(os.listdir(mount.source)) if os.path.isdir(mount.source) else [""]
            for path in (os.path.join(mount.source, name) if name else mount.source for name in names):
                status = os.stat(path)
                if stat.S_ISREG(status.st_mode):
                    others = 0o007 if _is_open_way(path) else 0
                    found[path] = status.st_mode & (0o7770 | others)
    return found


def _is_open_way(path: str) -> bool:
    """Whether everybody may go through all folders above a file."""
    folder = os.path.dirname(os.path.realpath(path))
    while True:
        if not os.stat(folder).st_mode & stat.S_IXOTH:
            return False
        if folder == "/":
            return True
        folder = os.path.dirname(folder)


def _size(path: str) -> int | None:
    with contextlib.suppress(OSError):
        return os.stat(path).st_size if path else None
    return None
