"""`monops init` and `monops stack` on a real engine: a fresh folder becomes a stack that is well, and stays so."""

from __future__ import annotations

import base64
import json
import re
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.integration.fixtures import engine_problem
from tests.integration.stack_bed import Bed, bed
from tests.integration.support import PATIENCE, Ran, command, docker, eventually
from tests.integration.web import fetch
from tests.unit.stack.stack_files import Files

from monops.stack.options import ADMIN_PASSWORD, IMAGES, RECEIVERS, SECRET_OWNERS, SERVICES, StackOptions

pytestmark = pytest.mark.engine

EVERY_SERVICE = {*SERVICES, "sample-app", "redis"}
#: Options whose files the services' own tools must find right.
OPTIONS = {
    "plain": StackOptions(),
    "sample": StackOptions(sample_app=True),
    "network": StackOptions(network="main", targets={"node": ("[::1]:9100", "host:9100")}),
    "least": StackOptions(without=tuple(name for name in SERVICES if name != "prometheus")),
    "told": StackOptions(receivers=RECEIVERS, smtp_user="a: b", slack_channel="#x", email_to="Ops <o@example.com>"),
    "quick": StackOptions(time_scale=0.01, receivers=("webhook",)),
}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bed, Ran]]:
    """A fresh folder, and what the first `stack up` said."""
    if problem := engine_problem():
        pytest.skip(problem)
    with bed(tmp_path_factory.mktemp("stack")) as made:
        # Asked every 2 s: nobody wants to wait 15 s for the first answers.
        made.init("--sample-app", "--time-scale", "0.1")
        yield made, made.stack("up")


@pytest.fixture(scope="module")
def stack(first: tuple[Bed, Ran]) -> Bed:
    """The same stack, for tests that leave it as it is, or as well as it was."""
    return first[0]


def get(url: str, password: str) -> Any:
    """As Grafana's administrator."""
    asked = urllib.request.Request(url)
    asked.add_header("Authorization", "Basic " + base64.b64encode(f"admin:{password}".encode()).decode())
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=10) as answer:
        return json.load(answer)


# --- up --------------------------------------------------------------------------------------------


def test_a_fresh_folder_comes_up_with_every_service_healthy(first: tuple[Bed, Ran]) -> None:
    _, ran = first
    assert ran.code == 0, ran
    assert {one["service"]: one["health"] for one in ran.result["services"]} == dict.fromkeys(EVERY_SERVICE, "healthy")


def test_every_target_is_up(stack: Bed) -> None:
    expected = dict.fromkeys(Files(StackOptions(sample_app=True)).scrapes, "up")

    def are_up() -> None:
        found = fetch(f"{stack.url('prometheus')}/api/v1/targets")["data"]["activeTargets"]
        # A job can have several targets: each must be up, not only the last.
        assert {one["health"] for one in found} == {"up"}
        assert {one["labels"]["job"]: one["health"] for one in found} == expected

    eventually(are_up, within=PATIENCE)


def test_status_shows_everything_of_every_service(stack: Bed) -> None:
    ran = stack.stack("status")
    assert ran.code == 0, ran
    assert (ran.result["project"], ran.result["well"], ran.result["undeclared"]) == (stack.name, True, [])
    services = {one["service"]: one for one in ran.result["services"]}
    assert set(services) == EVERY_SERVICE
    for name, one in services.items():
        assert one["container"] == stack.container(name)
        assert (one["state"], one["health"], one["reason"], one["restarts"]) == ("running", "healthy", None, 0)
        assert one["image"] == stack.inspect(name)["Config"]["Image"]
        assert 0 < one["memory_bytes"] < one["memory_limit_bytes"] <= 2 << 30
        assert one["started"]
    assert services["prometheus"]["memory_limit_bytes"] == 2 << 30
    assert services["grafana"]["ports"] == [f"127.0.0.1:{stack.ports['grafana']}->3000"]


def test_status_of_one_service_is_a_table_of_one(stack: Bed) -> None:
    ran = stack.stack("status", "grafana", as_json=False)
    assert ran.code == 0, ran
    head, row, end = ran.stdout.splitlines()
    assert head.split() == ["service", "state", "health", "ports", "image", "memory"]
    assert row.split()[:3] == ["grafana", "running", "healthy"]
    assert end == f"{stack.name}: all services well"


