"""`monops limits` on real containers: what the engine has in force, what is written, and the way back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.fixtures import engine_problem
from tests.integration.limits_services import cadvisor_samples, override
from tests.integration.stack_bed import Bed, bed, changed_lines
from tests.integration.support import Ran, docker, wait_until
from tests.integration.web import answers, query

pytestmark = [pytest.mark.engine, pytest.mark.slow]

COMPOSE, OVERRIDE = "docker-compose.monitoring.yml", "override.yml"
MIB = 1 << 20
SERVICES = ("prometheus", "greedy", "hungry", "plain", "variable", "both")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """Prometheus, and services with limits that are written in several ways."""
    if problem := engine_problem():
        pytest.skip(problem)
    with bed(tmp_path_factory.mktemp("limits")) as made:
        made.init(only=("prometheus",))
        (made.folder / OVERRIDE).write_text(override(made.name))
        variables = (made.folder / ".env").read_text()
        (made.folder / ".env").write_text(f"{variables}COMPOSE_FILE={COMPOSE}:{OVERRIDE}\nRESERVED=16\n")
        made.up()
        yield made


@pytest.fixture(autouse=True)
def as_it_was(stack: Bed) -> Iterator[None]:
    """Each test leaves a stack on the files of before, with their limits."""
    before = {name: (stack.folder / name).read_bytes() for name in (COMPOSE, OVERRIDE, ".env")}
    limits = {name: host(stack, name) for name in SERVICES}
    yield
    for name, data in before.items():
        (stack.folder / name).write_bytes(data)
    # Compose does not see what was changed live: these are made anew.
    if others := [name for name in SERVICES if host(stack, name) != limits[name]]:
        docker("rm", "-f", *(stack.container(name) for name in others))
        stack.up()


def run(stack: Bed, *words: str, as_json: bool = True, **environment: str) -> Ran:
    return stack.monops.run("limits", *words, as_json=as_json, environment=environment)


def set_(stack: Bed, *words: str) -> Ran:
    """It must succeed."""
    ran = run(stack, "set", *words, "--yes")
    assert ran.code == 0, ran
    return ran


def host(stack: Bed, service: str) -> dict[str, Any]:
    """What is in force, in MiB and processors."""
    found = stack.inspect(service)["HostConfig"]
    return {
        "memory": found["Memory"] / MIB,
        "swap": found["MemorySwap"] / MIB,
        "reserved": max(0, found["MemoryReservation"]) / MIB,
        "cpus": found["NanoCpus"] / 1e9,
    }


def text(stack: Bed, name: str = OVERRIDE) -> str:
    return (stack.folder / name).read_bytes().decode()


def _with_limits(before: str) -> str:
    """The Compose file with 0.75 processors, 1G and 512M for Prometheus, which is first in it."""
    old = 'cpus: "1"\n          memory: 2G\n        reservations:\n          memory: 1G\n'
    new = 'cpus: "0.75"\n          memory: 1G\n        reservations:\n          memory: 512M\n'
    assert before.count(old) == 1
    return before.replace(old, new)


def complaints(stack: Bed) -> list[str]:
    """What doctor says of containers that are not as their files say. What did not answer in time is asked again."""
    for _ in range(3):
        said = stack.monops.run("doctor", "--only", "stack.drift", "--only", "stack.limits_drift").result
        if not said["unknown"]:
            break
    assert not said["unknown"], said
    return [f"{one['check']} {one['subject']}" for one in said["findings"]]


# --- seen ------------------------------------------------------------------------------------------


def test_declared_running_and_used_stand_side_by_side(stack: Bed) -> None:
    ran = run(stack, "show")
    assert ran.code == 0, ran
    by_name = {one["service"]: one for one in ran.result["services"]}
    assert next(iter(by_name)) == "prometheus"
    limits = {"memory_bytes": 2048 * MIB, "cpus": 1.0, "reserve_memory_bytes": 1024 * MIB}
    assert (by_name["prometheus"]["declared"], by_name["prometheus"]["running"]) == (limits, limits)
    assert by_name["prometheus"]["used"]["memory_bytes"] > 5 * MIB
    assert by_name["plain"]["declared"] == {"memory_bytes": None, "cpus": None, "reserve_memory_bytes": None}
    assert by_name["greedy"]["declared"]["memory_bytes"] == 256 * MIB
    assert all(one["drift"] == [] for one in by_name.values())


def test_what_docker_update_changed_is_shown_as_drift_and_set_right(stack: Bed) -> None:
    docker("update", "--memory", "1g", "--memory-swap", "2g", stack.container("prometheus"))
    ran = run(stack, "show", "prometheus", as_json=False)
    (line,) = (line for line in ran.stdout.splitlines() if line.startswith("prometheus"))
    assert line.split()[1:7] == ["memory", "2.0", "GiB", "1.0", "GiB", line.split()[6]]
    assert line.endswith("drift")
    assert complaints(stack) == [f"stack.limits_drift container {stack.container('prometheus')}"]
    before = text(stack, COMPOSE)
    set_(stack, "prometheus", "--memory", "2G")
    assert host(stack, "prometheus")["memory"] == 2048
    assert text(stack, COMPOSE) == before
    assert complaints(stack) == []


def test_a_container_that_is_stopped_uses_what_nobody_knows(stack: Bed) -> None:
    docker("stop", "--timeout", "1", stack.container("plain"))
    try:
        (seen,) = run(stack, "show", "plain").result["services"]
        assert (seen["state"], seen["used"]) == ("exited", {"memory_bytes": None, "cpus": None})
        assert "unknown" in run(stack, "show", "plain", as_json=False).stdout
    finally:
        docker("start", stack.container("plain"))


# --- set -------------------------------------------------------------------------------------------


def test_limits_are_set_live_and_undone(stack: Bed) -> None:
    before, started = text(stack, COMPOSE), stack.started()
    ran = set_(stack, "prometheus", "--cpus", "0.75", "--memory", "1G", "--reserve-memory", "512M")
    assert [step["means"] for step in ran.result["plan"]["steps"]] == ["update"]
    assert host(stack, "prometheus") == {"memory": 1024, "swap": 2048, "reserved": 512, "cpus": 0.75}
    # A 1G that goes and a 1G that comes are one line to a diff: so each value in its place.
    assert text(stack, COMPOSE) == _with_limits(before)
    assert stack.started() == started
    assert complaints(stack) == []

    undone = stack.monops.run("undo", "--yes")
    assert undone.code == 0, undone
    assert host(stack, "prometheus") == {"memory": 2048, "swap": 4096, "reserved": 1024, "cpus": 1}
    assert (text(stack, COMPOSE), stack.started()) == (before, started)
    assert complaints(stack) == []


def test_an_edit_beside_a_live_change_is_still_drift(stack: Bed) -> None:
    set_(stack, "greedy", "--memory", "300M")
    assert complaints(stack) == []
    (stack.folder / OVERRIDE).write_text(text(stack).replace("cpus: 0.5\n", "cpus: 0.4\n"))
    assert complaints(stack) == [f"stack.drift container {stack.container('greedy')}"]


def test_the_next_up_makes_the_container_anew_once_with_the_same_limits(stack: Bed) -> None:
    ran = set_(stack, "greedy", "--memory", "320M")
    assert any("the next `stack up` makes greedy anew once" in one for one in ran.result["plan"]["warnings"])
    first = stack.started()[f"/{stack.container('greedy')}"]
    stack.up()
    second = stack.started()[f"/{stack.container('greedy')}"]
    assert first != second
    assert host(stack, "greedy")["memory"] == 320
    stack.up()
    assert stack.started()[f"/{stack.container('greedy')}"] == second


def test_a_container_is_made_anew_at_once_where_that_is_wanted(stack: Bed) -> None:
    ran = set_(stack, "greedy", "--memory", "288M", "--recreate")
    assert [step["means"] for step in ran.result["plan"]["steps"]] == ["recreate"]
    assert host(stack, "greedy")["memory"] == 288
    label = stack.inspect("greedy")["Config"]["Labels"]["com.docker.compose.config-hash"]
    stack.up()
    assert stack.inspect("greedy")["Config"]["Labels"]["com.docker.compose.config-hash"] == label


def test_the_old_form_stays_the_old_form(stack: Bed) -> None:
    before = text(stack)
    set_(stack, "greedy", "--memory", "384M", "--cpus", "0.6", "--reserve-memory", "32M")
    assert host(stack, "greedy") == {"memory": 384, "swap": 768, "reserved": 32, "cpus": 0.6}
    assert changed_lines(before, text(stack)) == [
        "-     mem_limit: 256m   # the old form",
        "+     mem_limit: 384M   # the old form",
        "-     cpus: 0.5",
        "+     cpus: 0.6",
        "+     mem_reservation: 32M",
    ]


def test_a_service_without_limits_gets_some_live_and_loses_them_by_being_made_anew(stack: Bed) -> None:
    before, first = text(stack), stack.inspect("plain")["Id"]
    set_(stack, "plain", "--memory", "128M")
    assert host(stack, "plain") == {"memory": 128, "swap": 256, "reserved": 0, "cpus": 0}
    assert stack.inspect("plain")["Id"] == first
    added = ["+     deploy:", "+       resources:", "+         limits:", "+           memory: 128M"]
    assert changed_lines(before, text(stack)) == added
    undone = stack.monops.run("undo", "--yes")
    assert undone.code == 0, undone
    (step,) = undone.result["plan"]["steps"]
    assert (step["means"], "for the seconds" in step["interrupts"]) == ("recreate", True)
    assert host(stack, "plain") == {"memory": 0, "swap": 0, "reserved": 0, "cpus": 0}
    assert text(stack) == before


def test_a_variable_is_changed_in_the_env_file(stack: Bed) -> None:
    before, variables = text(stack), text(stack, ".env")
    ran = run(stack, "set", "variable", "--memory", "160M", "--yes", as_json=False, VARIABLE_MEMORY="128m")
    ran.is_one_error(1, "the variable VARIABLE_MEMORY of this shell")
    ran = run(stack, "set", "variable", "--reserve-memory", "32M", "--yes", as_json=False)
    ran.is_one_error(1, "is put together from a variable: ${RESERVED}m")
    set_(stack, "variable", "--memory", "160M")
    assert (text(stack), text(stack, ".env")) == (before, f"{variables}VARIABLE_MEMORY=160M\n")
    assert host(stack, "variable")["memory"] == 160
    assert complaints(stack) == []


def test_where_both_forms_are_there_both_are_changed(stack: Bed) -> None:
    before = text(stack)
    set_(stack, "both", "--memory", "192M")
    assert changed_lines(before, text(stack)) == [
        "-     mem_limit: 128m", "+     mem_limit: 192M", "-           memory: 128m", "+           memory: 192M",
    ]  # fmt: skip
    assert host(stack, "both")["memory"] == 192


def test_a_container_without_swap_stays_without(stack: Bed) -> None:
    set_(stack, "hungry", "--memory", "320M")
    assert host(stack, "hungry") == {"memory": 320, "swap": 320, "reserved": 0, "cpus": 0.5}
    assert "memswap_limit: 320M" in text(stack)
    assert complaints(stack) == []


# --- what goes wrong -------------------------------------------------------------------------------


def test_a_limit_that_kills_the_service_is_taken_back_by_itself_and_says_why(stack: Bed) -> None:
    before = text(stack)
    ran = run(stack, "set", "greedy", "--memory", "48M", "--yes", as_json=False)
    ran.is_one_error(1, "was killed under its new limit of 48.0 MiB of memory", "the change was taken back")
    assert text(stack) == before
    assert host(stack, "greedy")["memory"] == 256
    wait_until(lambda: stack.inspect("greedy")["State"]["Status"] == "running", "it runs again", within=90)
    last = stack.monops.run("history").result["changes"][-1]
    assert (last["state"], "48.0 MiB" in last["reason"]) == ("rolled back", True)
    assert complaints(stack) == []


def test_a_container_that_its_limit_kills_again_and_again_is_saved_by_a_higher_one(stack: Bed) -> None:
    (stack.folder / OVERRIDE).write_text(text(stack).replace("256M", "64M"))
    stack.stack("up", "hungry", "--wait", "5")
    wait_until(lambda: stack.inspect("hungry")["RestartCount"] >= 2, "it is killed and started again")
    set_(stack, "hungry", "--memory", "256M")
    assert host(stack, "hungry")["memory"] == 256
    wait_until(lambda: "fed" in docker("logs", "--tail", "1", stack.container("hungry")), "it is fed")
    assert stack.inspect("hungry")["State"]["Status"] == "running"


def test_a_paused_container_is_refused_at_once(stack: Bed) -> None:
    before = text(stack)
    docker("pause", stack.container("greedy"))
    try:
        ran = run(stack, "set", "greedy", "--memory", "200M", "--yes", as_json=False)
        ran.is_one_error(1, f"{stack.container('greedy')} is paused")
        assert ran.remedies == [f"docker unpause {stack.container('greedy')}"]
        assert (text(stack), host(stack, "greedy")["memory"]) == (before, 256)
    finally:
        docker("unpause", stack.container("greedy"))


@pytest.mark.parametrize("service", ["greedy", "plain"])
def test_a_container_that_was_stopped_gets_its_limits_and_stays_stopped(stack: Bed, service: str) -> None:
    memory = host(stack, service)["memory"]
    docker("stop", "--timeout", "1", stack.container(service))
    try:
        ran = set_(stack, service, "--memory", "208M", "--cpus", "0.333333333333")
        assert f"{service} is stopped, and stays so" in ran.result["plan"]["steps"][0]["interrupts"]
        assert (host(stack, service)["memory"], stack.inspect(service)["State"]["Running"]) == (208, False)
        assert run(stack, "show", service).result["services"][0]["drift"] == []
        # The one without limits of before is made anew, and not started either.
        undone = stack.monops.run("undo", "--yes")
        assert undone.code == 0, undone
        assert (host(stack, service)["memory"], stack.inspect(service)["State"]["Running"]) == (memory, False)
    finally:
        docker("start", stack.container(service))


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["hungry", "--memory", "80M"], 1, "hungry uses"),
        (["greedy", "--memory", "5M"], 2, "Docker takes no less than 6.0 MiB"),
        (["greedy", "--memory", "9000G"], 2, "more than the machine's memory"),
        (["greedy", "--memory", "lots"], 2, "'lots' is not an amount of memory"),
        (["greedy", "--cpus", "512"], 2, "more than the machine has"),
        (["greedy", "--cpus", "0.001"], 2, "less than Docker takes"),
        (["greedy", "--cpus", "nan"], 2, "not a number of processors"),
        (["greedy", "--reserve-memory", "1G"], 2, "a reservation of 1.0 GiB is more than the limit of 256.0 MiB"),
        (["prometheus", "--memory", "512M"], 2, "a reservation of 1.0 GiB, which is more than 512.0 MiB"),
        (["greeedy", "--memory", "1G"], 2, "Did you mean 'greedy'?"),
        (["greedy"], 2, "say what to limit"),
    ],
)
def test_what_cannot_be_is_refused_before_anything(stack: Bed, words: list[str], code: int, says: str) -> None:
    before, started = text(stack), stack.started()
    run(stack, "set", *words, "--yes", as_json=False).is_one_error(code, says)
    assert (text(stack), stack.started()) == (before, started)


def test_a_dry_run_and_nobody_at_a_terminal_change_nothing(stack: Bed) -> None:
    before, limits = text(stack), host(stack, "greedy")
    ran = run(stack, "set", "greedy", "--memory", "512M", "--dry-run")
    assert (ran.code, ran.result["changed"]) == (0, False)
    ran = run(stack, "set", "greedy", "--memory", "512M", as_json=False)
    ran.is_one_error(2, "nobody is at a terminal")
    assert ran.remedies == ["monops limits set greedy --memory 512M --yes"]
    assert (text(stack), host(stack, "greedy")) == (before, limits)
    assert set_(stack, "greedy", "--memory", "256M").result["changed"] is False


def test_a_stopped_engine_is_said(stack: Bed) -> None:
    for words in (["show"], ["set", "greedy", "--memory", "1G", "--yes"], ["recommend"]):
        ran = run(stack, *words, as_json=False, DOCKER_HOST="unix:///nonexistent")
        ran.is_one_error(1, "no Docker engine answers")


# --- recommended -----------------------------------------------------------------------------------


def test_without_cadvisor_the_present_is_all_and_lowers_nothing(stack: Bed) -> None:
    ran = run(stack, "recommend", "greedy", "plain")
    greedy, plain = ran.result["services"]
    assert greedy["used"]["source"] == plain["used"]["source"] == "docker stats"
    assert "only what it uses at present" in greedy["notes"][0]
    assert (greedy["recommended"]["memory_bytes"], greedy["recommended"]["cpus"]) == (256 * MIB, 0.5)
    assert plain["recommended"]["memory_bytes"] == 64 * MIB
    assert ran.result["unknown"] == "Prometheus has no metrics of cAdvisor for them"
    # A moment is not enough to set anything without a person.
    assert run(stack, "recommend", "plain", "--apply", "--yes").code == 0
    assert host(stack, "plain")["memory"] == 0


def test_what_the_last_days_tell_is_recommended_and_set_in_one_plan(stack: Bed, tmp_path: Path) -> None:
    feed(stack, tmp_path, {"greedy": (40 * MIB, 100 * MIB, 0.05), "plain": (200 * MIB, 420 * MIB, 0.3)}, hours=72)
    ran = run(stack, "recommend", "greedy", "plain")
    greedy, plain = ran.result["services"]
    assert greedy["used"]["source"] == "prometheus"
    assert abs(greedy["used"]["over_seconds"] - 72 * 3600) < 1800
    assert greedy["notes"] == [one for one in greedy["notes"] if one.startswith("only 2d 23h") or "3d" in one]
    assert (greedy["used"]["memory_peak_bytes"], plain["used"]["memory_peak_bytes"]) == (100 * MIB, 420 * MIB)
    assert greedy["recommended"]["memory_bytes"] == 128 * MIB
    assert plain["recommended"]["memory_bytes"] == 528 * MIB
    assert plain["recommended"]["cpus"] == pytest.approx(0.3, abs=0.11)
    assert abs(plain["used"]["cpus_p95"] - 0.3) < 0.02

    ran = run(stack, "set", "greedy", "--memory", "90M", "--dry-run")
    assert ran.code == 0, ran
    warned = ran.result["plan"]["warnings"]
    assert any("had 100.0 MiB at its peak" in one for one in warned)

    before, started = text(stack), stack.started()
    ran = run(stack, "recommend", "greedy", "plain", "--apply", "--yes")
    assert ran.code == 0, ran
    assert [step["service"] for step in ran.result["plan"]["steps"]] == ["greedy", "plain"]
    assert (host(stack, "greedy")["memory"], host(stack, "plain")["memory"]) == (128, 528)
    assert (stack.started(), complaints(stack)) == (started, [])
    assert run(stack, "recommend", "greedy", "plain", "--apply", "--yes").result["services"][0]["command"] is None
    undone = stack.monops.run("undo", "--yes")
    assert undone.code == 0, undone
    assert text(stack) == before
    assert (host(stack, "greedy")["memory"], host(stack, "plain")["memory"]) == (256, 0)


def feed(stack: Bed, folder: Path, usages: dict[str, tuple[int, int, float]], *, hours: int) -> None:
    """Prometheus has what cAdvisor would have told of these services."""
    samples = folder / "samples.om"
    samples.write_text(cadvisor_samples({stack.container(name): used for name, used in usages.items()}, hours))
    name = stack.container("prometheus")
    samples.chmod(0o644)
    docker("cp", samples, f"{name}:/tmp/samples.om")
    docker("exec", name, "promtool", "tsdb", "create-blocks-from", "openmetrics", "/tmp/samples.om", "/prometheus")
    docker("restart", name)
    asked = f'count_over_time(container_memory_working_set_bytes{{name="{stack.container("plain")}"}}[7d])'
    url = stack.url("prometheus")
    wait_until(lambda: answers(f"{url}/-/ready") and bool(query(url, asked, time.time())), "the blocks are loaded")
