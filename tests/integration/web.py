"""Asking services over HTTP, past any proxy."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetch(url: str, *, method: str = "GET", timeout: float = 60) -> Any:
    """The JSON document that a GET (or a POST without a body) answers; raises URLError and HTTPError."""
    with _DIRECT.open(urllib.request.Request(url, method=method), timeout=timeout) as answer:
        text = answer.read()
    return json.loads(text) if text.startswith((b"{", b"[")) else text.decode()


def answers(url: str) -> bool:
    try:
        fetch(url, timeout=5)
    except (urllib.error.URLError, OSError):
        return False
    return True


def query(prometheus: str, promql: str, at: float) -> list[tuple[str, str]]:
    """The rows of an instant vector, sorted: labels as JSON, and the value as text."""
    words = urllib.parse.urlencode({"query": promql, "time": f"{at:.3f}"})
    found = fetch(f"{prometheus}/api/v1/query?{words}")["data"]["result"]
    return sorted((json.dumps(row["metric"], sort_keys=True), row["value"][1]) for row in found)
