"""A running Prometheus over HTTP.

Source: prometheus.io/docs/prometheus/latest/querying/api.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from monops.domain.errors import CaptureError, ServiceError, UsageFault
from monops.domain.ports import Answer, Discovered, Origin, PrometheusStatus, RuleAlert, ScrapeTarget, Series
from monops.domain.rebuild import without_secret
from monops.edges.http_client import TIMEOUT, HttpService, answering, json_of, refused, status_of
from monops.edges.http_items import rule_alert_of

#: Seconds: a little more than Prometheus itself gives a query.
QUERY_TIMEOUT = 130.0
#: Queries whose answer comes in an order that was asked for; only at one moment, never over a range.
_ORDERED = re.compile(r"\s*(sort(?:_\w+)?|topk|bottomk)\b")
#: Prometheus's name for an error -> how it is told.
_FAULTS_OF_A_QUERY = {
    "bad_data": "Prometheus does not understand the query",
    "execution": "Prometheus cannot evaluate the query",
}


class HttpPrometheus(HttpService):
    """A running Prometheus."""

    def status(self) -> PrometheusStatus:
        flags = self.data("/api/v1/status/flags")
        runtime = self.data("/api/v1/status/runtimeinfo")
        build = self.data("/api/v1/status/buildinfo")
        config = str(self.data("/api/v1/status/config").get("yaml", ""))
        return PrometheusStatus(
            version=str(build.get("version", "")),
            admin_api=flags.get("web.enable-admin-api") == "true",
            storage_path=str(flags.get("storage.tsdb.path", "")),
            working_dir=str(runtime.get("CWD", "/")),
            retention=str(runtime.get("storageRetention", "")),
            out_of_order=_has_out_of_order_window(config),
            config=config,
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
        data = self.data("/api/v1/query", {"query": promql, "time": f"{at:.3f}"})
        if data.get("resultType") != "vector":
            raise ServiceError(
                f"{promql!r} does not give a vector", remedy=f"in a browser: {without_secret(self._url)}/query"
            )
        rows = [(dict(item["metric"]), float(item["value"][1])) for item in data["result"]]
        return tuple(sorted(rows, key=lambda row: sorted(row[0].items())))

    def evaluate(self, promql: str, at: float) -> Answer:
        data, notes = self._ask("/api/v1/query", {"query": promql, "time": f"{at:.3f}"}, within=QUERY_TIMEOUT)
        return _answer(data, notes, is_ordered=_ORDERED.match(promql) is not None)

    def evaluate_range(self, promql: str, start: float, end: float, step: float) -> Answer:
        words = {"query": promql, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        return _answer(*self._ask("/api/v1/query_range", words, within=QUERY_TIMEOUT))

    def alerts(self) -> tuple[RuleAlert, ...]:
        return tuple(map(rule_alert_of, self.data("/api/v1/alerts").get("alerts") or ()))

    def targets(self) -> tuple[ScrapeTarget, ...]:
        found = self.data("/api/v1/targets", {"state": "active"}).get("activeTargets") or ()
        return tuple(
            ScrapeTarget(
                job=str(item.get("scrapePool", "")),
                instance=str((item.get("labels") or {}).get("instance", "")),
                url=str(item.get("scrapeUrl", "")),
                health=str(item.get("health", "")),
                last_error=str(item.get("lastError", "")),
                last_scrape=str(item.get("lastScrape", "")),
            )
            for item in found
        )

    def discovered(self) -> Discovered:
        found = self.data("/api/v1/targets")
        return Discovered(
            scraped=frozenset(map(_origin, found.get("activeTargets") or ())),
            dropped=frozenset(map(_origin, found.get("droppedTargets") or ())),
        )

    def reload(self) -> None:
        """Read the configuration again. Raises ServiceError with the server's words where it refuses."""
        with answering("Prometheus", self._url, "/-/reload"):
            answer = self._session.post(f"{self._url}/-/reload", timeout=TIMEOUT * 3)
        if answer.status_code != 200:
            raise ServiceError(
                f"Prometheus does not reload: {without_secret(answer.text.strip()[:300])}",
                remedy="give it --web.enable-lifecycle, and mend what it says: monops doctor --only prometheus",
            )

    def blocks_loaded(self) -> int | None:
        with contextlib.suppress(ServiceError), answering("Prometheus", self._url, "/metrics"):
            text = self._session.get(self._url + "/metrics", timeout=TIMEOUT).text
            for line in text.splitlines():
                if line.startswith("prometheus_tsdb_blocks_loaded "):
                    return int(float(line.split()[1]))
        return None

    def metrics(self) -> str:
        with answering("Prometheus", self._url, "/metrics"):
            answer = self._session.get(self._url + "/metrics", timeout=TIMEOUT)
        if answer.status_code != 200:
            raise refused("Prometheus", self._url, "/metrics", answer)
        return str(answer.text)

    def data(self, path: str, parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
        """What one of its pages answers."""
        return self._ask(path, parameters)[0]

    def _ask(
        self, path: str, parameters: Mapping[str, str] | None = None, *, within: float = TIMEOUT
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The answer's data, and its warnings. Raises UsageFault for a query that cannot be answered as it is."""
        with answering("Prometheus", self._url, path):
            answer = self._session.get(self._url + path, params=parameters, timeout=(TIMEOUT, within))
        content = json_of(answer)
        kind, said = str(content.get("errorType", "")), str(content.get("error", ""))
        if parameters and "query" in parameters and kind in _FAULTS_OF_A_QUERY:
            raise UsageFault(
                f"{_FAULTS_OF_A_QUERY[kind]}: {said}",
                remedy=f"in a browser: {without_secret(self._url)}/query",
            )
        if kind in ("timeout", "canceled"):
            raise ServiceError(f"Prometheus gave up: {said}", remedy="ask for less: fewer series, or a shorter range")
        data = content.get("data")
        if content.get("status") != "success" or not isinstance(data, dict):
            raise refused("Prometheus", self._url, path, answer, said)
        notes = (*(content.get("warnings") or ()), *(content.get("infos") or ()))
        return data, tuple(str(note) for note in notes)


def _origin(item: Mapping[str, Any]) -> Origin:
    """Before 3.0 of a dropped one only the labels name the job."""
    labels = item.get("discoveredLabels") or {}
    return Origin(job=str(item.get("scrapePool") or labels.get("job", "")), address=str(labels.get("__address__", "")))


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


def _answer(data: Mapping[str, Any], notes: tuple[str, ...], *, is_ordered: bool = False) -> Answer:
    kind, result = str(data.get("resultType", "")), data.get("result") or []
    if kind in ("scalar", "string"):
        return Answer(kind=kind, series=(Series(labels={}, points=(_point(result),)),), notes=notes)
    series = [
        Series(labels=dict(item.get("metric") or {}), points=tuple(map(_point, points)))
        for item in result
        if (points := item.get("values") or ([item["value"]] if "value" in item else []))
    ]
    if hidden := sum("histogram" in item or "histograms" in item for item in result):
        notes = (*notes, f"native histograms are not shown ({hidden}): take histogram_quantile() or histogram_count()")
    if not is_ordered:
        series.sort(key=lambda one: sorted(one.labels.items()))
    return Answer(kind=kind, series=tuple(series), notes=notes)


def _point(pair: Sequence[Any]) -> tuple[float, str]:
    return float(pair[0]), str(pair[1])
