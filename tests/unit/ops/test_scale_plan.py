"""The plan that makes several Prometheus of one: what it writes, in which order services take over, what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from tests.fakes.change_world import COMPOSE, CONFIG, FOLDER, ChangeWorld

from monops.domain.change import FileEdit, Means, Plan
from monops.domain.errors import ConfigurationError, NotFound, Refused, UsageFault
from monops.domain.ports import Mount
from monops.domain.scale import Scale
from monops.ops.change_check import check
from monops.ops.scale import plan_scale
from monops.ops.scale_look import layout

TEXT = """\
services:
  prometheus:
    image: prom/prometheus:v1
    command:
      - --config.file=/etc/prometheus/prometheus.yml
      - --storage.tsdb.path=/prometheus
    ports:
      - 127.0.0.1:9090:9090
    volumes:
      - data:/prometheus
      - ./:/etc/prometheus:ro
  other:
    image: x
    ports: ["127.0.0.1:9191:80"]

volumes:
  data:
"""
OWN = """\
# Mine.
global: {scrape_interval: 15s}
rule_files: [rules/*.yml]
scrape_configs:
  - job_name: prometheus
    static_configs:
      - targets: [localhost:9090]
"""
ONE = "groups: [{name: a, rules: [{alert: A, expr: up == 0}]}]\n"
ALL = "groups: [{name: b, rules: [{alert: B, expr: sum(up) == 0}]}]\n"
COMMAND = TEXT[TEXT.index("    command:") : TEXT.index("    ports:")]
LAYER_IMAGE = "victoriametrics/victoria-metrics:v1.145.0"


@pytest.fixture
def world(tmp_path: Path) -> ChangeWorld:
    made = ChangeWorld(tmp_path, text=TEXT)
    made.files.texts |= {CONFIG: OWN, f"{FOLDER}/rules/one.yml": ONE, f"{FOLDER}/rules/all.yml": ALL}
    return made


def planned(world: ChangeWorld, shards: int, replicas: int, first_port: int | None = None) -> Plan:
    shop = world.shop()
    return plan_scale(shop, layout(shop), Scale(shards, replicas), first_port=first_port)


def written(world: ChangeWorld, plan: Plan) -> None:
    """The files as the plan has them."""
    for edit in plan.edits:
        if edit.after is None:
            world.files.texts.pop(edit.path)
        else:
            world.files.texts[edit.path] = edit.after


def steps(plan: Plan) -> list[tuple[Means, str]]:
    return [(step.means, step.service) for step in plan.steps]


def test_whoever_takes_over_is_there_before_the_first_is_made_anew(world: ChangeWorld) -> None:
    assert steps(planned(world, 2, 1)) == [
        (Means.MAKE, "prometheus-2-a"),
        (Means.MAKE, "victoria-metrics"),
        (Means.RECREATE, "prometheus"),
        (Means.MAKE, "vmalert"),
    ]


def test_on_the_way_back_the_first_scrapes_everything_before_the_others_go_and_the_layer_is_last(
    world: ChangeWorld,
) -> None:
    written(world, planned(world, 2, 1))
    assert steps(planned(world, 1, 1)) == [
        (Means.REMOVE, "vmalert"),
        (Means.RECREATE, "prometheus"),
        (Means.REMOVE, "prometheus-2-a"),
        (Means.REMOVE, "victoria-metrics"),
    ]


def test_undo_has_the_steps_the_other_way_round(world: ChangeWorld) -> None:
    assert steps(planned(world, 2, 1).backwards()) == [
        (Means.REMOVE, "vmalert"),
        (Means.RECREATE, "prometheus"),
        (Means.REMOVE, "victoria-metrics"),
        (Means.REMOVE, "prometheus-2-a"),
    ]


@pytest.mark.parametrize(("shards", "replicas"), [(1, 2), (2, 1), (2, 2), (3, 2)])
def test_back_to_one_gives_every_file_back_but_for_the_names_of_images(
    world: ChangeWorld, shards: int, replicas: int
) -> None:
    before = dict(world.files.texts)
    written(world, planned(world, shards, replicas))
    assert world.files.texts != before
    written(world, planned(world, 1, 1))
    world.files.texts.pop(f"{FOLDER}/.env")
    assert world.files.texts == before


def test_the_same_again_is_nothing_to_do_and_an_edit_is_taken_over_by_reloads(world: ChangeWorld) -> None:
    written(world, planned(world, 2, 1))
    assert planned(world, 2, 1).is_empty
    world.files.texts[CONFIG] = OWN.replace("15s", "30s")
    plan = planned(world, 2, 1)
    assert (Means.RELOAD, "prometheus-2-a") in steps(plan)
    assert CONFIG not in {edit.path for edit in plan.edits}


def test_a_port_that_another_service_has_is_not_taken_and_those_that_are_there_stay(world: ChangeWorld) -> None:
    written(world, planned(world, 1, 2))
    assert '"127.0.0.1:9191:80"' in world.files.texts[COMPOSE]
    ports = {name: part["ports"][0]["published"] for name, part in world.docker.model()["services"].items()}
    assert ports == {"prometheus": "9090", "other": "9191", "prometheus-1-b": "9192", "victoria-metrics": "9193"}
    written(world, planned(world, 1, 3))
    again = {name: part["ports"][0]["published"] for name, part in world.docker.model()["services"].items()}
    assert ports.items() <= again.items()


def test_rules_go_where_their_series_are_and_the_plan_says_why(world: ChangeWorld) -> None:
    plan = planned(world, 2, 1)
    copy = next(edit.after or "" for edit in plan.edits if "shard-2" in edit.path)
    assert "- rules/one.yml" in copy
    assert "rules/all.yml" not in copy
    assert "--rule=/etc/prometheus/rules/all.yml" in next(e.after or "" for e in plan.edits if e.path == COMPOSE)
    assert any("1 of 2 rule files" in one and "B: sum() over several targets" in one for one in plan.warnings)


def test_with_replicas_alone_every_one_evaluates_every_rule(world: ChangeWorld) -> None:
    plan = planned(world, 1, 2)
    assert "vmalert" not in {step.service for step in plan.steps}
    assert not any("rule files" in one for one in plan.warnings)


def test_copies_are_short_for_people_and_whole_for_programs(world: ChangeWorld) -> None:
    edit = next(edit for edit in planned(world, 2, 1).edits if "shard-2" in edit.path)
    assert len(edit.diff(whole=False)) == 1
    assert "made of prometheus.yml" in edit.diff(whole=False)[0]
    assert any("hashmod" in line for line in edit.diff())


@pytest.mark.parametrize(("shards", "replicas"), [(0, 1), (1, 0), (-1, 1), (17, 1), (1, 6), (1000, 1000)])
def test_numbers_that_cannot_be_are_refused(world: ChangeWorld, shards: int, replicas: int) -> None:
    with pytest.raises(UsageFault, match="shards are 1 to 16, replicas 1 to 5"):
        planned(world, shards, replicas)


def test_an_image_that_is_not_here_is_named_with_the_command_that_brings_it(world: ChangeWorld) -> None:
    world.docker.missing.add(LAYER_IMAGE)
    with pytest.raises(NotFound, match="is not on this machine") as caught:
        planned(world, 1, 2)
    assert caught.value.remedy == f"docker pull {LAYER_IMAGE}"


def test_what_promtool_refuses_is_said_before_anything_is_written(world: ChangeWorld) -> None:
    world.files.texts[CONFIG] = OWN + "wrong: 1\n"
    with pytest.raises(ConfigurationError, match="promtool refuses what would be made: parsing: field wrong"):
        planned(world, 1, 2)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (COMMAND, "    extends: {file: base.yml, service: p}\n", "extends a service of base.yml"),
        (TEXT, "include: [base.yml]\nservices: {x: {image: y}}\n", "a file that .* includes"),
    ],
)  # fmt: skip
def test_a_service_that_comes_from_another_file_is_refused(world: ChangeWorld, old: str, new: str, says: str) -> None:
    world.files.texts[COMPOSE] = TEXT.replace(old, new)
    with pytest.raises(Refused, match=says):
        planned(world, 1, 2)


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_touched(world: ChangeWorld) -> None:
    before = dict(world.files.texts)
    world.files.read_only.add(COMPOSE)
    with pytest.raises(Refused, match="cannot be written"):
        check(world.shop(), planned(world, 1, 2))
    assert world.files.texts == before


def test_a_configuration_that_is_gone_is_refused(world: ChangeWorld) -> None:
    written(world, planned(world, 1, 2))
    shop = world.shop()
    at = layout(shop)
    del world.files.texts[CONFIG]
    with pytest.raises(Refused, match=r"prometheus\.yml is not there"):
        plan_scale(shop, at, Scale(2, 2))


@pytest.mark.parametrize(
    ("mounts", "says"),
    [
        ((Mount(type="bind", name="", source=CONFIG, destination="/etc/prometheus/prometheus.yml"),), "single file"),
        ((Mount(type="bind", name="", source=FOLDER, destination="/etc/prometheus"),
          Mount(type="bind", name="", source="/srv/data", destination="/prometheus")), "not in a volume of its own"),
    ],
)  # fmt: skip
def test_a_prometheus_that_a_copy_could_not_live_beside_is_refused(
    world: ChangeWorld, mounts: tuple[Mount, ...], says: str
) -> None:
    world.world.engine.add(replace(world.running, mounts=mounts))
    with pytest.raises(Refused, match=says):
        planned(world, 1, 2)


def test_rules_from_outside_the_folder_are_refused_where_vmalert_would_need_them(world: ChangeWorld) -> None:
    world.files.texts[CONFIG] = OWN.replace("rules/*.yml", "/elsewhere/*.yml")
    with pytest.raises(Refused, match="are not beside"):
        planned(world, 2, 1)


def test_an_edit_of_a_copy_by_another_command_is_refused_and_one_of_the_first_alone_warned_of(
    world: ChangeWorld,
) -> None:
    written(world, planned(world, 1, 2))
    plan = planned(world, 1, 1)
    copy = f"{FOLDER}/prometheus-shard-1-replica-a.yml"
    text = world.files.texts[copy]
    lost = replace_edits(plan, FileEdit(path=copy, before=text, after=text + "#\n"))
    with pytest.raises(Refused, match="this edit would be lost"):
        check(world.shop(), lost)
    text = world.files.texts[COMPOSE]
    moved = text.replace("--storage.tsdb.path=/prometheus", "--storage.tsdb.path=/prometheus2", 1)
    alone = replace_edits(plan, FileEdit(path=COMPOSE, before=text, after=moved))
    assert any("prometheus is the first of several" in one for one in check(world.shop(), alone))


def replace_edits(plan: Plan, edit: FileEdit) -> Plan:
    """The plan of another command, which changes the first one alone."""
    only = tuple(step for step in plan.steps if step.service == "prometheus")
    return msgspec.structs.replace(plan, edits=(edit,), steps=only)
