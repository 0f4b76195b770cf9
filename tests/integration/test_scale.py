"""Two shards with two replicas, really running, and one again: nothing is scraped too seldom, lost, or told twice."""

from __future__ import annotations

import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.integration.fixtures import engine_problem
from tests.integration.shipped import Shipped, free_ports, wait_until_well, written_stack
from tests.integration.support import Ran, docker, eventually, wait_until
from tests.integration.web import fetch, query
from tests.integration.webhook import Listener, Notified, listener

from monops.domain.scale import Instance, Scale

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(1200)]

TWO_BY_TWO = Scale(2, 2)
#: True of this machine or of a stack without backups, whatever the test does; and what is meant to fire.
USUAL = ("DiskSpaceLow", "HighMemoryUsage", "HighCpuUsage", "BackupMissing", "BackupStale", "ServiceDown")


@dataclass
class Scene:
    """A stack that was one Prometheus, and is four."""

    shipped: Shipped
    listener: Listener
    first_port: int
    before: dict[str, str] = field(default_factory=dict)
    #: When it became several, and when the way back to one began.
    scaled: float = 0.0
    left: float = 0.0

    def set(self, shards: int, replicas: int, *words: str) -> Ran:
        ran = self.shipped.monops.run(
            "scale", "set", "--shards", str(shards), "--replicas", str(replicas), *words, "--yes", within=480
        )
        assert ran.code == 0, ran
        return ran

    def shown(self) -> Any:
        return self.shipped.monops.run("scale", "show").result

    def url(self, service: str, port: int = 9090) -> str:
        return "http://" + docker("port", self.shipped.container(service), str(port)).splitlines()[0]

    @property
    def layer(self) -> str:
        return self.url("victoria-metrics", 8428)

    def texts(self) -> dict[str, str]:
        """The files that a person or monops writes, secrets and history left out."""
        folder = self.shipped.folder
        kept = [path for path in folder.rglob("*.yml") if "secrets" not in path.parts]
        return {str(path.relative_to(folder)): path.read_text() for path in [*kept, folder / ".env"]}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Four Prometheus with their query layer, on which all is well."""
    if problem := engine_problem():
        pytest.skip(problem)
    with ExitStack() as held:
        shipped = held.enter_context(written_stack(tmp_path_factory.mktemp("scale"), "--receiver", "webhook"))
        heard = held.enter_context(listener(shipped.bridge))
        shipped.secret("secrets/alertmanager/webhook-url", heard.url("/webhook"))
        made = Scene(shipped, heard, free_ports(6)[0])
        shipped.up()
        wait_until_well(shipped, but=USUAL)
        made.before = made.texts()
        made.set(2, 2, "--first-port", str(made.first_port))
        made.scaled = time.time()
        wait_until(lambda: shipped.monops.run("scale", "show").code == 0, "every target scraped twice")
        yield made


def test_every_target_is_scraped_by_exactly_two_and_each_shard_has_its_share(scene: Scene) -> None:
    shown = scene.shown()
    assert (shown["shards"], shown["replicas"], shown["wrong"]) == (2, 2, [])
    by: dict[str, list[Instance]] = {}
    for one in TWO_BY_TWO.instances:
        found = fetch(f"{scene.url(one.service('prometheus'))}/api/v1/targets?state=active")["data"]["activeTargets"]
        assert found, one
        for target in found:
            by.setdefault(f"{target['scrapePool']} {target['labels']['instance']}", []).append(one)
    assert shown["targets"] == len(by) > 12
    for target, instances in by.items():
        assert [one.replica for one in instances] == ["a", "b"], target
        assert len({one.shard for one in instances}) == 1, target


def test_the_layer_holds_each_series_once_and_as_one_prometheus_would_name_it(scene: Scene) -> None:
    wait_until(lambda: len(query(scene.layer, "up", time.time())) == scene.shown()["targets"], "all in the layer")
    labels = {name for row, _ in query(scene.layer, "up", time.time()) for name in json.loads(row)}
    assert labels == {"__name__", "job", "instance"}
    scraped = '{"__name__": "up", "instance": "browser-worker-1:9090", "job": "browser-workers"}'
    wait_until(lambda: (scraped, "1") in query(scene.layer, "up", time.time()), "the worker in the layer")


def test_grafana_asks_the_layer_and_the_first_prometheus_is_still_the_one_that_monops_means(scene: Scene) -> None:
    source = (scene.shipped.folder / "grafana/provisioning/datasources/datasources.yml").read_text()
    assert "url: http://victoria-metrics:8428" in source
    assert "url: http://prometheus:9090" not in source
    count = scene.shown()["targets"]

    def asked() -> str:
        series = scene.shipped.monops.run("query", "count(up)").result["series"]
        return str(series[0]["points"][0][1]) if series else ""

    wait_until(lambda: asked() == str(count), "every target in the layer")
    targets = scene.shipped.monops.run("targets").result
    assert len(targets["targets"]) == count
    backed_up = scene.shipped.monops.run("backup", "prometheus", "--to", str(scene.shipped.folder.parent / "store"))
    assert backed_up.code == 0, backed_up
    assert any("the first of several" in warning for warning in backed_up.warnings), backed_up


def test_rules_are_evaluated_where_their_series_are(scene: Scene) -> None:
    everywhere = fetch(f"{scene.url('prometheus-2-b')}/api/v1/rules")["data"]["groups"]
    assert {group["name"] for group in everywhere} == {"services"}
    central = fetch(f"{scene.url('vmalert', 8880)}/api/v1/rules")["data"]["groups"]
    assert {group["name"] for group in central} >= {"recording", "performance", "queue", "monitoring", "system"}
    wait_until(lambda: bool(query(scene.layer, "instance:node_memory_used:ratio", time.time())), "a recorded series")
    # As Prometheus would send it: with the external labels, and no others.
    told = {"alertname": "Watchdog", "monitor": scene.shipped.name, "severity": "none", "team": "platform"}

    def found() -> list[dict[str, str]]:
        alerts = fetch(f"{scene.shipped.alertmanager}/api/v2/alerts?filter=alertname=Watchdog")
        return [alert["labels"] for alert in alerts]

    wait_until(lambda: found() == [told], "one Watchdog")


def test_asked_again_nothing_changes_and_an_edit_is_taken_over_by_reload(scene: Scene) -> None:
    assert scene.set(2, 2).result["changed"] is False
    with scene.shipped.as_it_was("prometheus.yml"):
        scene.shipped.rewrite("prometheus.yml", "  external_labels:\n", "  external_labels:\n    edited: once\n")
        found = scene.shipped.monops.run("doctor", "--only", "prometheus.copies", as_json=False)
        assert "edited since" in found.stdout
        plan = scene.set(2, 2).result["plan"]
        assert {(step["means"], step["service"]) for step in plan["steps"]} == {
            ("reload", one.service("prometheus")) for one in TWO_BY_TWO.instances
        }
        for one in TWO_BY_TWO.instances:
            running = fetch(f"{scene.url(one.service('prometheus'))}/api/v1/status/config")["data"]["yaml"]
            assert "edited: once" in running
    scene.set(2, 2)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("set", "--shards", "0", "--replicas", "2", "--yes"), 2, "'--shards': 0"),
        (("set", "--shards", "1000", "--replicas", "2", "--yes"), 2, "'--shards': 1000"),
        (("set", "--shards", "2", "--replicas", "-1", "--yes"), 2, "'--replicas': -1"),
        (("set", "--shards", "2", "--replicas", "many", "--yes"), 2, "'--replicas'"),
        (("set", "--shards", "2", "--replicas", "3", "--first-port", "0", "--yes"), 2, "'--first-port': 0"),
        (("set", "--shards", "2", "--replicas", "3"), 2, "nobody is at a terminal"),
    ],
)
def test_what_cannot_be_or_is_not_confirmed_changes_nothing(
    scene: Scene, words: tuple[str, ...], code: int, says: str
) -> None:
    before = scene.texts()
    ran = scene.shipped.monops.run("scale", *words)
    ran.is_one_error(code, says)
    assert scene.texts() == before


def test_a_dry_run_shows_the_plan_on_a_screen_and_every_byte_in_json(scene: Scene) -> None:
    before, words = scene.texts(), ("scale", "set", "--shards", "3", "--replicas", "2", "--dry-run")
    shown = scene.shipped.monops.run(*words, as_json=False)
    assert shown.code == 0, shown
    assert "  make prometheus-3-a; interrupts nothing\n" in shown.stdout
    assert "prometheus-shard-3-replica-a.yml: new, " in shown.stdout
    assert "hashmod" not in shown.stdout
    plan = scene.shipped.monops.run(*words).result["plan"]
    assert sum("hashmod" in "".join(edit["diff"]) for edit in plan["edits"]) == 6
    assert scene.texts() == before


def test_without_an_engine_or_a_stack_nothing_is_tried(scene: Scene) -> None:
    words = ("scale", "set", "--shards", "1", "--replicas", "1", "--yes")
    gone = {"DOCKER_HOST": "unix:///nowhere.sock"}
    scene.shipped.monops.run(*words, environment=gone).is_one_error(1, "no Docker engine")
    scene.shipped.monops.run("--project", "nosuch", *words).is_one_error(10, "there is no stack here")


def test_an_image_that_is_not_here_is_named_before_anything_is_touched(scene: Scene) -> None:
    with scene.shipped.as_it_was(".env"):
        scene.shipped.rewrite(".env", "victoria-metrics:v", "victoria-metrics:v0.")
        ran = scene.shipped.monops.run("scale", "set", "--shards", "2", "--replicas", "3", "--yes")
    ran.is_one_error(10, "victoria-metrics:v0.")
    assert ran.remedies[0].startswith("docker pull victoriametrics/victoria-metrics:v0.")
    assert scene.shown()["replicas"] == 2


def test_an_edit_that_the_next_scale_would_lose_is_refused(scene: Scene) -> None:
    before = scene.texts()
    ran = scene.shipped.monops.run("remote-write", "set", "http://longterm/write", "--yes")
    ran.is_one_error(1, "is made of", "prometheus.yml")
    kept = scene.shipped.monops.run("retention", "set", "--time", "31d", "--dry-run")
    assert any("is the first of several" in one for one in kept.result["plan"]["warnings"])
    assert scene.texts() == before


def test_while_the_first_is_stopped_the_others_go_on_and_no_change_begins(scene: Scene) -> None:
    shipped = scene.shipped
    docker("stop", "-t", "5", shipped.container("prometheus"))
    try:
        shown = shipped.monops.run("scale", "show", as_json=False)
        assert shown.code == 4
        assert f"does not scrape (exited): docker start {shipped.container('prometheus')}" in shown.stdout
        ran = shipped.monops.run("scale", "set", "--shards", "1", "--replicas", "1", "--yes")
        ran.is_one_error(10, "is exited")
    finally:
        docker("start", shipped.container("prometheus"))
    wait_until(lambda: shipped.monops.run("scale", "show").code == 0, "all four again")


def test_a_replica_of_each_shard_that_stops_loses_no_sample(scene: Scene) -> None:
    shipped, began = scene.shipped, time.time()
    wait_until(lambda: time.time() > began + 8, "some scrapes of both")
    docker("stop", "-t", "5", shipped.container("prometheus-1-b"), shipped.container("prometheus-2-a"))
    stopped = time.time()
    assert shipped.monops.run("scale", "show").code == 4
    finding = shipped.monops.run("doctor", "--only", "targets.shards", as_json=False)
    assert finding.code == 4, finding
    assert "lack a replica" in finding.stdout
    wait_until(lambda: time.time() > stopped + 12, "some scrapes of one")
    docker("start", shipped.container("prometheus-1-b"), shipped.container("prometheus-2-a"))
    wait_until(lambda: shipped.monops.run("scale", "show").code == 0, "all four again")
    end = int(time.time()) - 8
    words = f"query=count_over_time(up[3s])&start={int(began) + 4}&end={end}&step=1&nocache=1"
    jobs = ("browser-workers", "bullmq", "api-gateway", "redis")

    def nothing_is_lost() -> None:
        """What was scraped a while ago may still be on its way into the layer."""
        rows = fetch(f"{scene.layer}/api/v1/query_range?{words}")["data"]["result"]
        watched = [row for row in rows if row["metric"]["job"] in jobs]
        assert len(watched) == 5
        for row in watched:
            assert len(row["values"]) == end - int(began) - 4 + 1, f"a gap in {row['metric']}"

    eventually(nothing_is_lost)


def test_an_alert_of_both_replicas_is_told_once(scene: Scene) -> None:
    once = {"firing": 1, "resolved": 1}
    # Another alert of its group that comes or goes tells the group again, and one late answer of a busy machine is
    # such an alert: what is told twice for there are two replicas is so each time.
    for _ in range(3):
        notified = _told_of_a_target_that_is_down(scene)
        told = Counter(one.status for one in notified)
        if told == once:
            break
    assert told == once
    assert {one.labels["alertname"] for one in notified} == {"ServiceDown"}
    assert not [one for one in scene.listener.notified if "prometheus_replica" in one.labels]


def _told_of_a_target_that_is_down(scene: Scene) -> list[Notified]:
    """Nobody is there, until both replicas have told it for a while; then it is gone."""
    shipped, before = scene.shipped, len(scene.listener.notified)

    def told() -> list[Notified]:
        return [one for one in scene.listener.notified[before:] if one.labels.get("instance") == "nobody-there:9090"]

    with shipped.as_it_was("targets/bullmq.yml"):
        shipped.rewrite("targets/bullmq.yml", "- targets:\n", "- targets:\n    - nobody-there:9090\n")
        wait_until(lambda: any(one.status == "firing" for one in told()), "the alert")
        wait_until(
            lambda: (
                [one.replica for one in TWO_BY_TWO.instances if _fires(scene, one, "nobody-there:9090")] == ["a", "b"]
            ),
            "the alert of both replicas",
        )
        # More often than Alertmanager groups and both send again.
        began = time.time()
        wait_until(lambda: time.time() > began + 12, "what would be told again")
    wait_until(lambda: told()[-1].status == "resolved", "its end")
    return told()


def test_an_instance_that_cannot_start_takes_the_whole_change_back(scene: Scene) -> None:
    shipped, before = scene.shipped, scene.texts()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = ("--shards", "2", "--replicas", "3", "--first-port", port, "--yes")
        ran = shipped.monops.run("scale", "set", *words)
    ran.is_one_error(1, f"port {port}", "taken back")
    assert scene.texts() == before
    wait_until(lambda: shipped.monops.run("scale", "show").code == 0, "all four as before")
    assert scene.shown()["replicas"] == 2


def test_back_to_one_finds_what_the_shards_held_also_after_a_restart(scene: Scene) -> None:
    shipped, end = scene.shipped, time.time()
    volumes = set(docker("volume", "ls", "-q", "--filter", f"name={shipped.name}").split())
    samples = _held_by_shards(scene, end)
    scene.set(1, 1)
    scene.left = end
    assert set(docker("volume", "ls", "-q", "--filter", f"name={shipped.name}").split()) == volumes
    after = scene.texts()
    assert {name: text for name, text in after.items() if name != ".env"} == {
        name: text for name, text in scene.before.items() if name != ".env"
    }
    assert scene.shown()["instances"][0]["targets"] == scene.shown()["targets"]

    def is_found() -> bool:
        here = _samples(shipped.prometheus, scene.scaled, end)
        return all(here.get(target, 0) >= count * 0.95 for target, count in samples.items())

    wait_until(is_found, "what the shards held, in the first", within=150)
    docker("restart", "-t", "10", shipped.container("prometheus"))
    wait_until(lambda: shipped.monops.run("scale", "show").code == 0, "the first again")
    wait_until(is_found, "what was brought, after a restart", within=60)


def test_undo_makes_several_of_one_again_and_one_of_several(scene: Scene) -> None:
    shipped = scene.shipped
    ran = shipped.monops.run("undo", "--yes")
    assert ran.code == 0, ran
    assert scene.shown()["shards"] == 2
    wait_until(lambda: shipped.monops.run("scale", "show").code == 0, "every target scraped twice again")
    scene.set(1, 1)
    assert scene.shown()["shards"] == 1


def _fires(scene: Scene, one: Instance, instance: str) -> bool:
    alerts = fetch(f"{scene.url(one.service('prometheus'))}/api/v1/alerts")["data"]["alerts"]
    return any(alert["labels"].get("instance") == instance and alert["state"] == "firing" for alert in alerts)


def _samples(prometheus: str, start: float, end: float) -> dict[str, int]:
    """Target -> how many samples of `up` there are of that time."""
    rows = query(prometheus, f"count_over_time(up[{int(end - start)}s])", end)
    return {labels: int(value) for labels, value in rows}


def _held_by_shards(scene: Scene, end: float) -> dict[str, int]:
    """The same, of the second shard: as many as the replica has that has fewer."""
    found = [_samples(scene.url(f"prometheus-2-{letter}"), scene.scaled, end) for letter in ("a", "b")]
    return {target: min(count, found[1].get(target, 0)) for target, count in found[0].items()}
