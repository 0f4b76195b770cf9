"""How each source is captured: which way is chosen, what it costs, what is left behind (nothing)."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.fakes.backup_world import BackupWorld, HookedTree, write_database

from monops.domain.errors import CaptureError, MonopsError, ServiceUnreachable
from monops.domain.place import Place
from monops.domain.ports import Container
from monops.ops.capture import Capture, Naming, Target
from monops.ops.capture_alertmanager import capture_alertmanager
from monops.ops.capture_grafana import capture_grafana
from monops.ops.capture_prometheus import capture_prometheus
from monops.ops.pack import Pack

NAMING = Naming("20261123T010203Z-test-0001", ())
CAPTURES = {"prometheus": capture_prometheus, "grafana": capture_grafana, "alertmanager": capture_alertmanager}
VOLUMES = {"prometheus": "prom", "grafana": "graf", "alertmanager": "alert"}


def target(world: BackupWorld, service: str, mode: str, *, plain: bool = False) -> Target:
    container: Container | None = None if plain else world.engine.found[f"id-{service}"]
    return Target(name=service, place=Place(volume=VOLUMES[service]), container=container, mode=mode)


class Seen:
    """What came out of a capture."""

    def __init__(self, capture: Capture, packs: list[Pack], files: dict[str, bytes], states: list[str]) -> None:
        self.capture = capture
        self.mode = capture.mode
        self.packs = packs
        #: Contents by path, read while the capture was held.
        self.files = files
        #: The container's state in each phase.
        self.states = states


@contextmanager
def held(world: BackupWorld, service: str, mode: str, *, plain: bool = False) -> Iterator[Seen]:
    with CAPTURES[service](world.outside(), target(world, service, mode, plain=plain), NAMING) as capture:
        packs: list[Pack] = []
        files: dict[str, bytes] = {}
        states = []
        for phase in capture.phases:
            states.append(world.state(service))
            for pack in phase:
                packs.append(pack)
                files |= pack.inline
                files |= {path: Path(copy).read_bytes() for path, copy in pack.replaced.items()}
                rest = [e for e in pack.entries if e.path not in files]
                files |= {e.path: reader.read() for e, reader in pack.tree.read(rest)}
        yield Seen(capture, packs, files, states)


def captured(world: BackupWorld, service: str, mode: str, *, plain: bool = False) -> Seen:
    with held(world, service, mode, plain=plain) as seen:
        return seen


# --- Prometheus ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "state", "admin_api", "is_up", "writable", "mode"),
    [
        ("auto", "running", True, True, True, "snapshot"),
        ("auto", "running", False, True, True, "live"),
        ("auto", "running", True, False, True, "live"),  # runs and does not answer
        ("auto", "running", True, True, False, "live"),  # a snapshot could not be removed again
        ("auto", "paused", True, True, True, "live"),
        ("auto", "exited", True, True, True, "stop"),
        ("auto", "created", True, True, True, "stop"),
        ("snapshot", "running", True, True, True, "snapshot"),
        ("live", "running", True, True, True, "live"),
        ("live", "exited", True, True, True, "live"),
        ("stop", "running", True, True, True, "stop"),
        ("stop", "exited", True, True, True, "stop"),
    ],
)
def test_prometheus_is_captured_in_the_best_way_there_is(
    world: BackupWorld, asked: str, state: str, admin_api: bool, is_up: bool, writable: bool, mode: str
) -> None:
    world.change("prometheus", state=state)
    world.prometheus.admin_api = admin_api
    world.services.prometheus_is_up = is_up
    world.volumes.writable = writable
    seen = captured(world, "prometheus", asked)
    assert seen.mode == mode
    assert world.state("prometheus") == state
    assert len(seen.capture.blocks) == 2
    assert ("wal/00000001" in seen.files) is (mode != "snapshot")
    assert world.journal.notes == {}


@pytest.mark.parametrize(
    ("state", "is_up", "writable", "message"),
    [
        ("exited", True, True, "no running Prometheus was found"),
        ("running", False, True, "does not answer"),
        ("running", True, False, "no image at hand has a shell"),
    ],
)
def test_a_snapshot_that_was_asked_for_and_cannot_be_is_an_error(
    world: BackupWorld, state: str, is_up: bool, writable: bool, message: str
) -> None:
    world.change("prometheus", state=state)
    world.services.prometheus_is_up = is_up
    world.volumes.writable = writable
    with pytest.raises(MonopsError, match=message) as caught:
        captured(world, "prometheus", "snapshot")
    assert caught.value.remedy


def test_why_prometheus_is_captured_live_is_told_and_recorded(world: BackupWorld) -> None:
    world.prometheus.admin_api = False
    seen = captured(world, "prometheus", "auto")
    assert any("its admin API is off" in line for line in seen.capture.warnings)
    assert any("its admin API is off" in line for line in world.progress.warned)
    assert captured(world, "prometheus", "live").capture.warnings == []


def test_what_a_snapshot_lacks_is_told(world: BackupWorld) -> None:
    world.prometheus.out_of_order = True
    assert any("out-of-order" in line for line in captured(world, "prometheus", "auto").capture.warnings)


def test_a_server_that_makes_no_snapshot_is_captured_live(world: BackupWorld) -> None:
    def refuse() -> None:
        raise CaptureError("Prometheus may not hard-link its own blocks", remedy="chown")

    world.prometheus.before_snapshot = refuse
    seen = captured(world, "prometheus", "auto")
    assert seen.mode == "live"
    assert any("may not hard-link" in line for line in seen.capture.warnings)
    assert world.journal.notes == {}
    with pytest.raises(CaptureError, match="may not hard-link"):
        captured(world, "prometheus", "snapshot")
    assert world.journal.notes == {}


def test_of_a_stopped_server_only_the_log_is_read_while_it_is_down(world: BackupWorld) -> None:
    seen = captured(world, "prometheus", "stop")
    assert seen.states == ["exited", "running"]
    assert world.engine.acts == ["stop p-prometheus-1", "start p-prometheus-1"]


def test_through_the_engine_a_stopped_server_stays_down_for_all(world: BackupWorld) -> None:
    world.volumes.reach = "archive"
    seen = captured(world, "prometheus", "stop")
    assert seen.states == ["exited"]
    assert world.state("prometheus") == "running"


def test_a_block_that_is_deleted_while_it_is_held_is_not_lost(world: BackupWorld) -> None:
    def hook(tree: HookedTree) -> None:
        def compact() -> None:
            for folder in list(world.data.glob("01*")):
                for file in [p for p in folder.rglob("*") if p.is_file()]:
                    file.unlink()
            world.block(9, hours=8)
            tree.after_hold = lambda: None

        tree.after_hold = compact

    world.volumes.hook = hook
    world.prometheus.admin_api = False
    seen = captured(world, "prometheus", "live")
    assert sorted(block.min_time // 3_600_000 for block, _ in seen.capture.blocks.values()) == [2, 4, 72]
    assert sum(path.endswith("chunks/000001") for path in seen.files) == 3
    assert len({pack.name for pack in seen.packs}) == len(seen.packs)


def test_through_the_engine_what_was_compacted_away_is_in_the_second_look(world: BackupWorld) -> None:
    def hook(tree: HookedTree) -> None:
        def compact() -> None:
            for folder in list(world.data.glob("01*")):
                for file in [p for p in folder.rglob("*") if p.is_file()]:
                    file.unlink()
            world.block(9, hours=8)
            tree.after_hold = lambda: None

        tree.after_hold = compact

    world.volumes.hook = hook
    world.volumes.reach = "archive"
    seen = captured(world, "prometheus", "live")
    assert [block.min_time // 3_600_000 for block, _ in seen.capture.blocks.values()] == [72]


@pytest.mark.parametrize("mode", ["live", "stop"])
def test_an_empty_volume_is_no_prometheus(world: BackupWorld, mode: str) -> None:
    (world.root / "volumes/empty").mkdir()
    wrong = Target(name="prometheus", place=Place(volume="empty"), container=None, mode=mode)
    with (
        pytest.raises(MonopsError, match="empty holds no Prometheus data"),
        capture_prometheus(world.outside(), wrong, NAMING) as capture,
    ):
        list(capture.phases)


def test_blocks_that_are_not_complete_are_left_out(world: BackupWorld) -> None:
    unfinished = world.block(7)
    (world.data / unfinished / "index").unlink()
    assert unfinished not in captured(world, "prometheus", "live").capture.blocks


def test_a_block_with_a_broken_meta_json_is_told(world: BackupWorld) -> None:
    broken = world.block(7)
    (world.data / broken / "meta.json").write_text("{")
    with pytest.raises(CaptureError, match=f"meta.json of block {broken}"):
        captured(world, "prometheus", "live")


# --- Grafana -------------------------------------------------------------------------------------


def rows(seen: Seen, tmp_path: Path) -> int:
    copy = tmp_path / "restored.db"
    copy.write_bytes(seen.files["grafana.db"])
    with closing(sqlite3.connect(copy)) as database:
        return int(database.execute("SELECT count(*) FROM dashboard").fetchone()[0])


@pytest.mark.parametrize(
    ("asked", "state", "reach", "mode", "acts"),
    [
        ("auto", "running", "mountpoint", "snapshot", []),
        ("auto", "running", "archive", "live", ["pause", "unpause"]),
        ("auto", "exited", "mountpoint", "stop", []),
        ("auto", "exited", "archive", "stop", []),
        ("live", "running", "mountpoint", "live", ["pause", "unpause"]),
        ("live", "running", "archive", "live", ["pause", "unpause"]),
        ("stop", "running", "mountpoint", "stop", ["stop", "start"]),
        ("stop", "running", "archive", "stop", ["stop", "start"]),
        ("snapshot", "running", "mountpoint", "snapshot", []),
    ],
)
@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_grafana_is_captured_with_all_that_was_committed(
    world: BackupWorld, tmp_path: Path, asked: str, state: str, reach: str, mode: str, acts: list[str], journal: str
) -> None:
    (world.grafana_data / "grafana.db").unlink()
    write_database(world.grafana_data / "grafana.db", {"dashboard": 3}, mode=journal)
    world.change("grafana", state=state)
    world.volumes.reach = reach
    with closing(sqlite3.connect(world.grafana_data / "grafana.db")) as writer:
        # In WAL mode this is in the side file, not in the database.
        writer.execute("INSERT INTO dashboard (title) VALUES ('late')")
        writer.commit()
        seen = captured(world, "grafana", asked)
    assert seen.mode == mode
    assert [act.split()[0] for act in world.engine.acts] == acts
    assert world.state("grafana") == state
    assert rows(seen, tmp_path) == 4
    assert set(seen.files) == {"grafana.db", "plugins/x.js"}
    assert [(a.question, a.answer) for a in seen.capture.golden] == [("dashboard", 4)]
    assert world.journal.notes == {}


def test_a_database_that_sqlite_cannot_lock_is_copied_in_a_pause(world: BackupWorld, tmp_path: Path) -> None:
    def hook(tree: HookedTree) -> None:
        tree.local_path = lambda path: str(tmp_path / "nowhere" / path)  # type: ignore[method-assign]  # a fake

    world.volumes.hook = hook
    seen = captured(world, "grafana", "auto")
    assert seen.mode == "live"
    assert rows(seen, tmp_path) == 3
    assert any("Grafana is paused for the copy instead" in line for line in world.progress.warned)
    with pytest.raises(CaptureError, match="SQLite cannot read"):
        captured(world, "grafana", "snapshot")


def test_a_snapshot_of_grafana_through_the_engine_is_refused(world: BackupWorld) -> None:
    world.volumes.reach = "archive"
    with pytest.raises(CaptureError, match="only be reached through Docker") as caught:
        captured(world, "grafana", "snapshot")
    assert "--capture live" in caught.value.remedy


def test_a_plain_folder_has_nothing_to_pause(world: BackupWorld) -> None:
    with pytest.raises(CaptureError, match="no container to pause is known"):
        captured(world, "grafana", "live", plain=True)
    assert captured(world, "grafana", "auto", plain=True).mode == "snapshot"


def test_a_volume_without_a_database_is_not_grafanas(world: BackupWorld) -> None:
    (world.grafana_data / "grafana.db").unlink()
    with pytest.raises(MonopsError, match=r"graf holds no grafana\.db: this is not Grafana's data"):
        captured(world, "grafana", "auto")


@pytest.mark.parametrize(
    "environment", [{"GF_DATABASE_TYPE": "postgres"}, {"GF_DATABASE_URL": "postgres://u:hunter2@db/grafana"}]
)
def test_a_grafana_on_postgres_is_captured_without_and_that_is_told(
    world: BackupWorld, environment: dict[str, str]
) -> None:
    (world.grafana_data / "grafana.db").unlink()
    world.change("grafana", environment=environment)
    seen = captured(world, "grafana", "auto")
    assert set(seen.files) == {"plugins/x.js"}
    (warning,) = seen.capture.warnings
    assert "keeps its dashboards and users in postgres" in warning
    assert "hunter2" not in warning


def test_a_damaged_database_is_not_backed_up(world: BackupWorld) -> None:
    path = world.grafana_data / "grafana.db"
    path.unlink()
    write_database(path, {"dashboard": 2000})
    data = bytearray(path.read_bytes())
    data[5 * 4096 : 6 * 4096] = b"\xaa" * 4096
    path.write_bytes(data)
    with pytest.raises(CaptureError, match=r"damaged|malformed"):
        captured(world, "grafana", "auto")
    assert world.state("grafana") == "running"


def test_a_pause_that_fails_leaves_grafana_running(world: BackupWorld) -> None:
    world.volumes.reach = "archive"

    def before(act: str) -> None:
        if act.startswith("pause"):
            raise CaptureError("no freezer", remedy="-")

    world.engine.before = before
    with pytest.raises(CaptureError, match="no freezer"):
        captured(world, "grafana", "auto")
    assert world.state("grafana") == "running"


def test_no_copy_is_left_in_the_temporary_folder(world: BackupWorld) -> None:
    before = set(os.listdir(world.root))
    captured(world, "grafana", "auto")
    assert set(os.listdir(world.root)) == before


# --- Alertmanager --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "state", "mode", "acts"),
    [
        ("auto", "running", "live", []),
        ("live", "running", "live", []),
        ("stop", "running", "stop", ["stop", "start"]),
        ("auto", "exited", "stop", []),
    ],
)
def test_alertmanager_is_captured(world: BackupWorld, asked: str, state: str, mode: str, acts: list[str]) -> None:
    world.change("alertmanager", state=state)
    seen = captured(world, "alertmanager", asked)
    assert (seen.mode, seen.files) == (mode, {"nflog": b"notifications"})
    assert [act.split()[0] for act in world.engine.acts] == acts
    assert world.state("alertmanager") == state
    assert any("at most 15 minutes ago" in line for line in seen.capture.warnings) is (mode == "live")


def test_alertmanager_makes_no_snapshots(world: BackupWorld) -> None:
    with pytest.raises(MonopsError, match="makes no snapshots"):
        captured(world, "alertmanager", "snapshot")


def test_an_alertmanager_without_state_is_stored_empty_and_that_is_told(world: BackupWorld) -> None:
    (world.root / "volumes/alert/nflog").unlink()
    seen = captured(world, "alertmanager", "live")
    assert seen.files == {}
    assert any("has written no state yet" in line for line in seen.capture.warnings)


def test_a_service_that_does_not_answer_is_no_reason_to_fail(world: BackupWorld) -> None:
    def lost() -> None:
        raise ServiceUnreachable("gone", remedy="-")

    world.prometheus.before_snapshot = lost
    with pytest.raises(ServiceUnreachable):
        captured(world, "prometheus", "snapshot")
    assert world.journal.notes == {}
