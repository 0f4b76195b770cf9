"""`monops scale show`: what a person reads when all is well, when one is down, and when a target is scraped wrongly."""

from __future__ import annotations

from dataclasses import dataclass, replace

from monops.cli.commands.scale import lines_of
from monops.domain.scale import LAYER, RULES, Instance, Scale
from monops.ops.scale_look import Seen, SeenInstance, SeenLayer


@dataclass(frozen=True)
class Target:
    job: str
    instance: str
    url: str = ""


TARGETS = tuple(Target("hosts", f"host-{number}") for number in range(12))


def instance(shard: int, replica: str, *targets: Target) -> SeenInstance:
    service = Instance(shard, replica).service("prometheus")
    return SeenInstance(
        instance=Instance(shard, replica),
        service=service,
        container=f"m-{service}",
        state="healthy",
        targets=targets,
        unknown="",
    )


def seen(*instances: SeenInstance, rules: str = "healthy") -> Seen:
    layer = (
        SeenLayer(container="m-victoria-metrics", role=LAYER, state="healthy"),
        SeenLayer(container="m-vmalert", role=RULES, state=rules),
    )
    return Seen(scale=Scale(1, 2), instances=instances, layer=layer)


def test_each_one_is_a_line_and_the_last_says_whether_all_is_right() -> None:
    assert lines_of(seen(instance(1, "a", *TARGETS), instance(1, "b", *TARGETS))) == [
        "1 shard × 2 replicas",
        "container           shard  replica  state    targets",
        "m-prometheus        1      a        healthy  12",
        "m-prometheus-1-b    1      b        healthy  12",
        "m-victoria-metrics  -      -        healthy  is the query layer",
        "m-vmalert           -      -        healthy  evaluates rules there",
        "each of 12 targets is scraped twice",
    ]


def test_of_one_that_is_down_the_command_is_said_and_not_each_of_its_targets() -> None:
    down = replace(instance(1, "b"), state="exited", targets=None, unknown="m-prometheus-1-b does not answer over HTTP")
    assert lines_of(seen(instance(1, "a", *TARGETS), down))[-2:] == [
        "m-prometheus-1-b does not scrape (exited): docker start m-prometheus-1-b",
        "12 of 12 targets are not scraped twice",
    ]


def test_of_one_that_runs_and_does_not_answer_the_log_says_more() -> None:
    mute = replace(instance(1, "b"), state="unhealthy", targets=None, unknown="HTTP 503")
    line = lines_of(seen(instance(1, "a", *TARGETS), mute))[-2]
    assert line == "m-prometheus-1-b does not scrape (HTTP 503): docker logs --tail 20 m-prometheus-1-b"


def test_one_that_has_no_container_is_named() -> None:
    lines = lines_of(seen(instance(1, "a", *TARGETS)))
    assert "there is no container of shard=1 replica=b: monops stack up" in lines


def test_targets_that_are_scraped_wrongly_are_named_up_to_ten() -> None:
    lines = lines_of(seen(instance(1, "a", *TARGETS), instance(1, "b")))
    assert "  host-0 of hosts is scraped once, by prometheus" in lines
    assert lines[-2:] == ["  and 2 more", "12 of 12 targets are not scraped twice: monops doctor"]


def test_a_query_layer_that_does_not_run_is_not_right() -> None:
    found = seen(instance(1, "a", *TARGETS), instance(1, "b", *TARGETS), rules="exited")
    assert not found.is_right
    assert lines_of(found)[-2:] == [
        "m-vmalert is exited: docker start m-vmalert",
        "each of 12 targets is scraped twice",
    ]
