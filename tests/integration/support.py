"""What the tests on real services share: running monops, a Compose project of the test bed, what must hold after."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.integration.web import query

ROOT = Path(__file__).parents[2]
TESTBED = ROOT / "scripts" / "testbed"
MONOPS = Path(sys.executable).parent / "monops"
STACK = ROOT / "tests" / "testbed" / "stack"
COMPOSE_FILE = "docker-compose.monitoring.yml"
#: The label of helper containers, as `docker ps` wants it. Source: monops.edges.docker_engine.LABEL.
HELPER_LABEL = "io.monops.helper"
#: Secrets that the tests put into the stack and the environment: no output may ever show one.
GRAFANA_PASSWORD = "hunter2-grafana-administrator"  # gitleaks:allow
REDIS_PASSWORD = "correct-horse-redis-battery"
#: Long enough for a machine with two busy cores; nothing waits so long unless something is broken.
PATIENCE = 120.0

#: What to ask of `scripts/testbed data`: more than 200 MB.
DATA = ("--size-mb", "210")
#: Blocks stay as they are for the length of a test run: the server merges nothing, and deletes nothing.
OVERRIDE = """
services:
  prometheus:
    command:
      - --config.file=/etc/prometheus/prometheus.yml
      - --storage.tsdb.path=/prometheus
      - --storage.tsdb.retention.time=1y
      - --storage.tsdb.min-block-duration=2h
      - --storage.tsdb.max-block-duration=2h
      - --web.enable-lifecycle
      - ${PROMETHEUS_EXTRA_FLAG:---web.enable-admin-api}
  grafana:
    environment:
      STANDIN_DB_MB: ${STANDIN_DB_MB:-0}
      GF_DATABASE_WAL: ${GF_DATABASE_WAL:-false}
  redis:
    command: [redis-server, --requirepass, "${REDIS_PASSWORD:-none}"]
    healthcheck:
      test: [CMD, redis-cli, -a, "${REDIS_PASSWORD:-none}", ping]
"""


def wait_until(happened: Callable[[], bool], what: str, *, within: float = PATIENCE, pause: float = 0.05) -> None:
    """Ask again and again until `happened`; fails with `what` after `within` seconds."""
    deadline = time.monotonic() + within
    while not happened():
        assert time.monotonic() < deadline, f"{what}: not within {within:.0f} s"
        time.sleep(pause)


def eventually(check: Callable[[], None], *, within: float = 60) -> None:
    """`check` asserts what is true but for a moment of a busy machine; its last failure is raised after `within` s."""
    deadline = time.monotonic() + within
    while True:
        try:
            return check()
        except (AssertionError, OSError):
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.5)


def command(*words: str | Path, environment: Mapping[str, str] | None = None, stdin: bytes | None = None) -> str:
    """Run a program that must succeed; what it printed."""
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        env={**os.environ, **(environment or {})},
        input=stdin,
        timeout=PATIENCE * 5,
    )
    said = done.stderr.decode(errors="replace")
    assert done.returncode == 0, f"{words} ended with {done.returncode}: {said}{done.stdout.decode(errors='replace')}"
    return done.stdout.decode(errors="replace").strip()


def docker(*words: str | Path) -> str:
    return command("docker", *words)


# --- monops ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ran:
    """One run of monops that has ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def result(self) -> Any:
        """`result` of the JSON document, which is all that stands on stdout."""
        return json.loads(self.stdout)["result"]

    @property
    def runs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.result["runs"]
        return found

    @property
    def snapshot(self) -> str:
        assert self.runs[0]["snapshot"], self
        return str(self.runs[0]["snapshot"])

    def source(self, name: str) -> dict[str, Any]:
        """What the first destination got of a source."""
        found: dict[str, Any] = next(s for s in self.runs[0]["sources"] if s["name"] == name)
        return found

    @property
    def errors(self) -> list[str]:
        return [line.removeprefix("error: ") for line in self.stderr.splitlines() if line.startswith("error: ")]

    @property
    def remedies(self) -> list[str]:
        lines = [line.strip() for line in self.stderr.splitlines()]
        return [line.removeprefix("try: ") for line in lines if line.startswith("try: ")]

    @property
    def warnings(self) -> list[str]:
        return [line.removeprefix("warning: ") for line in self.stderr.splitlines() if line.startswith("warning: ")]

    def is_one_error(self, code: int, *parts: str) -> None:
        """It ended with `code`, one sentence that holds `parts`, and one remedy."""
        assert self.code == code, self
        assert len(self.errors) == 1, self.stderr
        assert len(self.remedies) == 1, self.stderr
        assert self.remedies[0], self.stderr
        for part in parts:
            assert part in self.errors[0], self.stderr


