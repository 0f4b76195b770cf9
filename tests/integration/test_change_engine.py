"""The engine of changes on real services: reload, docker update, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.integration.fixtures import engine_problem
from tests.integration.stack_bed import Bed, bed
from tests.integration.support import wait_until
from tests.integration.web import fetch

from monops.cli.settings import Settings
from monops.cli.wiring import Wiring
from monops.domain.change import FileEdit, Means, Plan, Step
from monops.domain.errors import ConfigurationError
from monops.domain.yaml_edit import insert_item, set_value
from monops.ops.change import TakenBack, apply
from monops.ops.change_check import check
from monops.ops.change_site import config_file, find_site
from monops.ops.change_undo import home, plan_undo
from monops.ops.workshop import Workshop

pytestmark = pytest.mark.engine

WITHIN = timedelta(seconds=180)
MIB = 2**20


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    if problem := engine_problem():
        pytest.skip(problem)
    with bed(tmp_path_factory.mktemp("change")) as made:
        made.init(only=("prometheus",))
        made.up()
        yield made


@pytest.fixture
def shop(stack: Bed, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """As a command has it that is run beside the stack."""
    for name in ("MONOPS_CONFIG", "MONOPS_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MONOPS_STATE_DIR", str(stack.monops.state))
    monkeypatch.chdir(stack.root)
    return Wiring(Settings(quiet=True)).workshop("test")


def reload_plan(shop: Workshop, text: str) -> Plan:
    container = shop.container("prometheus")
    file = config_file(shop, container, "prometheus")
    edit = FileEdit(path=file.path, before=shop.files.read(file.path), after=text, in_place=file.in_place)
    step = Step(means=Means.RELOAD, service="prometheus", interrupts="nothing")
    return Plan(site=find_site(shop, container), title="a test", values=(), edits=(edit,), steps=(step,))


def config(stack: Bed) -> str:
    return str(fetch(f"{stack.url('prometheus')}/api/v1/status/config")["data"]["yaml"])


def test_a_file_is_reloaded_without_a_restart_and_undone(stack: Bed, shop: Workshop) -> None:
    path = stack.folder / "prometheus.yml"
    before, started = path.read_text(), stack.started()
    after = set_value(before, ("global", "external_labels", "tested"), "yes", file=str(path))
    plan = reload_plan(shop, after)
    check(shop, plan)
    apply(shop, plan, within=WITHIN)
    assert "tested: " in config(stack)
    apply(shop, plan_undo(shop, home(shop), None), within=WITHIN)
    assert "tested: " not in config(stack)
    assert path.read_text() == before
    assert stack.started() == started


def test_what_promtool_refuses_is_never_written(stack: Bed, shop: Workshop) -> None:
    path = stack.folder / "prometheus.yml"
    before = path.read_text()
    plan = reload_plan(shop, set_value(before, ("global", "scrape_intervall"), "15s", file=str(path)))
    with pytest.raises(ConfigurationError, match=r"promtool refuses the setting scrape_intervall in .*prometheus.yml"):
        check(shop, plan)
    assert path.read_text() == before


def test_what_only_the_server_refuses_is_taken_back_and_says_why(stack: Bed, shop: Workshop) -> None:
    path, broken = stack.folder / "prometheus.yml", stack.folder / "broken.yml"
    broken.write_text("groups:\n  - name: a\n    rules: [{alert: A, expr: 'sum('}]\n")
    before, started = path.read_text(), stack.started()
    plan = reload_plan(shop, insert_item(before, ("rule_files",), "broken.yml", file=str(path)))
    try:
        with pytest.raises(TakenBack, match=r"prometheus refuses its configuration: .*; the change was taken back"):
            apply(shop, plan, within=WITHIN)
    finally:
        broken.unlink()
    assert path.read_text() == before
    assert "broken.yml" not in config(stack)
    assert fetch(f"{stack.url('prometheus')}/-/ready")
    assert stack.started() == started


def test_limits_are_given_to_the_running_container_and_taken_back(stack: Bed, shop: Workshop) -> None:
    def memory() -> int:
        return int(stack.inspect("prometheus")["HostConfig"]["Memory"])

    before, started = memory(), stack.started()
    limits = {"Memory": before + 64 * MIB, "MemorySwap": 2 * (before + 64 * MIB)}
    step = Step(
        means=Means.UPDATE,
        service="prometheus",
        interrupts="nothing",
        limits=limits,
        limits_before={"Memory": before, "MemorySwap": 2 * before},
    )
    site = find_site(shop, shop.container("prometheus"))
    apply(shop, Plan(site=site, title="a test", values=(), edits=(), steps=(step,)), within=WITHIN)
    assert memory() == before + 64 * MIB
    apply(shop, plan_undo(shop, home(shop), None), within=WITHIN)
    assert memory() == before
    assert stack.started() == started


def test_a_reload_without_its_http_endpoint_is_a_signal(stack: Bed, shop: Workshop, tmp_path: Path) -> None:
    compose = stack.folder / "docker-compose.monitoring.yml"
    before = compose.read_text()
    compose.write_text(before.replace("      - --web.enable-lifecycle\n", ""))
    try:
        stack.up()
        path = stack.folder / "prometheus.yml"
        after = set_value(path.read_text(), ("global", "external_labels", "signalled"), "yes", file=str(path))
        started = stack.started()
        apply(shop, reload_plan(shop, after), within=WITHIN)
        wait_until(lambda: "signalled: " in config(stack), "the file that it was told to read")
        assert stack.started() == started
        apply(shop, plan_undo(shop, home(shop), None), within=WITHIN)
    finally:
        compose.write_text(before)
        stack.up()
