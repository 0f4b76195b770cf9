"""Which rule files a shard may evaluate by itself, because each of their rules asks one target only.

Source: prometheus.io/docs/prometheus/latest/querying/operators, "Vector matching".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from monops.domain.errors import ConfigurationError
from monops.domain.lint.promql import Expression, NotPromql, children, kind, parsed

#: Of series of several targets, or of none.
_WHOLE = frozenset({"absent", "absent_over_time", "scalar", "vector"})


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a rule file is evaluated."""

    file: str
    #: Why not by each shard; "" where it is.
    why: str


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str
    expression: Expression
    records: bool


def place_rules(files: Mapping[str, str]) -> tuple[Placed, ...]:
    """Path -> text of every rule file; where each goes, by path. Raises ConfigurationError for what is no rule file.

    What one file records, another may not take from a shard's own storage if it is recorded elsewhere: so a file is a
    shard's only if those it reads from are too.
    """
    rules = {file: tuple(_rules(file, text)) for file, text in files.items()}
    whys = {file: next((why for rule in found if (why := _why(rule))), "") for file, found in rules.items()}
    recorded = {rule.name: file for file, found in rules.items() for rule in found if rule.records}
    while True:
        more = dict(whys)
        for file, found in rules.items():
            for rule in found:
                for selector in rule.expression.selectors:
                    origin = recorded.get(selector.name)
                    if not more[file] and origin is not None and whys[origin]:
                        more[file] = f"{rule.name} reads {selector.name}, which {origin} records of all targets"
        if more == whys:
            return tuple(Placed(file, whys[file]) for file in sorted(files))
        whys = more


def _rules(file: str, text: str) -> Iterator[_Rule]:
    try:
        document = yaml.safe_load(text) or {}
        groups = document.get("groups") or []
        for group in groups:
            for rule in group.get("rules") or []:
                name = str(rule.get("alert") or rule["record"])
                yield _Rule(name, parsed(str(rule["expr"])), "record" in rule)
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{file} is no rule file: {error}", remedy=f"promtool check rules {file}") from error
    except NotPromql as error:
        raise ConfigurationError(
            f"a rule of {file} is no PromQL: {error}", remedy=f"promtool check rules {file}"
        ) from error


def _why(rule: _Rule) -> str:
    found = _across(rule.expression.root)
    if not found and not rule.expression.selectors:
        found = "a constant, which every shard would send"
    return f"{rule.name}: {found}" if found else ""


def _across(node: Any) -> str:
    """What in an expression needs more than one target's series; "" where nothing does."""
    match kind(node):
        case "AggregateExpr":
            return _aggregates(node)
        case "Call" if node.func.name in _WHOLE:
            return f"{node.func.name}()"
        case "VectorSelector":
            return "ALERTS, which is another rule's" if (node.name or "").startswith("ALERTS") else ""
        case "BinaryExpr":
            sides = [_across(one) for one in (node.lhs, node.rhs)]
            return next(filter(None, sides), "") or _matches(node)
    return next((found for one in children(node) if (found := _across(one))), "")


def _aggregates(node: Any) -> str:
    """An aggregation by job and instance, or without others than these, stays with one target."""
    modifier = getattr(node, "modifier", None)
    labels = {str(label) for label in getattr(modifier, "labels", ()) or ()}
    is_by = modifier is not None and str(getattr(modifier, "type", "")).endswith("By")
    is_one = {"job", "instance"} <= labels if is_by else modifier is not None and not labels & {"job", "instance"}
    inner = next((found for one in children(node) if (found := _across(one))), "")
    return inner or ("" if is_one else f"{node.op!s}() over several targets")


def _matches(node: Any) -> str:
    """Two sides that match by all their labels have one target's; by fewer, perhaps not."""
    matching = getattr(getattr(node, "modifier", None), "matching", None)
    if matching is None:
        return ""
    labels = {str(label) for label in getattr(matching, "labels", ()) or ()}
    is_on = str(getattr(matching, "type", matching)).rpartition(".")[2].lower().startswith("include")
    is_one = {"job", "instance"} <= labels if is_on else not labels & {"job", "instance"}
    return "" if is_one else f"{node.op} matches series of several targets"
