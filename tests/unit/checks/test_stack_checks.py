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
