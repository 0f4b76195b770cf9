"""`monops targets --probe` on real containers: what Prometheus cannot reach, asked from its own network.

Prometheus's image here has no program but its own: no shell, no wget.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.fixtures import engine_problem
from tests.integration.support import HELPER_LABEL, Monops, Ran, docker, eventually, wait_until

from monops.domain.facts import SeenContainer
from monops.domain.probing import Probing, Task
from monops.edges import probe
from monops.edges.clock import LocalMachine
from monops.edges.inspect_container import seen_lightly
from monops.edges.probe import NetworkProber

pytestmark = [pytest.mark.engine, pytest.mark.slow]

_FULL = "prom/prometheus:v3.5.3"
#: How many targets of one exporter are asked at once.
MANY = 300
#: Answers at once, only after a minute, not at all, and lets others in its network know it by one more name.
APP = r"""
import http.server, time
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith('/slow'):
            time.sleep(60)
        known = self.path.startswith('/metrics')
        body = b'# HELP one 1\n# TYPE one gauge\none 1\ntwo{a="b"} 2\n' if known else b'nothing'
        if self.path == '/metrics/twice':
            body += b'two{a="b"} %d\n' % time.time_ns()
        if self.path.startswith('/login'):
            known, body = True, b'<html>please log in</html>'
        self.send_response(200 if known else 404)
        self.send_header('Content-Type', 'text/html' if b'<' in body[:1] else 'text/plain; version=0.0.4')
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024
Server(('0.0.0.0', 8000), Page).serve_forever()
"""
#: job -> (address, path).
TARGETS = {
    "healthy": ("app:8000", "/metrics"),
    "by-hosts-file": ("extra:8000", "/metrics"),
    "twice": ("app:8000", "/metrics/twice"),
    "itself": ("localhost:9090", "/metrics"),
    "wrong-port": ("app:8001", "/metrics"),
    "stopped": ("stopped:9100", "/metrics"),
    "other-network": ("elsewhere:9100", "/metrics"),
    "loopback": ("loopback:9100", "/metrics"),
    "wrong-path": ("app:8000", "/nothing"),
    "login": ("app:8000", "/login"),
    "slow": ("app:8000", "/slow"),
    "not-http": ("store:6379", "/metrics"),
}


def _compose(project: str) -> dict[str, Any]:
    exporter = {"image": "prom/node-exporter:v1.11.1", "command": ["--collector.disable-defaults"]}
    near = {"networks": ["near"], "stop_grace_period": "1s"}
    return {
        "name": project,
        "services": {
            "prometheus": {
                "image": f"{project}/prometheus:bare",
                "command": ["--config.file=/config/prometheus.yml", "--storage.tsdb.path=/data"],
                "volumes": ["./config:/config:ro"],
                "tmpfs": ["/data"],
                "ports": ["127.0.0.1::9090"],
                "networks": {"near": {"ipv4_address": "10.231.250.10"}},
                "extra_hosts": ["extra:10.231.250.20"],
                "stop_grace_period": "1s",
            },
            "app": {
                "image": "python:3.13.5-slim",
                "command": ["python3", "-c", APP.replace("$", "$$")],
                "networks": {"near": {"ipv4_address": "10.231.250.20"}},
                "stop_grace_period": "1s",
            },
            "stopped": {**exporter, **near},
            "elsewhere": {**exporter, "networks": ["far"]},
            "loopback": {**exporter, **near, "command": ["--web.listen-address=127.0.0.1:9100"]},
            "store": {"image": "redis:8.0.2", **near},
        },
        # None of those from which the engine chooses.
        "networks": {"near": {"ipam": {"config": [{"subnet": "10.231.250.0/24"}]}}, "far": {}},
    }


def _config() -> dict[str, Any]:
    jobs = [
        {
            "job_name": job,
            "metrics_path": path,
            "scrape_interval": "2s",
            "scrape_timeout": "1s",
            "static_configs": [{"targets": [address]}],
        }
        for job, (address, path) in TARGETS.items()
    ]
    many = {
        "job_name": "many",
        "scrape_interval": "15s",
        "static_configs": [
            {"targets": ["app:8000"], "labels": {"__param_n": str(n), "instance": f"app-{n}"}} for n in range(MANY)
        ],
    }
    return {"scrape_configs": [*jobs, many]}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if problem := engine_problem():
        pytest.skip(problem)
    folder, name = tmp_path_factory.mktemp("probe"), f"probe-{secrets.token_hex(3)}"
    (folder / "config").mkdir()
    (folder / "config").chmod(0o755)
    (folder / "config" / "prometheus.yml").write_text(json.dumps(_config()))
    file = folder / "compose.yml"
    file.write_text(json.dumps(_compose(name)))
    _bare_image(name)
    try:
        docker("compose", "-f", file, "up", "--detach", "--pull", "never")
        docker("compose", "-f", file, "stop", "stopped")
        yield name
    finally:
        docker("compose", "-f", file, "down", "--volumes", "--timeout", "1")
        docker("image", "rm", f"{name}/prometheus:bare")


def _bare_image(name: str) -> None:
    """Prometheus's image without any other program."""
    made = f"{name}-source"
    every_other = ("-c", "find /bin/ /sbin/ /usr/bin/ ! -type d ! -name prometheus -exec rm -f {} +")
    try:
        docker("run", "--name", made, "--user", "0", "--entrypoint", "/bin/sh", _FULL, *every_other)
        docker("commit", "--change", 'ENTRYPOINT ["/bin/prometheus"]', made, f"{name}/prometheus:bare")
    finally:
        docker("rm", "--force", made)


