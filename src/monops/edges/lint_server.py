"""A running Prometheus, asked by lint.

Source: prometheus.io/docs/prometheus/latest/querying/api.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from monops.domain.errors import ServiceError, ServiceUnreachable, UsageFault
from monops.domain.lint.rules_file import seconds
from monops.domain.lint.server import STEP, WINDOW, Question, Reply, Server
from monops.domain.ports import Clock
from monops.edges.http_pool import Hangs, HttpPool, NobodyThere

#: Seconds for one question: a week of a large server takes some.
_WITHIN = 20.0
#: How far back is looked for the beginning of its data, and in which steps, in seconds.
_LOOKS = ((600.0, 1.0), (3600.0, 15.0), (WINDOW.total_seconds(), STEP))


class HttpLintServer:
    """Prometheus at an address."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._pool = HttpPool(url)
        self._clock = clock

    def about(self) -> Server:
        config = str(self._data("status/config").get("yaml", ""))
        runtime = self._data("status/runtimeinfo")
        head = None
        with contextlib.suppress(ServiceError):
            head = int((self._data("status/tsdb", {"limit": "1"}).get("headStats") or {}).get("numSeries") or 0)
        server = Server(
            url=self._pool.shown,
            now=self._clock.now().timestamp(),
            config=config,
            retention=_retention(str(runtime.get("storageRetention", ""))),
            recorded=self._recorded(),
            head=head,
        )
        looks = [
            (step, [at for at, _ in self._points("count(up)", server.now - back, server.now, step)])
            for back, step in _LOOKS
        ]
        times = [at for _, found in looks for at in found]
        return replace(server, begin=min(times), since=_since(server.now, looks)) if times else server

    def answer(self, question: Question, server: Server) -> Reply:
        if question.over_window:
            start = max(server.now - WINDOW.total_seconds(), server.begin or 0.0)
            # Finer where there is little: a series may have been there for moments.
            step = max(1.0, min(STEP, (server.now - start) / 1000))
            return Reply(points=self._points(question.promql, start, server.now, step))
        data = self._data("query", {"query": question.promql, "time": f"{server.now:.3f}"})
        result = data.get("result") or []
        if data.get("resultType") in ("scalar", "string"):
            return Reply(points=((float(result[0]), 0.0),))
        rows = [item for item in result if isinstance(item, Mapping)]
        return Reply(
            points=tuple(_point(item["value"]) for item in rows if item.get("value")),
            labels=tuple(dict(item.get("metric") or {}) for item in rows),
        )

    def _points(self, promql: str, start: float, end: float, step: float) -> tuple[tuple[float, float], ...]:
        times = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        data = self._data("query_range", {"query": promql, **times})
        return tuple(_point(one) for item in data.get("result") or () for one in item.get("values") or ())

    def _recorded(self) -> frozenset[str]:
        groups = self._data("rules", {"type": "record"}).get("groups") or ()
        rules = (rule for group in groups for rule in group.get("rules") or ())
        return frozenset(str(rule.get("name")) for rule in rules if rule.get("type") == "recording")

    def _data(self, path: str, parameters: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        """Raises UsageFault for what is no PromQL, ServiceUnreachable and ServiceError."""
        shown = self._pool.shown
        try:
            reply = self._pool.get(f"/api/v1/{path}", parameters, within=_WITHIN)
        except (Hangs, NobodyThere) as error:
            raise ServiceUnreachable(f"Prometheus at {shown}: {error}", remedy="monops stack status") from error
        content = reply.json()
        content = content if isinstance(content, dict) else {}
        if content.get("errorType") == "bad_data" and parameters and "query" in parameters:
            said = str(content.get("error", "")).removeprefix('invalid parameter "query": ')
            raise UsageFault(said, remedy=f"try it in a browser: {shown}/query")
        if content.get("status") != "success" or not isinstance(content.get("data"), dict):
            said = content.get("error") or reply.text()[:200].strip()
            raise ServiceError(f"Prometheus at {shown} refuses {path}: HTTP {reply.status} {said}", remedy="")
        data: Mapping[str, Any] = content["data"]
        return data


def _point(value: Any) -> tuple[float, float]:
    return (float(value[0]), float(value[1]))


def _since(now: float, looks: list[tuple[float, list[float]]]) -> float | None:
    """The beginning of the last stretch without a gap: by the finest look that sees it begin."""
    since = None
    for (back, _), (step, times) in zip(_LOOKS, looks, strict=True):
        begin = None
        for at in sorted(times, reverse=True):
            if (now if begin is None else begin) - at > 1.5 * step:
                break
            begin = at
        if begin is None:
            return since
        since = begin
        if begin > now - back + 1.5 * step:
            return since
    return since


def _retention(text: str) -> float | None:
    """`30d or 50GB`: the time in it."""
    return next((found for word in text.split() if (found := seconds(word)) is not None), None)
