"""Edits of receivers and routes: only what is meant, and never an alert that nobody hears by accident."""

from __future__ import annotations

import difflib

import pytest

from monops.domain.errors import NotFound, Refused
from monops.domain.receiver_edit import (
    hearing,
    inheriting,
    keeps_mail_global,
    with_default,
    with_globals,
    with_route,
    with_settings,
    without_receiver,
)
from monops.domain.receivers import readings, routing_of

FILE = "alertmanager.yml"
#: As in the setup document, with a comment that has to stay.
SIMPLE = """\
global:
  slack_api_url: 'https://hooks.slack.com/services/YOUR/WEBHOOK/URL'

route:
  receiver: 'slack-notifications'   # everything

receivers:
  - name: 'slack-notifications'
    slack_configs:
      - channel: '#ai-orchestrator-alerts'
"""
ROUTED = """\
route:
  receiver: nobody
  routes:
    - matchers: [monops_test="true"]
      receiver: monops-test
    # The worst.
    - matchers: [severity="critical"]
      group_wait: 10s
    - matchers: [severity="warning"]
      routes:
        - {receiver: slack, continue: true}
    - match: {severity: info}
      receiver: slack
receivers:
  - name: nobody
  - name: slack
    slack_configs: [{channel: '#a', api_url_file: /run/secrets/slack-url}]
  - name: monops-test
    webhook_configs: [{url: 'http://x/'}]
"""


def added(before: str, after: str) -> list[str]:
    """The lines of the diff, without what stays."""
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line for line in lines if line[0] in "+-"]


def heard(text: str, **labels: str) -> tuple[str, ...]:
    return hearing(routing_of(text, FILE), labels)


def test_a_new_receiver_is_lines_at_the_end_of_the_list() -> None:
    text = with_settings(SIMPLE, "webhook", "webhook", {("url",): "http://a:1/x"}, (), file=FILE)
    assert added(SIMPLE, text) == ["+   - name: webhook", "+     webhook_configs:", "+       - url: http://a:1/x"]


def test_a_setting_of_a_receiver_is_changed_in_its_own_quotes() -> None:
    text = with_settings(SIMPLE, "slack-notifications", "slack", {("channel",): "#b"}, (), file=FILE)
    assert added(SIMPLE, text) == ["-       - channel: '#ai-orchestrator-alerts'", "+       - channel: '#b'"]


def test_a_second_way_of_the_same_receiver_stands_beside_the_first() -> None:
    text = with_settings(SIMPLE, "slack-notifications", "email", {("to",): "a@b.c"}, (), file=FILE)
    assert readings(text)["receiver slack-notifications"] == "email, slack"


def test_a_literal_secret_goes_when_a_file_takes_its_place() -> None:
    old = SIMPLE.replace("- channel:", "- api_url: 'https://secret'\n        channel:")
    settings: dict[tuple[str, ...], str] = {("api_url_file",): "/run/secrets/u"}
    text = with_settings(old, "slack-notifications", "slack", settings, ["api_url"], file=FILE)
    assert "https://secret" not in text
    assert "api_url_file: /run/secrets/u" in text


def test_which_of_two_integrations_is_meant_cannot_be_known() -> None:
    old = SIMPLE + "      - channel: '#two'\n"
    with pytest.raises(Refused, match="has 2 slack_configs"):
        with_settings(old, "slack-notifications", "slack", {("channel",): "#b"}, (), file=FILE)


def test_the_server_of_mail_stays_where_it_is_if_only_this_receiver_uses_it() -> None:
    text = "global: {smtp_smarthost: 'a:25'}\n" + ROUTED + "  - name: email\n    email_configs: [{to: a@b.c}]\n"
    assert keeps_mail_global(text, "email", file=FILE)
    assert not keeps_mail_global(text, "another", file=FILE)
    assert not keeps_mail_global(ROUTED, "email", file=FILE)
    changed = with_globals(text, {"smtp_smarthost": "b:25"}, [], file=FILE)
    assert readings(changed)["global smtp_smarthost"] == "b:25"


def test_a_route_to_nobody_leads_to_the_receiver_now() -> None:
    text = with_route(ROUTED, "slack", 'severity="critical"', file=FILE)
    assert added(ROUTED, text) == ["+       receiver: slack"]
    assert heard(text, severity="critical") == ("slack",)


def test_who_heard_by_the_same_route_hears_still() -> None:
    base = with_settings(ROUTED, "mail", "email", {("to",): "a@b.c"}, (), file=FILE)
    for severity in ("warning", "info"):
        text = with_route(base, "mail", f'severity="{severity}"', file=FILE)
        assert heard(text, severity=severity) == ("slack", "mail")
        assert heard(text, severity="critical") == ()


def test_the_same_route_twice_is_one() -> None:
    once = with_route(ROUTED, "slack", 'severity="critical"', file=FILE)
    assert with_route(once, "slack", 'severity="critical"', file=FILE) == once
    assert with_route(ROUTED, "slack", 'severity="warning"', file=FILE) == ROUTED


def test_a_new_route_comes_before_those_that_would_take_its_alerts_and_takes_them_from_nobody() -> None:
    base = with_settings(ROUTED, "mail", "email", {("to",): "a@b.c"}, (), file=FILE)
    text = with_route(base, "mail", 'severity="warning", team="core"', file=FILE)
    assert heard(text, severity="warning", team="core") == ("mail", "slack")
    assert heard(text, severity="warning") == ("slack",)


