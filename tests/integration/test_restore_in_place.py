"""In-place restores on a real Prometheus, Alertmanager and the Grafana stand-in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.store_builder import StoreBuilder
from tests.integration.fixtures import engine_problem
from tests.integration.support import Monops, Stack, docker, running_stack, some_blocks, wait_until
from tests.integration.web import answers, fetch, query

pytestmark = [pytest.mark.engine, pytest.mark.slow]

_EVERY_SERIES = 'count({__name__=~".+"})'
_KEPT = ".monops-restore"


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of its own: these tests exchange its data."""
    if problem := engine_problem():
        pytest.skip(problem)
    folder = tmp_path_factory.mktemp("in-place")
    data = some_blocks(folder / "data", 4)
    with running_stack(folder / "stack", "prometheus", "grafana", "alertmanager", data=data) as stack:
        yield stack


@pytest.fixture(params=["mountpoint", "archive"])
def reach(request: pytest.FixtureRequest) -> dict[str, str]:
    return {"MONOPS_REACH": request.param}


@pytest.fixture
def run(bed: Stack, tmp_path: Path) -> Iterator[Monops]:
    monops = Monops(tmp_path / "monops", bed.project)
    yield monops
    # A test that failed half-way must not spoil the next.
    monops.run("restore", "rollback")


def _ends_of_blocks(stack: Stack) -> list[float]:
    metas = [json.loads(path.read_text()) for path in stack.mountpoint("prometheus").glob("*/meta.json")]
    return sorted((meta["maxTime"] - 1) / 1000 for meta in metas)


def _answers(stack: Stack, times: list[float]) -> list[list[tuple[str, str]]]:
    return [
        query(stack.prometheus, question, at) for at in times for question in (_EVERY_SERIES, "count by (job) (up)")
    ]


def test_the_same_questions_get_the_same_answers_and_the_next_snapshot_works(
    bed: Stack, run: Monops, tmp_path: Path, reach: dict[str, str]
) -> None:
    store = tmp_path / "store"
    times = _ends_of_blocks(bed)
    before = _answers(bed, times)
    run.backup("--to", store)
    dashboards = len(fetch(bed.grafana + "/api/health"))
    # What a person wants to be rid of.
    for folder in sorted(bed.blocks())[:2]:
        shutil.rmtree(bed.mountpoint("prometheus") / folder / "chunks")

    ran = run.run("restore", "latest", "--in-place", "--yes", "--from", store, environment=reach)

    assert ran.code == 0, ran
    assert ran.result["sources"] == ["prometheus", "grafana", "alertmanager"]
    assert set(bed.states().values()) == {"running"}
    assert _answers(bed, times) == before
    assert len(fetch(bed.grafana + "/api/health")) == dashboards
    assert fetch(bed.prometheus + "/api/v1/admin/tsdb/snapshot", method="POST")["status"] == "success"
    shutil.rmtree(bed.mountpoint("prometheus") / "snapshots")
    side_files = {path.name for path in (bed.mountpoint("grafana") / _KEPT / "old").iterdir()}
    assert "grafana.db" in side_files

    again = run.backup("--to", store)
    assert again.source("prometheus")["objects_reused"] >= 4

    assert run.run("restore", "commit", environment=reach).code == 0
    for service in ("prometheus", "grafana", "alertmanager"):
        assert not (bed.mountpoint(service) / _KEPT).exists()
    bed.is_undisturbed(run)
    assert _answers(bed, times) == before


def test_rollback_brings_back_what_was_there(bed: Stack, run: Monops, tmp_path: Path, reach: dict[str, str]) -> None:
    store = tmp_path / "store"
    run.backup("prometheus", "--to", store)
    marker = bed.mountpoint("prometheus") / "of-before"
    marker.write_text("x")
    blocks = bed.blocks()

    ran = run.run("restore", "latest", "prometheus", "--in-place", "--yes", "--from", store, environment=reach)
    assert ran.code == 0, ran
    assert not marker.exists()
    refused = run.run("restore", "latest", "prometheus", "--in-place", "--yes", "--from", store, as_json=False)
    refused.is_one_error(1, "still keeps the data from before")
    assert "monops restore commit prometheus" in refused.remedies[0]

    assert run.run("restore", "rollback", "prometheus", environment=reach).code == 0
    assert marker.exists()
    marker.unlink()
    assert bed.blocks() == blocks
    bed.is_undisturbed(run)
    wait_until(lambda: answers(bed.prometheus + "/-/ready"), "Prometheus ready")


def test_a_server_that_does_not_start_on_the_data_gets_its_old_ones_back(
    bed: Stack, run: Monops, tmp_path: Path
) -> None:
    spoiled = tmp_path / "spoiled"
    spoiled.mkdir()
    for ulid in bed.blocks():
        shutil.copytree(bed.mountpoint("prometheus") / ulid, spoiled / ulid)
    # Prometheus refuses to start on an index that is cut.
    index = spoiled / min(bed.blocks()) / "index"
    index.write_bytes(index.read_bytes()[: index.stat().st_size // 2])
    shutil.chown(spoiled, 65534, 65534)
    builder = StoreBuilder(tmp_path / "store")
    builder.add("prometheus", spoiled)
    builder.finish()
    blocks, answered = bed.blocks(), _answers(bed, _ends_of_blocks(bed))

    ran = run.run("restore", "latest", "--in-place", "--yes", "--from", tmp_path / "store", as_json=False)

    ran.is_one_error(1, "prometheus is not well on the restored data")
    assert "invalid" in ran.stderr or "checksum" in ran.stderr, "the server's own words are shown"
    assert "the data from before are back" in ran.stderr
    assert bed.blocks() == blocks
    assert not (bed.mountpoint("prometheus") / _KEPT).exists()
    bed.is_undisturbed(run)
    wait_until(lambda: answers(bed.prometheus + "/-/ready"), "Prometheus ready")
    assert _answers(bed, _ends_of_blocks(bed)) == answered


def test_nothing_happens_without_a_yes(bed: Stack, run: Monops, tmp_path: Path) -> None:
    store = tmp_path / "store"
    run.backup("grafana", "--to", store)
    started = docker("inspect", "--format", "{{.State.StartedAt}}", bed.container("grafana"))

    asked = run.run("restore", "latest", "--in-place", "--from", store, as_json=False)
    asked.is_one_error(2, "wants to be confirmed")
    assert "--yes" in asked.remedies[0]
    shown = run.run("restore", "latest", "--in-place", "--dry-run", "--from", store)
    assert shown.code == 0, shown
    assert shown.result["sources"][0]["stops"] == [bed.container("grafana")]

    assert docker("inspect", "--format", "{{.State.StartedAt}}", bed.container("grafana")) == started
    assert not (bed.mountpoint("grafana") / _KEPT).exists()
    bed.is_undisturbed(run)


def test_a_stopped_service_is_restored_and_stays_stopped(bed: Stack, run: Monops, tmp_path: Path) -> None:
    store = tmp_path / "store"
    run.backup("grafana", "--to", store)
    bed.compose("stop", "grafana")
    try:
        ran = run.run("restore", "latest", "grafana", "--in-place", "--yes", "--from", store)
        assert ran.code == 0, ran
        assert any("health is not checked" in warning for warning in ran.result["warnings"])
        assert bed.states()["grafana"] == "exited"
        assert run.run("restore", "commit").code == 0
    finally:
        bed.up("grafana")
    bed.is_undisturbed(run)