def test_plain_compose_in_the_folder_finds_everything_as_it_should_be(stack: Bed) -> None:
    before = stack.started()
    command("sh", "-c", 'cd "$1" && exec docker compose up -d', "sh", stack.folder)
    assert stack.started() == before
    assert len(before) == len(EVERY_SERVICE)


def test_asked_again_nothing_is_restarted(stack: Bed) -> None:
    before = stack.started()
    stack.up()
    assert stack.started() == before


def test_services_run_as_the_user_of_their_image_and_see_their_own_secrets_alone(stack: Bed) -> None:
    users = {name: docker("exec", stack.container(name), "id", "-u") for name in EVERY_SERVICE}
    for name, uid in SECRET_OWNERS.items():
        assert users[name] == str(uid), name
    assert "0" not in {users["node-exporter"], users["sample-app"]}
    password = stack.folder / ADMIN_PASSWORD
    assert (password.stat().st_uid, password.stat().st_mode & 0o777) == (472, 0o600)
    assert docker("exec", stack.container("grafana"), "cat", "/run/secrets/admin-password") == password.read_text()
    for name, folder in (("prometheus", "/etc/prometheus"), ("alertmanager", "/etc/alertmanager")):
        assert docker("exec", "--user", "0", stack.container(name), "ls", f"{folder}/secrets") == ""
    settings = json.dumps([stack.inspect(name) for name in EVERY_SERVICE])
    assert password.read_text() not in settings


def test_grafana_takes_the_password_and_no_other(stack: Bed) -> None:
    password = (stack.folder / ADMIN_PASSWORD).read_text()
    assert {one["uid"] for one in get(f"{stack.url('grafana')}/api/datasources", password)} == {
        "prometheus",
        "alertmanager",
    }
    with pytest.raises(OSError, match="401"):
        get(f"{stack.url('grafana')}/api/datasources", "admin")


def test_runbooks_are_there_where_alerts_link_to(stack: Bed) -> None:
    assert "All runbooks" in fetch(f"{stack.url('prometheus')}/user/ServiceDown.html")


# --- restart, logs, config -------------------------------------------------------------------------


def test_restarting_a_service_restarts_that_one_and_waits(stack: Bed) -> None:
    before = stack.started()
    ran = stack.stack("restart", "grafana")
    assert ran.code == 0, ran
    assert [(one["service"], one["health"]) for one in ran.result["services"]] == [("grafana", "healthy")]
    changed = {name for name, since in stack.started().items() if before[name] != since}
    assert changed == {f"/{stack.container('grafana')}"}


def test_logs_are_those_of_the_service(stack: Bed) -> None:
    ran = stack.stack("logs", "prometheus", "--tail", "5", as_json=False)
    assert ran.code == 0, ran
    assert len(ran.stdout.splitlines()) == 5
    assert all(line.startswith(stack.container("prometheus")) for line in ran.stdout.splitlines())
    in_json = stack.stack("logs", "prometheus", "--tail", "2").result["logs"]
    assert [len(lines) for lines in in_json.values()] == [2]
    assert list(in_json) == ["prometheus"]


def test_the_configuration_is_shown_filled_in_and_without_secrets(stack: Bed) -> None:
    shown = stack.stack("config", as_json=False)
    assert yaml.safe_load(shown.stdout)["services"].keys() == EVERY_SERVICE
    model = stack.stack("config").result
    assert model["name"] == stack.name
    assert model["services"]["prometheus"]["ports"][0]["published"] == str(stack.ports["prometheus"])
    assert (stack.folder / ADMIN_PASSWORD).read_text() not in shown.stdout + json.dumps(model)


def test_files_that_a_person_added_for_compose_are_used(stack: Bed) -> None:
    (stack.folder / "mine.yml").write_text("services:\n  grafana:\n    labels: {mine: 'yes'}\n")
    settings = (stack.folder / ".env").read_text()
    with stack.spoilt(".env", settings.replace("monitoring.yml\n", "monitoring.yml:mine.yml\n", 1)):
        model = stack.stack("config").result
    assert model["services"]["grafana"]["labels"] == {"mine": "yes"}


# --- changed files ---------------------------------------------------------------------------------


def rule_groups(stack: Bed) -> set[str]:
    return {group["name"] for group in fetch(f"{stack.url('prometheus')}/api/v1/rules")["data"]["groups"]}


