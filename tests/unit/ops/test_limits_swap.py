"""Limits of memory where the kernel does not count swap: Docker gives none of swap, whatever it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.change_world import FOLDER, ChangeWorld

from monops.domain.change import Means
from monops.domain.limits import Wanted
from monops.ops.change import apply
from monops.ops.change_undo import plan_undo
from monops.ops.limits import plan_limits

MIB = 1 << 20
TEXT = """\
services:
  prometheus:
    image: prom/prometheus:v3.5.3
  other:
    image: x
    memswap_limit: 256M
    mem_limit: 128M
"""
WITHIN = timedelta(seconds=30)


@pytest.fixture
def world(tmp_path: Path) -> ChangeWorld:
    made = ChangeWorld(tmp_path, text=TEXT)
    made.world.engine.has_swap_limit = False
    made.make("other")
    made.world.engine.used = {"id-prometheus": (30 * MIB, 0.2), "id-other": (20 * MIB, 0.0)}
    return made


def host(world: ChangeWorld, service: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = world.world.engine.found[f"id-{service}"].raw["HostConfig"]
    return {name: found[name] for name in ("Memory", "MemorySwap")}


@pytest.mark.parametrize("recreate", [False, True])
def test_a_first_limit_of_memory_stands(world: ChangeWorld, recreate: bool) -> None:
    plan = plan_limits(world.shop(), {"prometheus": Wanted(memory="512M")}, recreate=recreate)
    assert plan.expected[0].wanted == {"memory": str(512 * MIB), "swap": "-1"}
    apply(world.shop(), plan, within=WITHIN)
    assert host(world, "prometheus") == {"Memory": 512 * MIB, "MemorySwap": -1}


def test_it_is_taken_away_again_by_making_the_container_anew(world: ChangeWorld) -> None:
    apply(world.shop(), plan_limits(world.shop(), {"prometheus": Wanted(memory="512M")}), within=WITHIN)
    undo = plan_undo(world.shop(), FOLDER, None)
    assert [step.means for step in undo.steps] == [Means.RECREATE]
    apply(world.shop(), undo, within=WITHIN)
    assert host(world, "prometheus") == {"Memory": 0, "MemorySwap": 0}


def test_memory_and_swap_together_of_the_file_are_not_asked_for_either(world: ChangeWorld) -> None:
    apply(world.shop(), plan_limits(world.shop(), {"other": Wanted(memory="200M")}), within=WITHIN)
    assert host(world, "other") == {"Memory": 200 * MIB, "MemorySwap": -1}
    assert plan_limits(world.shop(), {"other": Wanted(memory="200M")}).is_empty
