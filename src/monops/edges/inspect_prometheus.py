"""The facts that Prometheus tells, and its answers to queries.

Source: prometheus.io/docs/prometheus/latest/querying/api; prometheus/prometheus, web/api/v1/api.go.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from monops.domain.errors import EngineError, ServiceError
from monops.domain.facts import Build, Part, Rule, RuleGroup, Runtime, Target, Unknown
from monops.domain.ports import RuleAlert, Series
from monops.domain.ports.inspection import Reader
from monops.domain.units import parse_duration
from monops.edges.docker_items import time_of
from monops.edges.http_items import rule_alert_of
from monops.edges.inspect_http import Asked
from monops.edges.once import Once

#: How many metrics are named, those with the most series first.
_METRICS = 20
_HOUR = 3600


class PrometheusInspector:
    """A Prometheus and what it says of itself."""

    def __init__(self, asked: Asked, unseen: Unknown | None = None) -> None:
        """`unseen`: why nobody knows whether there are others beside it."""
        self._asked = asked
        self._unseen = unseen

    def readers(self) -> Mapping[str, Reader]:
        return {
            "prometheus_ready": self._asked.ready,
            "prometheus_build": lambda: Build(version=str(self._data("status/buildinfo").get("version", ""))),
            "prometheus_runtime": self._runtime,
            "prometheus_flags": lambda: {str(k): str(v) for k, v in self._data("status/flags").items()},
            "prometheus_config": lambda: str(self._data("status/config").get("yaml", "")),
            "prometheus_parts": self._parts,
            "prometheus_targets": self._targets,
            "prometheus_dropped": self._dropped,
            "prometheus_rules": self._rules,
            "prometheus_alertmanagers": self._alertmanagers,
            "prometheus_alerts": self._alerts,
            "prometheus_replay": self._replay,
            "prometheus_metrics": self._metrics,
            "prometheus_cardinality": self._cardinality,
        }

    def _data(self, path: str, parameters: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        found = self._asked.json(f"/api/v1/{path}", parameters)
        data = found.get("data") if isinstance(found, dict) else None
        if not isinstance(data, dict):
            raise ServiceError(f"{self._asked.name} answers /api/v1/{path} in an unknown form", remedy="")
        return data

    def _parts(self) -> tuple[Part, ...]:
        if self._unseen is not None:
            raise EngineError(self._unseen.reason, remedy=self._unseen.remedy)
        return ()

    def _runtime(self) -> Runtime:
        data = self._data("status/runtimeinfo")
        return Runtime(
            started_at=_unix(data.get("startTime")),
            reload_succeeded=bool(data.get("reloadConfigSuccess")),
            config_at=_unix(data.get("lastConfigTime")),
            retention=str(data.get("storageRetention", "")),
            corruptions=int(data.get("corruptionCount") or 0),
            server_time=_unix(data["serverTime"]) if data.get("serverTime") else None,
        )

    def _targets(self) -> tuple[Target, ...]:
        return tuple(_target(item) for item in self._data("targets", {"state": "active"}).get("activeTargets") or ())

    def _dropped(self) -> dict[str, int]:
        data = self._data("targets", {"state": "dropped"})
        counts = data.get("droppedTargetCounts")
        if isinstance(counts, dict):
            return {str(name): int(count) for name, count in counts.items()}
        # Before 2.46 there is only the list.
        pools = (
            item.get("scrapePool") or (item.get("discoveredLabels") or {}).get("job", "")
            for item in data.get("droppedTargets") or ()
        )
        return dict(Counter(map(str, pools)))

    def _rules(self) -> tuple[RuleGroup, ...]:
        groups = self._data("rules", {"exclude_alerts": "true"}).get("groups") or ()
        return tuple(
            RuleGroup(
                name=str(group.get("name", "")),
                file=str(group.get("file", "")),
                interval=float(group.get("interval") or 0),
                rules=tuple(_rule(item) for item in group.get("rules") or ()),
                evaluation=float(group.get("evaluationTime") or 0),
            )
            for group in groups
        )

    def _alertmanagers(self) -> tuple[str, ...]:
        return tuple(str(one.get("url", "")) for one in self._data("alertmanagers").get("activeAlertmanagers") or ())

    def _alerts(self) -> tuple[RuleAlert, ...]:
        return tuple(map(rule_alert_of, self._data("alerts").get("alerts") or ()))

    def _replay(self) -> float:
        if self._asked.ready()[0] == 200:
            return 1.0
        data = self._data("status/walreplay")
        first, last, now = (int(data.get(name) or 0) for name in ("min", "max", "current"))
        # As Prometheus's own page counts; all are 0 before it knows how much there is.
        return min(1.0, (now - first + 1) / (last - first + 1)) if last > 0 else 0.0

    def _metrics(self) -> frozenset[str]:
        path, start = "label/__name__/values", f"{time.time() - _HOUR:.0f}"
        found = self._asked.json(f"/api/v1/{path}", {"start": start})
        data = found.get("data") if isinstance(found, dict) else None
        if not isinstance(data, list):
            raise ServiceError(f"{self._asked.name} answers /api/v1/{path} in an unknown form", remedy="")
        return frozenset(map(str, data))

    def _cardinality(self) -> dict[str, int]:
        found = self._data("status/tsdb", {"limit": str(_METRICS)}).get("seriesCountByMetricName") or ()
        return {str(item["name"]): int(item["value"]) for item in found}


class PrometheusAsker:
    """Prometheus, asked many things at once, all of the same moment."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._ready = Once(asked.ready)
        self._at = f"{time.time():.3f}"

    def ask(self, promql: str) -> tuple[Series, ...]:
        """Vectors, and a scalar as one series without labels. Raises ServiceError."""
        status, text = self._ready()
        if status == 503:
            raise ServiceError(f"{self._asked.name} is not ready: {text.strip()}", remedy="monops stack status")
        found = self._asked.json("/api/v1/query", {"query": promql, "time": self._at}).get("data") or {}
        kind, result = found.get("resultType"), found.get("result") or []
        if kind == "scalar":
            return (Series(labels={}, points=((float(result[0]), str(result[1])),)),)
        if kind != "vector":
            raise ServiceError(f"{promql!r} gives neither a vector nor a scalar", remedy="")
        series = (
            Series(
                labels=dict(item.get("metric") or {}),
                points=((float(item["value"][0]), str(item["value"][1])),),
            )
            for item in result
            if item.get("value")  # else a native histogram
        )
        return tuple(sorted(series, key=lambda one: sorted(one.labels.items())))


