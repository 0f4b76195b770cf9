"""A stack whose services are in a Compose profile that the shell of today does not name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.fixtures import engine_problem
from tests.integration.stack_bed import Bed, bed
from tests.integration.support import docker
from tests.integration.web import fetch

from monops.domain.yaml_edit import set_value

pytestmark = pytest.mark.engine

COMPOSE = "docker-compose.monitoring.yml"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    if problem := engine_problem():
        pytest.skip(problem)
    with bed(tmp_path_factory.mktemp("profile")) as made:
        made.init(only=("prometheus",))
        file = made.folder / COMPOSE
        file.write_text(set_value(file.read_text(), ("services", "prometheus", "profiles"), ["monitoring"], file="c"))
        docker("compose", "--file", str(file), "--profile", "monitoring", "up", "--detach", "--wait")
        yield made


def retention(stack: Bed) -> str:
    return str(fetch(f"{stack.url('prometheus')}/api/v1/status/runtimeinfo")["data"]["storageRetention"])


def test_its_settings_are_changed_and_undone_and_it_runs_on(stack: Bed) -> None:
    before = retention(stack)
    ran = stack.monops.run("retention", "set", "--time", "20d", "--yes")
    assert ran.code == 0, ran
    assert retention(stack).startswith("20d")
    ran = stack.monops.run("limits", "set", "prometheus", "--memory", "1G", "--yes")
    assert ran.code == 0, ran
    assert stack.inspect("prometheus")["HostConfig"]["Memory"] == 2**30
    for _ in range(2):
        ran = stack.monops.run("undo", "--yes")
        assert ran.code == 0, ran
    assert retention(stack) == before
    assert stack.inspect("prometheus")["State"]["Running"]


def test_a_service_that_the_files_have_lost_is_refused_and_runs_on(stack: Bed) -> None:
    file = stack.folder / COMPOSE
    before = file.read_text()
    assert stack.monops.run("retention", "set", "--time", "21d", "--yes").code == 0
    file.write_text(before.replace("  prometheus:\n", "  other:\n", 1))
    try:
        # Only the file of the change of before knows it.
        ran = stack.monops.run("undo", "--yes", as_json=False)
        assert ran.code in (1, 12), ran
        assert stack.inspect("prometheus")["State"]["Running"]
    finally:
        file.write_text(before)
