"""query, alerts list, targets, and what a backup tells Prometheus: on the stack that `monops init` makes."""

from __future__ import annotations

import itertools
import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.integration.fixtures import engine_problem
from tests.integration.shipped import Shipped, wait_until_well, written_stack
from tests.integration.support import Ran, docker, eventually, wait_until
from tests.integration.web import answers

pytestmark = [pytest.mark.engine, pytest.mark.slow]

#: Of the stack and the sample application.
TARGETS = 13


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shipped]:
    """A stack with the sample application, on which all is well."""
    if problem := engine_problem():
        pytest.skip(problem)
    with written_stack(tmp_path_factory.mktemp("live")) as shipped:
        shipped.up()
        wait_until(lambda: len(shipped.asked("up == 1")) >= TARGETS, "every target")
        wait_until_well(shipped)
        yield shipped


def rows(ran: Ran) -> list[list[str]]:
    """The cells of a table, without its header and its last line."""
    return [line.split() for line in ran.stdout.splitlines()[1:-1]]


def labels(ran: Ran, name: str) -> set[str]:
    return {series["labels"][name] for series in ran.result["series"]}


# --- targets ---------------------------------------------------------------------------------------


def started_at(stack: Shipped) -> str:
    return docker("inspect", "--format", "{{.State.StartedAt}} {{.RestartCount}}", stack.container("prometheus"))


def test_every_target_of_the_stack_is_up(stack: Shipped) -> None:
    def are_up() -> None:
        ran = stack.monops.run("targets", as_json=False)
        assert ran.code == 0, ran
        assert ["browser-workers", "browser-worker-1:9090", "up"] in rows(ran)
        assert ran.stdout.splitlines()[-1] == f"{len(rows(ran))} targets: {len(rows(ran))} up"

    eventually(are_up)


def test_a_target_is_scraped_within_seconds_and_gone_within_seconds_without_a_restart(stack: Shipped) -> None:
    before, file = started_at(stack), stack.folder / "targets" / "api-gateway.yml"
    text = file.read_bytes()
    target, patience = ("api-gateway", "quota-tracker:9090"), ("--wait", "60")
    for _ in range(3):
        begun = time.monotonic()
        ran = stack.monops.run("targets", "add", *target, *patience, "--label", "zone=eu", as_json=False)
        # A few seconds on an idle machine.
        assert time.monotonic() - begun < 60
        if "deadline exceeded" not in ran.stdout:
            break
        # Its very first scrape came too late, as told: then another first one.
        assert stack.monops.run("targets", "remove", *target, *patience).code == 0
    assert (ran.code, ran.stdout.splitlines()) == (
        0,
        [f"quota-tracker:9090 is in {file.relative_to(stack.monops.folder)}", "Prometheus scrapes it: up"],
    )
    wait_until(lambda: bool(stack.asked('up{job="api-gateway", instance="quota-tracker:9090", zone="eu"} == 1')), "it")
    assert file.read_bytes().startswith(text)

    again = stack.monops.run("targets", "add", *target, as_json=False)
    again.is_one_error(2, "quota-tracker:9090 is in targets/api-gateway.yml already")

    ran = stack.monops.run("targets", "remove", *target, *patience)
    assert (ran.code, ran.result["target"]) == (0, None)
    assert file.read_bytes() == text
    wait_until(lambda: not stack.asked('up{job="api-gateway", instance="quota-tracker:9090"}'), "its end")
    assert started_at(stack) == before


def test_a_target_that_nobody_is_behind_is_added_and_told(stack: Shipped) -> None:
    with stack.as_it_was("targets/browser-workers.yml"):
        ran = stack.monops.run("targets", "add", "browser-workers", "browser-worker-77:9090")
        assert ran.code == 3
        assert ran.result["target"]["health"] == "down"

        def is_told() -> None:
            # A name server that is slow to answer is a cause of its own, but for one scrape.
            listed = stack.monops.run("targets").result["targets"]
            (found,) = (one for one in listed if one["instance"] == "browser-worker-77:9090")
            assert "lookup browser-worker-77" in (found["last_error"] or "")
            shown = stack.monops.run("targets", as_json=False)
            assert shown.code == 4
            assert any(row[:3] == ["browser-workers", "browser-worker-77:9090", "down"] for row in rows(shown))

        eventually(is_told)
        assert stack.monops.run("targets", "remove", "browser-workers", "browser-worker-77:9090").code == 0
    wait_until_well(stack)


