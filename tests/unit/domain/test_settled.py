"""A server's configuration as names and values."""

from __future__ import annotations

import pytest

from monops.domain.settled import differences, flattened, is_secret_setting, those_of


def test_lists_and_mappings_become_names_and_durations_one_way_of_writing() -> None:
    value = {"name": "x", "queue": {"wait": "60s", "on": True}, "list": ["a", {"b": None}]}
    assert dict(flattened(value)) == {
        "name": "x", "queue.wait": "60000ms", "queue.on": "true", "list[0]": "a", "list[1].b": "",
    }  # fmt: skip


def test_a_minute_is_sixty_seconds_whoever_writes_it() -> None:
    assert dict(flattened({"a": "1m"})) == dict(flattened({"a": "60s"}))


def test_a_password_in_an_address_is_hidden_as_servers_hide_it() -> None:
    assert dict(flattened({"proxy_url": "http://u:hunter2@h:1/"})) == {"proxy_url": "http://u:xxxxx@h:1/"}
    assert dict(flattened({"proxy_url": "http://u@h:1/"})) == {"proxy_url": "http://u@h:1/"}


def test_what_goes_is_expected_to_be_nothing_and_secrets_are_not_expected_at_all() -> None:
    before = {"a": "1", "b": "2", "x.password": "old", "url": "u"}
    after = {"a": "1", "c": "3", "x.password": "new", "url": "v"}
    assert differences(before, after, hidden=frozenset({"url"})) == {"c": "3", "b": ""}


@pytest.mark.parametrize("name", ["password", "auth_password", "routing_key", "bot_token", "credentials", "api_url"])
def test_it_knows_a_secret_by_its_name(name: str) -> None:
    assert is_secret_setting(name)
    assert not is_secret_setting(f"{name}_file")


@pytest.mark.parametrize("name", ["channel", "url", "username", "auth_username", "keyboard", "to"])
def test_it_takes_nothing_else_for_one(name: str) -> None:
    assert not is_secret_setting(name)


def test_what_is_below_a_name_belongs_to_it_and_what_only_begins_like_it_does_not() -> None:
    found = {"a": "1", "a.b": "2", "a[0].c": "3", "ab": "4", "b.a": "5"}
    assert list(those_of(found, ["a"])) == ["a", "a.b", "a[0].c"]
