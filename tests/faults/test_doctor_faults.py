"""`monops doctor` on a stack that runs: nothing where all is well, and each fault with its cause and nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.faults.doctor_fault_list import FAULTS
from tests.faults.doctor_faults import Fault, Scene
from tests.integration.fixtures import engine_problem
from tests.integration.shipped import wait_until_well, written_stack
from tests.integration.support import PATIENCE
from tests.integration.webhook import listener

#: Checks that ask what was in the last minutes: they still speak of what is mended.
LOOK_BACK = frozenset({"alertmanager.notifications_failed", "targets.flapping"})
#: So many faults at least must be found.
ENOUGH = 25

pytestmark = [pytest.mark.engine, pytest.mark.slow]


@dataclass
class Ward:
    """A stack whose faults are found, and what was seen until now."""

    scene: Scene
    #: The faults that doctor has named.
    found: list[str] = field(default_factory=list)

    def doctor(self, *words: str) -> tuple[int, Any]:
        ran = self.scene.shipped.monops.run("doctor", *words)
        return ran.code, ran.result

    def findings(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.doctor()[1]["findings"]
        return found


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    """A stack as it ships, with a receiver for its alerts, on which all is well."""
    if problem := engine_problem():
        pytest.skip(problem)
    choices = ("--receiver", "webhook", "--without", "cadvisor")
    with written_stack(tmp_path_factory.mktemp("doctor"), *choices) as shipped, listener(shipped.bridge) as heard:
        shipped.secret("secrets/alertmanager/webhook-url", heard.url("/webhook"))
        shipped.up()
        wait_until_well(shipped)
        yield Ward(Scene(shipped, heard))


def _is_expected(finding: dict[str, Any], fault: Fault) -> bool:
    return finding["check"] == fault.check and fault.says in finding["cause"]


def _is_its(check: str, fault: Fault) -> bool:
    return check == fault.check or any(
        check == one or (one.endswith(".") and check.startswith(one)) for one in fault.also
    )


def test_nothing_is_found_where_all_is_well(ward: Ward) -> None:
    code, said = ward.doctor()
    assert (said["findings"], said["unknown"]) == ([], [])
    assert code == 0


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_a_fault_is_named_with_its_cause_and_nothing_else(ward: Ward, fault: Fault) -> None:
    with fault.inject(ward.scene):
        found = _wait_for(ward, fault)
    _wait_for_its_end(ward, fault)
    strange = [one for one in found if not _is_its(one["check"], fault) and one["check"] not in LOOK_BACK]
    assert any(_is_expected(one, fault) for one in found), found
    assert not strange, strange
    ward.found.append(fault.name)


def _wait_for(ward: Ward, fault: Fault) -> list[dict[str, Any]]:
    """What doctor finds, as soon as the expected is among it."""
    deadline = time.monotonic() + PATIENCE / 4
    while True:
        found = ward.findings()
        if any(_is_expected(one, fault) for one in found) or time.monotonic() > deadline:
            return found


def _wait_for_its_end(ward: Ward, fault: Fault) -> None:
    """Until nothing is found any more, but by checks that look back in time."""
    deadline = time.monotonic() + PATIENCE / 4
    while left := {one["check"] for one in ward.findings()} - LOOK_BACK:
        assert time.monotonic() < deadline, f"{fault.name} was mended, and is still found: {left}"


def test_most_faults_are_found(ward: Ward) -> None:
    """How many of the faults that were made doctor has named."""
    missed = sorted({fault.name for fault in FAULTS} - set(ward.found))
    assert len(ward.found) >= ENOUGH, f"{len(ward.found)} of {len(FAULTS)} were found; not {missed}"
