"""One writer per destination: who holds it, who is dead, who yields."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.fakes.backup_world import NOW, BackupWorld
from tests.fakes.memory_store import MemoryStore

from monops.domain.errors import Locked, StoreUnreachable
from monops.ops.lock import LIFE, Lease, locked


def locks(store: MemoryStore) -> list[str]:
    return [key for key in store.objects if key.startswith("locks/")]


def put_lock(store: MemoryStore, name: str = "other", *, owner: object, expires: datetime | str) -> None:
    shown = expires.isoformat() if isinstance(expires, datetime) else expires
    store.put(f"locks/{name}.json", json.dumps({"owner": owner, "expires": shown}).encode())


def test_a_lock_is_there_while_it_is_held_and_gone_afterwards(world: BackupWorld, store: MemoryStore) -> None:
    with locked(world.outside(), store) as lease:
        (key,) = locks(store)
        content = json.loads(store.objects[key])
        assert content == {"owner": {"pid": 1}, "expires": (NOW + LIFE).isoformat()}
        lease.check()
    assert locks(store) == []


def hold_and_fail(world: BackupWorld, store: MemoryStore) -> None:
    with locked(world.outside(), store):
        raise KeyboardInterrupt


def test_a_lock_is_gone_after_an_interruption_too(world: BackupWorld, store: MemoryStore) -> None:
    with pytest.raises(KeyboardInterrupt):
        hold_and_fail(world, store)
    assert locks(store) == []


def take(world: BackupWorld, store: MemoryStore, *, break_lock: bool = False) -> None:
    with locked(world.outside(), store, break_lock=break_lock):
        pass


def test_a_second_writer_is_told_who_holds_it(world: BackupWorld, store: MemoryStore) -> None:
    put_lock(store, owner={"pid": "elsewhere", "host": "backup-1"}, expires=NOW + LIFE)
    with pytest.raises(Locked, match=r"being written to by process elsewhere on backup-1 .*until 2026-11-23T01:17:03Z"):
        take(world, store)
    assert locks(store) == ["locks/other.json"]


def test_two_writers_of_this_machine_exclude_each_other(world: BackupWorld, store: MemoryStore) -> None:
    with locked(world.outside(), store):
        with pytest.raises(Locked):
            take(world, store)
        assert len(locks(store)) == 1
    take(world, store)


def test_the_lock_of_a_dead_process_of_this_machine_does_not_count(world: BackupWorld, store: MemoryStore) -> None:
    put_lock(store, owner={"pid": 99}, expires=NOW + LIFE)
    take(world, store)
    assert locks(store) == []


def test_a_lock_that_ran_out_does_not_count(world: BackupWorld, store: MemoryStore) -> None:
    put_lock(store, owner={"pid": "elsewhere"}, expires=NOW)
    take(world, store)
    assert locks(store) == []


def test_a_lock_of_another_machine_counts_until_it_runs_out(world: BackupWorld, store: MemoryStore) -> None:
    put_lock(store, owner={"pid": "elsewhere"}, expires=NOW + timedelta(seconds=1))
    with pytest.raises(Locked):
        take(world, store)
    world.clock.sleep(timedelta(seconds=1))
    take(world, store)


def test_a_living_lock_can_be_broken(world: BackupWorld, store: MemoryStore) -> None:
    put_lock(store, owner={"pid": "elsewhere"}, expires=NOW + LIFE)
    with locked(world.outside(), store, break_lock=True):
        assert len(locks(store)) == 1
        assert locks(store) != ["locks/other.json"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[]", b'"x"', b'{"owner": {}}', b'{"owner": 3, "expires": "2099-01-01T00:00:00+00:00"}',
     b'{"owner": "x", "expires": "2099-01-01T00:00:00+00:00"}', b'{"owner": {}, "expires": "soon"}'],
)  # fmt: skip
def test_a_lock_that_cannot_be_read_counts_for_its_life(world: BackupWorld, store: MemoryStore, content: bytes) -> None:
    store.put("locks/odd.json", content)
    with pytest.raises(Locked, match=r"by process \? on an unknown host .*until 2026-11-23T01:17:03Z"):
        take(world, store)
    world.clock.sleep(LIFE)
    take(world, store)
    assert locks(store) == []


def test_a_time_without_zone_is_taken_and_no_bug(world: BackupWorld, store: MemoryStore) -> None:
    put_lock(store, owner={"pid": "elsewhere"}, expires="2026-11-20T00:00:00")
    take(world, store)


class Crowded(MemoryStore):
    """Others put their locks at the same moment as we do, so many times."""

    def __init__(self, world: BackupWorld, times: int) -> None:
        super().__init__(now=world.clock.now)
        self.times = times
        self.most_at_once = 0

    def put(self, key: str, data: bytes) -> None:
        if self.times > 0 and key.startswith("locks/"):
            self.times -= 1
            rival = {"owner": {"pid": "elsewhere", "host": "rival"}, "expires": (NOW + LIFE).isoformat()}
            super().put("locks/rival.json", json.dumps(rival).encode())
        super().put(key, data)

    def delete(self, key: str) -> None:
        super().delete(key)
        # The rival sees our lock as we see its one, and yields too.
        super().delete("locks/rival.json")


def test_of_two_that_begin_at_once_both_yield_and_try_again(world: BackupWorld) -> None:
    store = Crowded(world, times=2)
    with locked(world.outside(), store):
        assert len(locks(store)) == 1
    assert world.clock.passed > 0
    assert locks(store) == []


def test_who_meets_a_rival_every_time_gives_up(world: BackupWorld) -> None:
    store = Crowded(world, times=99)
    with pytest.raises(Locked, match="on rival"):
        take(world, store)
    assert locks(store) == []


def test_a_lock_that_was_renewed_lives_longer(world: BackupWorld, store: MemoryStore) -> None:
    lease = Lease(world.outside(), store, "locks/mine.json")
    lease.renew()
    world.clock.sleep(LIFE - timedelta(seconds=1))
    lease.check()
    lease.renew()
    world.clock.sleep(LIFE - timedelta(seconds=1))
    lease.check()
    assert json.loads(store.objects["locks/mine.json"])["expires"] > (NOW + LIFE).isoformat()


def test_a_lock_that_could_not_be_renewed_in_time_is_lost(world: BackupWorld, store: MemoryStore) -> None:
    lease = Lease(world.outside(), store, "locks/mine.json")
    lease.renew()
    store.go_down()
    with pytest.raises(StoreUnreachable):
        lease.renew()
    lease.check()
    # Also when this machine slept, and nobody even tried.
    world.clock.sleep(LIFE)
    with pytest.raises(Locked, match="could not be renewed") as caught:
        lease.check()
    assert caught.value.remedy == "run the backup again"


def test_a_store_that_goes_down_while_a_lock_is_let_go_hides_nothing(world: BackupWorld, store: MemoryStore) -> None:
    with locked(world.outside(), store):
        store.go_down()


def test_a_store_that_is_down_says_so(world: BackupWorld, store: MemoryStore) -> None:
    store.go_down()
    with pytest.raises(StoreUnreachable):
        take(world, store)


def test_nothing_is_left_when_the_second_look_fails(world: BackupWorld) -> None:
    class Shaky(MemoryStore):
        looks = 0

        def list(self, prefix: str):  # type: ignore[no-untyped-def]  # the port's type
            self.looks += 1
            if self.looks == 2:
                raise StoreUnreachable("lost", remedy="-")
            return super().list(prefix)

    store = Shaky(now=lambda: datetime(2026, 11, 23, tzinfo=UTC))
    with pytest.raises(StoreUnreachable):
        take(world, store)
    assert locks(store) == []
