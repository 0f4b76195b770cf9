"""The facts that the engine tells.

Source: Docker Engine API, SystemVersion, SystemInfo, SystemEvents, NetworkList, VolumeList.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping

from monops.domain.facts import EngineInfo, SeenContainer
from monops.domain.ports import Network, Volume
from monops.domain.ports.inspection import Reader
from monops.domain.scrape_scene import networks_of
from monops.edges.docker_items import time_of, volume_of
from monops.edges.docker_reader import DockerReader
from monops.edges.inspect_container import seen_closely, seen_from_outside, seen_lightly
from monops.edges.inspect_disk import data_disks, engine_disk
from monops.edges.inspect_files import ConfigFiles
from monops.edges.inspect_members import Members, neighbours
from monops.edges.inspect_process import is_process_of, memory_kills_of
from monops.edges.inspect_target_files import TargetFiles
from monops.edges.once import at_once

_DAY = 86_400
_MOST_NEIGHBOURS = 200


class ContainersInspector:
    """The stack's own containers."""

    def __init__(self, reader: DockerReader, members: Members) -> None:
        self._reader = reader
        self._members = members

    def readers(self) -> Mapping[str, Reader]:
        return {"containers": self._containers}

    def _containers(self) -> tuple[SeenContainer, ...]:
        found = at_once(lambda one: seen_closely(self._reader, one.raw), self._members.containers())
        return tuple(sorted(found, key=lambda one: one.name))


class DockerInspector:
    """The engine, and what else it has."""

    def __init__(self, reader: DockerReader, members: Members, files: ConfigFiles) -> None:
        self._reader = reader
        self._members = members
        self._files = files
        self._target_files = TargetFiles(reader, members, files)

    def readers(self) -> Mapping[str, Reader]:
        return {
            "engine": self._engine,
            "neighbours": self._neighbours,
            "networks": self._networks,
            "volumes": self._volumes,
            "engine_disk": lambda: engine_disk(self._reader),
            "data_disks": lambda: data_disks(self._reader, self._members),
            "oom_events": self._oom_events,
            "container_files": self._files.in_containers,
            "host_files": self._files.on_host,
            "target_files": self._target_files.read,
        }

    def _engine(self) -> EngineInfo:
        version = self._reader.json("/version")
        before = time.time()
        info = self._reader.json("/info")
        after = time.time()
        offset = time_of(info["SystemTime"]).timestamp() - (before + after) / 2 if info.get("SystemTime") else 0.0
        return EngineInfo(
            version=str(version.get("Version", "")),
            api_version=str(version.get("ApiVersion", "")),
            storage_driver=str(info.get("Driver", "")),
            driver_status={str(pair[0]): str(pair[1]) for pair in info.get("DriverStatus") or () if len(pair) == 2},
            root=str(info.get("DockerRootDir", "")),
            memory_bytes=int(info.get("MemTotal") or 0),
            cpus=int(info.get("NCPU") or 0),
            warnings=tuple(str(one) for one in info.get("Warnings") or ()),
            cgroup_version=str(info.get("CgroupVersion") or "1"),
            clock_offset=offset,
        )

    def _neighbours(self) -> tuple[SeenContainer, ...]:
        items = neighbours(self._reader, self._members.ids(), _MOST_NEIGHBOURS)
        own = [networks_of(seen_lightly(one.raw)) for one in self._members.containers()]
        near = frozenset[str]().union(*own) - {"bridge", "none"}
        found = at_once(lambda item: seen_from_outside(self._reader, item, near), items)
        return tuple(sorted(found, key=lambda one: one.name))

    def _networks(self) -> tuple[Network, ...]:
        found = []
        for item in self._reader.json("/networks"):
            ranges = (item.get("IPAM") or {}).get("Config") or ()
            found.append(Network(name=item["Name"], gateway=next((r.get("Gateway") or "" for r in ranges), "")))
        return tuple(sorted(found, key=lambda one: one.name))

    def _volumes(self) -> tuple[Volume, ...]:
        found = map(volume_of, self._reader.json("/volumes").get("Volumes") or ())
        return tuple(sorted(found, key=lambda one: one.name))

    def _oom_events(self) -> dict[str, int]:
        """What the engine remembers; and, because it remembers its latest 256 events only, which with health checks is
        minutes, what the kernel has counted of containers that were started in that time."""
        until = time.time()
        asked = {
            "since": f"{until - _DAY:.0f}",
            "until": f"{until:.9f}",
            "filters": json.dumps({"type": ["container"], "event": ["oom"]}),
        }
        project, found = self._members.project(), Counter[str]()
        for line in self._reader.bytes("/events", asked).splitlines():
            named = (json.loads(line).get("Actor") or {}).get("Attributes") or {}
            if project and named.get("com.docker.compose.project") == project:
                found[str(named.get("com.docker.compose.service", named.get("name", "")))] += 1
        for container in self._members.containers() if self._reader.shares_host else ():
            state = container.raw.get("State") or {}
            pid, started = int(state.get("Pid") or 0), str(state.get("StartedAt") or "")
            if is_process_of(pid, container.id) and time_of(started).timestamp() > until - _DAY:
                found[container.service] = max(found[container.service], memory_kills_of(pid))
        return {service: count for service, count in found.items() if count}
