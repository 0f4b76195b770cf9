"""Where a retention is written: by version, by where it is today; which blocks go; what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes.change_world import COMPOSE, CONFIG, FOLDER, TEXT, ChangeWorld
from tests.fakes.fake_engine import FakePrometheus

from monops.domain.change import Means, Plan, Site
from monops.domain.errors import Refused, UsageFault
from monops.domain.ports import Mount
from monops.ops.change import TakenBack, apply
from monops.ops.change_undo import plan_undo
from monops.ops.retention import plan_retention, see_retention
from monops.ops.retention_look import measured_rate

IN_FILE = "global: {}\nstorage:\n  tsdb:\n    retention:\n      time: 20d # here\n"
WITHOUT = TEXT.replace("      - --storage.tsdb.retention.time=30d\n", "")


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., ChangeWorld]:
    def make(version: str = "3.5.3", *, compose: str = TEXT, config: str = "global: {}\n", **more: str) -> ChangeWorld:
        world = ChangeWorld(tmp_path / f"world{len(list(tmp_path.iterdir()))}")
        world.files.texts |= {COMPOSE: compose, CONFIG: config, **more}
        world.prometheus.version = version
        world.make("prometheus")
        return world

    return make


def planned(world: ChangeWorld, *, time: str | None = None, size: str | None = None) -> Plan:
    shop = world.shop()
    return plan_retention(shop, see_retention(shop), time=time, size=size)


@pytest.mark.parametrize("version", ["2.53.0", "3.5.3", "3.9.1", "3.11.0", "3.14.0"])
def test_a_flag_stays_a_flag(made: Callable[..., ChangeWorld], version: str) -> None:
    plan = planned(made(version), time="7d")
    assert [edit.path for edit in plan.edits] == [COMPOSE]
    assert plan.edits[0].after == TEXT.replace("=30d", "=7d")
    assert plan.steps[0].means is Means.RECREATE


def test_from_3_11_on_the_file_is_edited_and_reloaded(made: Callable[..., ChangeWorld]) -> None:
    world = made("3.11.0", compose=WITHOUT, config=IN_FILE)
    plan = planned(world, time="7d", size="5GB")
    assert [edit.path for edit in plan.edits] == [CONFIG]
    assert plan.edits[0].after == IN_FILE.replace("20d", "7d") + "      size: 5GB\n"
    assert (plan.steps[0].means, plan.steps[0].interrupts) == (Means.RELOAD, "nothing")
    apply(world.shop(), plan, within=timedelta(seconds=30))
    assert world.prometheus.retention == "7d or 5GiB"


def test_where_nobody_set_it_the_version_decides(made: Callable[..., ChangeWorld]) -> None:
    plan = planned(made("3.11.0", compose=WITHOUT), time="7d")
    assert plan.edits[0].after == "global: {}\nstorage:\n  tsdb:\n    retention:\n      time: 7d\n"


def test_before_3_11_it_becomes_a_flag(made: Callable[..., ChangeWorld]) -> None:
    plan = planned(made("3.10.0", compose=WITHOUT), time="7d")
    assert [edit.path for edit in plan.edits] == [COMPOSE]
    added = "prometheus.yml\n      - --storage.tsdb.retention.time=7d\n"
    assert plan.edits[0].after == WITHOUT.replace("prometheus.yml\n", added)


@pytest.mark.parametrize("version", ["3.8.0", "3.9.1", "3.10.2"])
def test_a_time_that_these_versions_read_wrongly_moves_to_the_flag(
    made: Callable[..., ChangeWorld], version: str
) -> None:
    plan = planned(made(version, compose=WITHOUT, config=IN_FILE), time="7d")
    texts = {edit.path: edit.after for edit in plan.edits}
    assert texts[CONFIG] == "global: {}\nstorage:\n  tsdb:\n    retention: {} # here\n"
    assert "- --storage.tsdb.retention.time=7d" in str(texts[COMPOSE])
    assert plan.steps[0].means is Means.RECREATE


@pytest.mark.parametrize("version", ["3.8.0", "3.10.2"])
def test_a_size_in_the_file_needs_a_restart_where_a_reload_does_not_tell(
    made: Callable[..., ChangeWorld], version: str
) -> None:
    config = IN_FILE.replace("time: 20d # here", "size: 5GB")
    world = made(version, compose=TEXT, config=config)
    plan = planned(world, size="9GB")
    assert [(edit.path, edit.after) for edit in plan.edits] == [(CONFIG, config.replace("5GB", "9GB"))]
    assert plan.steps[0].means is Means.RESTART
    assert plan.steps[0].interrupts.startswith("Prometheus for the seconds")
    apply(world.shop(), plan, within=timedelta(seconds=30))
    assert world.prometheus.retention == "30d or 9GiB"


def test_a_flag_beside_a_size_in_the_file_is_taken_over_by_a_new_container(made: Callable[..., ChangeWorld]) -> None:
    config = IN_FILE.replace("time: 20d # here", "size: 5GB")
    world = made("3.9.1", compose=TEXT, config=config)
    plan = planned(world, time="20d", size="9GB")
    assert [step.means for step in plan.steps] == [Means.RECREATE]
    apply(world.shop(), plan, within=timedelta(seconds=30))
    assert world.prometheus.retention == "20d or 9GiB"


def test_a_percentage_makes_a_size_mean_nothing(made: Callable[..., ChangeWorld]) -> None:
    world = made("3.11.0", config=IN_FILE.replace("time: 20d # here", "percentage: 80"))
    with pytest.raises(Refused, match="percentage"):
        planned(world, size="5GB")


def test_a_file_that_is_mounted_as_a_file_is_written_in_place(made: Callable[..., ChangeWorld]) -> None:
    world = made("3.11.0", compose=WITHOUT, config=IN_FILE)
    mounts = (Mount(type="bind", name="", source=CONFIG, destination="/etc/prometheus/prometheus.yml"),)
    world.world.engine.add(replace(world.running, mounts=mounts))
    assert planned(world, time="7d").edits[0].in_place


@pytest.mark.parametrize("kind", ["volume", ""])
def test_a_file_in_a_volume_or_in_the_image_is_refused_or_the_flag_is_used(
    made: Callable[..., ChangeWorld], kind: str
) -> None:
    world = made("3.11.0", compose=WITHOUT, config=IN_FILE)
    mounts = (Mount(type="volume", name="conf", source="/v", destination="/etc/prometheus"),) if kind else ()
    world.world.engine.add(replace(world.running, mounts=mounts))
    with pytest.raises(Refused, match="from the volume conf" if kind else "from its image"):
        planned(world, time="7d")
    world.prometheus.loaded = "global: {}\n"
    assert planned(world, time="7d").edits[0].path == COMPOSE


def test_a_variable_is_set_where_compose_reads_it(made: Callable[..., ChangeWorld]) -> None:
    compose = TEXT.replace("=30d", "=${KEEP:-30d}")
    world = made(compose=compose)
    plan = planned(world, time="7d")
    assert [(edit.path, edit.before, edit.after) for edit in plan.edits] == [(f"{FOLDER}/.env", None, "KEEP=7d\n")]
    world.environment["KEEP"] = "30d"
    with pytest.raises(Refused, match="the variable KEEP of this shell"):
        planned(world, time="7d")


def test_a_size_alone_takes_the_default_time_away_and_says_so(made: Callable[..., ChangeWorld]) -> None:
    plan = planned(made(compose=WITHOUT), size="5GB")
    assert any("15d of Prometheus's own no longer hold" in warning for warning in plan.warnings)
    assert plan.expected[0].wanted == {"time": "", "size": str(5 * 2**30)}


def test_what_is_so_already_is_no_change(made: Callable[..., ChangeWorld]) -> None:
    assert planned(made(), time="30d").is_empty
    assert planned(made(), time="720h").is_empty
    with pytest.raises(UsageFault, match="say what to keep"):
        planned(made())


def test_a_file_that_says_so_already_is_taken_over(made: Callable[..., ChangeWorld]) -> None:
    """Somebody edited it, and did not start the stack again."""
    world = made()
    world.files.texts[COMPOSE] = TEXT.replace("=30d", "=7d")
    plan = planned(world, time="7d")
    assert (plan.edits, plan.steps[0].means, plan.is_empty) == ((), Means.RECREATE, False)
    apply(world.shop(), plan, within=timedelta(seconds=30))
    assert world.prometheus.retention == "7d"


# --- files that are not where they should be -------------------------------------------------------


def test_a_container_that_compose_did_not_start_is_refused(made: Callable[..., ChangeWorld]) -> None:
    world = made()
    world.world.engine.add(replace(world.running, labels={}))
    with pytest.raises(Refused, match="was not started by Docker Compose"):
        planned(world, time="7d")


def test_a_file_that_is_gone_or_another_one_is_refused(made: Callable[..., ChangeWorld]) -> None:
    world = made()
    shop = world.shop(own_file="/elsewhere/compose.yml")
    with pytest.raises(Refused, match=r"was started from .*, and the Compose file here is /elsewhere/"):
        plan_retention(shop, see_retention(shop), time="7d", size=None)
    del world.files.texts[COMPOSE]
    with pytest.raises(Refused, match="which is not there"):
        planned(world, time="7d")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "services:\n  prometheus:\n    extends: {file: base.yml, service: prometheus}\n",
            "extends a service of base.yml",
        ),
        ("include:\n  - monitoring.yml\nservices: {}\n", "includes"),
        ("services: {}\n", "no service prometheus"),
    ],
)
def test_a_service_that_comes_from_elsewhere_is_refused(made: Callable[..., ChangeWorld], text: str, says: str) -> None:
    world = made()
    world.files.texts[COMPOSE] = text
    with pytest.raises(Refused, match=says):
        planned(world, time="7d")


def test_the_last_file_that_says_it_is_the_one(made: Callable[..., ChangeWorld]) -> None:
    override = f"{FOLDER}/override.yml"
    world = made(
        **{override: "services:\n  prometheus:\n    command: [--config.file=/x, --storage.tsdb.retention.time=9d]\n"}
    )
    world.site = Site(project="p", folder=FOLDER, files=(COMPOSE, override))
    world.make("prometheus")
    plan = planned(world, time="7d")
    assert [edit.path for edit in plan.edits] == [override]
    assert "time=7d]" in str(plan.edits[0].after)


# --- blocks ----------------------------------------------------------------------------------------

HOUR = 3_600_000


def write_block(world: ChangeWorld, number: int, *, hours_ago: int, size: int) -> None:
    """Two hours that ended so long ago."""
    ulid = f"01K0000000000000000000000{number}"
    until = int(world.world.clock.now().timestamp() * 1000) - hours_ago * HOUR
    folder = world.root / "data" / ulid
    (folder / "chunks").mkdir(parents=True)
    (folder / "index").write_bytes(b"")
    (folder / "chunks" / "000001").write_bytes(b"x" * size)
    meta = {"ulid": ulid, "minTime": until - 2 * HOUR, "maxTime": until, "stats": {"numSamples": size // 2}}
    (folder / "meta.json").write_text(json.dumps(meta))


def test_the_blocks_that_would_go_are_told_with_what_they_hold(made: Callable[..., ChangeWorld]) -> None:
    world = made()
    for number, hours in enumerate((96, 48, 26, 24, 4)):
        write_block(world, number, hours_ago=hours, size=1000)
    plan = planned(world, time="1d")
    # The newest block ends 4 hours ago; by the next one, 26 hours are too old, and 24 soon.
    assert plan.warnings[0].startswith("Prometheus deletes 2 of 5 blocks for good: ")
    assert plan.warnings[0].endswith(" UTC, 2.2 KiB, 1,000 samples")
    assert "--backup" in plan.warnings[1]
    assert planned(world, time="60d").warnings == ()


def test_blocks_over_a_size_go_oldest_first(made: Callable[..., ChangeWorld]) -> None:
    world = made()
    for number, hours in enumerate((96, 48, 24)):
        write_block(world, number, hours_ago=hours, size=600_000)
    plan = planned(world, time="30d", size="1MB")
    assert any(one.startswith("Prometheus deletes 2 of 3 blocks for good") for one in plan.warnings)


def test_the_log_counts_as_much_as_the_blocks(made: Callable[..., ChangeWorld]) -> None:
    world = made()
    for number, hours in enumerate((96, 48)):
        write_block(world, number, hours_ago=hours, size=500_000)
    assert not any("for good" in one for one in planned(world, size="1MB").warnings)
    (world.root / "data" / "wal").mkdir()
    (world.root / "data" / "wal" / "00000000").write_bytes(b"x" * 100_000)
    plan = planned(world, size="1MB")
    assert any(one.startswith("Prometheus deletes 1 of 2 blocks for good") for one in plan.warnings)
    assert "nothing that is stored is lost" not in plan.steps[0].interrupts


def test_a_change_that_deletes_and_does_not_work_says_what_is_gone(made: Callable[..., ChangeWorld]) -> None:
    world = made()
    write_block(world, 0, hours_ago=24 * 20, size=1000)
    write_block(world, 1, hours_ago=4, size=1000)
    with pytest.raises(TakenBack, match="taken back, but what Prometheus has deleted does not come back"):
        apply(world.shop(), planned(world, time="13d"), within=timedelta(seconds=30))


def test_an_undo_that_deletes_says_so_and_in_which_direction_it_goes(made: Callable[..., ChangeWorld]) -> None:
    world = made(compose=TEXT.replace("=30d", "=3d"))
    apply(world.shop(), planned(world, time="30d"), within=timedelta(seconds=30))
    assert plan_undo(world.shop(), FOLDER, None).warnings == ()
    write_block(world, 0, hours_ago=24 * 20, size=1000)
    write_block(world, 1, hours_ago=4, size=1000)

    plan = plan_undo(world.shop(), FOLDER, None)

    assert plan.title == "undo: retention of Prometheus: time 30d → 3d"
    assert plan.warnings[0].startswith("Prometheus deletes 1 of 2 blocks for good")
    assert "--backup" in plan.warnings[1]
    assert plan.loses
    apply(world.shop(), plan, within=timedelta(seconds=30))
    assert plan_undo(world.shop(), FOLDER, 2).title == "redo: retention of Prometheus: time 3d → 30d"


def both(size: str) -> str:
    """Flags whose lines are not neighbours, so that an undo can be merged with a later edit."""
    return TEXT.replace("=30d", f"=30d\n      - --web.a\n      - --web.b\n      - --storage.tsdb.retention.size={size}")


def test_an_undo_leaves_the_other_value_as_it_was_set_since(made: Callable[..., ChangeWorld]) -> None:
    world = made(compose=both("5GB"))
    apply(world.shop(), planned(world, time="40d"), within=timedelta(seconds=30))
    apply(world.shop(), planned(world, size="9GB"), within=timedelta(seconds=30))

    plan = plan_undo(world.shop(), FOLDER, 1)
    apply(world.shop(), plan, within=timedelta(seconds=30))

    assert world.prometheus.retention == "30d or 9GiB"


def test_an_undo_of_one_value_is_not_warned_of_what_the_other_would_delete(made: Callable[..., ChangeWorld]) -> None:
    world = made(compose=both("1MB"))
    apply(world.shop(), planned(world, time="40d"), within=timedelta(seconds=30))
    apply(world.shop(), planned(world, size="9GB"), within=timedelta(seconds=30))
    for number, hours in enumerate((96, 48, 24)):
        write_block(world, number, hours_ago=hours, size=600_000)
    shop = world.shop()
    assert [plan_undo(shop, FOLDER, id_).loses != "" for id_ in (1, 2)] == [False, True]


def test_a_retention_that_is_not_understood_is_unknown(made: Callable[..., ChangeWorld]) -> None:
    world = made()
    world.prometheus.retention = "30d or 80%"
    seen = see_retention(world.shop())
    assert seen.kept == {"time": "2592000", "size": ""}
    assert any("80%" in line for line in seen.look.unknown)


def test_blanks_around_a_value_are_not_written(made: Callable[..., ChangeWorld]) -> None:
    assert "retention.time=20d\n" in str(planned(made(), time=" 20d ").edits[0].after)


def test_growth_is_measured_over_the_longest_time_that_the_data_cover() -> None:
    class Young(FakePrometheus):
        """It has been asked for ten minutes, and not for an hour."""

        def query(self, promql: str, at: float) -> tuple[tuple[Mapping[str, str], float], ...]:
            return (({}, 229.0),) if "[10m]" in promql and "offset 10m" in promql else ()

    assert measured_rate(Young(), 0.0) == 229.0
    assert measured_rate(FakePrometheus(), 0.0) is None


def test_a_size_that_the_volume_does_not_have_is_refused(made: Callable[..., ChangeWorld]) -> None:
    world = made()
    world.files.size = (2**30, 2**31)
    with pytest.raises(UsageFault, match=r"5.0 GiB is more than the volume has \(2.0 GiB\)"):
        planned(world, size="5GB")


def test_what_cannot_be_found_out_is_unknown(made: Callable[..., ChangeWorld]) -> None:
    shop = made().shop()
    usage = see_retention(shop).look.usage
    assert (usage.samples_a_second, usage.daily) == (None, None)
    assert any("samples" in line for line in see_retention(shop).look.unknown)
