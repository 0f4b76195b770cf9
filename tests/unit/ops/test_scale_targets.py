"""No target of before is dropped by every Prometheus afterwards; what comes and goes by itself is no fault."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from tests.fakes.change_world import COMPOSE, CONFIG, ChangeWorld
from tests.fakes.fake_engine import FakePrometheus, FakeServices, container
from tests.unit.ops.test_scale_plan import TEXT

from monops.domain.change import Plan
from monops.domain.errors import ServiceError, ServiceUnreachable
from monops.domain.ports import Container, Discovered, Origin, Prometheus, PrometheusStatus
from monops.domain.scale import LABEL, Scale
from monops.ops.change_steps import wait_until_taken
from monops.ops.scale import plan_scale
from monops.ops.scale_look import layout

OWN = """\
scrape_configs:
  - job_name: node
    relabel_configs:
      - {source_labels: [__meta_scrape], regex: yes, action: keep}
      - {target_label: shelf, replacement: 010}
      - {target_label: secret, replacement: ''}
  - job_name: redis
"""
#: As Prometheus shows it.
RUNNING = """\
scrape_configs:
- job_name: node
  honor_timestamps: true
  relabel_configs:
  - source_labels: [__meta_scrape]
    separator: ;
    regex: "yes"
    replacement: $1
    action: keep
  - separator: ;
    regex: (.*)
    target_label: shelf
    replacement: "010"
    action: replace
  - separator: ;
    target_label: secret
    action: replace
- job_name: redis
  honor_timestamps: true
"""
NODE, REDIS, GONE = Origin("node", "n:9100"), Origin("redis", "r:6379"), Origin("redis", "gone:6379")


def seen(*scraped: Origin, dropped: tuple[Origin, ...] = ()) -> Discovered:
    return Discovered(scraped=frozenset(scraped), dropped=frozenset(dropped))


@dataclass
class Several(FakeServices):
    """A Prometheus for each container; one that is not named does not answer."""

    of: dict[str, FakePrometheus] = field(default_factory=dict)

    def prometheus(self, container: Container | None) -> Prometheus:
        if container is None or container.service not in self.of:
            raise ServiceUnreachable("nobody answers", remedy="-")
        return self.of[container.service]


@dataclass
class Scene:
    """One Prometheus that becomes two shards."""

    world: ChangeWorld
    services: Several

    def planned(self) -> Plan:
        shop = self.world.shop()
        return plan_scale(shop, layout(shop), Scale(2, 1))

    def looked_for(self) -> set[str]:
        """What is expected of targets, by their origins."""
        first = next(one for one in self.planned().expected if one.service == "prometheus")
        return {name for name in first.wanted if name not in ("shard", "replica", "scraped")}

    def is_two_shards(self, first: Discovered, second: Discovered) -> None:
        """They run, and find these targets."""
        self.world.world.engine.add(
            replace(container("prometheus-2-a", "d"), labels={**self.world.running.labels, LABEL: "shard=2 replica=a"})
        )
        for shard, service, found in (("1", "prometheus", first), ("2", "prometheus-2-a", second)):
            labels = f"{{prometheus_shard: '{shard}', prometheus_replica: a}}"
            self.services.of[service] = Shown(found=found, config=f"global: {{external_labels: {labels}}}\n")

    def is_taken(self, plan: Plan) -> None:
        """Raises ServiceError."""
        wait_until_taken(self.world.shop(), plan.site, (), plan.expected, within=timedelta(minutes=5))


@dataclass
class Shown(FakePrometheus):
    """A Prometheus with a configuration."""

    config: str = RUNNING

    def status(self) -> PrometheusStatus:
        return replace(super().status(), config=self.config)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    world = ChangeWorld(tmp_path, text=TEXT)
    world.files.texts[CONFIG] = OWN
    services = Several(of={"prometheus": Shown(found=seen(NODE, REDIS, GONE))})
    world.world.services = services
    return Scene(world, services)


def test_a_target_that_every_one_drops_afterwards_is_named(scene: Scene) -> None:
    plan = scene.planned()
    scene.is_two_shards(seen(REDIS, dropped=(NODE,)), seen(dropped=(NODE, REDIS)))
    with pytest.raises(ServiceError, match="prometheus reports n:9100 of node dropped by every Prometheus"):
        scene.is_taken(plan)


def test_what_one_scrapes_and_the_other_drops_is_well(scene: Scene) -> None:
    plan = scene.planned()
    scene.is_two_shards(seen(REDIS, dropped=(NODE, GONE)), seen(NODE, GONE, dropped=(REDIS,)))
    scene.is_taken(plan)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (seen(NODE), seen(REDIS, dropped=(NODE,))),
        # One has heard later than the other that it is gone, or that it is there.
        (seen(NODE, dropped=(GONE,)), seen(REDIS, dropped=(NODE,))),
        (seen(NODE), seen(REDIS, dropped=(NODE, GONE))),
    ],
)
def test_what_discovery_finds_no_more_is_no_fault(scene: Scene, first: Discovered, second: Discovered) -> None:
    plan = scene.planned()
    scene.is_two_shards(first, second)
    scene.is_taken(plan)


def test_what_nobody_scraped_before_may_be_dropped(scene: Scene) -> None:
    scene.services.of["prometheus"].found = seen(REDIS, dropped=(NODE,))
    plan = scene.planned()
    scene.is_two_shards(seen(REDIS, dropped=(NODE,)), seen(dropped=(NODE, REDIS)))
    scene.is_taken(plan)


@pytest.mark.parametrize(
    "own",
    [
        OWN.replace("regex: yes", "regex: no"),
        OWN.replace("- {target_label: shelf", "- {source_labels: [a], action: drop}\n      - {target_label: shelf"),
        OWN.replace("job_name: node", "job_name: nodes"),
    ],
)
def test_an_edit_that_waits_to_be_read_may_take_targets_out_of_its_job(scene: Scene, own: str) -> None:
    assert scene.looked_for() == {"n:9100 of node", "r:6379 of redis", "gone:6379 of redis"}
    scene.world.files.texts[CONFIG] = own
    assert scene.looked_for() == {"r:6379 of redis", "gone:6379 of redis"}


def test_of_several_the_targets_of_all_that_answer_are_looked_for(scene: Scene) -> None:
    plan = scene.planned()
    for edit in plan.edits:
        scene.world.files.texts[edit.path] = edit.after or ""
    assert COMPOSE in scene.world.files.texts
    scene.is_two_shards(seen(REDIS, dropped=(NODE,)), seen(NODE, dropped=(REDIS,)))
    copy = next(edit.after or "" for edit in plan.edits if "shard-1" in edit.path)
    scene.services.of["prometheus"] = Shown(found=seen(REDIS, dropped=(NODE,)), config=copy)
    scene.world.files.texts[CONFIG] = OWN + "# Edited.\n"
    assert scene.looked_for() == {"n:9100 of node", "r:6379 of redis"}
    del scene.services.of["prometheus-2-a"]
    assert scene.looked_for() == {"r:6379 of redis"}


def test_of_a_job_with_many_targets_some_are_looked_for(scene: Scene) -> None:
    many = [Origin("redis", f"r-{number}:6379") for number in range(1000)]
    scene.services.of["prometheus"].found = seen(*many)
    assert len(scene.looked_for()) == 5


def test_the_way_back_expects_no_targets_for_they_may_be_others_by_then(scene: Scene) -> None:
    back = scene.planned().backwards()
    assert all(not name.endswith((" of node", " of redis")) for one in back.expected for name in one.wanted)
    assert msgspec.json.decode(msgspec.json.encode(back), type=Plan) == back
