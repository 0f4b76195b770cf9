"""What the checks of the stack's containers must not find."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monops.checks import all_checks
from monops.checks._healthy import HEALTHY, changed, container
from monops.domain.diagnosis import diagnose
from monops.domain.facts import Facts, known

RUNNING = next(check for check in all_checks() if check.id == "stack.running")


def ended(service: str, code: int, declared: dict[str, object]) -> Facts:
    """A stack with one more service, whose container has ended."""
    one = changed(
        container("node-exporter"),
        container={"name": service, "service": service, "state": "exited", "image": "busybox:1"},
        exit_code=code,
    )
    model = dict(known(HEALTHY.compose_model))
    model["services"] = {**model["services"], service: declared}
    return replace(HEALTHY, containers=(*known(HEALTHY.containers), one), compose_model=model)


def found(facts: Facts) -> list[str]:
    return [finding.subject for outcome in diagnose([RUNNING], facts).outcomes for finding in outcome.findings]


@pytest.mark.parametrize("declared", [{}, {"restart": "no"}, {"restart": "on-failure:3"}])
def test_a_job_that_runs_once_and_has_ended_well_is_well(declared: dict[str, object]) -> None:
    assert found(ended("set-up", 0, declared)) == []


@pytest.mark.parametrize(
    ("code", "declared"),
    [(1, {}), (0, {"restart": "always"}), (0, {"deploy": {"restart_policy": {"condition": "any"}}})],
)
def test_what_ended_badly_or_should_run_is_found(code: int, declared: dict[str, object]) -> None:
    assert len(found(ended("set-up", code, declared))) == 1


def with_copy(**fields: object) -> Facts:
    """A stack with a second container of Prometheus that ended with an error."""
    there = container("prometheus")
    labels = {**there.container.labels, **fields}
    copy = changed(
        there, container={"name": "prometheus-2", "id": "e" * 64, "state": "exited", "labels": labels}, exit_code=1
    )
    return replace(HEALTHY, containers=(*known(HEALTHY.containers), copy))


def test_what_docker_compose_run_has_left_does_not_stand_for_the_service() -> None:
    assert found(with_copy(**{"com.docker.compose.oneoff": "True"})) == []


def test_each_of_several_copies_is_looked_at() -> None:
    first, *others = known(with_copy().containers)
    assert found(with_copy()) == ["container prometheus-2"]
    assert found(replace(HEALTHY, containers=(others[-1], first, *others[:-1]))) == ["container prometheus-2"]


@pytest.mark.parametrize("declared", [{"scale": 0}, {"deploy": {"replicas": 0}}])
def test_a_service_of_which_no_copy_is_wanted_needs_no_container(declared: dict[str, object]) -> None:
    model = dict(known(HEALTHY.compose_model))
    model["services"] = {**model["services"], "worker": declared}
    assert found(replace(HEALTHY, compose_model=model)) == []
