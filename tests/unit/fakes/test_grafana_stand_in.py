"""The Grafana stand-in: its API answers as documented, and its database is of one moment whatever happens to it."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.grafana import check_consistency, provisioning, yaml_subset

FOLDER = Path(__file__).resolve().parents[2] / "fakes" / "grafana"
DEADLINE_S = 20.0


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class StandIn:
    """One stand-in in a folder of its own, started, killed and started again."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    port: int = 0

    @property
    def database(self) -> Path:
        return self.root / "data" / "grafana.db"

    def start(self, **more: str) -> StandIn:
        """Start it and wait until it answers."""
        self.launch(**more)
        until(lambda: self.answers() or self.process is None or self.process.poll() is not None)
        assert self.process is not None
        assert self.process.poll() is None, (self.root / "log").read_text()
        return self

    def launch(self, **more: str) -> subprocess.Popen[str]:
        self.port = free_port()
        settings = {
            "GF_PATHS_DATA": str(self.root / "data"),
            "GF_PATHS_PROVISIONING": str(self.root / "provisioning"),
            "GF_SERVER_HTTP_ADDR": "127.0.0.1",
            "GF_SERVER_HTTP_PORT": str(self.port),
            "STANDIN_WRITE_INTERVAL_MS": "5",
        }
        with (self.root / "log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(FOLDER / "server.py")],
                env={"PATH": os.environ["PATH"], **settings, **self.env, **more},
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )
        return self.process

    def answers(self) -> bool:
        try:
            return self.call("/api/health", auth=None).status == 200
        except OSError:
            return False

    def call(self, path: str, method: str = "GET", body: Any = None, auth: str | None = "admin:admin") -> Answer:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
        if auth is not None:
            credentials = auth if auth.startswith("glsa_") else base64.b64encode(auth.encode()).decode()
            request.add_header("Authorization", f"{'Bearer' if auth is credentials else 'Basic'} {credentials}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def get(self, path: str) -> Any:
        answer = self.call(path)
        assert answer.status == 200, answer
        return answer.json()

    def writes(self) -> dict[str, Any]:
        seen: dict[str, Any] = self.call("/standin/writes", auth=None).json()
        return seen

    def until_it_wrote(self, count: int = 8) -> None:
        """Wait for so many more writes."""
        goal = self.writes()["writes"] + count
        until(lambda: self.writes()["writes"] >= goal)

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(10)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "gave up waiting"
        time.sleep(0.02)


def free_port() -> int:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[StandIn]:
    one = StandIn(tmp_path)
    yield one
    if one.process is not None and one.process.poll() is None:
        one.end(signal.SIGKILL)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    one = StandIn(tmp_path_factory.mktemp("grafana"), {"STANDIN_TOKEN": "glsa_reader", "STANDIN_TOKEN_ROLE": "Viewer"})
    yield one.start()
    one.end(signal.SIGKILL)


class _Prometheus(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        wanted = self.path.startswith("/api/v1/query?query=") and self.headers.get("Authorization", "") != "Basic bad"
        document = {"status": "success", "data": {"asked": self.path, "as": self.headers.get("Authorization")}}
        body = json.dumps(document if wanted else {"status": "error", "errorType": "bad", "error": "no"}).encode()
        self.send_response(200 if wanted else 400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Quiet."""


@pytest.fixture(scope="module")
def prometheus() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Prometheus) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


# What is on disk


@pytest.mark.parametrize(("wal", "mode"), [("true", "wal"), ("false", "delete")])
def test_the_database_is_consistent_after_kill_9_and_goes_on(stand_in: StandIn, wal: str, mode: str) -> None:
    stand_in.start(GF_DATABASE_WAL=wal)
    created = stand_in.call("/api/folders", "POST", {"title": "Kept", "uid": "kept"})
    stand_in.until_it_wrote()
    assert created.status == 200
    assert stand_in.end(signal.SIGKILL) == -signal.SIGKILL
    with closing(sqlite3.connect(stand_in.database)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == mode
    assert check_consistency.breaches(stand_in.database) == []
    stand_in.start(GF_DATABASE_WAL=wal, GF_SECURITY_ADMIN_PASSWORD="only at the first start")
    stand_in.until_it_wrote()
    assert stand_in.get("/api/folders/kept")["title"] == "Kept"
    assert stand_in.writes()["gap_before_start_ms"] > 0
    assert stand_in.end(signal.SIGTERM) == 0
    assert check_consistency.breaches(stand_in.database) == []


def test_a_database_in_wal_mode_stays_in_it_with_wal_off(stand_in: StandIn) -> None:
    stand_in.start(GF_DATABASE_WAL="true").end(signal.SIGTERM)
    stand_in.start(GF_DATABASE_WAL="false").until_it_wrote(3)
    assert stand_in.database.with_name("grafana.db-wal").exists()


def test_an_online_backup_of_the_written_database_is_consistent(running: StandIn, tmp_path: Path) -> None:
    running.until_it_wrote()
    copy = backup(running, tmp_path / "copy.db")
    assert checked(copy) == (0, "consistent\n")
    with copy.open("r+b") as file:
        file.write(b"not a database")
    code, text = checked(copy)
    assert (code, "not a database" in text) == (1, True)


def backup(running: StandIn, copy: Path) -> Path:
    """A copy by SQLite's own means, as after a few writes of each kind."""
    until(lambda: running.writes()["writes"] >= 8)
    with closing(sqlite3.connect(running.database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


def checked(database: Path) -> tuple[int, str]:
    """What the script says of a file, run as a user runs it."""
    command = [sys.executable, str(FOLDER / "check_consistency.py"), str(database)]
    ran = subprocess.run(command, capture_output=True, text=True)
    return ran.returncode, ran.stdout


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM annotation WHERE id = (SELECT max(id) FROM annotation)",
        "UPDATE dashboard SET version = version + 1 WHERE uid = 'standin-live-1'",
        "DELETE FROM dashboard_version WHERE id = (SELECT max(id) FROM dashboard_version)",
        "UPDATE user_auth_token SET auth_token = 'other' WHERE id = 1",
        "UPDATE alert_instance SET last_eval_time = -1 WHERE labels_hash = 'hash-1'",
        "UPDATE kv_store SET value = value + 1 WHERE key = 'writes.total'",
        "UPDATE resource SET resource_version = 0 WHERE name = 'standin-live-1'",
        "DELETE FROM org",
    ],
)
def test_the_check_finds_a_copy_that_is_not_of_one_moment(running: StandIn, tmp_path: Path, damage: str) -> None:
    copy = backup(running, tmp_path / "copy.db")
    assert check_consistency.breaches(copy) == []
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute(damage)
        connection.commit()
    assert len(check_consistency.breaches(copy)) >= 1


def test_a_damaged_database_is_refused(stand_in: StandIn) -> None:
    stand_in.start().end(signal.SIGTERM)
    with stand_in.database.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\x5a" * 4096 * 4)
    assert stand_in.launch().wait(10) == 1
    assert "malformed" in (stand_in.root / "log").read_text()
    assert check_consistency.breaches(stand_in.database) != []


def test_a_missing_file_is_not_consistent(tmp_path: Path) -> None:
    assert check_consistency.breaches(tmp_path / "none.db") == [f"{tmp_path / 'none.db'}: no such file"]


def test_the_data_folder_is_laid_out_like_grafanas(running: StandIn) -> None:
    data = running.root / "data"
    assert {p.name for p in data.iterdir()} >= {"grafana.db", "plugins", "png", "csv", "pdf", "unified-search"}
    assert running.database.stat().st_mode & 0o777 == 0o640
    assert (data / "plugins" / "standin-clock-panel" / "plugin.json").is_file()
    assert list((data / "unified-search" / "bleve").rglob("*.zap"))


def test_a_new_database_grows_to_the_size_asked_for(stand_in: StandIn) -> None:
    stand_in.start(STANDIN_DB_MB="4")
    assert 4_000_000 <= stand_in.database.stat().st_size <= 6_000_000


def test_the_derived_index_is_rewritten_and_rebuilt(stand_in: StandIn) -> None:
    stand_in.start(STANDIN_INDEX_INTERVAL_MS="20")
    bleve = stand_in.root / "data" / "unified-search" / "bleve"
    before = {p.name for p in bleve.rglob("*.zap")}
    until(lambda: {p.name for p in bleve.rglob("*.zap")}.isdisjoint(before))


# Stopping, pausing and locking


def test_sigterm_ends_it_within_a_second_even_when_the_database_is_locked(stand_in: StandIn) -> None:
    stand_in.start()
    with closing(sqlite3.connect(stand_in.database, isolation_level=None)) as holder:
        holder.execute("PRAGMA busy_timeout = 5000")
        holder.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        assert stand_in.end(signal.SIGTERM) == 0
        assert time.monotonic() - began < 1.5


def test_a_pause_of_the_process_is_seen_as_a_gap(stand_in: StandIn) -> None:
    stand_in.start()
    stand_in.until_it_wrote(5)
    stand_in.call("/standin/reset-gap", "POST", auth=None)
    assert stand_in.process is not None
    stand_in.process.send_signal(signal.SIGSTOP)
    time.sleep(0.4)
    stand_in.process.send_signal(signal.SIGCONT)
    assert stand_in.writes()["longest_gap_ms"] >= 390
    stand_in.until_it_wrote(2)
    assert stand_in.writes()["longest_gap_ms"] >= 390
    reset = stand_in.call("/standin/reset-gap", "POST", auth=None)
    assert reset.json()["longest_gap_ms"] < 390


def test_a_lock_is_waited_for_counted_and_told_by_health(stand_in: StandIn) -> None:
    stand_in.start(STANDIN_BUSY_TIMEOUT_MS="20")
    with closing(sqlite3.connect(stand_in.database, isolation_level=None)) as holder:
        holder.execute("PRAGMA busy_timeout = 5000")
        holder.execute("BEGIN EXCLUSIVE")
        until(lambda: stand_in.writes()["locked"] >= 3)
        failing = stand_in.call("/api/health", auth=None)
        assert (failing.status, failing.json()["database"]) == (503, "failing")
        assert stand_in.call("/api/org").status == 500
    stand_in.until_it_wrote(5)
    assert stand_in.call("/api/health", auth=None).status == 200
    assert b"Database locked, sleeping then retrying" in (stand_in.root / "log").read_bytes()


# The API


def test_every_answer_says_that_it_is_a_stand_in(running: StandIn) -> None:
    for path in ("/api/health", "/login", "/api/nothing", "/metrics"):
        assert running.call(path, auth=None).headers["X-Monops-Stand-In"] == "grafana"
    assert "stand-in" in (running.root / "log").read_text().splitlines()[0]


def test_health_needs_no_credentials(running: StandIn) -> None:
    answer = running.call("/api/health", auth=None)
    assert answer.json() == {"commit": "standin0000", "database": "ok", "version": "12.4.0"}


@pytest.mark.parametrize(
    ("auth", "path", "method", "status", "message"),
    [
        (None, "/api/org", "GET", 401, "Unauthorized"),
        ("admin:wrong", "/api/org", "GET", 401, "Invalid username or password"),
        ("glsa_wrong", "/api/org", "GET", 401, "Invalid API key"),
        ("glsa_reader", "/api/datasources", "POST", 403, "You'll need additional permissions"),
        ("admin:admin", "/api/nothing", "GET", 404, "Not found"),
        ("admin:admin", "/api/dashboards/uid/none", "GET", 404, "Dashboard not found"),
        ("admin:admin", "/api/datasources/uid/none", "GET", 404, "Data source not found"),
        ("admin:admin", "/api/dashboards/db", "POST", 400, "bad request data"),
    ],
)
def test_errors_are_json_with_a_message(
    running: StandIn, auth: str | None, path: str, method: str, status: int, message: str
) -> None:
    answer = running.call(path, method, auth=auth)
    assert answer.status == status
    assert answer.json()["message"].startswith(message)


def test_a_viewers_token_reads(running: StandIn) -> None:
    assert running.call("/api/org", auth="glsa_reader").json()["name"] == "Main Org."


def test_a_service_account_gets_a_token_that_works(running: StandIn) -> None:
    account = running.call("/api/serviceaccounts", "POST", {"name": "monops", "role": "Admin"}).json()
    made = running.call(f"/api/serviceaccounts/{account['id']}/tokens", "POST", {"name": "one"}).json()
    assert made["key"].startswith("glsa_")
    assert running.call("/api/datasources", auth=made["key"]).status == 200


def test_dashboards_are_saved_in_versions_found_and_deleted(running: StandIn) -> None:
    running.call("/api/folders", "POST", {"uid": "outer", "title": "Outer"})
    inner = running.call("/api/folders", "POST", {"uid": "inner", "title": "Inner", "parentUid": "outer"}).json()
    assert [parent["uid"] for parent in inner["parents"]] == ["outer"]
    assert [f["uid"] for f in running.get("/api/folders?parentUid=outer")] == ["inner"]
    body = {"dashboard": {"uid": "mine", "title": "My Own", "tags": ["t"], "panels": []}, "folderUid": "inner"}
    first = running.call("/api/dashboards/db", "POST", body).json()
    assert (first["version"], first["url"], first["status"]) == (1, "/d/mine/my-own", "success")
    assert running.call("/api/dashboards/db", "POST", body).json()["status"] == "name-exists"
    assert running.call("/api/dashboards/db", "POST", {**body, "overwrite": True}).json()["version"] == 2
    stale = {**body, "dashboard": {**body["dashboard"], "version": 1}}  # type: ignore[dict-item]
    refused = running.call("/api/dashboards/db", "POST", stale)
    assert (refused.status, refused.json()["status"]) == (412, "version-mismatch")
    found = running.get("/api/dashboards/uid/mine")
    assert (found["dashboard"]["version"], found["meta"]["folderUid"]) == (2, "inner")
    assert [hit["uid"] for hit in running.get("/api/search?type=dash-db&tag=t")] == ["mine"]
    everything = [hit["uid"] for hit in running.get("/api/search?type=dash-db")]
    paged = [running.get(f"/api/search?type=dash-db&limit=1&page={n}") for n in range(1, len(everything) + 2)]
    assert [hit["uid"] for page in paged for hit in page] == everything
    assert running.call("/api/folders/outer", "DELETE").json()["message"] == "Folder deleted"
    assert running.call("/api/dashboards/uid/mine").status == 404


def test_deleting_a_dashboard_says_which(running: StandIn) -> None:
    running.call("/api/dashboards/db", "POST", {"dashboard": {"uid": "gone", "title": "Gone"}})
    deleted = running.call("/api/dashboards/uid/gone", "DELETE").json()
    assert (deleted["title"], deleted["message"]) == ("Gone", "Dashboard Gone deleted")


def test_a_data_source_is_created_tested_used_and_deleted(running: StandIn, prometheus: str) -> None:
    body = {"uid": "prom", "name": "Prom", "type": "prometheus", "access": "proxy", "url": prometheus}
    made = running.call("/api/datasources", "POST", body).json()
    assert (made["message"], made["datasource"]["uid"]) == ("Datasource added", "prom")
    assert running.call("/api/datasources", "POST", body).status == 409
    health = running.get("/api/datasources/uid/prom/health")
    assert (health["status"], health["message"]) == ("OK", "Successfully queried the Prometheus API.")
    through = running.get("/api/datasources/proxy/uid/prom/api/v1/query?query=up")
    assert through["data"]["asked"] == "/api/v1/query?query=up"
    body["url"] = f"http://127.0.0.1:{free_port()}"
    assert running.call("/api/datasources/uid/prom", "PUT", body).json()["datasource"]["version"] == 2
    sick = running.call("/api/datasources/uid/prom/health")
    assert (sick.status, sick.json()["status"]) == (400, "ERROR")
    assert sick.json()["message"].endswith(
        "connect: connection refused - There was an error returned querying the Prometheus API."
    )
    assert running.call("/api/datasources/proxy/uid/prom/api/v1/query?query=up").status == 502
    assert running.call("/api/datasources/uid/prom", "DELETE").json()["message"] == "Data source deleted"
    assert running.get("/api/datasources") == []


def test_a_secret_does_not_open_with_another_secret_key(stand_in: StandIn, prometheus: str) -> None:
    stand_in.start(GF_SECURITY_SECRET_KEY="one")
    body = {
        "uid": "s", "name": "S", "type": "prometheus", "access": "proxy", "url": prometheus, "basicAuth": True,
        "basicAuthUser": "me", "secureJsonData": {"basicAuthPassword": "hidden"},
    }  # fmt: skip
    made = stand_in.call("/api/datasources", "POST", body)
    assert made.json()["datasource"]["secureJsonFields"] == {"basicAuthPassword": True}
    assert b"hidden" not in made.body
    sent = stand_in.get("/api/datasources/proxy/uid/s/api/v1/query?query=up")["data"]["as"]
    assert base64.b64decode(sent.split()[1]) == b"me:hidden"
    stand_in.end(signal.SIGTERM)
    assert b"hidden" not in stand_in.database.read_bytes()
    stand_in.start(GF_SECURITY_SECRET_KEY="two")
    assert stand_in.call("/api/org").status == 200
    failed = stand_in.call("/api/datasources/uid/s/health")
    assert (failed.status, failed.json()["message"]) == (500, "Failed to decrypt secret")
    changed = {**body, "secureJsonData": {"basicAuthPassword": "again"}}
    assert stand_in.call("/api/datasources/uid/s", "PUT", changed).status == 200
    assert stand_in.call("/api/datasources/uid/s/health").status == 200


@pytest.mark.parametrize("what", ["alert-rules", "contact-points", "policies", "mute-timings"])
def test_alerting_is_exported_alike_in_yaml_and_json(running: StandIn, what: str) -> None:
    assert running.get(f"/api/v1/provisioning/{what}")
    as_json = running.get(f"/api/v1/provisioning/{what}/export?format=json")
    as_yaml = yaml_subset.load(running.call(f"/api/v1/provisioning/{what}/export?format=yaml").body.decode())
    assert as_json["apiVersion"] == 1
    assert as_yaml == as_json


def test_templates_stats_and_metrics(running: StandIn) -> None:
    assert running.get("/api/v1/provisioning/templates")[0]["name"] == "standin"
    stats = running.get("/api/admin/stats")
    assert (stats["orgs"], stats["alerts"]) == (1, 1)
    text = running.call("/metrics", auth=None).body.decode()
    assert f"\ngrafana_stat_totals_dashboard {stats['dashboards']}\n" in text
    assert 'version="12.4.0"} 1\n' in text
    assert "\nstandin_locked_errors_total " in text


# Provisioning


def test_files_provision_data_sources_and_dashboards(stand_in: StandIn, prometheus: str) -> None:
    files, boards = stand_in.root / "provisioning", stand_in.root / "boards"
    for folder in (files / "datasources", files / "dashboards", boards):
        folder.mkdir(parents=True)
    (files / "datasources" / "all.yml").write_text(
        "apiVersion: 1\n\ndatasources:\n  - name: Prometheus\n    type: prometheus\n    access: proxy\n"
        '    url: "${TARGET}"  # from the environment\n    isDefault: true\n    jsonData:\n      timeInterval: 15s\n'
        "  - {}\n".replace("  - {}\n", "  - name: Other\n    uid: other\n    type: alertmanager\n    editable: true\n")
    )
    (files / "dashboards" / "all.yaml").write_text(
        f"apiVersion: 1\nproviders:\n- name: 'default'\n  folder: Ops\n  type: file\n  options:\n    path: {boards}\n"
    )
    (boards / "one.json").write_text(json.dumps({"uid": "one", "title": "One", "panels": []}))
    (boards / "broken.json").write_text("{")
    stand_in.start(TARGET=prometheus)
    by_name = {one["name"]: one for one in stand_in.get("/api/datasources")}
    assert by_name["Prometheus"]["uid"] == provisioning.uid_from_name("Prometheus") == "PBFA97CFB590B2093"
    assert (by_name["Prometheus"]["isDefault"], by_name["Prometheus"]["readOnly"]) == (True, True)
    assert by_name["Prometheus"]["jsonData"] == {"timeInterval": "15s"}
    assert (by_name["Other"]["uid"], by_name["Other"]["readOnly"]) == ("other", False)
    assert stand_in.call("/api/datasources/uid/PBFA97CFB590B2093/health").status == 200
    assert stand_in.call("/api/datasources/uid/PBFA97CFB590B2093", "DELETE").status == 403
    meta = stand_in.get("/api/dashboards/uid/one")["meta"]
    assert (meta["provisioned"], meta["folderTitle"], meta["version"]) == (True, "Ops", 1)
    assert "failed to load dashboard from" in (stand_in.root / "log").read_text()
    stand_in.call("/api/admin/provisioning/dashboards/reload", "POST")
    assert stand_in.get("/api/dashboards/uid/one")["meta"]["version"] == 1
    (boards / "one.json").unlink()
    stand_in.call("/api/admin/provisioning/dashboards/reload", "POST")
    assert stand_in.call("/api/dashboards/uid/one").status == 404
    stand_in.end(signal.SIGTERM)
    assert check_consistency.breaches(stand_in.database) == []


@pytest.mark.parametrize(
    "text",
    [
        "datasources:\n  - name: A\n    type: t\n    isDefault: true\n  - name: B\n    type: t\n    isDefault: true\n",
        "datasources:\n  - name: A\n   type: t\n",
    ],
)
def test_wrong_data_source_files_end_the_start(stand_in: StandIn, text: str) -> None:
    folder = stand_in.root / "provisioning" / "datasources"
    folder.mkdir(parents=True)
    (folder / "wrong.yml").write_text(text)
    assert stand_in.launch().wait(10) == 1
    assert "provisioning error" in (stand_in.root / "log").read_text()
