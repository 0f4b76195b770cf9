"""The examples of docs/how-to/instrument-a-service.md: what Prometheus stored is held against the metric contract."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from tests.integration.fixtures import engine_problem
from tests.integration.instrumented import (
    JOBS,
    OF_THE_PROCESS,
    QUOTAS,
    SLOW_PROMPT,
    WORKERS,
    World,
    add_targets,
    compile_examples,
    drive_gateway,
    drive_queue,
    drive_worker,
    fences,
    promql,
    start_everything,
    write_examples,
)
from tests.integration.support import wait_until

from monops.stack.metrics import BROWSER_WORKERS, BULLMQ, CONTRACT

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine")]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """All examples, driven; and Prometheus has seen them both before and after."""
    if problem := engine_problem():
        pytest.skip(problem)
    folder = tmp_path_factory.mktemp("instrument")
    write_examples(folder)
    compile_examples(folder)
    with ExitStack() as closing:
        world = World(folder, closing)
        start_everything(world)
        assert world.query("up") == {}
        add_targets(world)
        world.settle()
        world.at_first = {name: service.scrape() for name, service in world.services.items()}
        for name in WORKERS:
            drive_worker(world.services[name])
        drive_gateway(world.services["gateway.ts"])
        drive_queue(world)
        world.settle()
        yield world


# --- what must hold --------------------------------------------------------------------------------


@pytest.mark.parametrize("example", JOBS)
def test_prometheus_stores_what_the_contract_says_and_nothing_else(example: str, world: World) -> None:
    """Names, types, labels and buckets."""
    contract = [metric for metric in CONTRACT if metric.job == JOBS[example]]
    this = f'{{instance="{world.instance(example)}"}}'
    series: dict[str, list[dict[str, str]]] = {}
    for labels in world.api("series", **{"match[]": this}):
        assert labels.pop("job") == JOBS[example]
        series.setdefault(labels.pop("__name__"), []).append(labels)
    own = {name for name in series if not name.startswith(("scrape_", *OF_THE_PROCESS)) and name != "up"}
    assert own == {name for metric in contract for name in metric.series}
    assert any(name.startswith(OF_THE_PROCESS) for name in series) == (example in WORKERS)

    stored = world.api("targets/metadata", match_target=this)
    types = {entry["metric"]: entry["type"] for entry in stored}
    for metric in contract:
        # OpenMetrics, which the Python library speaks, names a counter's family without its ending.
        told = types.get(metric.name) or types.get(metric.name.removesuffix("_total"))
        assert told == metric.kind, metric.name
        for name in metric.series:
            of_bucket = {"le"} if name.endswith("_bucket") else set()
            assert {frozenset(labels) for labels in series[name]} == {
                frozenset({"instance", *metric.labels, *of_bucket})
            }, name
        if metric.kind == "histogram":
            bounds = {float(labels["le"]) for labels in series[f"{metric.name}_bucket"]}
            assert bounds == {*metric.buckets, float("inf")}


@pytest.mark.parametrize("example", JOBS)
def test_the_content_type_is_that_of_the_format(example: str, world: World) -> None:
    service = world.services[example]
    _, kind, text = service.ask("/metrics", method="GET")
    assert re.fullmatch(r"text/plain; version=(0\.0\.4|1\.0\.0); charset=utf-8", kind), kind
    assert text.startswith("# HELP")


@pytest.mark.parametrize("example", WORKERS)
def test_a_worker_shows_every_series_at_zero_before_its_first_request(example: str, world: World) -> None:
    at_first = world.at_first[example]
    for metric in (metric for metric in CONTRACT if metric.job == BROWSER_WORKERS):
        for name in metric.series:
            of_it = {labels: value for (found, labels), value in at_first.items() if found == name}
            assert {dict(labels)["provider"] for labels in of_it} == {"claude", "gemini"}, name
            assert set(of_it.values()) == {0}, name
    outcomes = {dict(labels)["status"] for (name, labels) in at_first if name == "requests_total"}
    assert outcomes == {"completed", "failed"}


@pytest.mark.parametrize("example", WORKERS)
def test_a_worker_counts_each_request_once(example: str, world: World) -> None:
    """Asked over HTTP, and what Prometheus stored."""
    instance = world.instance(example)
    expected = {
        ("requests_total", "claude", "completed"): 4,
        ("requests_total", "claude", "failed"): 1,
        ("requests_total", "gemini", "completed"): 0,
        ("requests_total", "gemini", "failed"): 0,
        ("requests_completed_total", "claude", None): 4,
        ("requests_failed_total", "claude", None): 1,
        ("request_duration_seconds_count", "claude", None): 5,
        ("request_duration_seconds_count", "gemini", None): 0,
        ("active_sessions_count", "claude", None): 0,
    }
    shown = world.services[example].scrape()
    for (name, provider, status), count in expected.items():
        labels = {"provider": provider} | ({"status": status} if status else {})
        assert shown[name, frozenset(labels.items())] == count, name
        among = ",".join(f'{key}="{value}"' for key, value in {**labels, "instance": instance}.items())
        assert list(world.query(f"{name}{{{among}}}").values()) == [count], name
    this = f'provider="claude", instance="{instance}"'
    (slow,) = world.query(f'request_duration_seconds_count{{{this}}} - ignoring(le) '
                          f'request_duration_seconds_bucket{{{this}, le="1.0"}}').values()  # fmt: skip
    assert slow >= 1
    (seconds,) = world.query(f"request_duration_seconds_sum{{{this}}}").values()
    assert seconds >= len(SLOW_PROMPT) / 100


def test_the_gateway_names_routes_by_their_pattern(world: World) -> None:
    counted = world.query("sum by (route, status) (api_requests_total)")
    assert {tuple(sorted(dict(labels).values())): value for labels, value in counted.items()} == {
        ("/v1/jobs/:id", "200"): 2,
        ("/v1/ask/:provider", "200"): 1,
        ("/v1/ask/:provider", "500"): 1,
        ("/v1/ask/:provider", "499"): 1,
        ("404", "unmatched"): 1,
    }
    errors = {dict(labels)["route"]: value for labels, value in world.query("api_errors_total").items()}
    assert errors == {"/v1/jobs/:id": 0, "/v1/ask/:provider": 1}
    timed = {dict(labels)["route"]: value for labels, value in world.query("api_latency_seconds_count").items()}
    assert timed == {"/v1/jobs/:id": 2, "/v1/ask/:provider": 3, "unmatched": 1}


def test_the_queue_counts_a_job_with_a_priority_as_waiting_and_a_retried_one_as_one_failure(world: World) -> None:
    shown = {
        name: {dict(labels)["queue"]: value for labels, value in world.query(name).items()}
        for name in (metric.name for metric in CONTRACT if metric.job == BULLMQ)
    }
    assert shown == {
        "bullmq_queue_waiting": {"requests": 0, "later": 4},
        "bullmq_queue_active": {"requests": 1, "later": 0},
        "bullmq_queue_delayed": {"requests": 0, "later": 1},
        "bullmq_jobs_completed_total": {"requests": 2, "later": 0},
        "bullmq_jobs_failed_total": {"requests": 1, "later": 0},
    }


def test_an_account_that_is_gone_is_gone_from_prometheus_too(world: World) -> None:
    expiry = {dict(labels)["account"]: at for labels, at in world.query("session_expiry_timestamp_seconds").items()}
    assert expiry == {"a1": 4102444800, "a2": 1577836800}
    assert list(world.query('active_accounts_count{provider="claude"}').values()) == [1]
    assert list(world.query('expired_sessions_count{provider="claude"}').values()) == [1]
    assert [dict(labels)["provider"] for labels in world.query("quota_monthly_used")] == ["claude"]

    claude, gemini = QUOTAS
    claude = {**claude, "accounts": claude["accounts"][:1]}  # type: ignore[index]
    (world.folder / "quotas.json").write_text(json.dumps([claude, gemini]))
    world.settle()
    assert [dict(labels)["account"] for labels in world.query("session_expiry_timestamp_seconds")] == ["a1"]
    assert list(world.query('expired_sessions_count{provider="claude"}').values()) == [0]


def test_a_service_that_cannot_read_its_values_says_so_and_shows_none(world: World) -> None:
    """A store that fails, and one that never answers."""
    broken = world.example("quota.ts", QUOTA_FILE="absent.json")
    silent = world.example("queue.ts", REDIS_URL="redis://127.0.0.1:1")
    for service, reason in ((broken, "absent.json"), (silent, "not read within 3 seconds")):
        wait_until(service.is_ready, f"the start of {service.name}")
        status, _, text = service.ask("/metrics", method="GET")
        assert (status, text) == (500, "metrics could not be read\n")
        assert reason in service.log.read_text()


def test_the_queries_of_the_page_answer_what_the_page_says(world: World) -> None:
    (check,) = re.findall(r"^monops query '(.*)'$", "\n".join(fences("text")), re.MULTILINE)
    assert set(world.query(check).values()) == {1}
    assert len(world.query(check)) == len(WORKERS)

    assert world.query(promql("matches nothing")) == {}
    of_claude = frozenset({("provider", "claude")})
    assert world.query(promql("success rate of each provider"))[of_claude] == pytest.approx(0.8, abs=0.05)
    assert 1 < world.query(promql("95th percentile of each provider"))[of_claude] < 10