@dataclass
class Monops:
    """The command line, with a journal and a home of its own."""

    folder: Path
    project: str | None = None
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def config(self, text: str) -> None:
        """Write the monops.toml that is found from where monops runs."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "monops.toml").write_text(text)

    def run(
        self,
        *words: str | Path,
        environment: Mapping[str, str] | None = None,
        as_json: bool = True,
        within: float = 180,
    ) -> Ran:
        process = self.start(*words, environment=environment, as_json=as_json)
        return self.ended(process, within=within)

    def start(
        self, *words: str | Path, environment: Mapping[str, str] | None = None, as_json: bool = True
    ) -> subprocess.Popen[bytes]:
        shared = ["--project", self.project] if self.project else []
        shared += ["--output", "json"] if as_json else []
        everything = self.whole_environment(environment or {})
        return subprocess.Popen(
            [str(MONOPS), *shared, *(str(word) for word in words)],
            cwd=self.folder,
            env=everything,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def ended(self, process: subprocess.Popen[bytes], *, within: float = 180) -> Ran:
        """Wait for it. Whatever it did: no traceback, no secret."""
        try:
            out, err = process.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"monops did not end within {within} s: {err!r}") from None
        ran = Ran(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))
        assert "Traceback" not in ran.stderr, ran.stderr
        assert ran.code != 70, ran.stderr
        for secret in (GRAFANA_PASSWORD, REDIS_PASSWORD, self.environment.get("AWS_SECRET_ACCESS_KEY") or "\0"):
            assert secret not in ran.stdout + ran.stderr
        return ran

    def backup(self, *words: str | Path, environment: Mapping[str, str] | None = None) -> Ran:
        """A backup that must succeed."""
        ran = self.run("backup", *words, environment=environment)
        assert ran.code == 0, ran
        return ran

    def whole_environment(self, more: Mapping[str, str]) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MONOPS_", "AWS_"))}
        home = self.folder / "home"
        home.mkdir(parents=True, exist_ok=True)
        own = {"HOME": str(home), "MONOPS_STATE_DIR": str(self.state), "TMPDIR": str(self.scratch)}
        return {**kept, **own, **self.environment, **more}

    @property
    def scratch(self) -> Path:
        """Where monops puts its temporary files."""
        folder = self.folder / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def notes(self) -> list[str]:
        """What the journal still holds. A note that was cut short in the writing is none."""
        return sorted(path.name for path in (self.state / "journal").glob("*.json"))


def s3_environment(prefix: str) -> dict[str, str]:
    """What monops needs to know of the test bed's S3 server, for a prefix in its bucket. Skips where there is none."""
    if "MONOPS_TEST_S3_ENDPOINT" not in os.environ:
        pytest.skip('no S3 server is known: eval "$(scripts/testbed env)"')
    return {
        "MONOPS_S3_URL": f"s3://{os.environ['MONOPS_TEST_S3_BUCKET']}/{prefix}",
        "MONOPS_S3_ENDPOINT": os.environ["MONOPS_TEST_S3_ENDPOINT"],
        "AWS_ACCESS_KEY_ID": os.environ["MONOPS_TEST_S3_ACCESS_KEY"],
        "AWS_SECRET_ACCESS_KEY": os.environ["MONOPS_TEST_S3_SECRET_KEY"],
    }


