"""Backups of sources that fail, are missing or change meanwhile; interruptions, and what killed runs left."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.fakes.backup_runs import keys, manifest_of, run, source, unpacked
from tests.fakes.backup_world import BackupWorld, HookedTree
from tests.fakes.memory_store import MemoryStore

from monops.cli.commands.backup import exit_code
from monops.domain.errors import (
    ConfigurationError,
    NotFound,
    Terminated,
    UsageFault,
)
from monops.domain.exits import Exit
from monops.domain.ports import Packing
from monops.domain.tree import Entry
from monops.ops.verify import verify


def test_a_source_that_fails_costs_only_itself(world: BackupWorld, store: MemoryStore) -> None:
    (world.grafana_data / "grafana.db").unlink()
    report = run(world, store)
    assert exit_code(report) is Exit.PARTLY
    manifest = manifest_of(store, report.runs[0].snapshot)
    assert manifest.failed == ("grafana",)
    assert not manifest.complete
    assert [s.name for s in manifest.sources] == ["prometheus", "alertmanager"]
    error = source(report.runs[0], "grafana").error
    assert error is not None
    assert "holds no grafana.db" in error.message


def test_when_every_source_fails_there_is_no_snapshot(world: BackupWorld, store: MemoryStore) -> None:
    for path in world.data.iterdir():
        shutil.rmtree(path, ignore_errors=True)
    world.prometheus.admin_api = False
    report = run(world, store, names=("prometheus",))
    assert report.runs[0].snapshot is None
    assert keys(store, "snapshots/") == set()
    assert exit_code(report) is Exit.FAILED


def test_a_volume_that_is_missing_fails_that_source(world: BackupWorld, store: MemoryStore) -> None:
    shutil.rmtree(world.grafana_data)
    report = run(world, store)
    assert exit_code(report) is Exit.PARTLY
    assert "there is no volume 'graf'" in str(source(report.runs[0], "grafana").error)


def test_an_unknown_source_is_a_usage_fault(world: BackupWorld, store: MemoryStore) -> None:
    with pytest.raises(UsageFault, match=r"no source 'grafna'\. Did you mean 'grafana'"):
        run(world, store, names=("grafna",))
    assert store.objects == {}


def test_without_a_stack_nothing_is_touched(world: BackupWorld, store: MemoryStore) -> None:
    world.engine.found.clear()
    with pytest.raises(NotFound):
        run(world, store)
    assert store.objects == {}


def test_plain_directories_need_no_stack(world: BackupWorld, store: MemoryStore, tmp_path: Path) -> None:
    world.engine.found.clear()
    world.services.prometheus_is_up = False
    report = run(world, store, names=(), paths={"prometheus": str(world.data), "grafana": str(world.grafana_data)})
    assert report.runs[0].ok
    manifest = manifest_of(store, report.runs[0].snapshot)
    assert [(s.name, s.capture) for s in manifest.sources] == [("prometheus", "live"), ("grafana", "snapshot")]
    assert "wal/00000001" in unpacked(store, report.runs[0].snapshot, "prometheus")
    assert any("only the directories of the configuration" in line for line in world.progress.warned)


def test_a_plain_directory_that_is_missing_fails(world: BackupWorld, store: MemoryStore) -> None:
    shutil.rmtree(world.data)
    report = run(world, store, names=("prometheus",), paths={"prometheus": str(world.data)})
    assert exit_code(report) is Exit.FAILED
    assert str(world.data) in str(source(report.runs[0], "prometheus").error)


def vanish(world: BackupWorld, times: int) -> Callable[[HookedTree], None]:
    """In each of the first tries a block of the snapshot is deleted while it is read."""
    done: set[int] = set()

    def before_read(entries: Sequence[Entry]) -> None:
        chunks = [e.path for e in entries if "chunks" in e.path]
        if chunks and world.prometheus.made <= times and world.prometheus.made not in done:
            done.add(world.prometheus.made)
            next(world.data.glob(f"snapshots/*/{chunks[0]}")).unlink()

    def hook(tree: HookedTree) -> None:
        tree.before_read = before_read

    return hook


def test_a_source_that_changed_twice_is_read_a_third_time(world: BackupWorld, store: MemoryStore) -> None:
    world.volumes.hook = vanish(world, 2)
    report = run(world, store)
    assert exit_code(report) is Exit.DONE
    counts = source(report.runs[0], "prometheus")
    assert counts.objects_new == 3
    assert counts.objects_reused == 0
    assert world.prometheus.made == 3
    assert list((world.data / "snapshots").iterdir()) == []
    assert world.journal.notes == {}
    assert verify(world.outside(), store, None, "read").faults == ()


def test_a_source_that_changes_every_time_fails(world: BackupWorld, store: MemoryStore) -> None:
    world.volumes.hook = vanish(world, 99)
    report = run(world, store)
    assert exit_code(report) is Exit.PARTLY
    assert "was deleted while it was read" in str(source(report.runs[0], "prometheus").error)
    assert manifest_of(store, report.runs[0].snapshot).failed == ("prometheus",)


@pytest.mark.parametrize("error", [KeyboardInterrupt, Terminated])
def test_an_interruption_ends_everything_and_leaves_nothing_disturbed(
    world: BackupWorld, store: MemoryStore, error: type[BaseException]
) -> None:
    def hook(tree: HookedTree) -> None:
        def before_read(entries: Sequence[Entry]) -> None:
            if any("chunks" in e.path for e in entries):
                raise error

        tree.before_read = before_read

    world.volumes.hook = hook
    with pytest.raises(error):
        run(world, store)
    assert keys(store, "snapshots/") | keys(store, "locks/") == set()
    assert list((world.data / "snapshots").iterdir()) == []
    assert world.journal.notes == {}


@pytest.mark.parametrize("moment", ["stop", "start"])
def test_sigterm_is_not_taken_for_a_failure_of_one_source(world: BackupWorld, store: MemoryStore, moment: str) -> None:
    def before(act: str) -> None:
        if act.startswith("stop"):
            raise Terminated

    world.engine.before = before
    with pytest.raises(Terminated):
        run(world, store, names=("alertmanager", "grafana"), mode="stop")
    assert all(c.state == "running" for c in world.engine.found.values())


def test_a_fault_of_the_configuration_ends_everything(world: BackupWorld, store: MemoryStore) -> None:
    with pytest.raises(ConfigurationError, match="not an age recipient"):
        run(world, store, packing=Packing(recipients=("age1nonsense",)))


def test_what_a_killed_run_left_is_put_right_first(world: BackupWorld, store: MemoryStore) -> None:
    world.change("grafana", state="paused")
    world.change("alertmanager", state="exited")
    world.journal.open({"kind": "paused", "container": "id-grafana", "name": "p-grafana-1"})
    world.journal.open({"kind": "stopped", "container": "id-alertmanager", "name": "p-alertmanager-1"})
    world.machine.pid, world.machine.alive = 2, {2}
    report = run(world, store)
    assert exit_code(report) is Exit.DONE
    assert len(report.repaired) == 2
    assert {world.state(s) for s in ("grafana", "alertmanager")} == {"running"}
    assert world.journal.notes == {}


def test_what_cannot_be_put_right_is_told_and_kept_for_the_next_run(world: BackupWorld, store: MemoryStore) -> None:
    world.journal.open({"kind": "stopped", "container": "id-gone", "name": "gone-1"})
    world.machine.pid, world.machine.alive = 2, {2}
    assert exit_code(run(world, store)) is Exit.DONE
    assert len(world.journal.notes) == 1
    assert any("could not undo" in line and "gone-1" in line for line in world.progress.warned)
