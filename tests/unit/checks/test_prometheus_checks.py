"""What the checks of Prometheus, its targets and its storage must not find."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from monops.checks import all_checks
from monops.checks._alerting import with_rules
from monops.checks._healthy import CONFIG, HEALTHY, NETWORK, NOW, changed, container, rule, with_container
from monops.checks._prometheus import started
from monops.checks._targets import down, with_targets, worker
from monops.domain.check import Check
from monops.domain.diagnosis import Outcome, diagnose
from monops.domain.facts import Facts, Unknown, known

MINE = [check for check in all_checks() if check.group in ("prometheus", "targets", "storage")]
CHECKS = {check.id: check for check in MINE}
FILE = "prometheus:/etc/prometheus/prometheus.yml"


def ask(check: Check, facts: Facts) -> Outcome:
    (outcome,) = diagnose([check], facts).outcomes
    return outcome


def well(check: Check) -> Facts:
    facts = check.healthy(replace(HEALTHY, answers={}))
    return replace(facts, answers={**dict.fromkeys(check.queries, ()), **facts.answers})


def young(facts: Facts) -> Facts:
    """Everything was started half a minute ago, and Prometheus has answers to nothing yet."""
    at = (NOW - timedelta(seconds=30)).isoformat()
    facts = started(30, replace(facts, answers=dict.fromkeys(facts.answers, ())))
    return replace(facts, containers=tuple(replace(one, started_at=at) for one in known(facts.containers)))


@pytest.mark.parametrize("check", MINE, ids=lambda check: check.id)
def test_a_stack_that_was_just_started_is_well(check: Check) -> None:
    assert ask(check, young(well(check))).is_well


@pytest.mark.parametrize("check", [check for check in MINE if check.queries], ids=lambda check: check.id)
def test_a_prometheus_without_metrics_of_itself_is_not_taken_for_well(check: Check) -> None:
    facts = well(check)
    outcome = ask(check, replace(facts, answers=dict.fromkeys(check.queries, ())))
    assert not outcome.is_well or check.id in ("targets.flapping", "targets.app_contract")


def test_only_one_check_finds_that_prometheus_is_down() -> None:
    gone: dict[str, Any] = dict.fromkeys(
        (name for name in Facts.__dataclass_fields__ if name.startswith("prometheus_")), Unknown("connection refused")
    )
    facts = replace(HEALTHY, **{**gone, "prometheus_ready": (0, "connection refused")})
    facts = with_container(facts, "prometheus", lambda one: changed(one, container={"state": "exited"}, exit_code=2))
    finding = [outcome.check.id for outcome in diagnose(MINE, facts).outcomes if outcome.findings]
    assert finding == ["prometheus.ready"]


# --- targets -------------------------------------------------------------------------------------


def test_targets_with_one_cause_are_one_finding() -> None:
    facts = with_container(HEALTHY, "cadvisor", lambda one: changed(one, container={"state": "exited"}, exit_code=1))
    text = "dial tcp: lookup cadvisor on 127.0.0.11:53: no such host"
    facts = with_targets(facts, *(down(text, f"http://cadvisor:{port}/metrics") for port in range(8000, 8020)))
    (found,) = ask(CHECKS["targets.up"], facts).findings
    assert found.subject == "20 targets of job browser-workers"
    assert found.evidence[-1] == "and 10 more"


def test_a_target_whose_container_is_younger_than_the_scrape_is_not_judged() -> None:
    at = (NOW - timedelta(seconds=9)).isoformat()
    early = with_container(HEALTHY, "cadvisor", lambda one: changed(one, sockets=(), started_at=at))
    refused = down("dial tcp 172.20.0.7:8080: connect: connection refused", "http://cadvisor:8080/metrics")
    assert ask(CHECKS["targets.up"], with_targets(early, refused)).is_well
    again = with_container(early, "cadvisor", lambda one: changed(one, restarts=1))
    assert ask(CHECKS["targets.up"], with_targets(again, refused)).findings


def test_an_exporter_of_another_stack_is_none_of_ours() -> None:
    check = CHECKS["targets.undeclared"]
    strange = changed(container("cadvisor"), container={"name": "t1-cadvisor", "addresses": {"t1": "10.0.0.2"}})
    strange = replace(strange, aliases=frozenset({"other"}), container=replace(strange.container, service="other"))
    assert ask(check, replace(well(check), neighbours=(strange,))).is_well
    near = replace(strange, container=replace(strange.container, addresses={NETWORK: "172.20.0.99"}))
    assert ask(check, replace(well(check), neighbours=(near,))).findings


def test_a_published_exporter_that_is_scraped_by_the_host_is_scraped() -> None:
    check = CHECKS["targets.undeclared"]
    targets = [one for one in known(well(check).prometheus_targets) if one.job != "cadvisor"]
    by_host = worker(url="http://host.docker.internal:8080/metrics", discovered={"__address__": "10.1.1.1:8080"})
    assert ask(check, replace(well(check), prometheus_targets=(*targets, by_host))).is_well


def test_a_clock_that_differs_makes_no_target_stale() -> None:
    check = CHECKS["targets.stale"]
    ahead = replace(HEALTHY, now=NOW + timedelta(hours=1))
    assert ask(check, ahead).is_well
    old = replace(known(HEALTHY.prometheus_runtime), server_time=None)
    assert ask(check, replace(ahead, prometheus_runtime=old)).findings


def test_a_job_that_was_not_scraped_when_it_was_asked_is_not_judged() -> None:
    check = CHECKS["targets.app_contract"]
    assert ask(check, replace(well(check), answers=dict.fromkeys(check.queries, ()))).is_well


# --- configuration -------------------------------------------------------------------------------

IN_FORCE = """\
global:
  scrape_interval: 15s
  scrape_timeout: 10s
  scrape_protocols: [OpenMetricsText1.0.0]
  evaluation_interval: 1m
  external_labels: {monitor: monitoring, host: box}
