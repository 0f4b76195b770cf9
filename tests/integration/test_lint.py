"""`monops lint` on a real Prometheus that has just begun, and on one that has seen some scrapes."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.integration.fixtures import engine_problem
from tests.integration.support import Monops, Ran, docker, wait_until
from tests.integration.web import answers, fetch

pytestmark = pytest.mark.engine

IMAGE = "prom/prometheus:v3.5.3"
CONFIG = """
global: {scrape_interval: INTERVAL, evaluation_interval: INTERVAL}
scrape_configs:
  - job_name: self
    static_configs: [{targets: ["localhost:9090"]}]
  - job_name: leaving
    file_sd_configs: [{files: [/tmp/leaving.yml], refresh_interval: 1s}]
"""
_REST = "\n    labels: {severity: info}\n    annotations: {summary: s, description: d, runbook_url: u}\n"
_START = (
    'printf "%s" "$CONFIG" > /tmp/p.yml; echo \'[{targets: ["localhost:9090"]}]\' > /tmp/leaving.yml;'
    " exec /bin/prometheus --config.file=/tmp/p.yml --storage.tsdb.path=/tmp/data"
)


@contextmanager
def _prometheus(interval: str) -> Iterator[tuple[str, str]]:
    """Its container and its address."""
    if problem := engine_problem():
        pytest.skip(problem)
    name = f"monops-lint-{secrets.token_hex(4)}"
    config = CONFIG.replace("INTERVAL", interval)
    words = ("--env", f"CONFIG={config}", "--publish", "127.0.0.1::9090", "--entrypoint", "sh")
    docker("run", "--detach", "--name", name, *words, IMAGE, "-c", _START)
    try:
        url = f"http://{docker('port', name, '9090/tcp').splitlines()[0]}"
        wait_until(lambda: answers(f"{url}/-/ready"), "Prometheus is ready")
        yield name, url
    finally:
        docker("rm", "--force", "--volumes", name)


@pytest.fixture(scope="module")
def watched() -> Iterator[tuple[str, str]]:
    """One that has seen the target `leaving` come and go."""
    with _prometheus("1s") as (name, url):
        wait_until(lambda: _has(url, "count_over_time(up[1m]) > 7"), "some scrapes of both")
        docker("exec", name, "sh", "-c", "echo '[]' > /tmp/leaving.yml")
        wait_until(lambda: not _has(url, 'up{job="leaving"}'), "the target has left")
        yield name, url


def _has(url: str, promql: str) -> bool:
    from urllib.parse import quote

    return bool(fetch(f"{url}/api/v1/query?query={quote(promql)}")["data"]["result"])


def _linted(folder: Path, server: tuple[str, str], files: dict[str, str], *words: str) -> Ran:
    monops = Monops(folder)
    monops.config(f'[prometheus]\nurl = "{server[1]}"\ncontainer = "{server[0]}"\n')
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return monops.run("lint", *words)


def _rules(**exprs: str) -> str:
    rules = "".join(f"  - alert: {name}\n    expr: {expr}{_REST}" for name, expr in exprs.items())
    return f"groups:\n- name: g\n  rules:\n{rules}"


def test_a_server_that_has_just_begun_is_inconclusive(tmp_path: Path) -> None:
    with _prometheus("10s") as server:
        ran = _linted(tmp_path, server, {"r.yml": _rules(Dead="no_such_metric > 0")}, "--only", "series", "r.yml")
    assert ran.code == 3, ran
    assert ran.result["problems"] == []
    (one,) = ran.result["inconclusive"]
    assert one["rule"] == "series/dead"
    assert server[1] in one["reason"]


def test_each_way_of_being_dead_is_told(tmp_path: Path, watched: tuple[str, str]) -> None:
    text = _rules(
        Never="no_such_metric > 0",
        Vanished='up{job="leaving"} == 0',
        Label='up{nowhere="x"} == 0',
        Value='up{job="web"} == 0',
        Well="up == 0",
        Absent="absent(no_such_metric)",
        Stand="(no_such_metric or vector(0)) > 1",
    )
    ran = _linted(tmp_path, watched, {"r.yml": text}, "--skip", "rules", "--fail-on", "warning", "r.yml")
    assert ran.code == 4, ran
    found = {one["subject"].removeprefix("alert "): one["message"] for one in ran.result["problems"]}
    assert set(found) == {"Never", "Vanished", "Label", "Value"}
    assert f"{watched[1]} had no series of `no_such_metric`" in found["Never"]
    assert "any more: it was last there about" in found["Vanished"]
    assert "never with the label `nowhere`" in found["Label"]
    assert "It has: `self`" in found["Value"]


def _changed(container: str) -> list[str]:
    """What was written in the container, but for the server's own data."""
    return [line for line in docker("diff", container).splitlines() if "/data" not in line]


