"""The running services: found by their address, else among the containers, and said why not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.fakes.fake_engine import container
from tests.fakes.fake_live import LiveWorld

from monops.domain.errors import NotFound, UsageFault
from monops.domain.exits import Exit


def test_the_containers_of_the_stack_are_asked() -> None:
    world = LiveWorld()
    live = world.live()
    assert (live.prometheus().url, live.alertmanager().url) == ("http://prometheus", "http://alertmanager")
    assert world.services.asked == ["p-prometheus-1", "p-alertmanager-1"]


def test_an_address_in_the_configuration_needs_no_engine() -> None:
    world = LiveWorld()
    world.engine.found.clear()
    live = world.live(addressed=("prometheus", "alertmanager"))
    live.prometheus()
    live.alertmanager()
    assert world.services.asked == [None, None]


def test_the_container_that_the_configuration_names_is_taken() -> None:
    world = LiveWorld()
    world.engine.add(container("other", "data", project="p"))
    world.live(containers={"prometheus": "p-other-1"}).prometheus()
    assert world.services.asked == ["p-other-1"]


def test_of_several_stacks_one_must_be_named() -> None:
    world = LiveWorld()
    other = container("prometheus", "q-data", project="q")
    world.engine.add(replace(other, id="id-of-q"))
    with pytest.raises(UsageFault, match=r"2 stacks: p and q"):
        world.live().prometheus()
    world.live(project="q").prometheus()
    assert world.services.asked == ["q-prometheus-1"]


@pytest.mark.parametrize(
    ("state", "remedy"),
    [
        ("exited", "docker start p-prometheus-1"),
        ("created", "docker start p-prometheus-1"),
        ("paused", "docker unpause p-prometheus-1"),
        ("restarting", "docker logs --tail 20 p-prometheus-1"),
    ],
)
def test_a_service_that_does_not_run_is_named_with_what_helps(state: str, remedy: str) -> None:
    world = LiveWorld()
    world.engine.add(container("prometheus", "prometheus-data", state=state))
    with pytest.raises(NotFound) as caught:
        world.live().prometheus()
    assert (caught.value.message, caught.value.remedy) == (f"p-prometheus-1 is {state}", remedy)
    assert caught.value.exit is Exit.MISSING


def test_a_stack_without_the_service_is_said_so() -> None:
    world = LiveWorld()
    del world.engine.found["id-alertmanager"]
    with pytest.raises(NotFound, match="the stack p has no alertmanager") as caught:
        world.live().alertmanager()
    assert "[alertmanager] container" in caught.value.remedy


def test_no_stack_at_all_is_said_so() -> None:
    world = LiveWorld()
    world.engine.found.clear()
    with pytest.raises(NotFound, match="no Prometheus, Grafana or Alertmanager container was found"):
        world.live().prometheus()
