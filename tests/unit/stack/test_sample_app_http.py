"""The sample application's switches over HTTP, its work for Redis, and how it runs alone in a plain Python."""

from __future__ import annotations

import ast
import http.client
import json
import os
import shutil
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.sample_application import Played

from monops.stack.sample_app import orchestrator, redis_work, sample_app

FOLDER = Path(sample_app.__file__).parent


@pytest.fixture
def played() -> Iterator[Played]:
    """Served on a port of its own."""
    with Played() as application:
        yield application


@pytest.mark.parametrize(
    ("name", "host", "other"),
    [
        ("worker-down", "browser-worker-2", "browser-worker-1"),
        ("service-down", "quota-tracker", "api-gateway"),
    ],
)
def test_a_service_that_is_down_hangs_up_and_the_others_answer(
    played: Played, name: str, host: str, other: str
) -> None:
    played.post(f"/misbehave/{name}")
    for path in ("/metrics", "/healthz"):
        with pytest.raises(http.client.RemoteDisconnected):
            played.ask("GET", path, f"{host}:9090")
    assert played.scrape(other).samples
    # Its switches stay in reach by every name.
    assert played.ask("POST", "/behave", host)[0] == 200
    assert played.scrape(host).samples


def test_a_browser_worker_that_is_down_leaves_its_traffic_to_the_others(played: Played) -> None:
    played.scrape("browser-worker-2")
    played.post("/misbehave/worker-down")
    assert played.rise("browser-worker-1", 10, "requests_total") > 200
    played.post("/behave")
    assert played.scrape("browser-worker-2")("requests_total") == 0


def test_the_machine_s_processors_memory_and_disk_fill_up(played: Played) -> None:
    for name in ("busy-cpu", "full-memory", "full-disk"):
        played.post(f"/misbehave/{name}")
    assert played.rise("sample-host", 10, "node_cpu_seconds_total", mode="idle") == pytest.approx(1)
    host = played.scrape("sample-host")
    assert host("node_memory_MemAvailable_bytes") / host("node_memory_MemTotal_bytes") == pytest.approx(0.05)
    assert host("node_filesystem_avail_bytes") / host("node_filesystem_size_bytes") == pytest.approx(0.05)


def test_the_list_says_what_is_on_which_alert_it_fires_and_how_to_switch(played: Played) -> None:
    played.post("/misbehave/fail?provider=gemini")
    played.post("/misbehave/full-disk")
    for path in ("/", "/misbehave", "/misbehave/"):
        status, text, _ = played.ask("GET", path, f"localhost:{played.port}")
        assert status == 200
        assert f"curl -X POST http://localhost:{played.port}/misbehave/fail\n" in text
        rows = {line.split()[0]: line.split()[1:3] for line in text.splitlines() if line}
        for name, what in orchestrator.MISBEHAVIOURS.items():
            on = {"fail": "gemini", "full-disk": "on"}.get(name, "-")
            assert rows[name] == [what.alert, on]


def test_programs_get_the_same_as_json(played: Played) -> None:
    status, text, headers = played.ask("POST", "/misbehave/fail?provider=codex", Accept="application/json")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    state: dict[str, Any] = json.loads(text)
    on = [one for one in state["misbehaviours"] if one["on"]]
    assert [(one["name"], one["alert"], one["providers"]) for one in on] == [("fail", "HighErrorRate", ["codex"])]
    assert json.loads(played.ask("GET", "/", Accept="application/json")[1]) == state
    status, text, _ = played.ask("POST", "/misbehave/fial", Accept="application/json")
    assert (status, json.loads(text)["nearest"][0]) == (404, "fail")


def test_without_a_provider_the_first_is_meant_and_only_where_one_matters(played: Played) -> None:
    played.post("/misbehave/slow")
    played.post("/misbehave/jobs-fail?provider=gemini")
    assert played.played.wrong() == {"slow": ["claude"], "jobs-fail": [""]}


