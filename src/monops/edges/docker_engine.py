"""Docker, through its API.

Source: Docker Engine API v1.41 and later (docs.docker.com/reference/api/engine).
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from monops.domain.errors import EngineError, EngineUnreachable, MonopsError, NotFound, VolumeMissing
from monops.domain.nearest import did_you_mean
from monops.domain.ports import Capacity, Container, Helper, Listed, Machine, Memory, Network, Probe, Reader, Volume
from monops.edges.docker_client import DockerClient, not_found
from monops.edges.docker_items import container_of, listed_of, time_of, volume_of

#: Put on every container that monops creates, so that a later run can clear away what a killed one left.
LABEL = "io.monops.helper"
#: Where a helper container has the volume.
VOLUME_PATH = "/volume"
#: Docker's defaults for health checks, in nanoseconds. Source: docs.docker.com/reference/dockerfile, HEALTHCHECK.
_PROBE_EVERY, _START_EVERY = 30_000_000_000, 5_000_000_000
_INSPECT_WITHIN = 15
_NO_SHELL = re.compile(r"executable file not found|no such file or directory|exec format error", re.IGNORECASE)


class DockerEngine(DockerClient):
    """The engine that DOCKER_HOST or the default socket names."""

    def __init__(self, environment: Mapping[str, str], machine: Machine) -> None:
        super().__init__(environment)
        self._machine = machine
        self._shells: dict[str, str] = {}

    def listed(self) -> tuple[Listed, ...]:
        with self._translated("list containers"):
            return tuple(listed_of(item) for item in self._api().containers(all=True))

    def containers(self, ids: Sequence[str]) -> tuple[Container, ...]:
        found = []
        for container_id in ids:
            with contextlib.suppress(not_found()):
                found.append(container_of(self._inspect(container_id)))
        return tuple(found)

    def probe(self, container_id: str) -> Probe:
        with self._doing("inspect a container"):
            item = self._inspect(container_id)
        check = item["Config"].get("Healthcheck") or {}
        health = item["State"].get("Health")
        if health is None or (check.get("Test") or ["NONE"])[0] == "NONE":
            return Probe(None)
        starting = health.get("Status") == "starting"
        interval = check.get("StartInterval" if starting else "Interval") or (
            _START_EVERY if starting else _PROBE_EVERY
        )
        ended = [entry["End"] for entry in health.get("Log") or () if entry.get("End")]
        with self._translated("tell the time"):
            now = time_of(self._api().info()["SystemTime"])
        return Probe(timedelta(microseconds=interval / 1000), now - time_of(ended[-1]) if ended else None)

    def container(self, name_or_id: str) -> Container:
        try:
            return container_of(self._inspect(name_or_id))
        except not_found() as error:
            names = [c.name for c in self.listed()]
            raise VolumeMissing(
                f"there is no container {name_or_id!r}.{did_you_mean(name_or_id, names)}", remedy="docker ps --all"
            ) from error

    def volumes(self) -> tuple[Volume, ...]:
        with self._translated("list volumes"):
            return tuple(volume_of(item) for item in self._api().volumes().get("Volumes") or ())

    def volume(self, name: str) -> Volume:
        """Asked for by name and never created by asking, as `docker run -v` would."""
        try:
            with self._translated("inspect a volume"):
                return volume_of(self._api().inspect_volume(name))
        except not_found() as error:
            names = [v.name for v in self.volumes()]
            raise VolumeMissing(
                f"there is no volume {name!r}.{did_you_mean(name, names)}", remedy="docker volume ls"
            ) from error

    def networks(self) -> tuple[Network, ...]:
        with self._translated("list networks"):
            found = self._api().networks()
        return tuple(
            Network(name=item["Name"], gateway=next((c.get("Gateway") or "" for c in _ranges(item)), ""))
            for item in found
        )

    def memory(self, container_id: str) -> Memory | None:
        with contextlib.suppress(not_found()), self._translated("read a container's memory"):
            stats = self._api().stats(container_id, stream=False, one_shot=True).get("memory_stats") or {}
            if "usage" not in stats:
                return None
            # As `docker stats` counts: pages that the kernel can drop at once are nobody's. cgroup v1, then v2.
            inside = stats.get("stats") or {}
            cache = inside.get("total_inactive_file", inside.get("inactive_file", 0))
            return Memory(used=max(0, stats["usage"] - cache), limit=stats.get("limit") or 0)
        return None

    def processors(self, container_id: str) -> float | None:
        with contextlib.suppress(not_found()), self._translated("read a container's use of processors"):
            # Without `one_shot` the engine looks twice, a second apart.
            stats = self._api().stats(container_id, stream=False)
            now, before = stats.get("cpu_stats") or {}, stats.get("precpu_stats") or {}
            spent = _total(now) - _total(before)
            passed = (now.get("system_cpu_usage") or 0) - (before.get("system_cpu_usage") or 0)
            # Source: docker/cli, calculateCPUPercentUnix.
            if passed > 0 and before.get("system_cpu_usage"):
                return float(max(0, spent) / passed * (now.get("online_cpus") or 1))
        return None

    def capacity(self) -> Capacity:
        with self._translated("tell what its machine has"):
            info = self._api().info()
            return Capacity(
                processors=int(info.get("NCPU") or 1),
                memory=int(info.get("MemTotal") or 0),
                has_swap_limit=bool(info.get("SwapLimit", True)),
            )

    def image_digest(self, image_id: str) -> str:
        with self._translated("inspect an image"), contextlib.suppress(not_found()):
            digests = self._api().inspect_image(image_id).get("RepoDigests") or ()
            return str(digests[0]) if digests else image_id
        return image_id

    def stop(self, container_id: str, *, within: timedelta) -> None:
        with self._doing("stop a container"):
            self._api(timeout=int(within.total_seconds()) + 30).stop(container_id, timeout=int(within.total_seconds()))

    def start(self, container_id: str) -> None:
        with self._doing("start a container"):
            self._api().start(container_id)

    def update(self, container_id: str, limits: Mapping[str, int]) -> None:
        with self._doing("update a container's limits"):
            api = self._api()
            # docker-py's own method knows neither NanoCpus nor PidsLimit. Source: Docker API, ContainerUpdate.
            url = api._url("/containers/{0}/update", container_id)  # noqa: SLF001 - there is no public way
            api._raise_for_status(api._post_json(url, data=dict(limits)))  # noqa: SLF001 - the same

    def signal(self, container_id: str, name: str) -> None:
        with self._doing("send a container a signal"):
            self._api().kill(container_id, name)

    def logs(self, container_id: str, lines: int) -> tuple[str, ...]:
        """A driver that cannot be read from gives nothing."""
        with contextlib.suppress(EngineError), self._doing("read a container's log"):
            found = self._api().logs(container_id, stdout=True, stderr=True, tail=lines)
            return tuple(found.decode(errors="replace").splitlines())
        return ()

    def pause(self, container_id: str) -> None:
        with self._doing("pause a container"):
            self._api().pause(container_id)

    def unpause(self, container_id: str) -> None:
        with self._doing("unpause a container"):
            self._api().unpause(container_id)

    @contextmanager
    def mounted(self, volume: str, image: str, *, writable: bool) -> Iterator[str]:
        """Raises VolumeMissing: an unknown volume would be created, empty, by the create call."""
        self.volume(volume)
        container = self._create(volume, image, ["monops-never-started"], writable=writable)
        try:
            yield container
        finally:
            self._remove(container)

    @contextmanager
    def archive(self, container_id: str, path: str) -> Iterator[Reader]:
        """Raises NotFound for a path that is not there."""
        try:
            with self._translated(f"read {path}"):
                # As bytes: a name need not be UTF-8.
                raw = path.encode(errors="surrogateescape")
                chunks, _ = self._api(timeout=600).get_archive(container_id, raw, chunk_size=1 << 20)
        except not_found() as error:
            raise NotFound(f"{path} is not in container {container_id[:12]}", remedy="docker ps --all") from error
        reader = _ChunkReader(chunks, self)
        try:
            yield reader
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()

    def unarchive(self, container_id: str, path: str, tar: Iterable[bytes]) -> None:
        with self._doing(f"write {path}"):
            # docker-py hands an iterable on to requests, which sends it in chunks.
            self._api(timeout=3600).put_archive(container_id, path, tar)

    def script(self, volume: str, images: Sequence[str], text: str, *, writable: bool) -> Helper:
        """Raises EngineError if none of `images` has a shell."""
        self.volume(volume)
        known = self._shells.get(volume)
        for image in [known] if known else images:
            container = self._create(volume, image, ["-c", text], writable=writable, entrypoint="/bin/sh")
            try:
                helper = self._run(container)
            finally:
                self._remove(container)
            if helper is not None:
                self._shells[volume] = image
                return helper
        raise EngineError(
            f"none of the images at hand has a shell to work on volume {volume}",
            remedy="docker pull busybox, or run monops as root where the engine runs",
        )

    def clear_leftovers(self) -> int:
        """Remove helper containers of monops processes that are gone; how many."""
        with self._translated("list containers"):
            left = self._api().containers(all=True, filters={"label": LABEL})
        count = 0
        for item in left:
            try:
                maker = json.loads(item.get("Labels", {}).get(LABEL, ""))
            except ValueError:
                continue
            if self._machine.is_alive(maker) is False:
                self._remove(item["Id"])
                count += 1
        return count

    @contextmanager
    def _doing(self, doing: str) -> Iterator[None]:
        """As `_translated`; a container that goes at that very moment is VolumeMissing, as one that was never there."""
        try:
            with self._translated(doing):
                yield
        except not_found() as error:
            said = getattr(error, "explanation", None) or str(error)
            raise VolumeMissing(f"Docker could not {doing}: {said}", remedy="docker ps --all") from error

    def _inspect(self, name_or_id: str) -> Any:
        """One stuck container must not look like a stuck engine: the list has just been answered."""
        from requests import exceptions

        try:
            with self._translated("inspect a container"):
                return self._api(timeout=_INSPECT_WITHIN).inspect_container(name_or_id)
        except EngineUnreachable as error:
            if not isinstance(error.__cause__, exceptions.ReadTimeout):
                raise
            raise EngineError(
                f"Docker does not answer for the container {name_or_id[:12]} (paused while its health check began?)",
                remedy=f"docker unpause {name_or_id[:12]}; if that hangs too: restart the Docker engine",
            ) from error

    def _create(
        self, volume: str, image: str, command: list[str], *, writable: bool, entrypoint: str | None = None
    ) -> str:
        doing = f"create a helper container for volume {volume}"
        try:
            with self._translated(doing):
                api = self._api()
                host = api.create_host_config(
                    binds={volume: {"bind": VOLUME_PATH, "mode": "rw" if writable else "ro"}}, network_mode="none"
                )
                made = api.create_container(
                    image,
                    command,
                    entrypoint=entrypoint,
                    host_config=host,
                    user="0:0",
                    labels={LABEL: json.dumps(dict(self._machine.identity()))},
                    healthcheck={"test": ["NONE"]},
                    tty=False,
                )
        except not_found() as error:
            raise EngineError(
                f"Docker could not {doing}: there is no image {image}", remedy="docker image ls"
            ) from error
        return str(made["Id"])

    def _run(self, container: str) -> Helper | None:
        """None if the image has no shell."""
        with self._doing("run a helper container"):
            api = self._api(timeout=3600)
            try:
                api.start(container)
            except Exception as error:
                if _NO_SHELL.search(str(error)):
                    return None
                raise
            code = int(api.wait(container)["StatusCode"])
            output = api.logs(container, stdout=True, stderr=True).decode(errors="replace")
        return Helper(exit_code=code, output=output)

    def _remove(self, container: str) -> None:
        """With the unnamed volumes that its image asked for; a volume given to it by name stays, whatever the name."""
        with contextlib.suppress(MonopsError, not_found()), self._translated("remove a helper container"):
            self._api().remove_container(container, force=True, v=True)


class _ChunkReader:
    """A reader over the engine's chunks; a broken connection is an EngineUnreachable, never an end."""

    def __init__(self, chunks: Iterable[bytes], engine: DockerEngine) -> None:
        self._chunks = iter(chunks)
        self._left = memoryview(b"")
        self._engine = engine

    def read(self, size: int = -1) -> bytes:
        if not self._left:
            with self._engine._translated("read an archive"):  # noqa: SLF001 - the same edge
                self._left = memoryview(next(self._chunks, b""))
        taken = self._left if size < 0 else self._left[:size]
        self._left = self._left[len(taken) :]
        return bytes(taken)


def _ranges(network: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list((network.get("IPAM") or {}).get("Config") or ())


def _total(cpu_stats: Mapping[str, Any]) -> int:
    return int((cpu_stats.get("cpu_usage") or {}).get("total_usage") or 0)