def test_an_unknown_job_and_an_unknown_target_are_answered_with_the_nearest(stack: Shipped) -> None:
    ran = stack.monops.run("targets", "add", "browser-worker", "browser-worker-3:9090", as_json=False)
    ran.is_one_error(2, "no job 'browser-worker'", "Did you mean 'browser-workers'?")
    ran = stack.monops.run("targets", "remove", "browser-workers", "browser-worker-3:9090", as_json=False)
    ran.is_one_error(10, "no target browser-worker-3:9090", "Did you mean 'browser-worker-")


# --- alerts ----------------------------------------------------------------------------------------


def alert(stack: Shipped, name: str) -> dict[str, Any] | None:
    """The one alert of this name, as `alerts list` has it; None where it has none."""
    ran = stack.monops.run("alerts", "list", "--label", f"alertname={name}")
    assert ran.code == 0, ran
    found: list[dict[str, Any]] = ran.result["alerts"]
    assert len(found) <= 1, found
    return found[0] if found else None


def silence(stack: Shipped, name: str) -> str:
    """Silences an alert, as Alertmanager's own page does; the silence's id."""
    now = datetime.now(UTC)
    wanted = {
        "matchers": [{"name": "alertname", "value": name, "isRegex": False, "isEqual": True}],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(minutes=10)).isoformat(),
        "createdBy": "a test",
        "comment": "known",
    }
    request = urllib.request.Request(
        f"{stack.alertmanager}/api/v2/silences",
        json.dumps(wanted).encode(),
        {"Content-Type": "application/json"},
        method="POST",
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
        return str(json.loads(answer.read())["silenceID"])


def test_an_alert_is_pending_then_firing_then_silenced_then_gone(stack: Shipped) -> None:
    def state() -> str:
        return str((alert(stack, "HighQueueDepth") or {}).get("state", ""))

    stack.misbehave("deep-queue")
    wait_until(lambda: state() == "pending", "a pending alert")
    (row,) = rows(stack.monops.run("alerts", "list", "--label", "alertname=HighQueueDepth", as_json=False))
    assert (row[:3], row[5:]) == (["pending", "warning", "HighQueueDepth"], ["queue=prompts", "-"])

    wait_until(lambda: state() == "firing", "a firing alert")
    wait_until(lambda: (alert(stack, "HighQueueDepth") or {}).get("receivers") == ["nobody"], "it at Alertmanager")
    silenced_by = silence(stack, "HighQueueDepth")
    wait_until(lambda: state() == "silenced", "a silenced alert")
    found = alert(stack, "HighQueueDepth")
    assert found is not None
    assert found["muted_by"] == [silenced_by]
    (row,) = rows(stack.monops.run("alerts", "list", "--state", "silenced", as_json=False))
    assert row[-3:] == ["nobody:", "silence", silenced_by]

    docker("exec", stack.container("alertmanager"), "amtool", "--alertmanager.url=http://127.0.0.1:9093",
           "silence", "expire", silenced_by)  # fmt: skip
    wait_until(lambda: state() == "firing", "an alert that is silenced no more")
    stack.behave("deep-queue")
    wait_until(lambda: state() == "", "the alert's end")


def test_the_watchdog_always_fires_and_both_know_it(stack: Shipped) -> None:
    wait_until(
        lambda: (alert(stack, "Watchdog") or {}).get("seen_by") == ["prometheus", "alertmanager"], "the Watchdog"
    )
    found = alert(stack, "Watchdog")
    assert found is not None
    assert (found["state"], found["severity"], found["receivers"]) == ("firing", "none", ["nobody"])
    assert found["labels"]["monitor"] == stack.name
    shown = stack.monops.run("alerts", "list", "--label", "severity=none", as_json=False)
    assert rows(shown)[0][:3] == ["firing", "none", "Watchdog"]
    assert rows(shown)[0][4:] == ["ago", "-", "nobody"]


# --- query -----------------------------------------------------------------------------------------


def test_an_instant_query_shows_every_target_that_is_up(stack: Shipped) -> None:
    def are_shown() -> None:
        ran = stack.monops.run("query", 'up{job="browser-workers"}', as_json=False)
        assert (ran.code, ran.stderr) == (0, "")
        assert rows(ran) == [
            ["up", "browser-worker-1:9090", "browser-workers", "1"],
            ["up", "browser-worker-2:9090", "browser-workers", "1"],
        ]
        ran = stack.monops.run("query", "up")
        jobs = labels(ran, "job")
        assert {"prometheus", "grafana", "alertmanager", "node", "cadvisor", "redis", "api-gateway"} <= jobs
        assert {series["points"][0][1] for series in ran.result["series"]} == {"1"}

    eventually(are_shown)


def test_a_range_query_shows_how_it_went(stack: Shipped) -> None:
    wait_until(lambda: bool(stack.asked("requests_total offset 10s")), "ten seconds of requests")
    words = ("query", "sum(requests_total)", "--range", "10s", "--step", "2s")

    def is_shown() -> None:
        """A scrape that came too late leaves a worker out, and the sum falls: for as long as the range goes back."""
        ran = stack.monops.run(*words)
        (series,) = ran.result["series"]
        assert ran.result["type"] == "matrix"
        times = [at for at, _ in series["points"]]
        assert [round(later - earlier, 3) for earlier, later in itertools.pairwise(times)] == [2.0] * 5
        counted = [float(value) for _, value in series["points"]]
        assert counted == sorted(counted)
        assert counted[0] < counted[-1]

        shown = stack.monops.run(*words, as_json=False)
        (row,) = rows(shown)
        assert float(row[0]) < float(row[1])
        assert row[4][0] == "▁"
        assert row[4][-1] == "█"
        assert shown.stdout.splitlines()[-1].endswith("every 2s")

    eventually(is_shown)


def test_scalars_and_strings_are_answered_too(stack: Shipped) -> None:
    assert stack.monops.run("query", "1 + 1", as_json=False).stdout == "2\n"
    assert stack.monops.run("query", '"a text"', as_json=False).stdout == "a text\n"
    ran = stack.monops.run("query", "time()", "--at", "2026-01-02T03:04:05Z")
    assert (ran.result["type"], ran.result["series"][0]["points"][0][1]) == ("scalar", "1767323045")


def test_before_there_were_values_there_is_no_data(stack: Shipped) -> None:
    ran = stack.monops.run("query", "up", "--at", "2020-01-01", as_json=False)
    assert (ran.code, ran.stdout) == (0, "no data\n")


def test_bad_promql_is_told_in_the_server_s_words(stack: Shipped) -> None:
    stack.monops.run("query", "sum(up", as_json=False).is_one_error(
        2, "Prometheus does not understand the query", "parse error: unclosed left parenthesis"
    )
    stack.monops.run("query", "up + on() up", "--range", "10s", as_json=False).is_one_error(
        2, "Prometheus cannot evaluate the query", "many-to-many matching not allowed"
    )


# --- services that are gone ------------------------------------------------------------------------


@contextmanager
def stopped(stack: Shipped, *services: str) -> Iterator[None]:
    """Services that somebody has stopped; at the end they answer again."""
    try:
        docker("stop", "--timeout", "20", *(stack.container(service) for service in services))
        yield
    finally:
        docker("start", *(stack.container(service) for service in services))
        for service in services:
            url = stack.prometheus if service == "prometheus" else stack.alertmanager
            wait_until(lambda url=url: answers(f"{url}/-/ready"), f"{service} again")  # type: ignore[misc]


def test_without_alertmanager_alerts_are_shown_and_their_way_is_unknown(stack: Shipped) -> None:
    with stopped(stack, "alertmanager"):
        ran = stack.monops.run("alerts", "list", "--label", "alertname=Watchdog", as_json=False)
        (row,) = rows(ran)
        assert (ran.code, row[0], row[-1]) == (3, "firing", "unknown")
        assert ran.warnings == [f"alertmanager could not be asked: {stack.container('alertmanager')} is exited"]
        assert ran.remedies == [f"docker start {stack.container('alertmanager')}"]
        ran = stack.monops.run("alerts", "list")
        assert ran.code == 3
        assert ran.result["unknown"] == {"alertmanager": f"{stack.container('alertmanager')} is exited"}


def test_without_prometheus_nothing_can_be_asked_and_the_remedy_is_the_way_back(stack: Shipped) -> None:
    name = stack.container("prometheus")
    remedy = f"docker start {name}"
    with stopped(stack, "prometheus"):
        for words in (["query", "up"], ["targets"]):
            ran = stack.monops.run(*words, as_json=False)
            ran.is_one_error(10, f"{name} is exited")
            assert ran.remedies == [remedy]
        ran = stack.monops.run("alerts", "list")
        assert (ran.code, ran.result["unknown"]) == (3, {"prometheus": f"{name} is exited"})
        with stopped(stack, "alertmanager"):
            stack.monops.run("alerts", "list", as_json=False).is_one_error(10, f"{name} is exited")
    assert stack.monops.run("query", "up").code == 0
    wait_until_well(stack)


# --- what a backup tells ---------------------------------------------------------------------------


def told(stack: Shipped, metric: str, destination: Path | str) -> dict[str, float]:
    """Source -> value, as Prometheus has it of the last scrape that was not late."""
    found = stack.asked(f'last_over_time(monops_backup_{metric}{{destination="{destination}"}}[10s])')
    return {json.loads(series).get("source", ""): float(value) for series, value in found}


def test_a_backup_tells_prometheus_when_how_long_and_how_much(stack: Shipped, tmp_path: Path) -> None:
    to, second, since = tmp_path / "to", tmp_path / "second", time.time()
    stack.monops.backup("--to", to, "--to", second)
    sources = {"prometheus", "grafana", "alertmanager", "config"}

    def are_told() -> None:
        for destination in (to, second):
            found = told(stack, "last_run_success", destination)
            assert found == dict.fromkeys(sources, 1)
            for metric in ("last_success_timestamp_seconds", "last_run_timestamp_seconds"):
                found = told(stack, metric, destination)
                assert set(found) == sources
                assert all(since <= at <= time.time() for at in found.values())
            found = told(stack, "last_duration_seconds", destination)
            assert set(found) == {""}
            assert 0 < found[""] < 120
            found = told(stack, "last_size_bytes", destination)
            assert set(found) == sources
            assert min(found.values()) > 0
            assert set(told(stack, "last_stored_bytes", destination)) == sources

    eventually(are_told)


def test_a_backup_that_fails_is_told_and_its_last_success_stays(stack: Shipped, tmp_path: Path) -> None:
    to, good, since = tmp_path / "to", tmp_path / "good", time.time()
    stack.monops.backup("grafana", "--to", to)
    wait_until(lambda: bool(told(stack, "last_success_timestamp_seconds", to)), "the metrics")
    succeeded = told(stack, "last_success_timestamp_seconds", to)
    assert set(succeeded) == {"grafana"}

    # Nobody can write there, root neither.
    to.rename(tmp_path / "away")
    to.write_text("a file")
    ran = stack.monops.run("backup", "grafana", "--to", to, "--to", good, as_json=False)
    assert ran.code == 3, ran
    wait_until(lambda: told(stack, "last_run_success", to) == {"grafana": 0}, "the failure")
    wait_until(lambda: told(stack, "last_run_success", good) == {"grafana": 1}, "the other's success")

    def are_told() -> None:
        assert told(stack, "last_success_timestamp_seconds", to) == succeeded
        assert told(stack, "last_run_timestamp_seconds", to).get("grafana", 0) > succeeded["grafana"] > since

    eventually(are_told)
    wait_until(lambda: (alert(stack, "BackupFailed") or {}).get("state") == "firing", "the alert")
    found = alert(stack, "BackupFailed")
    assert found is not None
    assert (found["labels"]["source"], found["labels"]["destination"]) == ("grafana", str(to))

    to.unlink()
    (tmp_path / "away").rename(to)
    stack.monops.backup("grafana", "--to", to)
    wait_until(lambda: told(stack, "last_run_success", to) == {"grafana": 1}, "the success")
    wait_until(lambda: alert(stack, "BackupFailed") is None, "the alert's end")


def test_the_first_backup_ever_that_fails_is_told_too(stack: Shipped, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    to = tmp_path / "file" / "to"
    assert stack.monops.run("backup", "grafana", "--to", to).code == 1
    wait_until(lambda: bool(told(stack, "last_run_success", to)), "the failure")
    assert set(told(stack, "last_run_success", to).values()) == {0}
    assert told(stack, "last_success_timestamp_seconds", to) == {}