def test_things_are_switched_off_one_by_one_at_a_provider_or_all_together(played: Played) -> None:
    for path in ("fail", "fail?provider=codex", "slow", "busy-cpu"):
        played.post(f"/misbehave/{path}")
    assert "fail at claude: half" in played.post("/behave/fail?provider=codex")
    assert played.played.wrong() == {"fail": ["claude"], "slow": ["claude"], "busy-cpu": [""]}
    played.post("/behave/fail")
    assert played.played.wrong() == {"slow": ["claude"], "busy-cpu": [""]}
    assert played.post("/behave") == "Nothing is switched on.\n"
    assert played.played.wrong() == {}


def test_the_log_has_one_line_for_each_change_and_none_for_what_was_so_already(played: Played) -> None:
    for path in ("/misbehave/fail", "/misbehave/fail", "/misbehave/full-disk", "/behave", "/behave"):
        played.post(path)
    assert played.log == [
        "fail at claude: on, half of a provider's requests fail; alert HighErrorRate",
        "full-disk: on, sample-host's disk has 5% left; alert DiskSpaceLow",
        "fail at claude: off",
        "full-disk: off",
    ]


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [
        ("POST", "/misbehave/quota", 404, "Did you mean: quota-almost"),
        ("POST", "/misbehave/NO_ACCOUNTS", 404, "Did you mean: no-accounts"),
        ("POST", "/behave/deepqueue", 404, "Did you mean: deep-queue"),
        ("POST", "/misbehave/xyzzy", 404, "There are: fail, slow, "),
        ("POST", "/misbehave", 404, "Say what"),
        ("POST", "/misbehave/fail?provider=gemni", 400, "Did you mean: gemini\nThere are: claude, gemini, codex"),
        ("POST", "/misbehave/fail?provider=", 400, "There are: claude, gemini, codex"),
        ("POST", "/misbehave/fail?providr=gemini", 400, "Did you mean: provider"),
        ("POST", "/metrics", 404, "/behave/NAME"),
        ("GET", "/misbehave/fail", 405, "curl -X POST http://localhost/misbehave/fail"),
        ("GET", "/nothing", 404, "/healthz"),
        ("GET", "/metrics", 404, "curl -H 'Host: quota-tracker' http://localhost/metrics"),
        ("PUT", "/misbehave/fail", 501, "501"),
    ],
)
def test_what_cannot_be_done_is_refused_with_what_would_be_right(
    played: Played, method: str, path: str, status: int, says: str
) -> None:
    got, text, _ = played.ask(method, path)
    assert got == status
    assert says in text
    assert played.played.wrong() == {}


def test_it_is_healthy_and_answers_checks_that_want_no_text(played: Played) -> None:
    assert played.ask("GET", "/healthz")[:2] == (200, "ok\n")
    status, text, headers = played.ask("HEAD", "/healthz")
    assert (status, text, headers["Content-Length"]) == (200, "", "3")


def test_a_client_that_hangs_up_leaves_no_traceback(played: Played, capfd: pytest.CaptureFixture[str]) -> None:
    for said in (b"", b"GET /metr", b"GET / HTTP/1.1\r\n\r\n", b"POST /behave HTTP/1.1\r\nContent-Length: 9\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", played.port)) as client:
            # Closes with a reset instead of a farewell.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(said)
    assert played.ask("GET", "/healthz")[0] == 200
    assert capfd.readouterr() == ("", "")


