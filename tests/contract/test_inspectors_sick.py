"""What is read of a stack that is not well, or without an engine: the reason, in time, and all that can be read."""

from __future__ import annotations

import dataclasses
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from tests.contract.inspected import EVERYTHING, WITHIN, facts_of, inspectors_of, one
from tests.integration.support import Stack, docker, wait_until

from monops.domain.facts import Unknown, known
from monops.edges.clock import SystemClock
from monops.ops.gather import gather

pytestmark = pytest.mark.engine

NOWHERE = "unix:///nonexistent/docker.sock"


@contextmanager
def stopped(stack: Stack, service: str) -> Iterator[None]:
    docker("stop", stack.container(service))
    try:
        yield
    finally:
        docker("start", stack.container(service))
        wait_until(lambda: stack.inspect(service)["State"]["Health"]["Status"] == "healthy", f"{service} to be healthy")


def test_a_wrong_password_is_tried_once_and_never_told(watched: Stack) -> None:
    wrong = "not-the-password-of-anybody"
    facts = facts_of(
        watched,
        "grafana_login",
        "grafana_data_sources",
        "grafana_dashboards",
        "grafana_default_password",
        environment={"MONOPS_GRAFANA_PASSWORD": wrong},
    )
    assert facts.grafana_login == 401
    for fact in (facts.grafana_data_sources, facts.grafana_dashboards):
        assert isinstance(fact, Unknown)
        assert "refuses the login" in fact.reason
    assert isinstance(facts.grafana_default_password, Unknown)
    assert "five wrong logins lock the user out" in facts.grafana_default_password.reason
    assert wrong not in repr(dataclasses.replace(facts, containers=()))


def test_a_container_that_is_stopped(watched: Stack) -> None:
    with stopped(watched, "alertmanager"):
        facts = facts_of(watched)
    seen = one(facts, "alertmanager")
    assert (seen.container.state, seen.exit_code, seen.memory, seen.sockets) == ("exited", 0, None, None)
    assert seen.log
    name = watched.container("alertmanager")
    assert facts.alertmanager_ready == (0, f"{name} is exited")
    assert facts.alertmanager_alerts == Unknown(f"{name} is exited", f"docker start {name}")
    assert "alertmanager:/etc/alertmanager/alertmanager.yml" in known(facts.container_files)
    assert known(facts.prometheus_ready)[0] == 200


def test_a_paused_prometheus_is_not_waited_for(watched: Stack) -> None:
    watched.pause("prometheus")
    try:
        before = time.monotonic()
        facts = facts_of(watched, "prometheus_ready", "prometheus_targets", "alertmanager_ready", queries=("up",))
        took = time.monotonic() - before
    finally:
        docker("unpause", watched.container("prometheus"))
    name = watched.container("prometheus")
    assert one(facts, "prometheus").container.state == "paused"
    assert facts.prometheus_ready == (0, f"{name} is paused")
    assert facts.prometheus_targets == Unknown(f"{name} is paused", f"docker unpause {name}")
    assert isinstance(facts.answers["up"], Unknown)
    assert known(facts.alertmanager_ready)[0] == 200
    assert took < 10


def test_a_prometheus_that_takes_connections_and_says_nothing(watched: Stack) -> None:
    name = watched.container("prometheus")
    docker("kill", "--signal", "STOP", name)
    try:
        before = time.monotonic()
        # More questions than threads: they wait for it once, together.
        facts = facts_of(watched, queries=tuple(f"up == {number}" for number in range(60)))
        took = time.monotonic() - before
    finally:
        docker("kill", "--signal", "CONT", name)
    status, why = known(facts.prometheus_ready)
    assert status == 0
    assert "does not answer within 3 s" in why
    assert all(isinstance(answer, Unknown) for answer in facts.answers.values())
    assert isinstance(facts.prometheus_rules, Unknown)
    assert known(facts.alertmanager_ready)[0] == 200
    assert took < 15


def test_a_mounted_file_that_was_replaced_and_a_kill_for_want_of_memory(watched: Stack, tmp_path: Path) -> None:
    image = watched.inspect("redis")["Config"]["Image"]
    labels = [f"com.docker.compose.project={watched.project}", "com.docker.compose.service=odd"]
    options = [word for label in labels for word in ("--label", label)]
    replaced, moved, kept = (tmp_path / name for name in ("replaced.yml", "moved.yml", "kept.yml"))
    mounts = []
    for path in (replaced, moved, kept):
        path.write_text("old\n")
        mounts += ["--volume", f"{path}:/watched/{path.name}:ro"]
    name = f"{watched.project}-odd"
    # The second process is killed for what it takes; the first goes on.
    script = "head -c 64m /dev/zero | tail -c 60m > /dev/null; sleep 300"
    limits = ["--memory", "16m", "--memory-swap", "16m", "--network", "host"]
    docker("run", "--detach", "--name", name, *options, *mounts, *limits, "--entrypoint", "sh", image, "-c", script)
    try:
        (tmp_path / "new").write_text("new\n")
        (tmp_path / "new").replace(replaced)
        moved.rename(tmp_path / "old")
        moved.write_text("new\n")
        wait_until(
            lambda: bool(known(facts_of(watched, "oom_events").oom_events)), "an event of memory run out", within=30
        )
        facts = facts_of(watched, "containers", "oom_events")
    finally:
        docker("rm", "--force", name)
    seen = one(facts, "odd")
    assert seen.stale_mounts == ("/watched/moved.yml", "/watched/replaced.yml")
    # In the host's network: of all its sockets only those that the container's own programs hold.
    assert seen.sockets == ()
    assert known(facts.oom_events)["odd"] >= 1


# --- no engine -----------------------------------------------------------------------------------


def test_an_engine_that_is_not_there(watched: Stack) -> None:
    before = time.monotonic()
    found = inspectors_of(watched, {"DOCKER_HOST": NOWHERE}, project=None)
    assert found.project() == ""
    facts = gather(found, SystemClock(), project="", names=EVERYTHING, queries=("up",), within=WITHIN)
    assert time.monotonic() - before < 10

    # The program's own version needs no engine.
    known_all_the_same = {name for name in EVERYTHING if not isinstance(getattr(facts, name), Unknown)}
    assert known_all_the_same == {"compose_version"}
    assert facts.containers == Unknown(
        f"no Docker engine answers at {NOWHERE}", "start it: sudo systemctl start docker; docker info"
    )
    assert facts.prometheus_ready == facts.answers["up"] == facts.containers


def test_services_whose_address_is_configured_need_no_engine(watched: Stack) -> None:
    facts = facts_of(
        watched,
        "prometheus_build",
        "grafana_health",
        "containers",
        queries=("up",),
        environment={"DOCKER_HOST": NOWHERE},
        urls={"prometheus": watched.prometheus},
    )
    assert known(facts.prometheus_build).version
    assert facts.answer("up")
    assert isinstance(facts.containers, Unknown)
    assert facts.grafana_health == facts.containers


def test_an_engine_that_hangs_holds_nobody(watched: Stack, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / "s"))
        deaf.listen(64)
        before = time.monotonic()
        facts = facts_of(
            watched,
            *EVERYTHING,
            queries=("up",),
            environment={"DOCKER_HOST": f"unix://{tmp_path}/s"},
            within=timedelta(seconds=1.5),
        )
        assert time.monotonic() - before < 5
    assert isinstance(facts.containers, Unknown)
    assert facts.containers.reason == "it was not read in time"
