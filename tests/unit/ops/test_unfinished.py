"""A backup that was interrupted is gone on with: what it stored whole is not stored again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.fakes.backup_runs import keys, manifest_of, run, source
from tests.fakes.backup_world import BackupWorld, HookedTree
from tests.fakes.memory_store import MemoryStore

from monops.domain.tree import Entry
from monops.ops.verify import verify


def interrupted(world: BackupWorld, store: MemoryStore) -> set[str]:
    """A backup that ends with ^C when Grafana is read, after all of Prometheus; the blocks that it stored."""

    def hook(tree: HookedTree) -> None:
        def before_read(entries: Sequence[Entry]) -> None:
            if any(e.path.startswith("plugins") for e in entries):
                raise KeyboardInterrupt

        tree.before_read = before_read

    world.volumes.hook = hook
    with pytest.raises(KeyboardInterrupt):
        run(world, store)
    world.volumes.hook = lambda tree: None
    assert keys(store, "snapshots/") == set()
    assert len(keys(store, "pending/")) == 1
    return {key for key in keys(store, "objects/prometheus/") if "-meta" not in key}


def test_the_next_backup_reuses_what_an_interrupted_one_stored(world: BackupWorld, store: MemoryStore) -> None:
    before = interrupted(world, store)
    report = run(world, store, names=("prometheus",))
    assert source(report.runs[0], "prometheus").objects_reused == len(before) == 2
    assert keys(store, "pending/") == set()
    assert {o.key for o in manifest_of(store, report.runs[0].snapshot).objects} >= before
    assert verify(world.outside(), store, None, "read").faults == ()


def test_a_note_that_cannot_be_read_costs_only_time(world: BackupWorld, store: MemoryStore) -> None:
    store.put("pending/20260101T000000Z-test-abcd.json", b"{not json")
    report = run(world, store)
    assert report.runs[0].ok
    assert keys(store, "pending/") == set()


def test_an_object_that_a_note_names_and_that_is_cut_is_stored_again(world: BackupWorld, store: MemoryStore) -> None:
    before = interrupted(world, store)
    for key in before:
        store.put(key, b"cut")
    report = run(world, store, names=("prometheus",))
    assert source(report.runs[0], "prometheus").objects_reused == 0
    assert verify(world.outside(), store, None, "read").faults == ()
