"""A stack whose settings are changed, in memory: files, history, Compose, and a Prometheus that obeys its files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml
from tests.fakes.fake_engine import FakePrometheus, FakeServices, container
from tests.fakes.fake_outside import Life, World

from monops.domain.change import Entry, FileEdit, Means, Plan, Site, Step
from monops.domain.errors import ConfigurationError, EditedMeanwhile, Locked, Refused
from monops.domain.limits import NAMES, declared
from monops.domain.ports import Container, Helper, Mount, PrometheusStatus
from monops.ops.workshop import Workshop

FOLDER = "/stack"
COMPOSE = f"{FOLDER}/docker-compose.monitoring.yml"
CONFIG = f"{FOLDER}/prometheus.yml"
TEXT = """\
services:
  prometheus:
    image: prom/prometheus:v1
    command:
      - --config.file=/etc/prometheus/prometheus.yml
      - --storage.tsdb.retention.time=30d
  other:
    image: x
    environment: {KEEP: "${KEEP_FOR:-1}"}
"""


@dataclass
class MemoryFiles:
    """Files by path; writing one is an act that can be the last."""

    life: Life
    texts: dict[str, str] = field(default_factory=dict)
    read_only: set[str] = field(default_factory=set)
    size: tuple[int, int] | None = None
    modes: dict[str, tuple[int, int]] = field(default_factory=dict)
    #: Who runs monops.
    user: int = 0

    def read(self, path: str) -> str | None:
        return self.texts.get(path)

    def mode_and_owner(self, path: str) -> tuple[int, int] | None:
        return self.modes.get(path, (0o644, 0)) if path in self.texts else None

    def real(self, path: str) -> str:
        return path

    def matching(self, pattern: str) -> tuple[str, ...]:
        return tuple(sorted(path for path in self.texts if fnmatch(path, pattern)))

    def disk(self, path: str) -> tuple[int, int] | None:
        return self.size

    def check_writable(
        self, path: str, *, in_place: bool = False, owner: int | None = None, again: str = "monops"
    ) -> None:
        found = self.mode_and_owner(path)
        _, owner = found or (0, owner)
        if not (in_place and found) and self.user != 0 and owner not in (None, self.user):
            whose = f"it is user {owner}'s, and only root may write it anew as theirs"
            why = whose if found else f"only root may give a file to user {owner}"
            raise Refused(f"{path} cannot be written: {why}", remedy=f"sudo {again}")
        if path in self.read_only:
            raise Refused(f"{path} cannot be written: read-only", remedy="chmod")

    def replace(
        self,
        path: str,
        text: str | None,
        *,
        expected: Sequence[str | None],
        in_place: bool = False,
        mode: int = 0o644,
        owner: int | None = None,
    ) -> None:
        self.life.act(f"write {path}")
        if self.texts.get(path) not in expected:
            raise EditedMeanwhile(f"{path} was edited meanwhile", remedy="look")
        if text is None:
            self.texts.pop(path, None)
        else:
            if path not in self.texts:
                self.modes[path] = (mode, owner or 0)
            self.texts[path] = text


@dataclass
class MemoryChanges:
    """A history that outlives the process."""

    life: Life
    kept: dict[int, Entry] = field(default_factory=dict)
    is_held: bool = False
    #: Every state that was saved, in order.
    saved: list[tuple[int, str]] = field(default_factory=list)

    folder = f"{FOLDER}/.monops/changes"

    @contextmanager
    def lock(self) -> Iterator[None]:
        if self.is_held:
            raise Locked("another monops is changing this stack now", remedy="wait")
        yield

    def entries(self) -> tuple[Entry, ...]:
        return tuple(self.kept[number] for number in sorted(self.kept))

    def save(self, entry: Entry) -> None:
        self.life.act(f"save {entry.state.value}")
        self.kept[entry.id] = entry
        self.saved.append((entry.id, entry.state.value))


@dataclass
class MemoryCompose:
    """Compose on those files: a container is as the file said when it was made."""

    world: ChangeWorld
    made: list[str] = field(default_factory=list)
    #: Images that the engine does not have.
    missing: set[str] = field(default_factory=set)

    def model(self, replaced: Mapping[str, str | None] | None = None) -> Mapping[str, Any]:
        texts = {**self.world.files.texts, **(replaced or {})}
        variables = dict(re.findall(r"^(\w+)=(.*)$", texts.get(f"{FOLDER}/.env") or "", re.MULTILINE))
        merged: dict[str, Any] = {}
        for path in self.world.site.files:
            text = re.sub(r"\$\{(\w+):-([^}]*)\}", lambda m: str(variables.get(m[1], m[2])), texts.get(path) or "")
            text = re.sub(r"\$\{(\w+):\?[^}]*\}", lambda m: str(variables.get(m[1], "")), text)
            try:
                found = yaml.safe_load(text)
            except yaml.YAMLError as error:
                raise ConfigurationError(f"{path} is not a Compose file", remedy="mend") from error
            for name, part in (found.get("services") or {}).items():
                merged[name] = {**merged.get(name, {}), **part}
        for part in merged.values():
            if "ports" in part:
                part["ports"] = [_port(str(one)) for one in part["ports"]]
        return {"name": "p", "services": merged}

    def hashes(self, replaced: Mapping[str, str | None] | None = None) -> Mapping[str, str]:
        return {name: str(part) for name, part in self.model(replaced)["services"].items()}

    def has_image(self, image: str) -> bool:
        return image not in self.missing

    def remove(self, containers: Sequence[str]) -> None:
        raise AssertionError("no container goes")

    def make(self, services: Sequence[str], *, anew: bool = False, start: bool = True) -> None:
        for service in services:
            self.world.world.life.act(f"make {service}")
            self.world.make(service)
            if not start:
                engine = self.world.world.engine
                engine.found[f"id-{service}"] = replace(engine.found[f"id-{service}"], state="created")
            self.made.append(service)

    def restart_only(self, services: Sequence[str]) -> None:
        self.make(services)

    def post(self, service: str, url: str) -> str:
        self.world.world.life.act(f"reload {service}")
        return self.world.reload()


@dataclass
class FakeTools:
    """promtool, which finds fault with what holds `wrong`."""

    fault: str = "parsing: field wrong"

    def config_path(self, service: str) -> str:
        return f"/etc/{service}/{service}.yml"

    def inside(self, service: str, words: Sequence[str]) -> Helper:
        raise AssertionError("the running container is left alone")

    def apart(self, service: str, files: Mapping[str, bytes], words: Sequence[str]) -> Helper:
        is_wrong = any(b"wrong" in data for data in files.values())
        return Helper(exit_code=int(is_wrong), output=f"Checking x\n  FAILED: {self.fault}\n" if is_wrong else "")


@dataclass
class Obedient(FakePrometheus):
    """A Prometheus with what it last read of its configuration file."""

    version: str = "3.5.3"
    loaded: str = ""

    def status(self) -> PrometheusStatus:
        return replace(super().status(), version=self.version, config=self.loaded)


def _port(text: str) -> dict[str, str]:
    """As `docker compose config` has it."""
    *host, published, target = text.split(":")
    return {"host_ip": ":".join(host), "published": published, "target": target}


@dataclass
class ChangeWorld:
    """The stack `p`, and a new process each time somebody asks for a workshop."""

    root: Path
    text: str = TEXT
    site: Site = field(default_factory=lambda: Site(project="p", folder=FOLDER, files=(COMPOSE,)))
    #: What Prometheus does not start with.
    refused: str = "13d"
    environment: dict[str, str] = field(default_factory=dict)
    world: World = field(init=False)
    files: MemoryFiles = field(init=False)
    history: MemoryChanges = field(init=False)
    docker: MemoryCompose = field(init=False)
    prometheus: Obedient = field(default_factory=Obedient)

    def __post_init__(self) -> None:
        (self.root / "data").mkdir(parents=True)
        self.world = World(self.root, services=FakeServices(self.prometheus))
        self.files = MemoryFiles(self.world.life, {COMPOSE: self.text, CONFIG: "global: {}\n"})
        self.history = MemoryChanges(self.world.life)
        self.docker = MemoryCompose(self)
        self.make("prometheus")

    def shop(self, ends_at: int | None = None, *, own_file: str | None = COMPOSE) -> Workshop:
        return Workshop(
            outside=self.world.live(ends_at),
            files=self.files,
            bench=self,
            tools=FakeTools(),
            own_file=own_file,
            project=None,
            named={},
            environment=self.environment,
            who="me",
            command="monops x",
            version="1",
        )

    def changes(self, folder: str) -> MemoryChanges:
        assert folder == FOLDER
        return self.history

    def compose(self, site: Site) -> MemoryCompose:
        return self.docker

    def make(self, service: str) -> None:
        """A container as the files say now."""
        part = self.docker.model()["services"][service]
        words = tuple(map(str, part.get("command") or ()))
        is_sick = any(self.refused in word for word in words)
        labels = {
            "com.docker.compose.project.config_files": ",".join(self.site.files),
            "com.docker.compose.project.working_dir": FOLDER,
            "com.docker.compose.config-hash": self.docker.hashes()[service],
        }
        made = replace(
            container(service, "data", state="exited" if is_sick else "running"),
            command=words,
            labels=labels,
            mounts=(
                Mount(type="volume", name="data", source="/v", destination="/prometheus"),
                Mount(type="bind", name="", source=FOLDER, destination="/etc/prometheus", writable=False),
            ),
            raw={"Config": {"Cmd": list(words)}, "State": {"ExitCode": 1}, "HostConfig": self._host_config(part)},
        )
        self.world.engine.add(made)
        if service == "prometheus":
            self.reload()
            self._tell_retention()

    def _host_config(self, part: Mapping[str, Any]) -> dict[str, int]:
        """As Docker would have it."""
        limits = declared(part)
        found = {name: limits.of(setting) for setting, name in NAMES.items()}
        return self.world.engine.limited({**found, "MemorySwap": limits.memory * 2})

    def reload(self) -> str:
        """Prometheus reads its configuration file."""
        text = self.files.texts.get(CONFIG, "")
        if "refused" in text:
            return "HTTP/1.1 500"
        self.prometheus.loaded = text
        # Before 3.11 it goes on telling the retention that it started with (prometheus#18200).
        if tuple(map(int, self.prometheus.version.split("."))) >= (3, 11):
            self._tell_retention()
        return ""

    def _tell_retention(self) -> None:
        """The file's wins over the flags'."""
        in_file = (
            ((yaml.safe_load(self.prometheus.loaded) or {}).get("storage") or {}).get("tsdb", {}).get("retention", {})
        )
        found = dict(in_file)
        for word in self.running.command:
            name, _, value = word.partition("=")
            if name.startswith("--storage.tsdb.retention."):
                found.setdefault(name.rpartition(".")[2], value)
        parts = [str(found[name]).replace("GB", "GiB") for name in ("time", "size") if found.get(name)]
        self.prometheus.retention = " or ".join(parts) or "15d"

    @property
    def running(self) -> Container:
        return self.world.engine.container("p-prometheus-1")


def plan_of(world: ChangeWorld, *edits: FileEdit, means: Means = Means.RECREATE) -> Plan:
    step = Step(means=means, service="prometheus", interrupts="nothing")
    return Plan(site=world.site, title="t", values=(), edits=edits, steps=(step,))
