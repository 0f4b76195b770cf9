"""A whole backup on fakes: what is stored, reused, stored again; what fails, and what that costs."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes.backup_world import NOW, BackupWorld, HookedTree
from tests.fakes.memory_store import MemoryStore

from monops.cli.commands.backup import exit_code
from monops.domain.errors import (
    ConfigurationError,
    Locked,
    NotFound,
    Refused,
    StoreFull,
    StoreUnreachable,
    Terminated,
    UsageFault,
)
from monops.domain.exits import Exit
from monops.domain.manifest import Manifest, decode
from monops.domain.ports import Packing
from monops.domain.tree import Entry
from monops.edges.codec import StreamCodec
from monops.ops.backup import BackupReport, RunReport, SourceReport, backup
from monops.ops.lock import LIFE
from monops.ops.sources import Selection
from monops.ops.verify import verify

SNAPSHOT = "20261123T010203Z-test-0001"


@pytest.fixture
def world(tmp_path: Path) -> BackupWorld:
    return BackupWorld(tmp_path)


@pytest.fixture
def store(world: BackupWorld) -> MemoryStore:
    return MemoryStore(now=world.clock.now)


def run(world: BackupWorld, *stores: MemoryStore, packing: Packing | None = None, **selection: object) -> BackupReport:
    chosen = replace(Selection(names=("prometheus", "grafana", "alertmanager")), **selection)  # type: ignore[arg-type]  # its own fields
    return backup(world.outside(), chosen, stores, packing or Packing())


def manifest_of(store: MemoryStore, snapshot: str | None) -> Manifest:
    assert snapshot is not None
    return decode(store.objects[f"snapshots/{snapshot}.json"], snapshot)


def source(report: RunReport, name: str) -> SourceReport:
    return next(s for s in report.sources if s.name == name)


def unpacked(store: MemoryStore, snapshot: str | None, name: str) -> dict[str, bytes]:
    """Every file of a source, out of its objects."""
    found: dict[str, bytes] = {}
    record = manifest_of(store, snapshot).source(name)
    assert record is not None
    for key in record.objects:
        with StreamCodec().unpack(io.BytesIO(store.objects[key]), key, ()) as reader:
            data = io.BytesIO(b"".join(iter(lambda: reader.read(1 << 16), b"")))
        with tarfile.open(fileobj=data) as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is not None:
                    assert member.name not in found
                    found[member.name] = content.read()
    return found


def keys(store: MemoryStore, prefix: str = "objects/") -> set[str]:
    return {key for key in store.objects if key.startswith(prefix)}


def test_everything_is_stored_and_described(world: BackupWorld, store: MemoryStore) -> None:
    report = run(world, store)
    (made,) = report.runs
    assert made.ok
    assert exit_code(report) is Exit.DONE
    manifest = manifest_of(store, made.snapshot)
    assert (manifest.host, manifest.project, manifest.complete) == ("test", "p", True)
    assert manifest.taken == NOW
    assert [s.name for s in manifest.sources] == ["prometheus", "grafana", "alertmanager"]
    assert [s.capture for s in manifest.sources] == ["snapshot", "snapshot", "live"]
    assert {o.key for o in manifest.objects} == keys(store)
    assert len(manifest.sources[0].blocks) == 2
    assert verify(world.outside(), store, None, "read").faults == ()
    assert keys(store, "locks/") == set()
    assert list(store.objects)[-1] == f"snapshots/{made.snapshot}.json"


def test_what_is_stored_is_what_was_there(world: BackupWorld, store: MemoryStore) -> None:
    snapshot = run(world, store).runs[0].snapshot
    blocks = {
        str(path.relative_to(world.data)): path.read_bytes() for path in world.data.glob("01*/**/*") if path.is_file()
    }
    assert len(blocks) == 8
    assert unpacked(store, snapshot, "prometheus") == blocks
    grafana = unpacked(store, snapshot, "grafana")
    assert set(grafana) == {"grafana.db", "plugins/x.js"}
    assert grafana["grafana.db"].startswith(b"SQLite format 3")
    assert unpacked(store, snapshot, "alertmanager") == {"nflog": b"notifications"}


def test_the_server_is_left_as_it_was(world: BackupWorld, store: MemoryStore) -> None:
    run(world, store)
    assert list((world.data / "snapshots").iterdir()) == []
    assert world.engine.acts == []
    assert world.journal.notes == {}


def test_a_second_backup_reads_and_sends_no_block_again(world: BackupWorld, store: MemoryStore) -> None:
    first = run(world, store)
    new = world.block(3)
    second = run(world, store)
    one, two = source(first.runs[0], "prometheus"), source(second.runs[0], "prometheus")
    assert (one.objects_new, one.objects_reused) == (3, 0)
    assert (two.objects_new, two.objects_reused) == (2, 2)  # the block and everybody's meta.json
    assert len([key for key in keys(store, "objects/prometheus/") if new in key]) == 1
    assert len(keys(store, "snapshots/")) == 2


def test_nothing_of_a_reused_block_is_read(world: BackupWorld, store: MemoryStore) -> None:
    run(world, store)
    read: list[str] = []

    def hook(tree: HookedTree) -> None:
        tree.before_read = lambda entries: read.extend(e.path for e in entries)

    world.volumes.hook = hook
    assert run(world, store, names=("prometheus",)).runs[0].ok
    assert {path.split("/")[-1] for path in read} == {"meta.json", "tombstones"}


def spoil(store: MemoryStore, how: str) -> str:
    key = next(key for key in keys(store) if "objects/prometheus/01" in key)
    if how == "missing":
        del store.objects[key]
    elif how == "cut":
        store.objects[key] = store.objects[key][:-1]
    elif how == "in no manifest":
        for manifest in keys(store, "snapshots/"):
            del store.objects[manifest]
        store.objects[key] = b"something else"
    else:
        (manifest,) = keys(store, "snapshots/")
        store.objects[manifest] = b"nonsense"
        store.objects[key] = store.objects[key][:-1] + b"?"
    return key


@pytest.mark.parametrize("how", ["missing", "cut", "in no manifest", "manifest unreadable"])
def test_what_is_not_surely_stored_is_stored_again(world: BackupWorld, store: MemoryStore, how: str) -> None:
    run(world, store)
    key = spoil(store, how)
    report = run(world, store)
    assert report.runs[0].ok
    assert source(report.runs[0], "prometheus").objects_new >= 2
    assert key in store.objects
    faults = verify(world.outside(), store, report.runs[0].snapshot, "read").faults
    assert faults == ()


def test_an_unreadable_manifest_is_told_and_does_not_stop_a_backup(world: BackupWorld, store: MemoryStore) -> None:
    run(world, store)
    spoil(store, "manifest unreadable")
    assert exit_code(run(world, store)) is Exit.DONE
    assert any("cannot be read" in line and "stored again" in line for line in world.progress.warned)


# --- destinations --------------------------------------------------------------------------------


def refused(world: BackupWorld, store: MemoryStore) -> RunReport:
    before = dict(store.objects)
    report = run(world, store)
    assert report.runs[0].error is not None
    assert store.objects == before
    assert exit_code(report) is report.runs[0].error.exit
    return report.runs[0]


@pytest.mark.parametrize("foreign", [["holiday.jpg"], ["objects/x", "zebra.txt"], ["README.md"], ["locks/x", "other"]])
def test_a_folder_with_somebody_elses_files_is_refused(
    world: BackupWorld, store: MemoryStore, foreign: Sequence[str]
) -> None:
    for name in foreign:
        store.put(name, b"theirs")
    error = refused(world, store).error
    assert isinstance(error, Refused)
    assert f"it holds {foreign[-1]}" in error.message


def test_a_store_of_a_newer_format_is_refused(world: BackupWorld, store: MemoryStore) -> None:
    store.put("monops.json", b'{"format": 2, "id": "x"}')
    error = refused(world, store).error
    assert isinstance(error, Refused)
    assert "format 2" in error.message


@pytest.mark.parametrize("marker", [b"", b"{", b"[]", b"{}", b"\xff"])
def test_a_store_with_a_broken_marker_is_refused(world: BackupWorld, store: MemoryStore, marker: bytes) -> None:
    store.put("monops.json", marker)
    error = refused(world, store).error
    assert error is not None
    assert "monops.json" in error.message


def test_a_first_run_that_was_interrupted_is_gone_on_with(world: BackupWorld, store: MemoryStore) -> None:
    run(world, store)
    del store.objects["monops.json"]
    assert run(world, store).runs[0].ok


def test_a_store_gets_a_marker_and_a_page_about_restoring(world: BackupWorld, store: MemoryStore) -> None:
    run(world, store)
    marker = json.loads(store.objects["monops.json"])
    assert marker["format"] == 1
    assert b"How to restore without monops" in store.objects["RESTORE.md"]
    run(world, store)
    assert json.loads(store.objects["monops.json"]) == marker


def test_one_of_two_destinations_that_is_down_costs_only_that_one(world: BackupWorld, store: MemoryStore) -> None:
    down = MemoryStore("memory://down")
    down.go_down()
    report = run(world, down, store)
    assert [r.ok for r in report.runs] == [False, True]
    assert isinstance(report.runs[0].error, StoreUnreachable)
    assert report.runs[0].snapshot is None
    assert exit_code(report) is Exit.PARTLY
    assert verify(world.outside(), store, None, "read").faults == ()


@pytest.mark.parametrize("key", ["objects/prometheus/*", "objects/grafana/*", "snapshots/*"])
def test_a_destination_that_fails_half_way_has_no_snapshot(world: BackupWorld, store: MemoryStore, key: str) -> None:
    shaky = MemoryStore("memory://shaky", now=world.clock.now)
    shaky.fail_on_write(key=key)
    report = run(world, shaky, store)
    assert [r.ok for r in report.runs] == [False, True]
    assert keys(shaky, "snapshots/") == set()
    assert len(keys(store, "snapshots/")) == 1
    # Next time it gets what it lacks.
    assert all(r.ok for r in run(world, shaky, store).runs)
    assert verify(world.outside(), shaky, None, "read").faults == ()


def test_a_full_destination_keeps_no_half_object(world: BackupWorld, store: MemoryStore) -> None:
    store.full_after(2500)
    report = run(world, store)
    assert isinstance(report.runs[0].error, StoreFull)
    assert keys(store, "snapshots/") == set()
    assert exit_code(report) is Exit.FAILED


@pytest.mark.parametrize(("how", "code"), [("down", Exit.FAILED), ("locked", Exit.LOCKED), ("missing", Exit.MISSING)])
def test_when_all_destinations_fail_the_exit_code_is_the_reasons_own(
    world: BackupWorld, store: MemoryStore, how: str, code: Exit
) -> None:
    run(world, store)
    if how == "down":
        store.go_down()
    elif how == "locked":
        lock = {"owner": {"pid": "elsewhere"}, "expires": (NOW + LIFE).isoformat()}
        store.put("locks/x.json", json.dumps(lock).encode())
    else:
        store.is_there = False
    report = run(world, store)
    assert exit_code(report) is code
    assert world.engine.acts == []


def test_a_lock_that_ran_out_meanwhile_makes_no_snapshot(world: BackupWorld, store: MemoryStore) -> None:
    world.prometheus.after_snapshot = lambda: world.clock.sleep(LIFE + timedelta(seconds=1))
    report = run(world, store)
    assert isinstance(report.runs[0].error, Locked)
    assert keys(store, "snapshots/") == set()


# --- sources -------------------------------------------------------------------------------------


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


def test_objects_encrypted_for_others_are_not_reused(world: BackupWorld, store: MemoryStore) -> None:
    import pyrage

    people = [str(pyrage.x25519.Identity.generate().to_public()) for _ in range(2)]
    for person in people:
        report = run(world, store, names=("prometheus",), packing=Packing(recipients=(person,)))
        assert source(report.runs[0], "prometheus").objects_reused == 0
    again = run(world, store, names=("prometheus",), packing=Packing(recipients=(people[0],)))
    assert source(again.runs[0], "prometheus").objects_reused == 2


def test_a_store_of_two_compressions_reuses_nothing_across_them(world: BackupWorld, store: MemoryStore) -> None:
    run(world, store, names=("prometheus",))
    report = run(world, store, names=("prometheus",), packing=Packing(compression="gzip", level=6))
    assert source(report.runs[0], "prometheus").objects_reused == 0
    assert verify(world.outside(), store, None, "read").faults == ()
