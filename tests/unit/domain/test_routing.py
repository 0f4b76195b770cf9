"""Who hears of an alert, as Alertmanager decides it."""

from __future__ import annotations

import pytest
import yaml

from monops.domain.routing import Matcher, Routing, read_matchers, read_routing

CONFIG = """\
global:
  resolve_timeout: 5m
route:
  receiver: default
  group_by: [alertname]
  repeat_interval: 4h
  routes:
  - matchers: [team="database"]
    receiver: database
    group_wait: 1m
    continue: true
  - matchers: ['severity =~ "critical|page"']
    repeat_interval: 1h
    routes:
    - {receiver: pager, continue: true}
    - {receiver: chat}
    - {receiver: never}
  - match: {severity: warning}
    match_re: {service: "web.*"}
    receiver: web
  - matchers: ['{env!="production", region!~"eu-.*"}']
    receiver: elsewhere
inhibit_rules:
- source_matchers: [severity="critical"]
  target_matchers: [severity="warning"]
  equal: [instance]
- source_match: {alertname: Down}
  target_match_re: {alertname: ".+"}
receivers:
- name: default
- name: database
  email_configs: [{to: a@b.c}]
- name: pager
  pagerduty_configs: [{routing_key: <secret>}, {routing_key: <secret>}]
- name: chat
  slack_configs: [{api_url: <secret>}]
- name: web
- name: elsewhere
- name: never
"""


def names(routing: Routing, **labels: str) -> tuple[str, ...]:
    return tuple(path[-1].receiver for path in routing.route(labels))


PRODUCTION = {"env": "production"}


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        (PRODUCTION, ("default",)),
        ({**PRODUCTION, "severity": "critical"}, ("pager", "chat")),
        ({**PRODUCTION, "severity": "page"}, ("pager", "chat")),
        ({**PRODUCTION, "severity": "pager"}, ("default",)),
        ({**PRODUCTION, "severity": "critical", "team": "database"}, ("database", "pager", "chat")),
        ({**PRODUCTION, "severity": "warning", "service": "web-1"}, ("web",)),
        ({**PRODUCTION, "severity": "warning", "service": "my-web"}, ("default",)),
        ({"region": "us-1"}, ("elsewhere",)),
        ({"region": "eu-1"}, ("default",)),
        ({}, ("elsewhere",)),
    ],
)
def test_an_alert_goes_where_its_labels_say(labels: dict[str, str], receivers: tuple[str, ...]) -> None:
    assert names(read_routing(CONFIG), **labels) == receivers


def test_a_route_inherits_what_it_does_not_say() -> None:
    ((root, critical, pager), _) = read_routing(CONFIG).route({**PRODUCTION, "severity": "critical"})
    assert (root.repeat_interval, critical.repeat_interval, pager.repeat_interval) == ("4h", "1h", "1h")
    assert pager.group_by == ("alertname",)
    assert pager.group_wait == "30s"
    assert critical.receiver == "default"
    (path, _) = read_routing(CONFIG).route({**PRODUCTION, "severity": "critical", "team": "database"})[:2]
    assert path[-1].group_wait == "1m"


def test_receivers_are_told_once_and_an_empty_one_tells_nobody() -> None:
    routing = read_routing(CONFIG)
    (pager, chat) = routing.heard_by({**PRODUCTION, "severity": "critical"})
    assert (pager.kinds, chat.kinds) == (("pagerduty", "pagerduty"), ("slack",))
    (default,) = routing.heard_by(PRODUCTION)
    assert default.is_empty


def test_inhibit_rules_are_read_in_both_forms() -> None:
    first, second = read_routing(CONFIG).inhibit_rules
    assert (first.source, first.target) == (
        (Matcher("severity", "=", "critical"),),
        read_matchers('severity="warning"'),
    )
    assert first.equal == ("instance",)
    assert second.target[0].matches_everything
    assert second.equal == ()


def test_every_route_is_walked_with_its_path() -> None:
    paths = list(read_routing(CONFIG).root.walk())
    assert [path[-1].receiver for path in paths] == [
        "default", "database", "default", "pager", "chat", "never", "web", "elsewhere",
    ]  # fmt: skip
    assert [len(path) for path in paths] == [1, 2, 2, 3, 3, 3, 2, 2]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('severity="critical"', ['severity="critical"']),
        ("severity=critical", ['severity="critical"']),
        (' severity =~ "a|b" ', ['severity=~"a|b"']),
        ('{a="b", c!~"d,e"}', ['a="b"', 'c!~"d,e"']),
        ('{a="b",}', ['a="b"']),
        (r'a="say \"hi\"\n"', [r'a="say \"hi\"\n"']),
        ('"my label"="x"', ['my label="x"']),
        ('a=""', ['a=""']),
        ("a=", ['a=""']),
        ("{}", []),
    ],
)
def test_matchers_are_read_as_alertmanager_reads_them(text: str, shown: list[str]) -> None:
    assert [str(matcher) for matcher in read_matchers(text)] == shown


@pytest.mark.parametrize("text", ["severity", '="x"', 'a="b" c="d"', 'a=~"("'])
def test_what_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_matchers(text)


def test_a_label_that_is_not_there_is_empty() -> None:
    assert Matcher("a", "=", "").matches({})
    assert Matcher("a", "!=", "b").matches({})
    assert Matcher("a", "=~", ".*").matches({})
    assert not Matcher("a", "=~", ".+").matches({})


@pytest.mark.parametrize("text", ["", "receivers: []", "route: 7", "a: [", "route: {routes: [7]}"])
def test_what_is_no_configuration_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        read_routing(text)


def test_the_configuration_in_force_is_the_same_as_its_file() -> None:
    # Alertmanager shows its defaults too.
    shown = yaml.safe_load(CONFIG)
    shown["route"]["continue"] = False
    shown["templates"] = []
    assert read_routing(yaml.safe_dump(shown)).root == read_routing(CONFIG).root
