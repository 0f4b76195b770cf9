"""The examples of docs/how-to/instrument-a-service.md as running services, compiled, driven, and scraped for real.

What Prometheus stored is held against the metric contract. The npm packages are those of node/package-lock.json, which
`npm install --package-lock-only --omit-lockfile-registry-resolved` writes; they are installed once, into the cache.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.integration.support import ROOT, command, docker, wait_until
from tests.integration.web import fetch

from monops.stack.metrics import API_GATEWAY, APPLICATION_JOBS, BROWSER_WORKERS, BULLMQ, QUOTA_TRACKER

PAGE = ROOT / "docs" / "how-to" / "instrument-a-service.md"
NODE = Path(__file__).parent / "node"
PROMETHEUS, REDIS = "prom/prometheus:v3.5.3", "redis:8.0.2"
WORKERS = ("worker.py", "worker.ts")
#: Example -> the scrape job that it is for.
JOBS = {
    "worker.py": BROWSER_WORKERS,
    "worker.ts": BROWSER_WORKERS,
    "quota.ts": QUOTA_TRACKER,
    "gateway.ts": API_GATEWAY,
    "queue.ts": BULLMQ,
}
#: What the libraries add of their own, unless DEFAULT_METRICS=no.
OF_THE_PROCESS = ("process_", "python_", "nodejs_")
#: 1.2 s of work in the examples: 10 ms for each character.
SLOW_PROMPT = "x" * 120

QUOTAS = [
    {
        "provider": "claude",
        "usedToday": 80,
        "allowedToday": 100,
        "usedThisMonth": 900,
        "accounts": [
            {"alias": "a1", "sessionExpires": "2100-01-01T00:00:00Z"},
            {"alias": "a2", "sessionExpires": "2020-01-01T00:00:00Z"},
        ],
    },
    {"provider": "gemini", "usedToday": 5, "allowedToday": 50, "accounts": []},
]

#: Two jobs that end well, one that fails twice, one that is worked on for ever; and a queue that nobody works on.
SOME_JOBS = """
import { Queue, Worker } from "bullmq";
const connection = { url: process.env.REDIS_URL };
const requests = new Queue("requests", { connection });
const later = new Queue("later", { connection });
await requests.add("good", {});
await requests.add("good", {});
await requests.add("bad", {}, { attempts: 2 });
await requests.add("endless", {});
for (let n = 0; n < 3; n++) await later.add("wait", {});
await later.add("urgent", {}, { priority: 1 });
await later.add("tomorrow", {}, { delay: 86_400_000 });
const work = async (job) => {
  if (job.name === "bad") throw new Error("bad");
  if (job.name === "endless") await new Promise(() => {});
};
new Worker("requests", work, { connection, concurrency: 4 });
"""


Labels = frozenset[tuple[str, str]]
Samples = dict[tuple[str, Labels], float]


# --- the page --------------------------------------------------------------------------------------


def fences(language: str) -> list[str]:
    pattern = re.compile(rf"^```{language}\n(.*?)^```", re.DOTALL | re.MULTILINE)
    return pattern.findall(PAGE.read_text(encoding="utf-8"))


def write_examples(folder: Path) -> None:
    """Each fence whose first line names a file, as that file."""
    for fence in fences("python") + fences("typescript"):
        named = re.match(r"(?:#|//) ([\w.]+)\n", fence)
        assert named, f"a fence without a name: {fence[:60]}"
        (folder / named[1]).write_text(fence)


def promql(title: str) -> str:
    """The query below a comment."""
    return next(fence.split("\n", 1)[1].strip() for fence in fences("promql") if fence.startswith(f"# {title}\n"))


# --- Node ------------------------------------------------------------------------------------------


def node_modules() -> Path:
    """The locked packages, installed on the first call and kept."""
    if missing := [name for name in ("node", "npm") if shutil.which(name) is None]:
        pytest.skip(f"no {' and no '.join(missing)}: scripts/testbed tools")
    files = [NODE / name for name in ("package.json", "package-lock.json")]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "monops-testbed"
    cache = Path(os.environ.get("MONOPS_TESTBED_CACHE") or cache) / "node"
    kept = cache / hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
    if not kept.is_dir():
        # Two test runs may come here at once: the first to end wins.
        draft = cache / f".{kept.name}-{secrets.token_hex(4)}"
        draft.mkdir(parents=True)
        for path in files:
            shutil.copy(path, draft)
        command("npm", "ci", "--prefix", draft, "--ignore-scripts", "--no-audit", "--no-fund")
        try:
            draft.rename(kept)
        except OSError:
            shutil.rmtree(draft)
    return kept / "node_modules"


def compile_examples(folder: Path) -> None:
    """By the page's own command; one type error, and it fails."""
    (folder / "node_modules").symlink_to(node_modules())
    (folder / "package.json").write_text('{"type": "module"}')
    tsc = next(line for fence in fences("text") for line in fence.splitlines() if line.startswith("npx tsc "))
    assert "--strict" in tsc.split()
    command("bash", "-c", f"cd {folder} && {tsc}")


