"""The plan of a receiver: where its secrets go, and that what the file says is in force afterwards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.alertmanager_world import ALERTING, INSIDE, RECEIVERS, SECRETS, AlertmanagerWorld
from tests.fakes.change_world import FOLDER

from monops.domain.change import Means, Value
from monops.domain.errors import UsageFault
from monops.ops.change import apply
from monops.ops.change_undo import plan_undo
from monops.ops.receivers import Asked, plan_set


@pytest.fixture
def world(tmp_path: Path) -> AlertmanagerWorld:
    return AlertmanagerWorld(tmp_path)


def nobody(_: str) -> str:
    raise UsageFault("nobody is at a terminal to ask", remedy="--url-file FILE")


def hook(name: str, url: str, kind: str = "webhook") -> Asked:
    return Asked(kind=kind, name=name, secrets={"api_url" if kind == "slack" else "url": url})


def done(world: AlertmanagerWorld, asked: Asked) -> None:
    apply(world.shop(), plan_set(world.shop(), asked, nobody))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (hook("ops", "https://a/one", "slack"), hook("ops", "https://a/two")),
        (hook("on call", "https://a/one"), hook("on-call", "https://a/two")),
    ],
)
def test_the_secret_of_one_is_never_written_over_that_of_another(
    world: AlertmanagerWorld, first: Asked, second: Asked
) -> None:
    done(world, first)
    done(world, second)
    (name,) = {first.name.replace(" ", "-")}
    assert world.files.texts[f"{SECRETS}/{name}-url"] == "https://a/one"
    assert world.files.texts[f"{SECRETS}/{name}-url-2"] == "https://a/two"
    assert f"{INSIDE}/{name}-url-2" in world.files.texts[ALERTING]


def test_two_secrets_of_one_receiver_are_two_files(world: AlertmanagerWorld) -> None:
    secrets = {"url": "https://a/one", "webhook_url": "https://a/two"}
    plan = plan_set(world.shop(), Asked(kind="webhook", name="ops", secrets=secrets), nobody)
    written = {edit.path: edit.after for edit in plan.edits if edit.is_secret}
    assert written == {f"{SECRETS}/ops-url": "https://a/one", f"{SECRETS}/ops-url-2": "https://a/two"}


def test_a_name_that_another_receiver_waits_for_is_not_taken(world: AlertmanagerWorld) -> None:
    world.files.texts[ALERTING] += (
        f"  - name: later\n    webhook_configs: [{{url_file: {INSIDE}/ops-url}}]\n"  # nobody has written it yet
    )
    world.reload()
    done(world, hook("ops", "https://a/one"))
    assert f"{SECRETS}/ops-url" not in world.files.texts
    assert world.files.texts[f"{SECRETS}/ops-url-2"] == "https://a/one"


def test_a_setting_keeps_the_file_that_it_names(world: AlertmanagerWorld) -> None:
    done(world, hook("ops", "https://a/one"))
    done(world, hook("ops", "https://a/other"))
    assert world.files.texts[f"{SECRETS}/ops-url"] == "https://a/other"
    assert f"{SECRETS}/ops-url-2" not in world.files.texts


def test_a_file_with_this_very_secret_that_nobody_names_is_taken(world: AlertmanagerWorld) -> None:
    world.files.texts[f"{SECRETS}/ops-url"] = "https://a/one"
    plan = plan_set(world.shop(), hook("ops", "https://a/one"), nobody)
    assert [edit.path for edit in plan.edits] == [ALERTING]


def test_the_password_of_a_proxy_is_shown_nowhere_and_does_not_hinder(world: AlertmanagerWorld) -> None:
    proxy: dict[tuple[str, ...], str] = {("http_config", "proxy_url"): "http://u:hunter2@proxy:1/"}
    asked = Asked(kind="webhook", name="ops", settings=proxy, secrets={"url": "https://a/one"})
    plan = plan_set(world.shop(), asked, nobody)
    assert "hunter2" not in str(plan.values) + str(plan.expected) + str([edit.diff() for edit in plan.edits])
    shop = replace(world.shop(), command="monops receivers set webhook --set http_config.proxy_url=http://u:hunter2@h")
    assert "hunter2" not in apply(shop, plan).command
    assert "http://u:hunter2@proxy:1/" in world.files.texts[ALERTING]


SLACK = Asked(
    kind="slack",
    name="ops",
    settings={("channel",): "#new"},
    secrets={"api_url": "https://a/one"},
    routes=('severity="critical"',),
)


def test_the_same_again_is_nothing_to_change(world: AlertmanagerWorld) -> None:
    done(world, SLACK)
    assert plan_set(world.shop(), SLACK, nobody).is_empty
    assert plan_set(world.shop(), replace(SLACK, is_default=True), nobody).edits


def test_what_the_file_says_and_alertmanager_has_not_read_is_put_in_force(world: AlertmanagerWorld) -> None:
    done(world, SLACK)
    loaded = world.alertmanager.loaded
    # As if somebody had edited the file, and never had it read.
    world.alertmanager.loaded = loaded.replace("#new", "#old").replace("severity", "team")
    plan = plan_set(world.shop(), SLACK, nobody)
    assert (plan.edits, [step.means for step in plan.steps]) == ((), [Means.RELOAD])
    assert Value("receiver ops: slack_configs[0].channel", "#old", "#new") in plan.values
    assert any("was edited since Alertmanager read it" in one for one in plan.warnings)
    apply(world.shop(), plan)
    assert world.alertmanager.loaded == loaded
    assert plan_set(world.shop(), SLACK, nobody).is_empty


def test_a_receiver_that_alertmanager_has_not_read_at_all_is_put_in_force(world: AlertmanagerWorld) -> None:
    done(world, SLACK)
    world.alertmanager.loaded = RECEIVERS
    done(world, SLACK)
    assert "#new" in world.alertmanager.loaded


def test_what_nobody_asked_for_is_no_reason_to_reload(world: AlertmanagerWorld) -> None:
    done(world, SLACK)
    world.files.texts[ALERTING] += "  - name: another\n"
    assert plan_set(world.shop(), SLACK, nobody).is_empty


def test_a_change_of_a_file_that_was_edited_by_hand_leads_back_to_that_file(world: AlertmanagerWorld) -> None:
    done(world, SLACK)
    edited = world.files.texts[ALERTING].replace("#new", "#by-hand")
    world.files.texts[ALERTING] = edited
    done(world, replace(SLACK, settings={("channel",): "#newest"}))
    apply(world.shop(), plan_undo(world.shop(), FOLDER, None))
    assert world.files.texts[ALERTING] == world.alertmanager.loaded == edited


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_literal_secret_below_another_setting_goes_when_a_file_takes_its_place(
    world: AlertmanagerWorld, by_hand: bool
) -> None:
    config = "[{url: 'http://a/', http_config: {basic_auth: {username: u, password: hunter2}}}]"
    world.files.texts[ALERTING] += f"  - name: ops\n    webhook_configs: {config}\n"
    world.reload()
    name = "http_config.basic_auth.password"
    asked = Asked(kind="webhook", name="ops", secrets={name: "new"})
    if by_hand:
        world.files.texts[f"{SECRETS}/mine"] = "new"
        path = (*f"{name}_file".split("."),)
        asked = Asked(kind="webhook", name="ops", settings={path: f"{INSIDE}/mine"})
    done(world, asked)
    text = world.files.texts[ALERTING]
    assert "hunter2" not in text
    assert f"username: u, password_file: {INSIDE}/{'mine' if by_hand else f'ops-{name}'}" in text
