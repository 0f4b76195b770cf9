"""The sample application: what its services show, and how each misbehaviour shows in their numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from tests.fakes.sample_application import Played, Scrape

from monops.stack.alerts import alerts
from monops.stack.metrics import API_GATEWAY, BROWSER_WORKERS, BULLMQ, CONTRACT, QUOTA_TRACKER
from monops.stack.sample_app import orchestrator, services

#: Host -> scrape job.
JOBS = {
    "browser-worker-1": BROWSER_WORKERS,
    "quota-tracker": QUOTA_TRACKER,
    "api-gateway": API_GATEWAY,
    "bullmq": BULLMQ,
}
HOUR = 3600


@pytest.fixture
def played() -> Iterator[Played]:
    """Served on a port of its own."""
    with Played() as application:
        yield application


@pytest.mark.parametrize("host", JOBS)
def test_every_service_shows_exactly_the_metrics_of_the_contract(played: Played, host: str) -> None:
    scrape = played.scrape(host)
    contract = {metric.name: metric for metric in CONTRACT if metric.job == JOBS[host]}
    assert scrape.kinds == {name: metric.kind for name, metric in contract.items()}
    assert scrape.helps == {name: metric.help for name, metric in contract.items()}
    for metric in contract.values():
        for name in metric.series:
            labels = {frozenset(dict(found)) for known, found in scrape.samples if known == name}
            assert labels == {frozenset({*metric.labels, *(["le"] if name.endswith("_bucket") else [])})}
        if metric.buckets:
            bounds = {float(bound) for bound in scrape.values(f"{metric.name}_bucket", "le")}
            assert bounds == {*metric.buckets, math.inf}


def test_every_series_is_there_at_zero_from_the_first_scrape(played: Played) -> None:
    for host in JOBS:
        scrape = played.scrape(host)
        for (name, _), value in scrape.samples.items():
            assert value == 0 or scrape.kinds.get(name) == "gauge", name
    worker, gateway = played.scrape("browser-worker-1"), played.scrape("api-gateway")
    for provider in ("claude", "gemini", "codex"):
        assert worker("requests_total", provider=provider) == 0
    assert worker.values("requests_total", "status") == {"completed", "failed"}
    assert gateway.values("api_requests_total", "route") == {"/v1/chat", "/v1/jobs", "/health"}
    assert len(played.scrape("quota-tracker").values("session_expiry_timestamp_seconds", "account")) == 2


def test_histograms_are_cumulative_and_add_up(played: Played) -> None:
    played.advance(60)
    for host, name, requests in (
        ("browser-worker-1", "request_duration_seconds", "requests_total"),
        ("api-gateway", "api_latency_seconds", "api_requests_total"),
    ):
        scrape = played.scrape(host)
        label = "provider" if host.startswith("browser") else "route"
        for value in scrape.values(f"{name}_bucket", label):
            bounds = sorted(scrape.values(f"{name}_bucket", "le"), key=float)
            counts = [scrape(f"{name}_bucket", le=bound, **{label: value}) for bound in bounds]
            assert counts == sorted(counts)
            assert counts[-1] == scrape(f"{name}_count", **{label: value}) == scrape(requests, **{label: value}) > 0
            assert scrape(f"{name}_sum", **{label: value}) > 0


def test_label_values_and_help_are_escaped() -> None:
    family = services.Family("odd", "gauge", "back\\slash\nline", {"label": ('a "quoted" back\\slash\nline',)})
    assert services.Service([family]).exposition() == (
        '# HELP odd back\\\\slash\\nline\n# TYPE odd gauge\nodd{label="a \\"quoted\\" back\\\\slash\\nline"} 0\n'
    )


def test_five_seconds_show_every_provider_and_route_and_no_window_of_them_looks_ill(played: Played) -> None:
    hosts = ("browser-worker-1", "browser-worker-2", "api-gateway", "bullmq", "sample-host")
    history: list[list[Scrape]] = []
    for _ in range(90):
        exposed = [played.played.exposition(host) for host in hosts]
        history.append([Scrape(text) for text in exposed if text])
        for _ in range(5):
            played.advance(0.2)

    # Five scrapes, a second apart, lie in a window of five seconds.
    for old, new in zip(history, history[4:], strict=False):

        def rise(at: slice, name: str, old: list[Scrape] = old, new: list[Scrape] = new, **labels: str) -> float:
            return sum(b(name, **labels) - a(name, **labels) for a, b in zip(old[at], new[at], strict=True))

        workers, gateway, queue, host = slice(2), slice(2, 3), slice(3, 4), slice(4, 5)
        for provider in services.PROVIDERS:
            requests = rise(workers, "requests_total", provider=provider)
            assert requests > 20
            assert rise(workers, "requests_failed_total", provider=provider) <= 0.07 * requests
            assert rise(workers, "request_duration_seconds_bucket", provider=provider, le="10.0") == requests
        for route in services.ROUTES:
            assert rise(gateway, "api_requests_total", route=route) >= 4
        assert rise(gateway, "api_errors_total") <= 0.07 * rise(gateway, "api_requests_total")
        failed, completed = (rise(queue, f"bullmq_jobs_{end}_total") for end in ("failed", "completed"))
        assert failed <= 0.07 * (failed + completed)
        assert rise(host, "node_cpu_seconds_total", mode="idle") / 8 == pytest.approx(0.8, abs=0.04)
        assert new[3]("bullmq_queue_waiting") < 20


def test_a_healthy_day_has_half_of_everything_left(played: Played) -> None:
    for hour in range(48):
        tracker, host = played.scrape("quota-tracker"), played.scrape("sample-host")
        for provider in services.PROVIDERS:
            share = tracker("quota_daily_used", provider=provider) / tracker("quota_daily_limit", provider=provider)
            assert 0.40 <= share <= 0.60, hour
            assert tracker("quota_monthly_used", provider=provider) > 0
            assert tracker("active_accounts_count", provider=provider) == 2
            assert tracker("expired_sessions_count", provider=provider) == 0
            left = tracker("session_expiry_timestamp_seconds", provider=provider, account="main") - played.wall
            assert left == pytest.approx(240 * HOUR, abs=HOUR)
        memory = host("node_memory_MemAvailable_bytes") / host("node_memory_MemTotal_bytes")
        assert memory == pytest.approx(0.5, abs=0.02)
        assert host("node_filesystem_avail_bytes") / host("node_filesystem_size_bytes") == pytest.approx(0.4)
        played.wall += HOUR
        # Moved, not lived through: two days of traffic would take a while.
        played.played._elapsed += HOUR


def test_the_machine_looks_like_one_that_a_node_exporter_watches(played: Played) -> None:
    played.advance(10)
    host = played.scrape("sample-host")
    assert host.values("node_cpu_seconds_total", "cpu") == {"0", "1"}
    assert host.values("node_cpu_seconds_total", "mode") == {"idle", "user", "system"}
    assert host("node_cpu_seconds_total", cpu="0") == pytest.approx(10)
    assert host("node_filesystem_readonly", device="/dev/vda1", fstype="ext4", mountpoint="/") == 0
    assert host("node_uname_info", nodename="sample-host") == 1
    assert (host("node_boot_time_seconds"), host("node_time_seconds")) == (played.wall - 10, played.wall)
    assert host("node_load1") > 0
    assert host("node_network_receive_bytes_total", device="eth0") > 0
    assert host("node_network_transmit_bytes_total", device="eth0") > 0


def test_the_workers_share_the_traffic_and_one_more_gets_its_part_once_it_is_asked_for(played: Played) -> None:
    played.advance(20)
    counts = [played.scrape(f"browser-worker-{number}")("requests_total") for number in (1, 2)]
    assert sum(counts) == pytest.approx(20 * 36, rel=0.31)
    assert min(counts) > 0.35 * sum(counts)
    assert played.scrape("browser-worker-3")("requests_total") == 0
    assert played.rise("browser-worker-3", 20, "requests_total") > 100
    assert played.scrape("browser-worker-3")("active_sessions_count") > 0


def test_a_scrape_sees_the_time_until_now_but_not_what_a_machine_slept(played: Played) -> None:
    played.monotonic += 2.5
    assert played.scrape("sample-host")("node_cpu_seconds_total", cpu="1") == pytest.approx(2.5)
    played.monotonic += 8 * HOUR
    assert played.scrape("sample-host")("node_cpu_seconds_total", cpu="1") == pytest.approx(32.5)


def test_every_misbehaviour_names_an_alert_that_ships() -> None:
    shipped = {alert.name for alert in alerts()}
    named = [what.alert for what in orchestrator.MISBEHAVIOURS.values()]
    assert set(named) <= shipped
    assert len(set(named)) == len(named) == 15


def test_failing_requests_are_half_of_the_provider_s_and_of_nobody_else_s(played: Played) -> None:
    played.post("/misbehave/fail?provider=gemini")
    played.advance(30)
    worker = played.scrape("browser-worker-1")
    for provider, share in (("claude", 0.02), ("gemini", 0.5), ("codex", 0.02)):
        failed = worker("requests_failed_total", provider=provider)
        assert failed / worker("requests_total", provider=provider) == pytest.approx(share, abs=0.1)
        assert failed == worker("requests_total", provider=provider, status="failed")


def test_slow_requests_take_more_than_the_limit_of_the_alert(played: Played) -> None:
    played.post("/misbehave/slow")
    played.advance(30)
    worker, name = played.scrape("browser-worker-2"), "request_duration_seconds_bucket"
    assert worker(name, provider="claude", le="30.0") == 0
    assert worker(name, provider="claude", le="120.0") == worker("requests_total", provider="claude") > 0
    assert worker(name, provider="codex", le="30.0") == worker("requests_total", provider="codex") > 0


def test_quotas_that_end_show_as_used_and_the_exceeded_one_wins(played: Played) -> None:
    def share(provider: str) -> float:
        tracker = played.scrape("quota-tracker")
        return tracker("quota_daily_used", provider=provider) / tracker("quota_daily_limit", provider=provider)

    played.post("/misbehave/quota-almost?provider=codex")
    assert share("codex") == pytest.approx(0.95)
    played.post("/misbehave/quota-exceeded?provider=codex")
    assert share("codex") >= 1
    assert share("claude") < 0.6
    played.post("/behave/quota-exceeded")
    assert share("codex") == pytest.approx(0.95)


def test_accounts_and_sessions_end_each_on_its_own(played: Played) -> None:
    played.post("/misbehave/session-expiring?provider=gemini")
    played.post("/misbehave/session-expired?provider=gemini&provider=codex")
    played.post("/misbehave/no-accounts")
    tracker = played.scrape("quota-tracker")
    name = "session_expiry_timestamp_seconds"
    assert 2 * HOUR < tracker(name, provider="gemini", account="spare") - played.wall <= 3 * HOUR
    assert tracker(name, provider="gemini", account="main") < played.wall
    assert [tracker("expired_sessions_count", provider=one) for one in services.PROVIDERS] == [0, 1, 1]
    assert [tracker("active_accounts_count", provider=one) for one in services.PROVIDERS] == [0, 1, 1]


def test_the_queue_grows_deep_and_its_jobs_fail(played: Played) -> None:
    played.post("/misbehave/deep-queue")
    assert played.scrape("bullmq")("bullmq_queue_waiting", queue="prompts") > 150
    played.post("/misbehave/jobs-fail")
    played.advance(30)
    queue = played.scrape("bullmq")
    assert queue("bullmq_jobs_failed_total") == pytest.approx(queue("bullmq_jobs_completed_total"), abs=2)
    assert min(queue("bullmq_queue_active"), queue("bullmq_queue_delayed")) > 0


def test_half_of_the_api_s_answers_are_errors(played: Played) -> None:
    played.post("/misbehave/api-errors")
    played.advance(30)
    gateway = played.scrape("api-gateway")
    for route in services.ROUTES:
        errors = gateway("api_errors_total", route=route)
        assert errors / gateway("api_requests_total", route=route) == pytest.approx(0.5, abs=0.05)
        assert errors == gateway("api_requests_total", route=route, status="500")
