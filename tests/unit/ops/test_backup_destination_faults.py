"""Backups to destinations that are refused, down, full, locked or fail half way, and what that costs the others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

import pytest
from tests.fakes.backup_runs import keys, run
from tests.fakes.backup_world import NOW, BackupWorld
from tests.fakes.memory_store import MemoryStore

from monops.cli.commands.backup import exit_code
from monops.domain.errors import (
    Locked,
    Refused,
    StoreFull,
    StoreUnreachable,
)
from monops.domain.exits import Exit
from monops.ops.backup import RunReport
from monops.ops.lock import LIFE
from monops.ops.verify import verify


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
