"""A change on the command line: what came of it, and the command to paste that is really the same one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fakes.change_world import ChangeWorld

from monops.cli.settings import Settings
from monops.cli.show_change import Afterwards, carry_out
from monops.cli.wiring import Wiring
from monops.domain.errors import MonopsError, ServiceUnreachable, UsageFault
from monops.domain.listen_address import listen_address
from monops.ops.retention import plan_retention, see_retention


@pytest.fixture
def world(tmp_path: Path) -> ChangeWorld:
    return ChangeWorld(tmp_path)


def changed(world: ChangeWorld, after: Callable[[], Afterwards], time: str = "7d", output: str = "json") -> int:
    shop = world.shop()
    return carry_out(
        Settings(output=output, quiet=True),
        "retention set",
        shop,
        lambda: plan_retention(shop, see_retention(shop), time=time, size=None),
        dry_run=False,
        yes=True,
        after=after,
    )


def unseen() -> Afterwards:
    raise ServiceUnreachable("nobody answers", remedy="monops doctor")


def test_a_change_whose_outcome_cannot_be_seen_is_done_all_the_same_and_says_both(
    world: ChangeWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    assert changed(world, unseen) == 3
    said = json.loads(capsys.readouterr().out)
    assert not said["ok"]
    assert (said["result"]["changed"], said["result"]["id"]) == (True, 1)
    assert (said["result"]["error"], said["result"]["remedy"]) == ("nobody answers", "monops doctor")
    assert world.prometheus.retention == "7d"


def test_a_person_reads_that_it_is_done_how_to_take_it_back_and_what_could_not_be_seen(
    world: ChangeWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    assert changed(world, unseen, output="text") == 3
    assert capsys.readouterr().out.splitlines() == [
        "retention of Prometheus: time 30d → 7d: done, as prometheus reports itself",
        "change 1; to take it back: monops undo",
        "what came of it could not be seen: nobody answers",
        "  try: monops doctor",
    ]


def test_where_nothing_changes_what_cannot_be_seen_is_an_error(world: ChangeWorld) -> None:
    with pytest.raises(MonopsError, match="nobody answers"):
        changed(world, unseen, time="30d")


@pytest.mark.parametrize(
    ("settings", "command"),
    [
        (Settings(), "monops limits set redis --memory '1 G'"),
        (Settings(project="b"), "monops limits set redis --memory '1 G' --project b"),
    ],
)
def test_the_command_to_paste_names_the_stack_that_was_named(
    settings: Settings, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Wiring(settings).workshop("limits set redis --memory '1 G'").command == command


def test_it_names_the_configuration_too(tmp_path: Path) -> None:
    file = tmp_path / "my monops.toml"
    file.write_text("")
    assert Wiring(Settings(config=str(file))).workshop("undo").command == f"monops undo --config '{file}'"


@pytest.mark.parametrize(
    ("text", "address"), [("172.17.0.1:9096", ("172.17.0.1", 9096)), ("[::1]:65535", ("::1", 65535))]
)
def test_where_monops_listens_is_a_host_and_a_port(text: str, address: tuple[str, int]) -> None:
    assert listen_address(text, command="monops x") == address


@pytest.mark.parametrize("text", ["", "9096", ":9096", "a:", "a:0", "a:65536", "a:x", "a:²", "a:-1"])
def test_what_is_none_is_refused_with_one_that_is(text: str) -> None:
    with pytest.raises(UsageFault, match="is no address") as error:
        listen_address(text, command="monops alerts test")
    assert error.value.remedy == "monops alerts test --listen 172.17.0.1:9096"
