"""Alertmanager's configuration as values: who hears of an alert with these labels, and by which routes.

Sources: prometheus.io/docs/alerting/latest/configuration; the order of routes is that of prometheus/alertmanager,
dispatch/route.go (`Route.Match`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property, lru_cache
from typing import Any

import yaml

from monops.domain.go_expression import NotTranslated, go_expression
from monops.domain.units import parse_duration
from monops.domain.yaml_text import read_yaml

#: What holds where the configuration says nothing.
GROUP_WAIT, GROUP_INTERVAL, REPEAT_INTERVAL = "30s", "5m", "4h"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_MATCHER = re.compile(
    rf'\s*(?P<name>{_QUOTED}|[^\s=!~{{}},"]+)\s*(?P<operator>=~|!~|!=|=)\s*(?P<value>{_QUOTED}|[^,"]*?)\s*(?:,|$)'
)
_ESCAPED = re.compile(r"\\(.)")
_LETTERS = {"n": "\n"}
#: Regular expressions that every value matches, or every value but none.
_EVERYTHING = frozenset({".*", ".+", "(.*)", "(.+)", "^.*$", "^.+$", ".*?", "(?s:.*)"})


@dataclass(frozen=True)
class Matcher:
    """One condition on a label. A label that is not there has the value ""."""

    name: str
    #: "=", "!=", "=~" or "!~".
    operator: str
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet it."""
        actual = labels.get(self.name, "")
        met = self._pattern.fullmatch(actual) is not None if "~" in self.operator else actual == self.value
        return met is not self.operator.startswith("!")

    @property
    def matches_everything(self) -> bool:
        """Whether every alert that has the label at all meets it."""
        if self.operator == "=~":
            return self.value in _EVERYTHING
        return self.operator == "!=" and self.value == ""

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return go_expression(self.value)

    def __str__(self) -> str:
        value = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{self.operator}"{value}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A node of the tree, with what it inherits filled in."""

    receiver: str
    matchers: tuple[Matcher, ...] = ()
    #: Whether the next sibling is asked too.
    goes_on: bool = False
    group_by: tuple[str, ...] = ()
    group_wait: str = GROUP_WAIT
    group_interval: str = GROUP_INTERVAL
    repeat_interval: str = REPEAT_INTERVAL
    #: Names of the time intervals in which it is silent, and outside of which it is: these are not inherited.
    muted_in: tuple[str, ...] = ()
    active_in: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(matcher.matches(labels) for matcher in self.matchers)

    def paths(self, labels: Mapping[str, str]) -> tuple[tuple[Route, ...], ...]:
        """From here to every route that handles an alert; empty where this one does not match."""
        if not self.matches(labels):
            return ()
        found: list[tuple[Route, ...]] = []
        for child in self.routes:
            below = child.paths(labels)
            found += [(self, *path) for path in below]
            if below and not child.goes_on:
                break
        return tuple(found) or ((self,),)

    def walk(self, above: tuple[Route, ...] = ()) -> Iterator[tuple[Route, ...]]:
        """Every route below and this one, each as its path from the top."""
        path = (*above, self)
        yield path
        for child in self.routes:
            yield from child.walk(path)

    def __str__(self) -> str:
        return "{" + ", ".join(map(str, self.matchers)) + "}" if self.matchers else "any alert"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Who is told."""

    name: str
    #: (kind as "slack", its settings), in order.
    integrations: tuple[tuple[str, Mapping[str, Any]], ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(kind for kind, _ in self.integrations)

    @property
    def is_empty(self) -> bool:
        """Whether an alert that comes here is told to nobody."""
        return not self.integrations


@dataclass(frozen=True, slots=True, kw_only=True)
class InhibitRule:
    """While an alert fires that matches the source, those that match the target are muted."""

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    #: The labels that both must have alike.
    equal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """The part of the configuration that says who hears of what."""

    root: Route
    receivers: Mapping[str, Receiver] = field(default_factory=dict)
    inhibit_rules: tuple[InhibitRule, ...] = ()
    #: Settings for every receiver.
    settings: Mapping[str, Any] = field(default_factory=dict)

    def route(self, labels: Mapping[str, str]) -> tuple[tuple[Route, ...], ...]:
        """The path of routes to each that handles an alert, from the top; at least one."""
        return self.root.paths(labels)

    def heard_by(self, labels: Mapping[str, str]) -> tuple[Receiver, ...]:
        """The receivers of an alert, each once."""
        names = dict.fromkeys(path[-1].receiver for path in self.route(labels))
        return tuple(self.receivers.get(name, Receiver(name=name)) for name in names)


@lru_cache(maxsize=8)
def read_routing(text: str) -> Routing:
    """The routing in a configuration file, or in what `/api/v2/status` shows of it.

    Raises ValueError with a sentence where it is none.
    """
    try:
        content = read_yaml(text)
    except yaml.YAMLError as error:
        raise ValueError(f"it is not YAML: {_first_line(error)}") from error
    if not isinstance(content, Mapping) or not isinstance(content.get("route"), Mapping):
        raise ValueError("it has no `route`")
    settings = content.get("global") or {}
    receivers = tuple(_receiver(item) for item in content.get("receivers") or ())
    root = Route(receiver="")
    return Routing(
        root=_route(content["route"], root),
        receivers={receiver.name: receiver for receiver in receivers},
        inhibit_rules=tuple(_inhibit_rule(item) for item in content.get("inhibit_rules") or ()),
        settings=settings if isinstance(settings, Mapping) else {},
    )


def read_matchers(text: str) -> tuple[Matcher, ...]:
    """`severity="critical"`, or several with commas between, with or without braces.

    Raises ValueError with a sentence where it is none.
    """
    inner = text.strip()
    if inner.startswith("{") and inner.endswith("}"):
        inner = inner[1:-1].rstrip().rstrip(",")
    found, place = [], 0
    while place < len(inner):
        match = _MATCHER.match(inner, place)
        if match is None:
            raise ValueError(f'{text!r} is no matcher; write for example severity="critical"')
        found.append(_matcher(_plain(match["name"]), match["operator"], _plain(match["value"])))
        place = match.end()
    return tuple(found)


def as_duration(text: str) -> timedelta | None:
    """A duration of the configuration; None where it is none."""
    try:
        return parse_duration(text)
    except ValueError:
        return None


def _route(item: Any, parent: Route) -> Route:
    if not isinstance(item, Mapping):
        raise ValueError("a route is no mapping")
    group_by = item.get("group_by")
    own = Route(
        receiver=str(item.get("receiver") or parent.receiver),
        matchers=_matchers(item, "match", "match_re", "matchers"),
        goes_on=bool(item.get("continue")),
        group_by=parent.group_by if group_by is None else tuple(map(str, group_by)),
        group_wait=str(_given(item, "group_wait", parent.group_wait)),
        group_interval=str(_given(item, "group_interval", parent.group_interval)),
        repeat_interval=str(_given(item, "repeat_interval", parent.repeat_interval)),
        muted_in=tuple(map(str, item.get("mute_time_intervals") or ())),
        active_in=tuple(map(str, item.get("active_time_intervals") or ())),
    )
    children = tuple(_route(child, own) for child in item.get("routes") or ())
    return replace(own, routes=children)


def _receiver(item: Any) -> Receiver:
    if not isinstance(item, Mapping) or not item.get("name"):
        raise ValueError("a receiver has no name")
    integrations = [
        (key.removesuffix("_configs"), settings if isinstance(settings, Mapping) else {})
        for key, value in item.items()
        if isinstance(key, str) and key.endswith("_configs")
        for settings in value or ()
    ]
    return Receiver(name=str(item["name"]), integrations=tuple(integrations))


def _inhibit_rule(item: Any) -> InhibitRule:
    if not isinstance(item, Mapping):
        raise ValueError("an inhibit rule is no mapping")
    return InhibitRule(
        source=_matchers(item, "source_match", "source_match_re", "source_matchers"),
        target=_matchers(item, "target_match", "target_match_re", "target_matchers"),
        equal=tuple(map(str, item.get("equal") or ())),
    )


def _matchers(item: Mapping[str, Any], equal: str, like: str, any_form: str) -> tuple[Matcher, ...]:
    """All three ways to write them; sorted, for their order means nothing."""
    found = [_matcher(str(name), "=", str(value)) for name, value in (item.get(equal) or {}).items()]
    found += [_matcher(str(name), "=~", str(value)) for name, value in (item.get(like) or {}).items()]
    written = item.get(any_form) or ()
    for text in (written,) if isinstance(written, str) else _texts(written):
        found += read_matchers(text)
    return tuple(sorted(found, key=str))


def _texts(items: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(item) for item in items)


def _matcher(name: str, operator: str, value: str) -> Matcher:
    matcher = Matcher(name, operator, value)
    try:
        matcher.matches({})
    except NotTranslated as error:
        raise NotTranslated(f"{matcher} is no regular expression that can be read here: {error}") from error
    return matcher


def _plain(text: str) -> str:
    if not text.startswith('"'):
        return text
    return _ESCAPED.sub(lambda found: _LETTERS.get(found[1], found[1]), text[1:-1])


def _given(item: Mapping[str, Any], name: str, otherwise: str) -> Any:
    value = item.get(name)
    return otherwise if value is None else value


def _first_line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}: " if mark is not None else ""
    return where + str(getattr(error, "problem", None) or str(error).splitlines()[0])
