"""A dashboard of Grafana: its panels, their queries, and the data sources that they name.

Source: grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from monops.domain.lint.rules_file import NotYaml


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query of a panel."""

    ref: str
    expr: str
    line: int
    #: The uid or name of its data source; None where it names none.
    source: str | None
    #: The type of its data source: `prometheus`, `loki`; None where none is named.
    kind: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel."""

    title: str
    source: str | None
    line: int
    queries: tuple[Query, ...]
    kind: str | None = None
    #: What a person wrote of it: JSON has no comments.
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """What Grafana would show."""

    path: str
    title: str
    panels: tuple[Panel, ...]
    #: The names of its variables.
    variables: frozenset[str]
    #: What a person is asked when importing it by hand: `DS_PROMETHEUS`.
    inputs: frozenset[str]
    description: str = ""


def dashboard_file(path: str, text: str) -> Dashboard | None:
    """None where it is JSON and no dashboard. Raises NotYaml for what is not even JSON."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise NotYaml(getattr(error, "msg", str(error)), getattr(error, "lineno", 1)) from error
    if isinstance(found, dict) and isinstance(found.get("dashboard"), dict):
        found = found["dashboard"]
    if not isinstance(found, dict) or not isinstance(found.get("panels"), list):
        return None
    lines = _Lines(text)
    templating = found.get("templating")
    variables = _items(templating.get("list")) if isinstance(templating, dict) else []
    return Dashboard(
        path=path,
        title=str(found.get("title", "")),
        panels=tuple(_panel(item, lines) for item in _flat(found["panels"])),
        variables=frozenset(str(one.get("name")) for one in variables if isinstance(one, dict)),
        inputs=frozenset(str(one.get("name")) for one in _items(found.get("__inputs")) if isinstance(one, dict)),
        description=str(found.get("description") or ""),
    )


def _items(value: Any) -> list[Any]:
    """The items of a list; none where people wrote something else."""
    return value if isinstance(value, list) else []


def _flat(panels: list[Any]) -> Iterator[Mapping[str, Any]]:
    for panel in panels:
        if isinstance(panel, dict):
            if panel.get("type") != "row":
                yield panel
            yield from _flat(_items(panel.get("panels")))


def _panel(item: Mapping[str, Any], lines: _Lines) -> Panel:
    title = str(item.get("title") or "")
    targets = [one for one in _items(item.get("targets")) if isinstance(one, dict) and one.get("hide") is not True]
    queries = tuple(
        Query(
            ref=str(one.get("refId", "")),
            expr=str(one["expr"]),
            line=lines.of("expr", str(one["expr"])),
            source=_source(one.get("datasource")),
            kind=_kind(one.get("datasource")),
        )
        for one in targets
        if isinstance(one.get("expr"), str) and one["expr"].strip()
    )
    return Panel(
        title=title or f"panel {item.get('id', '')}",
        source=_source(item.get("datasource")),
        kind=_kind(item.get("datasource")),
        line=lines.of("title", title) if title else 1,
        queries=queries,
        description=str(item.get("description") or ""),
    )


def _source(value: Any) -> str | None:
    """Its uid; before Grafana 8.3 its name."""
    if isinstance(value, dict):
        return str(value["uid"]) if value.get("uid") else None
    return value if isinstance(value, str) and value else None


def _kind(value: Any) -> str | None:
    """Its type; none before Grafana 8.3."""
    return str(value["type"]) if isinstance(value, dict) and value.get("type") else None


class _Lines:
    """On which line the next `"key": "value"` of a JSON text stands: each is asked for in the order of the text."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        self._from: dict[tuple[str, str], int] = {}

    def of(self, key: str, value: str) -> int:
        asked = (key, value)
        wanted = {json.dumps(value), json.dumps(value, ensure_ascii=False)}
        for number in range(self._from.get(asked, 0), len(self._lines)):
            line = self._lines[number]
            if f'"{key}"' in line and any(one in line for one in wanted):
                self._from[asked] = number + 1
                return number + 1
        return self._from.get(asked, 1)
