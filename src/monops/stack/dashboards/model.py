"""Writes a dashboard as Grafana's dashboard model: every panel numbered and in its place."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from monops.stack.dashboards.panel import Dashboard, Json, Panel, Row, Target, Variable, letter, mappings, thresholds

#: Grafana 11.6 and later read it as it is; newer ones change nothing that is used here.
SCHEMA_VERSION = 41
#: Grafana brings options of older versions up to date; the ones written here are of this version.
OPTIONS_VERSION = "11.6.0"
#: Whichever Prometheus is chosen at the top of the dashboard: so the file needs no editing and no questions on import.
DATA_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24
#: The tag that all dashboards have: their menu of links is made of it.
TAG = "monops"


def as_json(dashboard: Dashboard) -> str:
    """The file that Grafana provisions or imports: the same bytes for the same dashboard."""
    return json.dumps(as_model(dashboard), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def as_model(dashboard: Dashboard) -> Json:
    """Grafana's dashboard model."""
    return {
        "annotations": {"list": []},
        "description": dashboard.about,
        "editable": True,
        "graphTooltip": 1,
        "links": [_links()],
        "panels": list(_panels(dashboard.rows)),
        "refresh": "30s",
        "schemaVersion": SCHEMA_VERSION,
        "tags": [TAG, *dashboard.tags],
        "templating": {"list": [_data_source(), *(_variable(variable) for variable in dashboard.variables)]},
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "title": dashboard.title,
        "uid": dashboard.uid,
    }


def _panels(rows: Sequence[Row]) -> Iterator[Json]:
    """Rows and panels from top to bottom, numbered from 1, each in its place."""
    number, top = 1, 0
    for row in rows:
        place = {"h": 1, "w": WIDTH, "x": 0, "y": top}
        yield {"collapsed": False, "gridPos": place, "id": number, "panels": [], "title": row.title, "type": "row"}
        number, top = number + 1, top + 1
        for shelf in row.shelves:
            width, rest = divmod(WIDTH, len(shelf))
            if rest:
                raise ValueError(f"{len(shelf)} panels do not fill a shelf of {row.title!r} evenly")
            height = max(panel.height for panel in shelf)
            for column, panel in enumerate(shelf):
                yield _panel(panel, number, {"h": height, "w": width, "x": column * width, "y": top})
                number += 1
            top += height


def _panel(panel: Panel, number: int, place: Json) -> Json:
    transformations = panel.transformations()
    return {
        "datasource": DATA_SOURCE,
        "description": panel.about,
        "fieldConfig": {"defaults": _defaults(panel), "overrides": panel.overrides()},
        "gridPos": place,
        "id": number,
        "options": panel.options(),
        "pluginVersion": OPTIONS_VERSION,
        "targets": [_target(target, place) for place, target in enumerate(panel.queries())],
        "title": panel.title,
        "type": panel.kind,
        **({"transformations": transformations} if transformations else {}),
    }


def _defaults(panel: Panel) -> Json:
    found: Json = {"thresholds": thresholds(panel.steps), "unit": panel.unit, **panel.field()}
    optional = (("min", panel.least), ("max", panel.most), ("decimals", panel.decimals))
    found |= {name: value for name, value in optional if value is not None}
    if panel.meanings:
        found["mappings"] = mappings(panel.meanings)
    return found


def _target(target: Target, place: int) -> Json:
    return {
        "datasource": DATA_SOURCE,
        "editorMode": "code",
        "expr": target.expr,
        "format": target.format,
        "instant": target.instant,
        "range": not target.instant,
        "refId": letter(place),
        **({"legendFormat": target.legend} if target.legend else {}),
    }


def _data_source() -> Json:
    """Without a value Grafana takes its default Prometheus."""
    return {"label": "Data source", "name": "datasource", "query": "prometheus", "refresh": 1, "type": "datasource"}


def _variable(variable: Variable) -> Json:
    return {
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
        "datasource": DATA_SOURCE,
        "includeAll": True,
        "label": variable.label,
        "multi": True,
        "name": variable.name,
        "query": {"qryType": 1, "query": variable.query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        # With every change of the time range: what has gone since is still a choice for then.
        "refresh": 2,
        "sort": 1,
        "type": "query",
    }


def _links() -> Json:
    """The menu of the other dashboards: all that have the tag."""
    return {
        "asDropdown": True,
        "icon": "external link",
        # Not the choices: `instance` is something else on every dashboard.
        "includeVars": False,
        "keepTime": True,
        "tags": [TAG],
        "targetBlank": False,
        "title": "Monitoring",
        "tooltip": "The other dashboards of this stack",
        "type": "dashboards",
        "url": "",
    }
