"""A running Prometheus over HTTP.

Source: prometheus.io/docs/prometheus/latest/querying/api.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from monops.domain.errors import CaptureError, ServiceError, UsageFault
from monops.domain.ports import Answer, PrometheusStatus, RuleAlert, ScrapeTarget, Series
from monops.edges.http_client import TIMEOUT, answering, json_of, status_of

if TYPE_CHECKING:
    import requests


class HttpPrometheus:
    """A running Prometheus."""

    def __init__(self, url: str, session: requests.Session) -> None:
        self._url = url
        self._session = session

    @property
    def url(self) -> str:
        return self._url

    def status(self) -> PrometheusStatus:
        flags = self._get("/api/v1/status/flags")
        runtime = self._get("/api/v1/status/runtimeinfo")
        build = self._get("/api/v1/status/buildinfo")
        config = str(self._get("/api/v1/status/config").get("yaml", ""))
        return PrometheusStatus(
            version=str(build.get("version", "")),
            admin_api=flags.get("web.enable-admin-api") == "true",
            storage_path=str(flags.get("storage.tsdb.path", "")),
            working_dir=str(runtime.get("CWD", "/")),
            retention=str(runtime.get("storageRetention", "")),
            out_of_order=_has_out_of_order_window(config),
        )

    def ready(self) -> bool:
        return status_of(self._session, self._url + "/-/ready") == 200

    def snapshot(self, *, within: timedelta) -> str:
        """The call waits for a running compaction: give it minutes. Raises CaptureError with the cause."""
        path = "/api/v1/admin/tsdb/snapshot"
        with answering("Prometheus", self._url, path):
            answer = self._session.post(self._url + path, timeout=(TIMEOUT, within.total_seconds()))
        content = json_of(answer)
        if answer.status_code == 200 and content.get("status") == "success":
            return str(content["data"]["name"])
        raise _snapshot_error(str(content.get("error") or answer.text[:300]))

    def query(self, promql: str, at: float) -> tuple[tuple[Mapping[str, str], float], ...]:
        data = self._get("/api/v1/query", {"query": promql, "time": f"{at:.3f}"})
        if data.get("resultType") != "vector":
            raise ServiceError(f"{promql!r} does not give a vector", remedy=f"try it: {self._url}/graph")
        rows = [(dict(item["metric"]), float(item["value"][1])) for item in data["result"]]
        return tuple(sorted(rows, key=lambda row: sorted(row[0].items())))

    def evaluate(self, promql: str, at: float) -> Answer:
        return _answer(*self._ask("/api/v1/query", {"query": promql, "time": f"{at:.3f}"}))

    def evaluate_range(self, promql: str, start: float, end: float, step: float) -> Answer:
        times = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        return _answer(*self._ask("/api/v1/query_range", {"query": promql, **times}))

    def alerts(self) -> tuple[RuleAlert, ...]:
        data, _ = self._ask("/api/v1/alerts")
        return tuple(
            RuleAlert(
                labels=dict(item.get("labels") or {}),
                annotations=dict(item.get("annotations") or {}),
                state=str(item.get("state", "")),
                active_at=str(item.get("activeAt", "")),
                value=str(item.get("value", "")),
            )
            for item in data.get("alerts") or ()
        )

    def targets(self) -> tuple[ScrapeTarget, ...]:
        data, _ = self._ask("/api/v1/targets", {"state": "active"})
        return tuple(
            ScrapeTarget(
                job=str(item.get("scrapePool", "")),
                instance=str((item.get("labels") or {}).get("instance", "")),
                url=str(item.get("scrapeUrl", "")),
                health=str(item.get("health", "")),
                last_error=str(item.get("lastError", "")),
                last_scrape=str(item.get("lastScrape", "")),
            )
            for item in data.get("activeTargets") or ()
        )

    def blocks_loaded(self) -> int | None:
        with contextlib.suppress(ServiceError), answering("Prometheus", self._url, "/metrics"):
            text = self._session.get(self._url + "/metrics", timeout=TIMEOUT).text
            for line in text.splitlines():
                if line.startswith("prometheus_tsdb_blocks_loaded "):
                    return int(float(line.split()[1]))
        return None

    def _get(self, path: str, parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
        return self._ask(path, parameters)[0]

    def _ask(self, path: str, parameters: Mapping[str, str] | None = None) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The answer's data, and its warnings. Raises UsageFault for a query that is no PromQL."""
        with answering("Prometheus", self._url, path):
            answer = self._session.get(self._url + path, params=parameters, timeout=TIMEOUT)
        content = json_of(answer)
        if content.get("errorType") == "bad_data" and parameters and "query" in parameters:
            raise UsageFault(
                f"Prometheus does not understand the query: {content.get('error', '')}",
                remedy=f"try it in a browser: {self._url}/query",
            )
        if content.get("status") != "success":
            raise ServiceError(
                f"Prometheus at {self._url} refuses {path}: HTTP {answer.status_code} {content.get('error', '')}",
                remedy=f"curl '{self._url}{path}'",
            )
        data = content.get("data")
        notes = (*(content.get("warnings") or ()), *(content.get("infos") or ()))
        return (data if isinstance(data, dict) else {}), tuple(str(note) for note in notes)


def _has_out_of_order_window(config: str) -> bool:
    for line in config.splitlines():
        name, _, value = line.strip().partition(":")
        if name == "out_of_order_time_window" and value.strip() not in ("", "0s", "0"):
            return True
    return False


def _snapshot_error(text: str) -> CaptureError:
    if "admin APIs disabled" in text:
        return CaptureError(
            "Prometheus's admin API is off, so it makes no snapshots",
            remedy="add --web.enable-admin-api to its command, or use --capture live",
        )
    if "operation not permitted" in text:
        return CaptureError(
            f"Prometheus may not hard-link its own blocks: their files belong to another user ({text})",
            remedy="give the data to the server's user (chown -R 65534:65534 …), or use --capture live",
        )
    if "no space left" in text:
        return CaptureError(
            f"no space left in Prometheus's volume for a snapshot ({text})",
            remedy="free space there, or use --capture live",
        )
    return CaptureError(
        f"Prometheus made no snapshot: {text}",
        remedy="see its log: docker logs --tail 50 PROMETHEUS; or --capture live",
    )


def _answer(data: Mapping[str, Any], notes: tuple[str, ...]) -> Answer:
    kind, result = str(data.get("resultType", "")), data.get("result") or []
    if kind in ("scalar", "string"):
        series = [Series(labels={}, points=((float(result[0]), str(result[1])),))]
    else:
        series = [
            Series(
                labels=dict(item.get("metric") or {}),
                points=tuple((float(at), str(value)) for at, value in item.get("values") or [item["value"]]),
            )
            for item in result
            if item.get("values") or item.get("value")
        ]
    return Answer(kind=kind, series=tuple(sorted(series, key=lambda one: sorted(one.labels.items()))), notes=notes)