def _target(item: Mapping[str, Any]) -> Target:
    labels = dict(item.get("labels") or {})
    discovered = dict(item.get("discoveredLabels") or {})
    # Before 2.29 only the labels before relabelling tell the interval.
    interval = item.get("scrapeInterval") or discovered.get("__scrape_interval__")
    timeout = item.get("scrapeTimeout") or discovered.get("__scrape_timeout__")
    return Target(
        job=str(item.get("scrapePool") or labels.get("job", "")),
        instance=str(labels.get("instance", "")),
        url=str(item.get("scrapeUrl", "")),
        health=str(item.get("health", "unknown")),
        last_error=str(item.get("lastError", "")),
        last_scrape=max(0.0, _unix(item.get("lastScrape"))),
        last_duration=float(item.get("lastScrapeDuration") or 0),
        interval=_seconds(interval, 15.0),
        timeout=_seconds(timeout, 10.0),
        labels=labels,
        discovered=discovered,
    )


def _rule(item: Mapping[str, Any]) -> Rule:
    return Rule(
        kind=str(item.get("type", "")),
        name=str(item.get("name", "")),
        expr=str(item.get("query", "")),
        health=str(item.get("health", "unknown")),
        last_error=str(item.get("lastError", "")),
        holds_for=float(item.get("duration") or 0),
        labels=dict(item.get("labels") or {}),
        annotations=dict(item.get("annotations") or {}),
        state=str(item.get("state", "")),
        evaluation=float(item.get("evaluationTime") or 0),
    )


def _unix(text: object) -> float:
    """0 for Go's zero time, year 1, and for what is no time."""
    if not isinstance(text, str) or not text or text.startswith("0001-"):
        return 0.0
    return time_of(text).timestamp()


def _seconds(text: object, otherwise: float) -> float:
    try:
        return parse_duration(str(text)).total_seconds() if text else otherwise
    except ValueError:
        return otherwise