@pytest.fixture(scope="module")
def settled(project: str, tmp_path_factory: pytest.TempPathFactory) -> Monops:
    """The command line, where every small target has been scraped."""
    monops = Monops(tmp_path_factory.mktemp("monops"), project)

    def is_scraped() -> bool:
        ran = monops.run("targets")
        small = [one for one in ran.result.get("targets", ()) if one["job"] in TARGETS]
        return len(small) == len(TARGETS) and all(one["health"] != "unknown" for one in small)

    wait_until(is_scraped, "every target was scraped")
    return monops


def by_job(ran: Ran) -> dict[str, Any]:
    return {one["job"]: one for one in ran.result["targets"]}


CAUSES = {
    "wrong-port": ("tcp.", "8001"),
    "stopped": ("dns.", "stopped"),
    "other-network": ("net.apart", "network"),
    "loopback": ("tcp.", "127.0.0.1"),
    "wrong-path": ("http.path", "404"),
    "login": ("answer.html", "web page"),
    "slow": ("timeout.", "time limit"),
    "not-http": ("not_http", "Redis"),
}


def test_each_target_that_is_down_has_its_cause(settled: Monops) -> None:
    # Each is of one scrape with a limit of a second: any may be a timeout once.
    def is_told() -> None:
        found = by_job(settled.run("targets"))
        assert found["healthy"]["health"] == found["by-hosts-file"]["health"] == "up"
        assert found["healthy"]["cause"] is None
        for job, (kind, word) in CAUSES.items():
            cause = found[job]["cause"]
            assert found[job]["health"] == "down", found[job]
            assert cause["kind"].startswith(kind), cause
            assert word in cause["cause"], cause
            assert cause["evidence"], cause
            assert cause["fix"]["say"], cause
        said = settled.run("targets", as_json=False)
        assert said.code == 4
        lines = said.stdout.splitlines()
        assert [line.split() for line in lines if line.startswith("healthy ")] == [["healthy", "app:8000", "up"]]
        assert f"  {found['stopped']['cause']['cause']}" in lines

    eventually(is_told)


def test_what_is_up_although_samples_vanish_is_named(settled: Monops) -> None:
    wait_until(lambda: bool(settled.run("targets").result["up_but"]), "Prometheus counted what it throws away")

    def is_named() -> None:
        ran = settled.run("targets")
        assert by_job(ran)["twice"]["health"] == "up"
        found = {one["who"]: one for one in ran.result["up_but"]}
        assert "twice/app:8000" in found
        assert found["twice/app:8000"]["kind"] == "samples.duplicate", found
        assert len(found["twice/app:8000"]["evidence"]) == 2
        assert ran.result["unknown"] is None
        said = settled.run("targets", as_json=False).stdout
        assert "twice/app:8000 is up, but samples are thrown away" in said

    eventually(is_named)


PROBES = {
    "healthy": {"answers": True, "dns": "ok", "tcp": "ok", "http": "ok", "status": 200, "samples": 2},
    "by-hosts-file": {"answers": True, "dns": "ok", "addresses": ["10.231.250.20"], "status": 200},
    "wrong-port": {"answers": False, "dns": "ok", "tcp": "refused"},
    "stopped": {"answers": False, "dns": "failed"},
    "other-network": {"answers": False, "dns": "failed"},
    "loopback": {"answers": False, "dns": "ok", "tcp": "refused"},
    "wrong-path": {"answers": False, "tcp": "ok", "status": 404},
    "login": {"answers": False, "status": 200, "beginning": "<html>please log in</html>"},
    "slow": {"answers": False, "tcp": "ok", "http": "timeout"},
    "not-http": {"answers": False, "tcp": "ok"},
}


