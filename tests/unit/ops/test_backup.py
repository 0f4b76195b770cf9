"""A whole backup on fakes: what is stored, reused and stored again."""

from __future__ import annotations

import pytest
from tests.fakes.backup_runs import keys, manifest_of, run, source, unpacked
from tests.fakes.backup_world import NOW, BackupWorld, HookedTree
from tests.fakes.memory_store import MemoryStore

from monops.cli.commands.backup import exit_code
from monops.domain.exits import Exit
from monops.domain.ports import Packing
from monops.ops.verify import verify


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