def test_tests_of_alerting_still_page_nobody() -> None:
    text = with_route(ROUTED, "slack", 'job=~"a|b"', file=FILE)
    assert heard(text, job="a") == ("slack",)
    assert heard(text, job="a", monops_test="true") == ("monops-test",)


def test_a_route_before_all_others_is_put_in_front() -> None:
    old = SIMPLE.replace(
        "# everything\n",
        "# everything\n  routes:\n    - matchers: [a=~\"x|y\"]\n      receiver: 'slack-notifications'\n",
    )
    base = with_settings(old, "hook", "webhook", {("url",): "http://a/"}, (), file=FILE)
    text = with_route(base, "hook", 'a="x"', file=FILE)
    assert heard(text, a="x") == ("hook", "slack-notifications")


def test_the_first_route_of_a_file_that_has_none() -> None:
    base = with_settings(SIMPLE, "hook", "webhook", {("url",): "http://a/"}, (), file=FILE)
    text = with_route(base, "hook", 'severity="critical"', file=FILE)
    assert heard(text, severity="critical") == ("hook",)
    assert heard(text) == ("slack-notifications",)


def test_the_default_is_one_word() -> None:
    assert added(ROUTED, with_default(ROUTED, "slack", file=FILE)) == ["-   receiver: nobody", "+   receiver: slack"]


def test_a_receiver_to_which_routes_lead_is_not_removed() -> None:
    with pytest.raises(Refused, match=r'severity="warning".*severity=info') as caught:
        without_receiver(ROUTED, "slack", file=FILE, and_routes=False, default=None)
    assert "--and-routes" in caught.value.remedy


def test_with_its_routes_nothing_of_it_is_left_and_the_rest_is_as_it_was() -> None:
    text = without_receiver(ROUTED, "slack", file=FILE, and_routes=True, default=None)
    assert "slack" not in text
    assert "# The worst." in text
    assert heard(text, severity="warning") == heard(text, severity="info") == ()
    assert heard(text, monops_test="true") == ("monops-test",)


def test_a_route_that_says_more_stays_and_leads_where_the_one_above_it_does() -> None:
    own = ROUTED.replace(
        "      group_wait: 10s\n", "      receiver: slack\n      group_wait: 10s\n      repeat_interval: 1h\n"
    )
    text = without_receiver(own, "slack", file=FILE, and_routes=True, default=None)
    assert [line for line in added(own, text) if "matc" in line] == ["-     - match: {severity: info}"]
    assert "group_wait: 10s\n      repeat_interval: 1h" in text
    assert routing_of(text, FILE).root.routes[1].receiver == "nobody"
    (said,) = inheriting(own, "slack", file=FILE, default=None)
    assert said.startswith('the route {severity="critical"} stays, because it sets group_wait and repeat_interval too')
    assert said.endswith("its alerts go to nobody then")


def test_a_route_below_one_that_stays_is_said_with_its_way() -> None:
    own = """\
route:
  receiver: slack
  routes:
    - matchers: [a="b"]
      receiver: mail
      routes:
        - matchers: [c="d"]
          receiver: slack
          group_by: [c]
    - matchers: [e="f"]
      receiver: slack
      routes:
        - {receiver: slack, continue: true}
    - matchers: [g="h"]
      receiver: slack
      routes:
        - {matchers: [i="j"], receiver: mail}
receivers: [{name: slack}, {name: mail}, {name: other}]
"""
    assert inheriting(own, "slack", file=FILE, default="other") == (
        'the route {a="b"} > {c="d"} stays, because it sets group_by too: its alerts go to mail then',
        'the route {g="h"} stays, because it has routes below it too: its alerts go to other then',
    )
    text = without_receiver(own, "slack", file=FILE, and_routes=True, default="other")
    assert [str(route) for route in routing_of(text, FILE).root.routes] == ['{a="b"}', '{g="h"}']


def test_the_last_receiver_stays() -> None:
    with pytest.raises(Refused, match="the only receiver"):
        without_receiver(SIMPLE, "slack-notifications", file=FILE, and_routes=True, default=None)


def test_the_receiver_of_all_other_alerts_needs_one_in_its_place() -> None:
    with pytest.raises(Refused, match="another must take its place"):
        without_receiver(ROUTED, "nobody", file=FILE, and_routes=True, default=None)
    with pytest.raises(NotFound, match="Did you mean 'slack'"):
        without_receiver(ROUTED, "nobody", file=FILE, and_routes=True, default="slak")
    text = without_receiver(ROUTED, "nobody", file=FILE, and_routes=False, default="slack")
    assert heard(text) == ("slack",)


def test_names_with_spaces_are_quoted_in_remedies() -> None:
    text = ROUTED.replace("slack", "on call")
    with pytest.raises(Refused) as caught:
        without_receiver(text, "on call", file=FILE, and_routes=False, default=None)
    assert caught.value.remedy.endswith("monops receivers remove 'on call' --and-routes")
    with pytest.raises(Refused) as caught:
        without_receiver(text, "nobody", file=FILE, and_routes=False, default=None)
    assert caught.value.remedy == "monops receivers remove nobody --default 'on call'"


def test_an_unknown_receiver_has_a_nearest_name() -> None:
    with pytest.raises(NotFound, match="Did you mean 'slack'"):
        without_receiver(ROUTED, "slakc", file=FILE, and_routes=False, default=None)
