"""Every fact, read from a real stack: plausible, and what the engine and the servers say when asked by other means."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.contract.inspected import EVERYTHING, SERVICES, facts_of, inspectors_of, one, targets_of
from tests.integration.support import GRAFANA_PASSWORD, Stack, docker
from tests.integration.web import fetch

from monops.domain.errors import NotFound
from monops.domain.facts import Facts, GrafanaHealth, ListeningSocket, Unknown, known
from monops.edges import inspect_files

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def facts(watched: Stack) -> Facts:
    """All of them, of the stack as it is when it is well."""
    return facts_of(watched, queries=("up", "scalar(vector(3))", "up ==", "up[1m]"))


def test_every_fact_is_read(facts: Facts) -> None:
    unknown = {name: fact for name in EVERYTHING if isinstance(fact := getattr(facts, name), Unknown)}
    assert unknown == {}


def test_the_engine_is_as_docker_says(watched: Stack, facts: Facts) -> None:
    engine = known(facts.engine)
    said = json.loads(docker("version", "--format", "{{json .Server}}"))
    info = json.loads(docker("info", "--format", "{{json .}}"))
    assert (engine.version, engine.api_version) == (said["Version"], said["ApiVersion"])
    assert (engine.storage_driver, engine.root) == (info["Driver"], info["DockerRootDir"])
    assert (engine.memory_bytes, engine.cpus) == (info["MemTotal"], info["NCPU"])
    assert engine.cgroup_version == info["CgroupVersion"]
    assert abs(engine.clock_offset) < 5

    disk = known(facts.engine_disk)
    there = os.statvfs(info["DockerRootDir"])
    assert disk.total == there.f_blocks * there.f_frsize
    assert 0 < disk.free_share < 1
    assert disk.kind
    for service, own in known(facts.data_disks).items():
        at = os.statvfs(watched.mountpoint(service))
        assert (own.total, own.kind) == (at.f_blocks * at.f_frsize, disk.kind)
    assert set(known(facts.data_disks)) == {"prometheus", "grafana", "alertmanager"}


def test_containers_are_as_docker_inspects_them(watched: Stack, facts: Facts) -> None:
    assert {seen.service for seen in known(facts.containers)} == set(SERVICES)
    for service in SERVICES:
        seen, said = one(facts, service), watched.inspect(service)
        assert (seen.container.id, seen.container.state) == (said["Id"], said["State"]["Status"])
        assert (seen.restarts, seen.started_at) == (said["RestartCount"], said["State"]["StartedAt"])
        assert seen.image_now == said["Image"]
        assert service in seen.aliases
        assert (seen.exit_code, seen.out_of_memory, seen.health_exit_code) == (None, False, 0)
        assert seen.memory is not None
        assert 0 < seen.memory.used < seen.memory.limit
        assert seen.log_bytes is not None
        assert seen.log_bytes <= Path(said["LogPath"]).stat().st_size
        assert seen.stale_mounts == ()


def test_listening_sockets_and_owners_of_mounts(watched: Stack, facts: Facts) -> None:
    assert one(facts, "prometheus").sockets == (ListeningSocket("::", 9090),)
    assert {socket.port for socket in one(facts, "redis").sockets or ()} == {6379}
    data = str(watched.mountpoint("prometheus"))
    uid, mode = one(facts, "prometheus").mount_owners[data]
    assert (uid, mode) == (os.stat(data).st_uid, os.stat(data).st_mode & 0o7777)


def test_logs_of_those_in_which_phrases_are_looked_for(facts: Facts) -> None:
    log = one(facts, "prometheus").log
    assert 5 < len(log) <= 50
    assert any("Server is ready to receive web requests" in line for line in log)
    assert one(facts, "redis").log == (), "it is well, and nobody looks for anything in its log"


def test_other_containers_networks_and_volumes(watched: Stack, facts: Facts) -> None:
    own = {seen.name for seen in known(facts.containers)}
    assert not own & {seen.name for seen in known(facts.neighbours)}
    networks = {network.name: network.gateway for network in known(facts.networks)}
    assert networks[f"{watched.project}_default"]
    volumes = {volume.name: volume.mountpoint for volume in known(facts.volumes)}
    assert volumes[watched.volume("prometheus")] == str(watched.mountpoint("prometheus"))


def test_compose_is_asked_about_the_files_that_the_labels_name(watched: Stack, facts: Facts) -> None:
    model = known(facts.compose_model)
    assert model["name"] == watched.project
    # --storage.tsdb.min-block-duration stands in the second file only.
    assert any("min-block-duration" in word for word in model["services"]["prometheus"]["command"])
    for service in SERVICES:
        label = watched.inspect(service)["Config"]["Labels"]["com.docker.compose.config-hash"]
        assert known(facts.compose_hashes)[service] == label
    assert known(facts.compose_version) == docker("compose", "version", "--short").removeprefix("v")


def test_files_are_as_the_container_and_the_host_have_them(watched: Stack, facts: Facts) -> None:
    inside, outside = known(facts.container_files), known(facts.host_files)
    for service, path in (
        ("prometheus", "/etc/prometheus/prometheus.yml"),
        ("alertmanager", "/etc/alertmanager/alertmanager.yml"),
    ):
        said = docker("exec", watched.container(service), "cat", path)
        assert inside[f"{service}:{path}"].strip() == said
        assert outside[str(watched.folder / path.removeprefix("/etc/"))].strip() == said
    rules = [path for path in inside if path.startswith("prometheus:/etc/prometheus/rules/")]
    assert len(rules) == len(list((watched.folder / "prometheus/rules").glob("*.yml"))) > 0


def test_files_out_of_an_archive_are_the_same(watched: Stack, facts: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    # As where the engine's processes cannot be looked into.
    monkeypatch.setattr(inspect_files, "is_process_of", lambda *_: False)
    assert facts_of(watched, "container_files").container_files == facts.container_files


def test_prometheus_is_as_it_says_itself(watched: Stack, facts: Facts) -> None:
    url = watched.prometheus
    assert facts.prometheus_ready == (200, fetch(f"{url}/-/ready"))
    assert known(facts.prometheus_build).version == fetch(f"{url}/api/v1/status/buildinfo")["data"]["version"]
    assert known(facts.prometheus_build).number > (2,)
    assert facts.prometheus_flags == fetch(f"{url}/api/v1/status/flags")["data"]
    assert facts.prometheus_config == fetch(f"{url}/api/v1/status/config")["data"]["yaml"]
    runtime = known(facts.prometheus_runtime)
    assert runtime.reload_succeeded
    assert runtime.retention == "1y"
    assert 0 < time.time() - runtime.started_at < 3600
    assert facts.prometheus_replay == 1.0
    # It may have learned more since.
    assert {"up"} <= known(facts.prometheus_metrics) <= set(fetch(f"{url}/api/v1/label/__name__/values")["data"])
    counts = list(known(facts.prometheus_cardinality).values())
    assert 5 < len(counts) <= 20
    assert counts == sorted(counts, reverse=True)


def test_targets_rules_and_alertmanagers(watched: Stack, facts: Facts) -> None:
    url = watched.prometheus
    said = {one["scrapeUrl"]: one for one in targets_of(url)}
    assert {target.url for target in known(facts.prometheus_targets)} == set(said)
    for target in known(facts.prometheus_targets):
        assert (target.job, target.labels) == (said[target.url]["scrapePool"], said[target.url]["labels"])
        assert (target.interval, target.timeout) == (5.0, 5.0)
        assert target.health == "up" or target.last_error
        assert abs(time.time() - target.last_scrape) < 600
    assert {target.job for target in known(facts.prometheus_targets) if target.health == "up"} >= {"prometheus"}
    assert set(known(facts.prometheus_dropped).values()) <= {0}

    groups = fetch(f"{url}/api/v1/rules")["data"]["groups"]
    assert [(group.name, len(group.rules)) for group in known(facts.prometheus_rules)] == [
        (group["name"], len(group["rules"])) for group in groups
    ]
    assert {rule.health for group in known(facts.prometheus_rules) for rule in group.rules} <= {"ok", "unknown"}
    (alertmanager,) = known(facts.prometheus_alertmanagers)
    assert alertmanager == "http://alertmanager:9093/api/v2/alerts"
    assert {alert.state for alert in known(facts.prometheus_alerts)} <= {"pending", "firing"}


def test_queries_are_answered(facts: Facts) -> None:
    assert {series.labels["job"] for series in facts.answer("up")} >= {"prometheus", "alertmanager", "grafana"}
    (scalar,) = facts.answer("scalar(vector(3))")
    assert scalar.points[0][1] == "3"
    for wrong, says in (("up ==", "parse error"), ("up[1m]", "neither a vector nor a scalar")):
        answer = facts.answers[wrong]
        assert isinstance(answer, Unknown)
        assert says in answer.reason


def test_alertmanager_is_as_it_says_itself(watched: Stack, facts: Facts) -> None:
    url = watched.url("alertmanager", 9093)
    said = fetch(f"{url}/api/v2/status")
    status = known(facts.alertmanager_status)
    assert (status.version, status.config) == (said["versionInfo"]["version"], said["config"]["original"])
    assert status.cluster == "disabled"
    assert known(facts.alertmanager_ready)[0] == 200
    assert facts.alertmanager_silences == ()

    now = datetime.now(UTC)
    silence = {
        "matchers": [
            {"name": "severity", "value": 'a"b', "isRegex": False, "isEqual": True},
            {"name": "job", "value": "x|y", "isRegex": True, "isEqual": False},
        ],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "tests",
        "comment": "a silence to read",
    }
    made = post(f"{url}/api/v2/silences", silence)
    (seen,) = known(facts_of(watched, "alertmanager_silences").alertmanager_silences)
    assert (seen.id, seen.state, seen.created_by, seen.comment) == (
        made["silenceID"],
        "active",
        "tests",
        "a silence to read",
    )
    assert sorted(seen.matchers) == ['job!~"x|y"', 'severity="a\\"b"']
    assert 3500 < seen.ends_at - time.time() < 3700


def post(url: str, document: Mapping[str, Any]) -> Any:
    sent = urllib.request.Request(
        url, data=json.dumps(document).encode(), headers={"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(sent, timeout=30) as answer:
        return json.loads(answer.read())


def test_grafana_is_looked_at_with_the_stacks_password(watched: Stack, facts: Facts) -> None:
    health = fetch(f"{watched.grafana}/api/health")
    assert facts.grafana_health == GrafanaHealth(version=health["version"], database="ok")
    assert facts.grafana_login == 200
    assert facts.grafana_default_password is False
    sources = {source.type: source for source in known(facts.grafana_data_sources)}
    prometheus = sources["prometheus"]
    assert (prometheus.health, prometheus.url) == ("OK", "http://prometheus:9090")
    assert prometheus.up_series == len(targets_of(watched.prometheus))
    assert len(known(facts.grafana_dashboards)) > 0
    assert all(dashboard.model.get("title") == dashboard.title for dashboard in known(facts.grafana_dashboards))
    grafana = [getattr(facts, name) for name in EVERYTHING if name.startswith("grafana_")]
    assert GRAFANA_PASSWORD not in repr(grafana)


def test_the_project_is_found_by_its_compose_file(watched: Stack) -> None:
    file = watched.folder / "docker-compose.monitoring.yml"
    assert inspectors_of(watched, project=None, compose_file=str(file)).project() == watched.project


def test_a_project_that_is_not_there_is_said_so(watched: Stack) -> None:
    with pytest.raises(NotFound, match=f"Did you mean '{watched.project}'"):
        inspectors_of(watched, project=f"{watched.project}x").project()


def test_an_engine_over_a_network_is_asked_through_its_client(watched: Stack, facts: Facts) -> None:
    found = inspectors_of(watched)
    found._reader._pool = None  # as for tcp:// and ssh://
    (containers,) = found.engine()
    seen = containers.readers()["containers"]()
    assert isinstance(seen, tuple)
    assert [one.container.id for one in seen] == [one.container.id for one in known(facts.containers)]