def test_promtool_looks_at_files_by_path_in_a_copy_that_does_not_stay(tmp_path: Path, watched: tuple[str, str]) -> None:
    files = {
        "rules/bad.yml": _rules(A="up == 0").replace("    expr", "    bogus: 1\n    expr"),
        "rules/broken.yml": _rules(B="rate(up[5m"),
        "prometheus.yml": "scrape_configs:\n- job_name: a\n  static_config: []\n",
    }
    before = _changed(watched[0])
    ran = _linted(tmp_path, watched, files, "rules", "prometheus.yml")
    assert ran.code == 4, ran
    found = {(one["rule"], one["file"], one["line"]) for one in ran.result["problems"]}
    assert ("rules/rejected", "rules/bad.yml", 5) in found
    assert ("promql/syntax", "rules/broken.yml", 5) in found
    assert ("config/prometheus", "prometheus.yml", 3) in found
    assert _changed(watched[0]) == before


def test_a_report_is_sarif_with_file_and_line(tmp_path: Path, watched: tuple[str, str]) -> None:
    (tmp_path / "r.yml").write_text(_rules(A="up"))
    monops = Monops(tmp_path)
    monops.config(f'[prometheus]\nurl = "{watched[1]}"\n')
    ran = monops.run("lint", "--output", "sarif", "--offline", "r.yml", as_json=False)
    (run,) = json.loads(ran.stdout)["runs"]
    (one,) = run["results"]
    assert one["ruleId"] == "rules/always-fires"
    place = one["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("r.yml", 5)


EXPRESSIONS = [
    'sum by (job) (rate(http_requests_total{code=~"5.."}[5m] offset 1h)) > 0',
    "histogram_quantile(0.9, sum by (le) (rate(a_bucket[5m])))",
    "max_over_time(rate(a[5m])[1h:1m] @ end())",
    "a * on (x) group_left (y) b unless c",
    'label_replace(a, "x", "$1", "y", "(.*)")',
    "predict_linear(a[1h], 4 * 3600) < 0",
    "a[5m] offset -5m",
    "1e3 + 0x1f - Inf",
    '{"a.b", x="1"}',
    "quantile_over_time(0.5, a[1h30m])",
    "count_values without (x) ('v', a)",
    "-a ^ 2 atan2 b",
    "a == bool 1 and on () vector(1)",
]


def test_what_promtool_accepts_is_parsed(tmp_path: Path, watched: tuple[str, str]) -> None:
    lines = "".join(f"  - record: r{number}\n    expr: |\n      {expr}\n" for number, expr in enumerate(EXPRESSIONS))
    lines = lines.replace("      a[5m] offset -5m", "      rate(a[5m] offset -5m)")
    files = {"r.yml": f"groups:\n- name: g\n  rules:\n{lines}"}
    ran = _linted(tmp_path, watched, files, "--only", "promql", "--only", "rules/rejected", "r.yml")
    assert (ran.code, ran.result["problems"]) == (0, []), ran
    # And without a server that knows better.
    ran = _linted(tmp_path, watched, files, "--only", "promql", "--offline", "r.yml")
    assert (ran.code, ran.result["problems"]) == (0, []), ran
