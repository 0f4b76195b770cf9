"""The Grafana stand-in's API answers as documented, and its files provision it."""

from __future__ import annotations

import base64
import json
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.fakes.grafana import check_consistency, provisioning, yaml_subset
from tests.fakes.grafana_process import StandIn, free_port


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