def test_an_edited_rule_is_taken_over_by_up_without_a_restart(stack: Bed) -> None:
    before = stack.started()
    mine = "groups: [{name: mine, rules: [{record: 'a:b', expr: vector(1)}]}]\n"
    (stack.folder / "rules" / "mine.yml").write_text(mine)
    stack.up("prometheus")
    assert "mine" in rule_groups(stack)
    (stack.folder / "rules" / "mine.yml").unlink()
    stack.up("prometheus")
    assert "mine" not in rule_groups(stack)
    assert stack.started() == before


@pytest.mark.parametrize(
    ("service", "path", "cause"),
    [
        ("prometheus", "rules/queue.yml", "rules/queue.yml: yaml: "),
        ("alertmanager", "alertmanager.yml", "yaml: "),
    ],
)
def test_a_file_that_a_service_refuses_is_said_and_the_service_runs_on(
    stack: Bed, service: str, path: str, cause: str
) -> None:
    before = stack.started()
    with stack.spoilt(path, (stack.folder / path).read_text() + "][\n"):
        ran = stack.stack("up", service)
    ran.is_one_error(1, f"{service} refuses its configuration and runs on with the one before", cause)
    assert stack.started() == before


def test_a_service_that_cannot_start_ends_the_waiting_with_its_reason_and_comes_back_when_mended(stack: Bed) -> None:
    began = time.monotonic()
    with stack.spoilt("alertmanager.yml", "route: [\n"):
        ran = stack.stack("restart", "alertmanager")
        again = stack.stack("up", "alertmanager", "--wait", "170", as_json=False)
    assert time.monotonic() - began < 150, "it was waited for in vain"
    assert ran.code == 1
    (sick,) = ran.result["services"]
    assert not ran.result["well"]
    # By when it was looked at last: it is down between two starts, or has just begun once more.
    assert re.match(r"it ended with 1|its health check has not passed yet, restart \d", sick["reason"])
    assert "yaml: " in sick["reason"]
    assert again.code == 1
    assert "  try: monops stack logs alertmanager" in again.stdout.splitlines()
    assert again.stdout.endswith(f"{stack.name}: 0 of 1 services well\n")
    # The engine waits longer and longer before it tries again; who mended the file need not.
    began = time.monotonic()
    stack.up("alertmanager")
    assert time.monotonic() - began < 55


def test_an_unknown_service_is_refused_with_the_nearest(stack: Bed) -> None:
    stack.stack("up", "grafanna").is_one_error(2, "no service 'grafanna'", "Did you mean 'grafana'?")


def test_what_runs_and_is_not_in_the_file_is_said(stack: Bed) -> None:
    stack.run_stranger("old")
    ran = stack.stack("status", as_json=False)
    docker("rm", "-f", stack.container("old"))
    assert ran.code == 0, ran
    assert "not in monitoring/docker-compose.monitoring.yml, and there all the same: old\n" in ran.stdout
    assert "--remove-orphans" in ran.stdout


# --- the services' own tools -----------------------------------------------------------------------


def test_the_services_own_tools_find_nothing_wrong_with_the_files(stack: Bed, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for name, options in OPTIONS.items():
        for path, text in Files(options).texts.items():
            if path.endswith(".yml"):
                target = tmp_path / name / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text)
    checks = {
        "PROMETHEUS_IMAGE": "promtool check config prometheus.yml;"
        " promtool check rules --lint=all --lint-fatal rules/*.yml",
        "ALERTMANAGER_IMAGE": "if [ -f alertmanager.yml ]; then amtool check-config alertmanager.yml; fi",
    }
    for image, check in checks.items():
        script = f"for set in /sets/*; do echo === $set; cd $set; {check}; done 2>&1"
        run = ("run", "--rm", "--user", "0", "-v", f"{tmp_path}:/sets:ro", "--entrypoint", "sh", IMAGES[image])
        said = docker(*run, "-ec", script)
        assert said.count("===") == len(OPTIONS)
        assert "FAILED" not in said
    docker("exec", stack.container("prometheus"), "promtool", "check", "config", "/etc/prometheus/prometheus.yml")
    docker("exec", stack.container("alertmanager"), "amtool", "check-config", "/etc/alertmanager/alertmanager.yml")