rule_files: [/etc/prometheus/rules/*.yml]
alerting:
  alertmanagers:
  - follow_redirects: true
    static_configs: [{targets: ['alertmanager:9093']}]
scrape_configs:
- job_name: node
  scrape_interval: 15s
  metrics_path: /metrics
  static_configs: [{targets: ['host.docker.internal:9100'], labels: {instance: docker-host}}]
  file_sd_configs: [{files: [/etc/prometheus/targets/node.yml], refresh_interval: 5m}]
"""
WRITTEN = """\
global: {scrape_interval: 15s, scrape_timeout: 10000ms, evaluation_interval: 60s,
  external_labels: {monitor: monitoring, host: $HOST}}
rule_files: [rules/*.yml]
alerting: {alertmanagers: [{static_configs: [{targets: [alertmanager:9093]}]}]}
scrape_configs:
- job_name: node
  static_configs: [{targets: ["host.docker.internal:9100"], labels: {instance: docker-host}}]
  file_sd_configs: [{files: [targets/node.yml]}]
"""


def test_what_prometheus_fills_in_is_no_difference() -> None:
    facts = replace(HEALTHY, prometheus_config=IN_FORCE, container_files={FILE: WRITTEN})
    assert ask(CHECKS["prometheus.config_applied"], facts).is_well


@pytest.mark.parametrize("name", ["prometheus.config_applied", "prometheus.config_valid"])
def test_a_file_that_was_not_read_is_unknown(name: str) -> None:
    assert ask(CHECKS[name], replace(HEALTHY, container_files={})).unknown


@pytest.mark.parametrize("name", ["prometheus.config_applied", "prometheus.config_valid"])
def test_what_a_failed_reload_explains_is_not_found_twice(name: str) -> None:
    runtime = replace(known(HEALTHY.prometheus_runtime), reload_succeeded=False)
    facts = replace(HEALTHY, prometheus_runtime=runtime, container_files={FILE: "scrape_configs: ["})
    assert ask(CHECKS[name], facts).is_well


def test_a_file_that_would_not_load_is_not_compared() -> None:
    facts = replace(HEALTHY, container_files={FILE: CONFIG + "nonsense: 1\n"})
    assert ask(CHECKS["prometheus.config_applied"], facts).is_well
    assert ask(CHECKS["prometheus.config_valid"], facts).findings


# --- storage -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["storage.disk", "storage.filesystem"])
def test_data_on_a_disk_that_was_not_looked_at_are_unknown(name: str) -> None:
    check = CHECKS[name]
    facts = with_container(
        replace(well(check), data_disks={}),
        "prometheus",
        lambda one: changed(
            one,
            container={
                "mounts": tuple(
                    replace(m, type="bind", name="", source="/mnt/data") if m.destination == "/prometheus" else m
                    for m in one.container.mounts
                )
            },
        ),
    )
    unknown = ask(check, facts).unknown
    assert unknown is not None
    assert unknown.reason == "the disk of /mnt/data was not looked at"


# --- rules ---------------------------------------------------------------------------------------

DEAD_METRIC = next(check for check in all_checks() if check.id == "rules.dead_metric")


def asking(expr: str, *names: str) -> Facts:
    return replace(with_rules(HEALTHY, rule("Own", expr)), prometheus_metrics=frozenset({"up", *names}))


@pytest.mark.parametrize(
    "expr",
    [
        "absent(nothing_of_the_kind)",
        "nothing_of_the_kind or vector(0)",
        'ALERTS{alertname="Own"}',
        "container_memory_working_set_bytes > 1",
        "bullmq_queue_waiting > 1",
        "not promql (",
    ],
)
def test_a_rule_may_ask_for_what_may_be_missing(expr: str) -> None:
    assert ask(DEAD_METRIC, asking(expr)).is_well


def test_a_metric_of_an_exporter_that_is_there_must_be_there_too() -> None:
    (found,) = ask(DEAD_METRIC, asking("container_memory_use > 1", "container_memory_usage_bytes")).findings
    assert found.cause.endswith("Did you mean 'container_memory_usage_bytes'?")


def test_what_may_be_of_a_target_that_is_down_is_unknown() -> None:
    facts = with_targets(asking("some_metric > 1"), down("connection refused"))
    unknown = ask(DEAD_METRIC, facts).unknown
    assert unknown is not None
    assert "some_metric may be of a target that is down" in unknown.reason
