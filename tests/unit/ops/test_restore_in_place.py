"""An in-place restore on folders: what it leaves, what it refuses, and what a kill at any act leaves."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.fake_engine import container
from tests.fakes.fake_outside import Killed, World
from tests.fakes.store_builder import StoreBuilder, damage, write_block

from monops.domain.errors import Damaged, Locked, NotFound, Refused, RestoreFailed
from monops.domain.manifest import GoldenAnswer
from monops.domain.place import Place
from monops.ops.capture import Target
from monops.ops.outside import Outside
from monops.ops.restore_directory import Origin
from monops.ops.restore_in_place.apply import restore_in_place
from monops.ops.restore_in_place.commit import commit, rollback
from monops.ops.restore_in_place.plan import plan_in_place
from monops.ops.restore_in_place.repair import Repair, decide_repair, repair_restores
from monops.ops.restore_in_place.state import FOLDER, Phase

_TARGETS = ("prometheus", "grafana")


class Made:
    """A store of new data."""

    def __init__(self, folder: Path) -> None:
        new = folder / "new"
        # Block 2 is in the old and in the new data, with other content.
        write_block(new / "prometheus", 2, content=b"new")
        write_block(new / "prometheus", 3, content=b"new")
        (new / "grafana/unified-search/bleve").mkdir(parents=True)
        (new / "grafana/unified-search/bleve/index").write_bytes(b"derived")
        (new / "grafana/grafana.db").write_bytes(b"new")
        (new / "grafana/grafana.db-wal").write_bytes(b"must not be restored")
        self.new = {"prometheus": _content(new / "prometheus"), "grafana": {"grafana.db": b"new"}}
        builder = StoreBuilder(folder / "store")
        golden = GoldenAnswer(kind="promql", question="up", answer=[[{"job": "a"}, 1.0]], at=1.0)
        builder.add("prometheus", new / "prometheus", golden=[golden])
        builder.add("grafana", new / "grafana")
        self.origin = Origin(store=builder.store, manifest=builder.finish())


class Case:
    """A world with two volumes of old data, and a store of new data."""

    def __init__(self, folder: Path, made: Made) -> None:
        self.folder = folder
        self.origin = made.origin
        self.new = made.new
        self.world = World(folder / "volumes")
        self.targets = []
        for service in _TARGETS:
            added = self.world.engine.add(container(service, service))
            (folder / "volumes" / service).mkdir(parents=True)
            self.targets.append(Target(name=service, place=Place(volume=service, images=("i",)), container=added))
        self.prometheus, self.grafana = (folder / "volumes" / service for service in _TARGETS)
        write_block(self.prometheus, 1, content=b"old")
        write_block(self.prometheus, 2, content=b"old")
        (self.prometheus / "wal").mkdir()
        (self.prometheus / "wal/000").write_bytes(b"old")
        (self.prometheus / "lost+found").mkdir()
        (self.grafana / "grafana.db").write_bytes(b"old")
        (self.grafana / "grafana.db-wal").write_bytes(b"old")
        self.old = {name: self.content(name) for name in _TARGETS}
        self.world.services.of_prometheus.blocks = lambda: len(list(self.prometheus.glob("01K*")))
        self.world.services.of_prometheus.answers = {"up": (({"job": "a"}, 1.0),)}

    def content(self, name: str) -> dict[str, bytes]:
        return _content(self.folder / "volumes" / name)

    def restore(self, outside: Outside, *names: str) -> None:
        restore_in_place(self.origin, plan_in_place(self.origin, names, self.targets, outside), outside)

    def is_old(self, name: str) -> bool:
        return self.content(name) == self.old[name]

    def is_new(self, name: str) -> bool:
        return self.content(name) == self.new[name]

    def all_run(self) -> bool:
        return all(one.state == "running" for one in self.world.engine.found.values())

    def leaves_nothing(self) -> bool:
        return not any((self.folder / "volumes" / name / FOLDER).exists() for name in _TARGETS)

    def nothing_is_lost(self) -> bool:
        """Every old file is in the root or in `old/`."""
        for name, old in self.old.items():
            kept = _content(self.folder / "volumes" / name / FOLDER / "old")
            here = self.content(name)
            if any(content not in (here.get(path), kept.get(path)) for path, content in old.items()):
                return False
        return True


def _content(root: Path) -> dict[str, bytes]:
    files = [path for path in root.rglob("*") if path.is_file() and FOLDER not in path.parts]
    if FOLDER in root.parts:
        files = [path for path in root.rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("made"))


@pytest.fixture
def case(tmp_path: Path, made: Made) -> Case:
    return Case(tmp_path, made)


def test_a_restore_brings_the_new_data_and_keeps_the_old_until_commit(case: Case) -> None:
    outside = case.world.live()
    case.restore(outside)

    assert case.is_new("prometheus")
    assert case.is_new("grafana")
    assert case.nothing_is_lost()
    assert case.all_run()
    assert (case.prometheus / "lost+found").is_dir()
    assert case.world.journal.notes == {}

    assert commit(case.targets, outside).sources == _TARGETS
    assert case.leaves_nothing()
    assert case.is_new("prometheus")
    with pytest.raises(NotFound):
        commit(case.targets, outside)


def test_rollback_brings_the_old_data_back(case: Case) -> None:
    outside = case.world.live()
    case.restore(outside)
    (case.prometheus / "wal").mkdir()
    (case.prometheus / "wal/000").write_bytes(b"written since")

    assert rollback(case.targets, outside).sources == _TARGETS

    assert case.is_old("prometheus")
    assert case.is_old("grafana")
    assert case.leaves_nothing()
    assert case.all_run()


def test_a_second_restore_is_refused_while_one_waits(case: Case) -> None:
    outside = case.world.live()
    case.restore(outside, "prometheus")
    with pytest.raises(Refused) as refused:
        case.restore(outside, "prometheus")
    assert "monops restore commit prometheus" in refused.value.remedy
    case.restore(outside, "grafana")


def test_a_restore_beside_a_living_one_is_locked(case: Case) -> None:
    (case.prometheus / FOLDER).mkdir()
    outside = case.world.live()
    case.restore(outside, "prometheus")
    path = case.prometheus / FOLDER / "journal.json"
    state = json.loads(path.read_text()) | {"phase": "staging"}
    path.write_text(json.dumps(state))
    with pytest.raises(Locked):
        case.restore(outside, "prometheus")


def test_a_damaged_object_changes_nothing(tmp_path: Path) -> None:
    made = Made(tmp_path)
    case = Case(tmp_path, made)
    damage(next((tmp_path / "store/objects/grafana").iterdir()))
    with pytest.raises(Damaged, match="objects/grafana"):
        case.restore(case.world.live())
    assert case.is_old("prometheus")
    assert case.is_old("grafana")
    assert case.leaves_nothing()
    assert case.world.engine.acts == []
    assert case.world.journal.notes == {}


def test_a_sick_service_gets_its_old_data_back(case: Case) -> None:
    case.world.services.of_prometheus.is_ready = (case.prometheus / "wal/000").exists  # old only
    with pytest.raises(RestoreFailed, match="did not become ready"):
        case.restore(case.world.live())
    assert case.is_old("prometheus")
    assert case.is_old("grafana")
    assert case.leaves_nothing()
    assert case.all_run()
    assert "p-prometheus-1 | its last words" in case.world.progress.said


def test_a_server_that_loads_fewer_blocks_is_sick(case: Case) -> None:
    case.world.services.of_prometheus.blocks = lambda: 1
    with pytest.raises(RestoreFailed, match="loaded 1 of 2"):
        case.restore(case.world.live())
    assert case.is_old("prometheus")


def test_a_server_without_the_recorded_data_is_sick(case: Case) -> None:
    case.world.services.of_prometheus.answers = {}
    with pytest.raises(RestoreFailed, match="answers nothing"):
        case.restore(case.world.live())
    assert case.is_old("prometheus")


def test_a_server_that_was_down_is_asked_when_it_is_up_again(case: Case) -> None:
    """Crashing on damaged data is what people restore for: afterwards it must prove itself all the same."""
    case.world.services.of_prometheus.is_ready = lambda: b"new" in case.content("prometheus").values()
    case.world.services.of_prometheus.answers = {}
    with pytest.raises(RestoreFailed, match="answers nothing"):
        case.restore(case.world.live(), "prometheus")
    assert case.is_old("prometheus")


def test_a_server_that_was_never_heard_is_trusted_if_it_runs_and_that_is_said(case: Case) -> None:
    case.world.services.of_prometheus.is_ready = lambda: False
    outside = case.world.live()
    plan = plan_in_place(case.origin, ("prometheus",), case.targets, outside)
    done = restore_in_place(case.origin, plan, outside)
    assert case.is_new("prometheus")
    assert any("did not answer over HTTP before either" in warning for warning in done.warnings)


def test_a_sick_second_source_takes_the_first_back_too(case: Case) -> None:
    """All or none: half of a restored stack is what nobody asked for."""
    case.world.engine.found["id-grafana"] = replace(case.world.engine.found["id-grafana"], health="")
    starts: list[str] = []

    def falls_over(act: str) -> None:
        starts.append(act)
        if act == "start p-grafana-1" and starts.count(act) == 1:
            raise RestoreFailed("grafana does not start", remedy="-")

    case.world.engine.before = falls_over
    with pytest.raises(RestoreFailed):
        case.restore(case.world.live())
    assert case.is_old("prometheus")
    assert case.is_old("grafana")
    assert case.all_run()


def test_what_did_not_run_is_not_started(case: Case) -> None:
    case.world.engine.found["id-grafana"] = replace(case.world.engine.found["id-grafana"], state="exited")
    outside = case.world.live()
    plan = plan_in_place(case.origin, ("grafana",), case.targets, outside)
    assert any("health is not checked" in warning for warning in plan.sources[0].warnings)
    restore_in_place(case.origin, plan, outside)
    assert case.is_new("grafana")
    assert case.world.engine.acts == []


def test_every_container_of_the_volume_is_stopped(case: Case) -> None:
    other = replace(container("grafana", "grafana"), id="id-other", name="p-other-1", service="other")
    case.world.engine.add(other)
    outside = case.world.live()
    case.restore(outside, "grafana")
    assert case.world.engine.acts == [
        "stop p-grafana-1",
        "stop p-other-1",
        "start p-grafana-1",
        "start p-other-1",
    ]


def test_config_in_place_is_refused(case: Case) -> None:
    with pytest.raises(Refused, match="not restored in place"):
        case.restore(case.world.live(), "config")


def test_data_that_no_container_uses_are_refused(case: Case) -> None:
    case.world.engine.found.clear()
    with pytest.raises(Refused, match="no container"):
        case.restore(case.world.live(), "grafana")


# --- kills ---------------------------------------------------------------------------------------------


def test_a_kill_before_any_act_leaves_old_or_new_and_the_next_run_puts_it_right(quick_path: Path, made: Made) -> None:
    outcomes = set()
    for ends_at in range(1000):
        case = Case(quick_path / f"at-{ends_at}", made)
        try:
            case.restore(case.world.live(ends_at))
        except Killed:
            pass
        else:
            break
        assert case.nothing_is_lost(), ends_at
        outcomes.add(_is_put_right(case, ends_at))
    else:
        pytest.fail("the restore never ended")
    assert outcomes == {"old old", "new old", "new new"}


def test_a_kill_during_the_repair_is_repaired_too(quick_path: Path, made: Made) -> None:
    for ends_at in range(4, 60, 4):
        for repair_ends_at in range(40):
            case = Case(quick_path / f"at-{ends_at}-{repair_ends_at}", made)
            try:
                case.restore(case.world.live(ends_at))
            except Killed:
                pass
            else:
                return
            try:
                repair_restores(case.world.live(repair_ends_at))
            except Killed:
                assert case.nothing_is_lost(), (ends_at, repair_ends_at)
            else:
                break
            _is_put_right(case, ends_at)


def test_a_kill_during_rollback_or_commit_is_finished_by_the_next_run(quick_path: Path, made: Made) -> None:
    for verb in (rollback, commit):
        for ends_at in range(1000):
            case = Case(quick_path / f"{verb.__name__}-{ends_at}", made)
            case.restore(case.world.live())
            try:
                verb(case.targets, case.world.live(ends_at))
            except Killed:
                pass
            else:
                break
            repair_restores(case.world.live())
            assert case.all_run(), ends_at
            for name in _TARGETS:
                if not (case.folder / "volumes" / name / FOLDER).exists():
                    assert case.is_old(name) if verb is rollback else case.is_new(name)
                else:
                    assert case.is_new(name)
        else:
            pytest.fail("it never ended")


def test_rollback_alone_puts_right_what_a_kill_left(quick_path: Path, made: Made) -> None:
    for ends_at in range(1, 1000):
        case = Case(quick_path / f"at-{ends_at}", made)
        try:
            case.restore(case.world.live(ends_at))
        except Killed:
            pass
        else:
            return
        with contextlib.suppress(NotFound):  # killed before anything was open
            rollback(case.targets, case.world.live())
        assert case.is_old("prometheus"), ends_at
        assert case.is_old("grafana"), ends_at
        assert case.leaves_nothing(), ends_at
        assert case.all_run(), ends_at
        assert case.world.journal.notes == {}, ends_at


def test_an_interrupted_commit_is_not_rolled_back(case: Case) -> None:
    """What is half deleted would come back half."""
    case.restore(case.world.live(), "grafana")
    path = case.grafana / FOLDER / "journal.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"phase": "committing"}))
    with pytest.raises(Refused, match="deleted in part"):
        rollback(case.targets, case.world.live())
    assert case.is_new("grafana")
    assert commit(case.targets, case.world.live()).sources == ("grafana",)
    assert case.is_new("grafana")
    assert case.leaves_nothing()


def _is_put_right(case: Case, ends_at: int) -> str:
    """After the next run every volume is wholly old or wholly new, everything runs, and no note is left."""
    repair_restores(case.world.live())
    case.world.life.ends_at = None
    found = []
    for name in _TARGETS:
        assert case.is_old(name) or case.is_new(name), (ends_at, name, sorted(case.content(name)))
        found.append("old" if case.is_old(name) else "new")
        # New data are there only together with the old ones, aside.
        assert (case.folder / "volumes" / name / FOLDER).exists() == case.is_new(name), ends_at
    assert case.nothing_is_lost()
    assert case.all_run(), ends_at
    assert case.world.journal.notes == {}, ends_at
    return " ".join(found)


@pytest.mark.parametrize("phase", list(Phase))
def test_only_a_dead_writer_is_repaired(phase: Phase) -> None:
    assert decide_repair(phase, writer_lives=True) is Repair.NOTHING
    assert decide_repair(phase, writer_lives=None) is Repair.NOTHING
    repaired = decide_repair(phase, writer_lives=False)
    assert (repaired is Repair.NOTHING) == (phase is Phase.DONE)