class FakeRedis(socketserver.ThreadingTCPServer):
    """Remembers commands; hangs up in the middle of the third round."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _FakeRedisClient)
        self.commands: list[list[str]] = []

    @property
    def at(self) -> redis_work.Address:
        return redis_work.Address("127.0.0.1", self.server_address[1])


class _FakeRedisClient(socketserver.StreamRequestHandler):
    server: FakeRedis

    def handle(self) -> None:
        while line := self.rfile.readline():
            words = []
            for _ in range(int(line[1:])):
                length = int(self.rfile.readline()[1:])
                words.append(self.rfile.read(length + 2)[:-2].decode())
            self.server.commands.append(words)
            if len(self.server.commands) == 14:
                return
            answers = {"AUTH": b"+OK\r\n" if words[-1] == "right" else b"-WRONGPASS no\r\n", "GET": b"$3\r\none\r\n"}
            self.wfile.write(answers.get(words[0], b":1\r\n"))


class Patience(threading.Event):
    """Waits for nothing; stops after some waits."""

    def __init__(self, waits: int) -> None:
        super().__init__()
        self.waits: list[float | None] = []
        self._most = waits

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        if len(self.waits) == self._most:
            self.set()
        return self.is_set()


@pytest.fixture
def redis() -> Iterator[FakeRedis]:
    with FakeRedis() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_it_works_in_redis_and_comes_back_when_redis_hangs_up(redis: FakeRedis, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("right\n")
    work = redis_work.RedisWork(redis.at, password_file=tmp_path / "password", beat=7)
    work.keep_going(patience := Patience(6))
    assert patience.waits[:6] == [0, 7, 7, 0, 7, 7]
    verbs = ["AUTH", *["SET", "GET", "LPUSH", "LTRIM", "EXPIRE"] * 2, "SET", "GET", "LPUSH"]
    assert [words[0] for words in redis.commands[:14]] == verbs
    assert redis.commands[14] == ["AUTH", "right"]
    assert redis.commands[1] == ["SET", "sample-app:round", "1", "EX", "600"]
    assert work.state == "connected"


def test_a_redis_that_refuses_the_password_is_named_in_the_state_only(redis: FakeRedis, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("wrong")
    work = redis_work.RedisWork(redis.at, password_file=tmp_path / "password")
    work.keep_going(Patience(3))
    assert work.state == "not connected: WRONGPASS no"


def test_it_tries_ever_more_slowly_where_no_redis_answers() -> None:
    with socket.socket() as taken:  # bound and not listening: refuses
        taken.bind(("127.0.0.1", 0))
        work = redis_work.RedisWork(redis_work.Address(*taken.getsockname()), password_file=None)
        work.keep_going(patience := Patience(8))
    assert patience.waits == [0, 1, 2, 4, 8, 16, 30, 30]
    assert "refused" in work.state


def test_addresses_are_read_with_and_without_a_port() -> None:
    parse = redis_work.Address.parse
    assert [parse(text) for text in ("redis", "redis:7000", "[::1]:1")] == [
        ("redis", 6379),
        ("redis", 7000),
        ("::1", 1),
    ]
    for text in ("", ":6379", "redis:", "redis:x", "redis:0", "redis:70000"):
        with pytest.raises(ValueError, match="is not HOST:PORT"):
            parse(text)


def test_it_needs_nothing_but_an_old_python_and_itself() -> None:
    files = [path for path in FOLDER.glob("*.py") if path.name != "__init__.py"]
    own = {path.stem for path in files}
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names.append(node.module or "")
            assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names | own, path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_alone_in_a_folder_it_plays_and_ends_at_once_when_told(tmp_path: Path, number: signal.Signals) -> None:
    for path in FOLDER.glob("*.py"):
        shutil.copy(path, tmp_path)
    # -S: no packages but Python's own.
    command = [sys.executable, "-S", "-W", "error", str(tmp_path / "sample_app.py"), "--port", "0"]
    environment = {"PATH": os.defpath, "SAMPLE_APP_REDIS": "127.0.0.1:1", "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        command, env=environment, cwd="/", text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("sample application: plays api-gateway, browser-worker-1, ")
        connection = http.client.HTTPConnection("127.0.0.1", int(first.partition("port ")[2].partition(";")[0]))
        connection.request("GET", "/")
        assert "Redis: not connected" in connection.getresponse().read().decode()
        connection.close()
        process.send_signal(number)
        assert process.communicate(timeout=5) == ("", "")
    assert process.returncode == 0


@pytest.mark.parametrize("arguments", [["--port", "x"], ["--port", "65536"], ["--redis", "redis:x"]])
def test_wrong_options_are_refused_in_words(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        sample_app._options(arguments)
    assert f"{arguments[1]!r} is" in capsys.readouterr().err
