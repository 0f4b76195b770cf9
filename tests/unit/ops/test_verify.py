"""What verify finds; what it could not look at is never a pass."""

from __future__ import annotations

import json

import pytest
from tests.fakes.backup_world import BackupWorld
from tests.fakes.memory_store import MemoryStore

from monops.domain.errors import Damaged, NotFound, Refused, StoreError, StoreUnreachable
from monops.domain.ports import Packing
from monops.ops.backup import backup
from monops.ops.catalogue import read_catalogue
from monops.ops.snapshots import snapshots
from monops.ops.sources import Selection
from monops.ops.verify import VerifyReport, verify


@pytest.fixture
def store(world: BackupWorld) -> MemoryStore:
    """Two snapshots that share two blocks; the second a day later."""
    made = MemoryStore(now=world.clock.now)
    take(world, made)
    world.clock.passed += 86_400
    world.block(3)
    take(world, made)
    return made


def take(world: BackupWorld, store: MemoryStore, **packing: str) -> str:
    selection = Selection(names=("prometheus", "alertmanager"))
    report = backup(world.outside(), selection, (store,), Packing(**packing))  # type: ignore[arg-type]  # its own fields
    assert report.runs[0].snapshot is not None
    return report.runs[0].snapshot


def ids(store: MemoryStore) -> list[str]:
    return sorted(k.removeprefix("snapshots/").removesuffix(".json") for k in store.objects if "snapshots/" in k)


def shared(store: MemoryStore) -> str:
    """An object of both snapshots."""
    return min(key for key in store.objects if "objects/prometheus/01" in key)


def check(world: BackupWorld, store: MemoryStore, wanted: str | None = None, level: str = "read") -> VerifyReport:
    return verify(world.outside(), store, wanted, level)


def kinds(report: VerifyReport) -> list[tuple[str, str, str]]:
    return [(f.snapshot, f.object, f.kind) for f in report.faults]


@pytest.mark.parametrize("level", ["stored", "read"])
def test_a_sound_store_has_no_faults(world: BackupWorld, store: MemoryStore, level: str) -> None:
    report = check(world, store, level=level)
    assert report.faults == ()
    assert list(report.snapshots) == ids(store)
    assert report.objects == len([key for key in store.objects if key.startswith("objects/")])
    assert (report.bytes_read > 0) is (level == "read")


@pytest.mark.parametrize("level", ["stored", "read"])
def test_a_missing_object_is_a_fault_of_every_snapshot_that_has_it(
    world: BackupWorld, store: MemoryStore, level: str
) -> None:
    key = shared(store)
    del store.objects[key]
    assert kinds(check(world, store, level=level)) == [(name, key, "missing") for name in ids(store)]


@pytest.mark.parametrize("level", ["stored", "read"])
@pytest.mark.parametrize("change", [b"", b"longer"])
def test_an_object_of_another_size_is_a_fault(
    world: BackupWorld, store: MemoryStore, level: str, change: bytes
) -> None:
    key = shared(store)
    store.objects[key] = store.objects[key][:-1] if not change else store.objects[key] + change
    assert kinds(check(world, store, level=level)) == [(name, key, "size") for name in ids(store)]


def test_every_flipped_bit_is_a_fault_when_read(world: BackupWorld, store: MemoryStore) -> None:
    key = shared(store)
    data = store.objects[key]
    for position in range(0, len(data), 7):
        flipped = bytearray(data)
        flipped[position] ^= 1 << position % 8
        store.objects[key] = bytes(flipped)
        assert kinds(check(world, store)) == [(name, key, "bytes") for name in ids(store)]
    assert check(world, store, level="stored").faults == ()


def test_a_manifest_that_cannot_be_read_is_a_fault(world: BackupWorld, store: MemoryStore) -> None:
    first, second = ids(store)
    store.objects[f"snapshots/{first}.json"] = store.objects[f"snapshots/{first}.json"][:-5]
    assert kinds(check(world, store)) == [(first, "", "manifest")]
    assert kinds(check(world, store, wanted=first)) == [(first, "", "manifest")]
    assert check(world, store, wanted=second).faults == ()
    assert check(world, store, wanted="latest").faults == ()


def test_the_latest_is_not_an_older_one_when_its_manifest_cannot_be_read(
    world: BackupWorld, store: MemoryStore
) -> None:
    first, second = ids(store)
    store.objects[f"snapshots/{second}.json"] = b"{"
    assert kinds(check(world, store, wanted="latest")) == [(second, "", "manifest")]
    with pytest.raises(Damaged, match=second):
        read_catalogue(store).pick("latest")
    assert read_catalogue(store).pick(first).id == first


def test_one_snapshot_is_verified_by_its_id_its_beginning_or_as_the_latest(
    world: BackupWorld, store: MemoryStore
) -> None:
    first, second = ids(store)
    assert check(world, store, wanted=first).snapshots == (first,)
    assert check(world, store, wanted=first[:8]).snapshots == (first,)
    assert check(world, store, wanted="latest").snapshots == (second,)
    assert check(world, store, wanted=first).objects < check(world, store).objects


