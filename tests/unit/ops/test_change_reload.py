"""A service reads its file again: told over HTTP or by a signal, and taken at what it says."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes.change_world import COMPOSE, CONFIG, TEXT, ChangeWorld, plan_of

from monops.domain.change import FileEdit, Means
from monops.ops.change import TakenBack, apply

WITHIN = timedelta(seconds=30)


@pytest.fixture
def world(tmp_path: Path) -> ChangeWorld:
    return ChangeWorld(tmp_path)


def test_a_reload_that_the_server_refuses_is_taken_back(world: ChangeWorld) -> None:
    edit = FileEdit(path=CONFIG, before="global: {}\n", after="refused: 1\n")
    with pytest.raises(TakenBack, match="prometheus refuses its configuration"):
        apply(world.shop(), plan_of(world, edit, means=Means.RELOAD), within=WITHIN)
    assert world.files.texts[CONFIG] == "global: {}\n"


@pytest.mark.parametrize(
    ("says", "level", "waits"),
    [
        # A remote storage that does not answer holds a reload up for a minute.
        ('msg="Completed loading of configuration file" filename=p.yml', "info", 60),
        ("", "info", 150),
        ("", "warn", 0),
    ],
)
def test_a_server_that_does_not_reload_by_http_is_sent_a_signal_and_waited_for(
    world: ChangeWorld, says: str, level: str, waits: int
) -> None:
    world.reload = lambda: "HTTP/1.1 403"  # type: ignore[method-assign]
    world.text = TEXT.replace("    command:\n", f"    command:\n      - --log.level={level}\n")
    world.files.texts[COMPOSE] = world.text
    world.make("prometheus")
    engine, clock = world.world.engine, world.world.clock
    begun = clock.monotonic()
    engine.logs = lambda *_: (says,) if clock.monotonic() >= begun + 60 else ()  # type: ignore[method-assign]
    edit = FileEdit(path=CONFIG, before="global: {}\n", after="global: {a: 1}\n")
    apply(world.shop(), plan_of(world, edit, means=Means.RELOAD), within=WITHIN)
    assert engine.signals == [("id-prometheus", "SIGHUP")]
    assert waits <= clock.monotonic() - begun < waits + 10


def test_a_server_that_logs_that_it_refuses_the_file_is_taken_at_its_word(world: ChangeWorld) -> None:
    world.reload = lambda: "HTTP/1.1 403"  # type: ignore[method-assign]
    engine = world.world.engine
    refusal = 'level=ERROR source=main.go:1153 msg="Error reloading config" err="no such thing"'
    engine.logs = lambda *_: (refusal,) if engine.signals else ()  # type: ignore[method-assign]
    edit = FileEdit(path=CONFIG, before="global: {}\n", after="global: {a: 1}\n")
    with pytest.raises(TakenBack, match="refuses its configuration: no such thing"):
        apply(world.shop(), plan_of(world, edit, means=Means.RELOAD), within=WITHIN)
    assert world.files.texts[CONFIG] == "global: {}\n"