# --- what runs -------------------------------------------------------------------------------------


@dataclass
class Service:
    """An example that runs; it says its ports itself."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def port(self, what: str) -> int:
        said = re.search(rf"^{what} on port (\d+)$", self.log.read_text(), re.MULTILINE)
        assert said, self.log.read_text()
        return int(said[1])

    def is_ready(self) -> bool:
        said = self.log.read_text()
        assert self.process.poll() is None, said
        return "metrics on port" in said and ("work on port" in said or self.name in ("quota.ts", "queue.ts"))

    def ask(self, path: str, body: str = "", *, method: str = "POST", accept: str = "*/*") -> tuple[int, str, str]:
        """Status, Content-Type and text of an answer of the port for work; of the other for /metrics."""
        port = self.port("metrics" if path == "/metrics" else "work")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request(method, path, body.encode(), {"Accept": accept, "Content-Type": "text/plain"})
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type") or "", answer.read().decode()
        finally:
            connection.close()

    def scrape(self) -> Samples:
        status, _, text = self.ask("/metrics", method="GET")
        assert status == 200, text
        lines = re.findall(r"^(\w+)(?:\{(.*)\})? (\S+)$", text, re.MULTILINE)
        return {(name, frozenset(re.findall(r'(\w+)="(.*?)"', labels))): float(value) for name, labels, value in lines}

    def value(self, name: str, **labels: str) -> float:
        return self.scrape()[name, frozenset(labels.items())]

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass
class World:
    """The examples, a Prometheus that scrapes them every second, and a Redis for the queue."""

    folder: Path
    closing: ExitStack
    services: dict[str, Service] = field(default_factory=dict)
    #: What each showed before it was asked for anything.
    at_first: dict[str, Samples] = field(default_factory=dict)
    prometheus: str = ""
    redis: str = ""
    #: The time of queries: every example's last scrape was good then, whatever a busy machine does to a later one.
    settled: float = 0

    def start(self, name: str, words: Sequence[str | Path], **environment: str) -> Service:
        log = self.folder / f"{name}-{secrets.token_hex(4)}.log"
        everything = {**os.environ, "PORT": "0", "METRICS_PORT": "0", "REDIS_URL": self.redis, **environment}
        with log.open("wb") as out:
            process = subprocess.Popen(words, cwd=self.folder, env=everything, stdout=out, stderr=subprocess.STDOUT)
        service = Service(name, process, log)
        self.closing.callback(service.stop)
        return service

    def example(self, name: str, **environment: str) -> Service:
        program: tuple[str | Path, ...] = (sys.executable, name)
        if name.endswith(".ts"):
            program = ("node", f"dist/{Path(name).stem}.js")
        return self.start(name, program, **environment)

    def container(self, image: str, port: int, *options: str, arguments: Sequence[str] = ()) -> str:
        """Start one; the address that it has on this machine."""
        name = f"instrument-{image.split(':', maxsplit=1)[0].replace('/', '-')}-{secrets.token_hex(4)}"
        self.closing.callback(docker, "rm", "-fv", name)
        docker("run", "-d", "--name", name, "-p", f"127.0.0.1::{port}", *options, image, *arguments)
        return docker("port", name, f"{port}/tcp").splitlines()[0]

    def api(self, path: str, **words: str) -> Any:
        return fetch(f"{self.prometheus}/api/v1/{path}?{urllib.parse.urlencode(words)}")["data"]

    def query(self, expression: str) -> dict[Labels, float]:
        rows = self.api("query", query=expression, time=f"{self.settled or time.time():.3f}")["result"]
        return {frozenset(row["metric"].items()): float(row["value"][1]) for row in rows}

    def instance(self, name: str) -> str:
        return f"host.docker.internal:{self.services[name].port('metrics')}"

    def settle(self) -> None:
        """Every example is scraped once more."""
        now, begun = time.time(), [0.0]

        def all_are() -> bool:
            targets = self.api("targets", state="active")["activeTargets"]
            begun[:] = [datetime.fromisoformat(t["lastScrape"]).timestamp() for t in targets if t["health"] == "up"]
            # Within a second: none has begun its next one before the last of them.
            return len(begun) == len(JOBS) and now < min(begun) and max(begun) < min(begun) + 1

        wait_until(all_are, "a scrape of every example")
        # Not the present: a scrape that goes on now, and fails, is of a time before it.
        self.settled = max(begun) + 0.001


def start_everything(world: World) -> None:
    world.redis = "redis://" + world.container(REDIS, 6379)
    (world.folder / "quotas.json").write_text(json.dumps(QUOTAS))
    for name in JOBS:
        default = "yes" if name in WORKERS else "no"
        world.services[name] = world.example(name, DEFAULT_METRICS=default, QUEUES="requests,later")
    start_prometheus(world)
    for service in world.services.values():
        wait_until(service.is_ready, f"the start of {service.name}", within=60)


def start_prometheus(world: World) -> None:
    """With a job for each of the contract's, and no target yet."""
    monitoring = world.folder / "monitoring"
    (monitoring / "targets").mkdir(parents=True)
    jobs = [
        {"job_name": job, "file_sd_configs": [{"files": [f"/etc/prometheus/targets/{job}.yml"]}]}
        for job in APPLICATION_JOBS
    ]
    config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": jobs}
    (monitoring / "prometheus.yml").write_text(json.dumps(config))
    for path in (monitoring, *monitoring.iterdir()):
        path.chmod(0o755)
    host = ("--add-host", "host.docker.internal:host-gateway")
    world.prometheus = "http://" + world.container(PROMETHEUS, 9090, *host, "-v", f"{monitoring}:/etc/prometheus:ro")
    wait_until(lambda: ready(world.prometheus), "Prometheus")