def test_faults_of_other_snapshots_do_not_count(world: BackupWorld, store: MemoryStore) -> None:
    first, second = ids(store)
    only_second = next(k for k in store.objects if k.startswith(f"objects/prometheus/{second}"))
    del store.objects[only_second]
    assert check(world, store, wanted=first).faults == ()
    assert kinds(check(world, store)) == [(second, only_second, "missing")]


def test_an_object_that_was_stored_again_is_as_the_newest_manifest_says(world: BackupWorld, store: MemoryStore) -> None:
    key = shared(store)
    (world.data / key.split("/")[-1][:26] / "chunks/000001").write_bytes(b"CHUNKS")  # the same size
    store.objects[key] = store.objects[key][:-1]  # so that it is not reused
    world.clock.passed += 86_400
    take(world, store)
    assert check(world, store).faults == ()


def test_an_empty_store_is_not_a_healthy_one(world: BackupWorld) -> None:
    store = MemoryStore()
    store.put("monops.json", b'{"format": 1, "id": "x"}')
    for wanted in (None, "latest", "2026"):
        with pytest.raises(NotFound):
            check(world, store, wanted=wanted)


def test_a_place_that_is_no_store_is_not_a_healthy_one(world: BackupWorld) -> None:
    with pytest.raises(NotFound, match="is not a monops store"):
        check(world, MemoryStore())
    gone = MemoryStore()
    gone.is_there = False
    with pytest.raises(NotFound, match="nothing at memory://test"):
        check(world, gone)


def test_an_unknown_snapshot_is_told_with_the_nearest(world: BackupWorld, store: MemoryStore) -> None:
    first, _ = ids(store)
    with pytest.raises(NotFound, match=f"Did you mean '{first}'"):
        check(world, store, wanted=first.replace("test", "tset"))
    with pytest.raises(NotFound, match="begins 2 snapshots"):
        check(world, store, wanted="2026")


def test_a_store_that_is_down_raises(world: BackupWorld, store: MemoryStore) -> None:
    store.go_down()
    with pytest.raises(StoreUnreachable):
        check(world, store)


@pytest.mark.parametrize("key", ["objects/*", "snapshots/*", "monops.json"])
def test_a_connection_that_is_lost_while_it_reads_raises(world: BackupWorld, store: MemoryStore, key: str) -> None:
    store.lose_connection_after(10, key=key)
    with pytest.raises(StoreError):
        check(world, store)


def test_a_store_of_a_newer_format_is_refused(world: BackupWorld, store: MemoryStore) -> None:
    store.put("monops.json", b'{"format": 7, "id": "x"}')
    with pytest.raises(Refused, match="format 7"):
        check(world, store)


def test_other_files_in_the_folder_of_snapshots_are_none(world: BackupWorld, store: MemoryStore) -> None:
    store.put("snapshots/notes.txt", b"mine")
    store.put("snapshots/README.json", b"{}")
    assert check(world, store).faults == ()


# --- the list ------------------------------------------------------------------------------------


def test_snapshots_are_listed_oldest_first_with_what_each_added(world: BackupWorld, store: MemoryStore) -> None:
    report = snapshots(world.outside(), store)
    one, two = report.lines
    assert [one.id, two.id] == ids(store)
    assert one.sources == ("prometheus", "alertmanager")
    assert one.bytes_new == one.bytes_stored
    assert 0 < two.bytes_new < two.bytes_stored
    assert one.bytes_new + two.bytes_new == sum(
        len(data) for key, data in store.objects.items() if key.startswith("objects/")
    )
    assert one.complete
    assert report.unreadable == {}


def test_a_manifest_that_cannot_be_read_is_listed_apart(world: BackupWorld, store: MemoryStore) -> None:
    first, second = ids(store)
    store.objects[f"snapshots/{first}.json"] = b""
    report = snapshots(world.outside(), store)
    assert [line.id for line in report.lines] == [second]
    assert list(report.unreadable) == [first]


def test_an_incomplete_snapshot_is_not_the_latest_while_a_complete_one_is_there(
    world: BackupWorld, store: MemoryStore
) -> None:
    _, second = ids(store)
    world.clock.passed += 86_400
    world.services.prometheus_is_up = False
    (world.root / "volumes/prom").rename(world.root / "away")
    third = take(world, store)
    catalogue = read_catalogue(store)
    assert not catalogue.manifests[third].complete
    assert catalogue.pick("latest").id == second
    assert catalogue.pick(third).id == third
    for complete in ids(store)[:2]:
        del store.objects[f"snapshots/{complete}.json"]
    assert read_catalogue(store).pick("latest").id == third


def test_the_newest_record_of_an_object_is_the_one_that_counts(world: BackupWorld, store: MemoryStore) -> None:
    key = shared(store)
    record = read_catalogue(store).records()[key]
    assert record.bytes_stored == len(store.objects[key])
    assert json.loads(store.objects["monops.json"])["format"] == 1