def test_every_step_is_told_of_every_target(settled: Monops) -> None:
    def is_told() -> None:
        ran = settled.run("targets", "--probe", *TARGETS)
        assert ran.code == 4
        assert ran.result["probe"]["way"] == "namespace"
        for job, expected in PROBES.items():
            seen = by_job(ran)[job]["probe"]
            assert {name: seen.get(name) for name in expected} == expected, seen
        assert by_job(ran)["not-http"]["probe"]["http"] in ("not_http", "closed")
        assert by_job(ran)["stopped"]["probe"]["sentence"].startswith(
            "as Prometheus says: the name stopped does not resolve"
        )
        said = settled.run("targets", "--probe", "wrong-port", "stopped", as_json=False).stdout
        assert "probe: as Prometheus says: app is there, and nothing listens on port 8001" in said
        assert "probe: 0 answer, 2 do not" in said

    eventually(is_told)


def test_many_targets_take_seconds(settled: Monops) -> None:
    settled.run("targets", "--probe", "many")

    def take_seconds() -> None:
        began = time.monotonic()
        ran = settled.run("targets", "--probe", "many")
        took = time.monotonic() - began
        assert len(ran.result["targets"]) == MANY
        assert all(one["probe"]["samples"] == 2 for one in ran.result["targets"])
        # 3 s on two idle cores.
        assert took < 60, took

    eventually(take_seconds)


def test_prometheus_may_be_behind(settled: Monops, project: str) -> None:
    """It scrapes `many` four times a minute only: one that went away in between is up, says Prometheus."""
    wait_until(lambda: settled.run("targets", "--probe", "many").code == 0, "every one of many is up")
    app = f"{project}-app-1"
    docker("pause", app)
    try:
        ran = settled.run("targets", "--probe", "by-hosts-file", "many", as_json=False)
    finally:
        docker("unpause", app)
    assert ran.code == 4
    assert "Prometheus says up by its last scrape" in ran.stdout
    # What its pause did to the scrapes of the others is over.
    wait_until(lambda: settled.run("targets", "--probe", "healthy").code == 0, "it answers again")


def test_an_unknown_job_is_refused(settled: Monops) -> None:
    settled.run("targets", "--probe", "healty").is_one_error(2, "'healty'", "healthy")


# --- by a container ------------------------------------------------------------------------------


def _prometheus(project: str) -> SeenContainer:
    return seen_lightly(json.loads(docker("inspect", f"{project}-prometheus-1"))[0])


def _probed(project: str, *jobs: str) -> Probing:
    tasks = [Task(url="http://{}{}".format(*TARGETS[job]), within=2.0) for job in jobs]
    environment = dict(os.environ)
    return NetworkProber(environment, LocalMachine(environment=environment)).probe(_prometheus(project), tasks)


def test_who_is_not_root_asks_by_a_container(settled: Monops, project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    def is_seen() -> None:
        probing = _probed(project, *TARGETS)
        assert probing.way == "container", probing
        assert "only root" in probing.why_not
        for job, expected in PROBES.items():
            seen = probing.found["http://{}{}".format(*TARGETS[job])]
            assert bool(expected["answers"]) is (seen.stage == ""), (job, seen)
            for name in ("dns", "status"):
                assert getattr(seen, name) == expected.get(name, getattr(seen, name)), (job, seen)

    eventually(is_seen)
    left = docker("ps", "--all", "--quiet", "--filter", f"label={HELPER_LABEL}").split()
    for one in left:
        with contextlib.suppress(AssertionError):  # another's, and gone meanwhile
            mode = docker("inspect", "--format", "{{.HostConfig.NetworkMode}}", one)
            if mode == f"container:{_prometheus(project).container.id}":
                pytest.fail(f"{one} was left behind")


def test_where_nothing_can_ask_it_is_unknown(settled: Monops, project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(probe._HelperContainer, "_images", lambda *_: [_prometheus(project).container.image_id])
    probing = _probed(project, "healthy")
    assert (probing.way, probing.found) == ("", {})
    assert "no image that is here has a shell" in probing.why_not
    assert probing.remedy


def test_the_folder_it_runs_in_is_not_imported(settled: Monops) -> None:
    """Root runs it, wherever that is."""
    trap = Path(settled.folder) / "json.py"
    trap.write_text("raise SystemExit('imported')")
    try:
        wait_until(lambda: settled.run("targets", "--probe", "healthy").code == 0, "a probe of its own", within=60)
    finally:
        trap.unlink()
