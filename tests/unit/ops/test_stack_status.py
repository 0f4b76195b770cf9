"""How the stack is: state and reason of every service, and what the file does not declare."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.fakes.fake_compose import FakeCompose, LivingEngine, Look, always, crashing
from tests.fakes.fake_engine import container

from monops.domain.errors import UsageFault
from monops.domain.exits import Exit
from monops.domain.ports import Compose, Engine, Memory
from monops.ops.stack_status import ServiceState, StackState, last_words, stack_status

SERVICES = ("grafana", "prometheus")


@pytest.fixture
def engine() -> LivingEngine:
    return LivingEngine()


@pytest.fixture
def compose(engine: LivingEngine) -> FakeCompose:
    """Two services that run and are well."""
    made = FakeCompose(engine, {name: {} for name in SERVICES})
    made.up(())
    engine.clock.passed = 10
    return made


def status(compose: FakeCompose, *chosen: str) -> StackState:
    fits: Compose = compose
    engine: Engine = compose.engine
    return stack_status(fits, engine, chosen)


def one(compose: FakeCompose, service: str = "prometheus") -> ServiceState:
    (found,) = status(compose, service).services
    return found


def reason(compose: FakeCompose, look: Look, *log: str) -> str:
    compose.engine.lives["prometheus"] = lambda age: look
    compose.engine.log["prometheus"] = log
    return one(compose).reason


def test_a_stack_on_which_all_is_well_is_well(compose: FakeCompose) -> None:
    found = status(compose)
    assert found.is_well
    assert (found.project, found.file, found.undeclared) == ("p", compose.file, ())
    # In the order in which people think of them.
    assert [state.service for state in found.services] == ["prometheus", "grafana"]
    assert [(s.state, s.health, s.reason, s.memory) for s in found.services] == [
        ("running", "healthy", "", Memory(used=1, limit=2))
    ] * 2


def test_published_ports_are_shown_as_docker_does(compose: FakeCompose) -> None:
    made = compose.engine.found
    for name, found in list(made.items()):
        made[name] = replace(found, ports={9090: ("127.0.0.1", 9091), 9093: ("::1", 9094)})
    assert one(compose).ports == ("127.0.0.1:9091->9090", "[::1]:9094->9093")


def test_a_service_without_a_health_check_is_well_when_it_runs(compose: FakeCompose) -> None:
    compose.engine.lives["prometheus"] = always(health="")
    assert one(compose).is_well


def test_a_service_without_a_container_is_missing_and_the_stack_is_not_well(compose: FakeCompose) -> None:
    compose.services["alertmanager"] = {}
    missing = one(compose, "alertmanager")
    assert (missing.state, missing.container, missing.reason) == ("missing", "", "it has no container")
    assert missing.is_hopeless
    assert not status(compose).is_well


def test_an_unknown_service_is_refused_with_the_nearest_name(compose: FakeCompose) -> None:
    with pytest.raises(UsageFault) as refused:
        status(compose, "grafanna")
    assert refused.value.message == "the stack has no service 'grafanna'. Did you mean 'grafana'?"
    assert refused.value.exit is Exit.USAGE


def test_what_runs_and_is_not_declared_is_named(compose: FakeCompose) -> None:
    compose.engine.begin("cadvisor")
    assert status(compose).undeclared == ("cadvisor",)
    assert status(compose).is_well


def test_containers_of_another_project_are_not_looked_at(compose: FakeCompose) -> None:
    compose.engine.begin("redis", made=container("redis", "v", project="other"))
    assert status(compose).undeclared == ()


def test_what_compose_run_left_behind_is_not_the_service(compose: FakeCompose) -> None:
    compose.engine.add(replace(container("prometheus", "v"), labels={"com.docker.compose.oneoff": "True"}))
    assert one(compose).state == "missing"


def test_a_service_that_was_scaled_is_there_once_a_container(compose: FakeCompose) -> None:
    compose.engine.begin("two", made=replace(container("prometheus", "v"), id="id-2", name="p-prometheus-2"))
    assert [state.container for state in status(compose, "prometheus").services] == [
        "p-prometheus-1",
        "p-prometheus-2",
    ]


# --- why -------------------------------------------------------------------------------------------


def test_an_unhealthy_service_says_what_its_check_printed(compose: FakeCompose) -> None:
    look = Look(health="unhealthy", probe="trying\nwget: can't connect to remote host: Connection refused\n")
    assert reason(compose, look) == ("its health check fails: wget: can't connect to remote host: Connection refused")
    assert not one(compose).is_well
    assert not one(compose).is_hopeless, "it may still come round"


def test_a_service_that_is_not_healthy_yet_says_so(compose: FakeCompose) -> None:
    assert reason(compose, Look(health="starting")) == "its health check has not passed yet"
    assert reason(compose, Look(health="starting", probe="HTTP 503")).endswith("has not passed yet: HTTP 503")


def test_a_service_that_was_restarted_and_is_not_healthy_yet_says_why_it_ended(compose: FakeCompose) -> None:
    look = Look(health="starting", restarts=4)
    assert reason(compose, look, "error: no config") == (
        "its health check has not passed yet, restart 4: error: no config"
    )


def test_a_service_that_ended_says_with_what_and_its_last_words(compose: FakeCompose) -> None:
    look = Look(state="exited", health="", exit_code=2)
    assert reason(compose, look, "starting", "panic: no disk", "goodbye") == "it ended with 2: panic: no disk"
    assert one(compose).is_hopeless


def test_a_service_that_was_killed_for_its_memory_says_so(compose: FakeCompose) -> None:
    look = Look(state="exited", exit_code=137, killed=True)
    assert reason(compose, look) == "it ended with 137, out of memory"


def test_a_service_in_a_loop_says_how_often_and_why(compose: FakeCompose) -> None:
    compose.engine.lives["prometheus"] = crashing
    compose.engine.log["prometheus"] = ('level=ERROR msg="x" err="yaml: line 3: did not find expected key"',)
    found = one(compose)
    assert found.restarts == 10
    assert found.is_hopeless
    assert (
        found.reason == "it ended with 1, and again after each of 10 restarts: yaml: line 3: did not find expected key"
    )


def test_a_service_that_was_restarted_once_may_still_come_up(compose: FakeCompose) -> None:
    compose.engine.lives["prometheus"] = always(state="restarting", restarts=1, exit_code=1)
    assert not one(compose).is_hopeless
    assert one(compose).reason == "it ended with 1"


def test_a_service_that_once_was_in_a_loop_and_now_starts_is_not_given_up(compose: FakeCompose) -> None:
    compose.engine.lives["prometheus"] = always(health="starting", restarts=50)
    assert not one(compose).is_hopeless


def test_a_service_that_could_not_be_started_says_why(compose: FakeCompose) -> None:
    look = Look(state="created", health="", error="Bind for 127.0.0.1:3001 failed: port is already allocated")
    assert reason(compose, look) == ("it was never started: Bind for 127.0.0.1:3001 failed: port is already allocated")


def test_a_paused_service_is_not_well(compose: FakeCompose) -> None:
    assert reason(compose, Look(state="paused")) == "it is paused"


def test_a_secret_in_the_last_words_is_not_repeated(compose: FakeCompose) -> None:
    look = Look(state="exited", exit_code=1)
    assert "hunter2" not in reason(compose, look, "cannot reach redis://:hunter2@redis:6379")


def test_very_long_last_words_are_cut(compose: FakeCompose) -> None:
    assert len(reason(compose, Look(state="exited", exit_code=1), "error " * 1000)) < 500


def test_the_cause_is_said_before_what_followed_from_it_and_nothing_twice() -> None:
    # As Prometheus 3.5.3 prints it.
    lines = [
        'level=ERROR source=manager.go:227 msg="loading groups failed" err="/rules/b.yml: yaml: line 4: bad"',
        'level=ERROR source=manager.go:227 msg="loading groups failed" err="/rules/b.yml: yaml: line 4: bad"',
        'level=ERROR source=main.go:1153 msg="Error reloading config" err="one or more (--config.file=\\"p.yml\\")"',
        'level=INFO source=main.go:1 msg="bye"',
    ]
    assert last_words(lines) == '/rules/b.yml: yaml: line 4: bad; one or more (--config.file="p.yml")'


def test_without_an_error_the_last_line_counts_and_without_a_line_nothing() -> None:
    assert last_words(["one", "two", " ", ""]) == "two"
    assert last_words([]) == ""


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        # As Prometheus 3.5.3 and node exporter 1.9.1 print it, before the help with all their flags.
        (
            'Error parsing command line arguments: not a valid duration string: " 20d"',
            'not a valid duration string: " 20d"',
        ),
        (
            "node_exporter: error: unknown long flag '--nosuch', try --help",
            "unknown long flag '--nosuch', try --help",
        ),
    ],
)
def test_a_refused_flag_is_said_and_not_the_help_behind_it(line: str, cause: str) -> None:
    usage = [
        line,
        "usage: prometheus [<flags>]",
        *["  --flag  text"] * 200,
        "One of: [debug, info, warn, error]",
    ]
    assert last_words(usage) == cause
