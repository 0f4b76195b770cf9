"""Prometheus's snapshots are always removed again, and never anybody else's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.fakes.backup_world import BackupWorld

from monops.domain.errors import CaptureError, ServiceUnreachable
from monops.domain.place import Place
from monops.ops.disturb import repair
from monops.ops.prometheus_snapshot import can_remove, snapshot

PLACE = Place(volume="prom", images=("sha256:1",))


def left(world: BackupWorld) -> set[str]:
    folder = world.data / "snapshots"
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def put(world: BackupWorld, name: str) -> str:
    (world.data / "snapshots" / name).mkdir(parents=True)
    return name


def take(world: BackupWorld, error: BaseException | None = None) -> str:
    with snapshot(world.outside(), world.prometheus, PLACE) as folder:
        assert (world.data / folder).is_dir()
        assert len(world.journal.notes) == 1
        if error is not None:
            raise error
        return folder


def test_a_snapshot_is_there_while_it_is_read_and_gone_afterwards(world: BackupWorld) -> None:
    assert take(world).startswith("snapshots/20261123T010203Z-")
    assert left(world) == set()
    assert world.journal.notes == {}


@pytest.mark.parametrize("error", [CaptureError("x"), KeyboardInterrupt(), ValueError()])
def test_a_snapshot_is_gone_after_a_failure_too(world: BackupWorld, error: BaseException) -> None:
    with pytest.raises(type(error)):
        take(world, error)
    assert left(world) == set()
    assert world.journal.notes == {}


def test_a_snapshot_of_a_server_whose_clock_is_another_is_removed_too(world: BackupWorld) -> None:
    world.prometheus.clock_is_ahead = timedelta(hours=-3)
    take(world)
    assert left(world) == set()


def test_snapshots_of_others_are_left_alone(world: BackupWorld) -> None:
    theirs = {
        put(world, "20261123T010203Z-aaaaaaaaaaaaaaaa"),  # the same second, but there before
        put(world, "20261122T000000Z-bbbbbbbbbbbbbbbb"),
        put(world, "kept-by-hand"),
    }
    world.prometheus.after_snapshot = lambda: theirs.add(put(world, "20261122T235959Z-made-meanwhile"))
    take(world)
    assert left(world) == theirs


def test_an_answer_that_is_lost_leaves_no_snapshot(world: BackupWorld) -> None:
    def lose() -> None:
        world.clock.sleep(timedelta(seconds=30))
        raise ServiceUnreachable("the connection broke", remedy="-")

    world.prometheus.after_snapshot = lose
    with pytest.raises(CaptureError, match="answer to the snapshot request was lost"):
        take(world)
    assert left(world) == set()
    assert world.prometheus.made == 1


def test_a_server_that_made_none_is_unreachable(world: BackupWorld) -> None:
    def refuse() -> None:
        raise ServiceUnreachable("nobody there", remedy="-")

    world.prometheus.before_snapshot = refuse
    with pytest.raises(ServiceUnreachable, match="nobody there"):
        take(world)
    assert world.journal.notes == {}


def test_a_snapshot_in_another_servers_volume_is_told(world: BackupWorld) -> None:
    other = world.root / "volumes/other"
    other.mkdir()
    world.prometheus.data = other
    with pytest.raises(CaptureError, match="another Prometheus answers there") as caught:
        take(world)
    assert "[prometheus] url" in caught.value.remedy


def killed(world: BackupWorld, *, asked_before: timedelta) -> None:
    """The note of a run that was killed while its snapshot was there."""
    facts = {"name": "a snapshot", "volume": "prom", "path": "", "subpath": "", "images": ["sha256:1"]}
    asked = (world.clock.now() - asked_before).isoformat()
    world.journal.open({"kind": "prometheus-snapshot", "asked": asked, "before": ["old"], **facts})
    world.machine.pid, world.machine.alive = 2, {2}


def test_what_a_killed_run_left_is_removed_by_the_next(world: BackupWorld) -> None:
    put(world, "old")
    mine = put(world, "20261123T001003Z-cccccccccccccccc")
    later = put(world, "20261123T010200Z-dddddddddddddddd")
    killed(world, asked_before=timedelta(minutes=52))
    assert repair(world.outside()) == (f"removed the snapshot {mine}, which an interrupted run had left in prom",)
    assert left(world) == {"old", later}
    assert world.journal.notes == {}


def test_a_snapshot_that_came_late_is_removed_too(world: BackupWorld) -> None:
    killed(world, asked_before=timedelta(minutes=1))
    put(world, f"{world.clock.now():%Y%m%dT%H%M%SZ}-cccccccccccccccc")
    assert len(repair(world.outside())) == 1
    assert left(world) == set()


def test_a_snapshot_that_somebody_made_later_is_left_alone(world: BackupWorld) -> None:
    killed(world, asked_before=timedelta(minutes=10))
    name = f"{world.clock.now():%Y%m%dT%H%M%SZ}-cccccccccccccccc"
    put(world, name)
    assert repair(world.outside()) == ()
    assert left(world) == {name}


def test_the_note_stays_while_the_volume_cannot_be_reached(world: BackupWorld) -> None:
    killed(world, asked_before=timedelta(minutes=1))
    put(world, "20261123T010203Z-cccccccccccccccc")
    world.volumes.writable = False
    assert repair(world.outside()) == ()
    assert len(world.journal.notes) == 1
    assert any("could not undo" in line for line in world.progress.warned)
    world.volumes.writable = True
    assert len(repair(world.outside())) == 1


def test_a_note_of_a_living_process_is_not_touched(world: BackupWorld) -> None:
    killed(world, asked_before=timedelta(minutes=1))
    world.machine.alive = {1, 2}
    put(world, "20261123T010203Z-cccccccccccccccc")
    assert repair(world.outside()) == ()
    assert len(left(world)) == 1


def test_a_volume_that_cannot_be_written_to_could_keep_no_snapshot(world: BackupWorld) -> None:
    assert can_remove(world.outside(), PLACE)
    world.volumes.writable = False
    assert not can_remove(world.outside(), PLACE)