def manifest(store: Path, snapshot: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((store / "snapshots" / f"{snapshot}.json").read_text())
    return found


def source_record(store: Path, snapshot: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(s for s in manifest(store, snapshot)["sources"] if s["name"] == name)
    return found


# --- the stack -------------------------------------------------------------------------------------


def tsdb_data(*options: str) -> Path:
    """Real blocks, made once and kept."""
    return Path(command(TESTBED, "data", *options).splitlines()[-1])


def some_blocks(target: Path, count: int) -> Path:
    """The newest `count` of the blocks in a folder of their own."""
    target.mkdir(parents=True)
    metas = (path / "meta.json" for path in tsdb_data(*DATA).iterdir())
    for meta in sorted(metas, key=lambda path: int(json.loads(path.read_text())["minTime"]))[-count:]:
        shutil.copytree(meta.parent, target / meta.parent.name)
    return target


@dataclass
class Stack:
    """A Compose project of the test bed, from its own copy of the stack's folder."""

    folder: Path
    project: str = field(default_factory=lambda: f"mt{secrets.token_hex(4)}")
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shutil.copytree(STACK, self.folder)
        (self.folder / "override.yml").write_text(OVERRIDE)
        self.environment = {
            "GRAFANA_PASSWORD": GRAFANA_PASSWORD,
            "REDIS_PASSWORD": REDIS_PASSWORD,
            **self.environment,
        }

    def compose(self, *words: str) -> str:
        files = ("-f", str(self.folder / COMPOSE_FILE), "-f", str(self.folder / "override.yml"))
        return command("docker", "compose", "-p", self.project, *files, *words, environment=self.environment)

    def up(self, *services: str) -> None:
        self.compose("up", "-d", "--wait", "--wait-timeout", str(int(PATIENCE)), *services)

    def down(self) -> None:
        self.compose("down", "--volumes", "--timeout", "2", "--remove-orphans")

    def load(self, data: Path) -> None:
        """Fill the Prometheus volume, which Compose then takes for its own."""
        volume = self.volume("prometheus")
        labels = (f"com.docker.compose.project={self.project}", "com.docker.compose.volume=prometheus-data")
        docker("volume", "create", "--label", labels[0], "--label", labels[1], volume)
        command(TESTBED, "load", data, volume)

    def volume(self, service: str) -> str:
        return f"{self.project}_{service}-data"

    def mountpoint(self, service: str) -> Path:
        return Path(docker("volume", "inspect", "--format", "{{.Mountpoint}}", self.volume(service)))

    def container(self, service: str) -> str:
        return f"{self.project}-{service}-1"

    def inspect(self, service: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(docker("container", "inspect", self.container(service)))[0]
        return found

    def url(self, service: str, port: int) -> str:
        return "http://" + docker("port", self.container(service), f"{port}/tcp").splitlines()[0]

    @property
    def prometheus(self) -> str:
        return self.url("prometheus", 9090)

    @property
    def grafana(self) -> str:
        return self.url("grafana", 3000)

    def pause(self, service: str) -> None:
        """Right after a health check: one that begins while a container is paused can lock Docker up for minutes."""

        def checks() -> list[str]:
            return [entry["End"] for entry in self.inspect(service)["State"]["Health"]["Log"]]

        seen = checks()
        wait_until(lambda: checks() != seen, f"a health check of {service}")
        docker("pause", self.container(service))

    def states(self) -> dict[str, str]:
        """State by service, stopped ones too."""
        lines = docker(
            "ps", "-a", "--filter", f"label=com.docker.compose.project={self.project}", "--format",
            '{{.Label "com.docker.compose.service"}} {{.State}}',
        )  # fmt: skip
        return dict(line.rsplit(" ", 1) for line in lines.splitlines() if not line.startswith(" "))

    def snapshots_left(self) -> list[str]:
        if "prometheus" not in self.states():
            return []
        folder = self.mountpoint("prometheus") / "snapshots"
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def blocks(self) -> set[str]:
        return {path.name for path in self.mountpoint("prometheus").iterdir() if (path / "meta.json").exists()}

    def is_undisturbed(self, monops: Monops | None = None, *, but: Sequence[str] = ()) -> None:
        """Every container runs (except `but`); no snapshot folder, helper container, note or scratch file is left."""
        assert {service: state for service, state in self.states().items() if state != "running"} == {
            service: self.states()[service] for service in but
        }
        assert self.snapshots_left() == []
        assert helpers_of(self.project) == []
        if monops is not None:
            assert monops.notes == []
            assert list(monops.scratch.iterdir()) == []


def helpers_of(project: str) -> list[str]:
    """Helper containers of monops that have a volume of `project`."""
    found = docker(
        "ps", "-a", "--no-trunc", "--filter", f"label={HELPER_LABEL}", "--format", "{{.Names}} {{.State}} {{.Mounts}}"
    )
    return [line for line in found.splitlines() if project in line]


@contextmanager
def running_stack(
    folder: Path, *services: str, data: Path | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[Stack]:
    """Bring a project up and take it down again, volumes and all, whatever happens."""
    stack = Stack(folder, environment=dict(environment or {}))
    try:
        if data is not None:
            stack.load(data)
        stack.up(*services)
        if not services or "prometheus" in services:
            url = stack.prometheus
            wait_until(lambda: bool(query(url, "up", time.time())), "the first scrape")
        yield stack
    finally:
        stack.down()
