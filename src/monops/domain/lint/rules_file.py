"""A rule file with the lines on which everything stands.

Source: prometheus.io/docs/prometheus/latest/configuration/recording_rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import yaml

from monops.domain.units import parse_duration

_Loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class NotYaml(Exception):
    """A file that is no YAML, and where."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass(frozen=True, slots=True)
class Text:
    """A value, and the lines on which it stands, from 1."""

    value: str
    line: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a group."""

    #: "alert", "record" or "" for what is neither.
    kind: str
    name: str
    expr: Text
    holds_for: Text | None
    labels: Mapping[str, Text]
    annotations: Mapping[str, Text]
    line: int
    end: int

    @property
    def subject(self) -> str:
        return f"{'alert' if self.kind == 'alert' else 'recording rule'} {self.name}"

    @property
    def labels_only(self) -> tuple[tuple[str, str], ...]:
        return tuple(sorted((name, text.value) for name, text in self.labels.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One group of rules."""

    name: str
    #: Seconds; None where it has none of its own.
    interval: float | None
    rules: tuple[Rule, ...]
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFile:
    """What Prometheus would load."""

    path: str
    lines: tuple[str, ...]
    groups: tuple[Group, ...]

    @property
    def rules(self) -> Iterator[Rule]:
        return (rule for group in self.groups for rule in group.rules)


def composed(text: str) -> yaml.Node | None:
    """The nodes of a YAML document. Raises NotYaml."""
    try:
        found: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        said = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise NotYaml(str(said), mark.line + 1 if mark else 1) from error
    return found


def section(node: yaml.Node | None, key: str) -> yaml.Node | None:
    """The value of a key of a mapping."""
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == key:
                return value  # type: ignore[no-any-return]
    return None


def rules_file(path: str, text: str) -> RuleFile | None:
    """None where it is YAML and no rule file. Raises NotYaml."""
    top = composed(text)
    groups = section(top, "groups") or section(section(top, "spec"), "groups")
    if not isinstance(groups, yaml.SequenceNode):
        return None
    return RuleFile(
        path=path,
        lines=tuple(text.splitlines()),
        groups=tuple(_group(node) for node in groups.value if isinstance(node, yaml.MappingNode)),
    )


def _group(node: yaml.MappingNode) -> Group:
    name, interval, rules = section(node, "name"), section(node, "interval"), section(node, "rules")
    items = rules.value if isinstance(rules, yaml.SequenceNode) else []
    return Group(
        name=_value(name),
        interval=seconds(_value(interval)),
        rules=tuple(_rule(item) for item in items if isinstance(item, yaml.MappingNode)),
        line=node.start_mark.line + 1,
    )


def _rule(node: yaml.MappingNode) -> Rule:
    alert, record = section(node, "alert"), section(node, "record")
    holds_for = section(node, "for")
    return Rule(
        kind="alert" if alert is not None else "record" if record is not None else "",
        name=_value(alert if alert is not None else record),
        expr=_text(section(node, "expr")) or Text("", node.start_mark.line + 1, node.start_mark.line + 1),
        holds_for=_text(holds_for),
        labels=_texts(section(node, "labels")),
        annotations=_texts(section(node, "annotations")),
        line=node.start_mark.line + 1,
        end=max(node.start_mark.line + 1, _last(node)),
    )


def _texts(node: yaml.Node | None) -> dict[str, Text]:
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {str(name.value): text for name, value in node.value if (text := _text(value)) is not None}


def _text(node: yaml.Node | None) -> Text | None:
    if not isinstance(node, yaml.ScalarNode):
        return None
    return Text(str(node.value), node.start_mark.line + 1, _last(node))


def _last(node: yaml.Node) -> int:
    """The last line of a node. What the parser calls its end is the next thing, behind comments."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style:
        return max((_last(value) for _, value in node.value), default=node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode) and not node.flow_style:
        return max((_last(value) for value in node.value), default=node.start_mark.line + 1)
    mark = node.end_mark
    return int(mark.line) if mark.column == 0 and mark.line > node.start_mark.line else int(mark.line) + 1


def _value(node: yaml.Node | None) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


def seconds(text: str) -> float | None:
    """A duration in seconds; None for what is none."""
    try:
        return parse_duration(text).total_seconds() if text else None
    except ValueError:
        return None