def ready(prometheus: str) -> bool:
    try:
        fetch(f"{prometheus}/-/ready", timeout=5)
    except (OSError, http.client.HTTPException):
        return False
    return True


def add_targets(world: World) -> None:
    """The workers as the page says it, with the addresses of this run; the others likewise."""
    (fence,) = fences("sh")
    for written, name in zip(("my-worker:9090", "my-second-worker:9090"), WORKERS, strict=True):
        assert fence.count(written) == 1
        fence = fence.replace(written, world.instance(name))
    command("bash", "-c", f"cd {world.folder} && {fence}")
    for name, job in JOBS.items():
        if name not in WORKERS:
            target = [{"targets": [world.instance(name)]}]
            (world.folder / "monitoring" / "targets" / f"{job}.yml").write_text(json.dumps(target))


def drive_worker(worker: Service) -> None:
    """Four requests that end well, one of them slow, one that fails, and two that are none."""
    for _ in range(3):
        assert worker.ask("/work?provider=claude", "hi") == (200, "text/plain; charset=utf-8", "2 characters\n")
    assert worker.ask("/work?provider=claude")[0] == 502
    assert worker.ask("/work?provider=jo@example.net", "hi")[0] == 404
    assert worker.ask("/elsewhere?provider=", "hi")[0] == 404
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(worker.ask, "/work?provider=claude", SLOW_PROMPT)
        wait_until(lambda: worker.value("active_sessions_count", provider="claude") == 1, "an open session", within=60)
        assert slow.result()[0] == 200
    wait_until(lambda: worker.value("active_sessions_count", provider="claude") == 0, "the session's end", within=60)


def drive_gateway(gateway: Service) -> None:
    assert [gateway.ask(f"/v1/jobs/{number}", method="GET")[0] for number in (4711, 4712)] == [200, 200]
    assert gateway.ask("/v1/ask/claude", "hi")[0] == 200
    assert gateway.ask("/v1/ask/claude")[0] == 500
    assert gateway.ask("/nowhere/4713", method="GET")[0] == 404
    # A client that hangs up.
    with socket.create_connection(("127.0.0.1", gateway.port("work"))) as client:
        head = f"POST /v1/ask/gemini HTTP/1.1\r\nHost: x\r\nContent-Length: {len(SLOW_PROMPT)}\r\n\r\n"
        client.sendall((head + SLOW_PROMPT).encode())
    hung_up = ("status", "499")
    wait_until(lambda: any(hung_up in labels for _, labels in gateway.scrape()), "a request's end", within=60)


def drive_queue(world: World) -> None:
    (world.folder / "some-jobs.js").write_text(SOME_JOBS)
    world.start("some-jobs", ("node", "some-jobs.js"))
    queue = world.services["queue.ts"]

    def is_worked_off() -> bool:
        now = queue.scrape()
        names = ("bullmq_jobs_completed_total", "bullmq_jobs_failed_total", "bullmq_queue_active")
        return [now[name, frozenset({("queue", "requests")})] for name in names] == [2, 1, 1]

    wait_until(is_worked_off, "the end of the jobs", within=90)
