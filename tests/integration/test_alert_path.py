"""`monops alerts test` and `alerts routes` on the stack that ships: what arrives is the proof, a loss has its place."""

from __future__ import annotations

import datetime as dt
import json
import urllib.request
from collections.abc import Iterator

import pytest
from tests.integration.fixtures import engine_problem
from tests.integration.shipped import Shipped, free_ports, wait_until_well, written_stack
from tests.integration.support import docker
from tests.integration.web import fetch

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shipped]:
    """A stack that is well, whose test receiver leads to a port of this test's own."""
    if problem := engine_problem():
        pytest.skip(problem)
    with written_stack(tmp_path_factory.mktemp("path"), "--without", "cadvisor") as stack:
        (port,) = free_ports(1)
        stack.rewrite("alertmanager.yml", "host.docker.internal:9096", f"host.docker.internal:{port}")
        stack.ports["listener"] = port
        stack.up()
        wait_until_well(stack)
        yield stack


def words(shipped: Shipped, *more: str) -> list[str]:
    return ["alerts", "test", "--listen", f"{shipped.bridge}:{shipped.ports['listener']}", *more, "--output", "json"]


def links(said: str) -> dict[str, bool]:
    return {link["link"]: link["held"] for link in json.loads(said)["result"]["links"]}


@pytest.mark.parametrize("way", [(), ("--from-prometheus",)], ids=["from alertmanager", "from prometheus"])
def test_an_alert_goes_the_whole_way_firing_and_resolved(shipped: Shipped, way: tuple[str, ...]) -> None:
    before = sorted(path.name for path in (shipped.folder / "rules").iterdir())
    ran = shipped.monops.run(*words(shipped, "--severity", "critical", *way))
    assert ran.code == 0, ran
    found = links(ran.stdout)
    assert all(found.values())
    assert list(found)[-2:] == ["notification", "resolved"]
    assert ("rule" in found) is bool(way)
    assert sorted(path.name for path in (shipped.folder / "rules").iterdir()) == before
    rules = fetch(f"{shipped.prometheus}/api/v1/rules")["data"]["groups"]
    assert not [group for group in rules if group["name"].startswith("monops-test")]


def test_a_silence_is_named_as_the_place_where_it_was_lost(shipped: Shipped) -> None:
    now = dt.datetime.now(dt.UTC)
    silence = {
        "matchers": [{"name": "monops_test", "value": "true", "isRegex": False}],
        "startsAt": now.isoformat(),
        "endsAt": (now + dt.timedelta(minutes=5)).isoformat(),
        "createdBy": "a test",
        "comment": "a test",
    }
    request = urllib.request.Request(
        f"{shipped.alertmanager}/api/v2/silences",
        data=json.dumps(silence).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        made = json.loads(answer.read())["silenceID"]
    try:
        ran = shipped.monops.run(*words(shipped))
        assert ran.code == 4, ran
        assert links(ran.stdout) == {"delivery": True, "routing": True, "silence and inhibition": False}
        assert made in ran.stdout
    finally:
        fetch(f"{shipped.alertmanager}/api/v2/silence/{made}", method="DELETE")


def test_a_receiver_that_nobody_answers_for_is_the_notifications_loss(shipped: Shipped) -> None:
    (other,) = free_ports(1)
    ran = shipped.monops.run("alerts", "test", "--listen", f"{shipped.bridge}:{other}", "--wait", "15", as_json=False)
    assert ran.code == 4, ran
    assert "lost at: notification" in ran.stdout


def test_without_a_test_route_it_refuses_and_says_what_to_add(shipped: Shipped) -> None:
    with shipped.as_it_was("alertmanager.yml"):
        shipped.rewrite("alertmanager.yml", 'matchers: [monops_test="true"]', 'matchers: [monops_test="never"]')
        shipped.reload(shipped.alertmanager)
        ran = shipped.monops.run("alerts", "test")
        assert ran.code == 1, ran
        assert "no route for tests" in ran.stderr
        assert 'monops_test="true"' in ran.stderr
    shipped.reload(shipped.alertmanager)


def test_a_prometheus_that_knows_no_alertmanager_is_where_it_is_lost(shipped: Shipped) -> None:
    with shipped.as_it_was("prometheus.yml"):
        shipped.rewrite("prometheus.yml", "targets: [alertmanager:9093]", "targets: []")
        shipped.reload(shipped.prometheus)
        ran = shipped.monops.run(*words(shipped, "--from-prometheus", "--wait", "20"))
        assert ran.code == 4, ran
        assert links(ran.stdout) == {"rule": True, "evaluation": True, "discovery": False}
    shipped.reload(shipped.prometheus)


def test_routes_tell_who_would_hear_of_an_alert(shipped: Shipped) -> None:
    ran = shipped.monops.run("alerts", "routes", "--labels", "monops_test=true", "--output", "json")
    assert ran.code == 0, ran
    (taken,) = json.loads(ran.stdout)["result"]["routes"]
    assert (taken["receiver"], taken["kinds"]) == ("monops-test", ["webhook"])


def test_a_stopped_alertmanager_is_one_sentence(shipped: Shipped) -> None:
    docker("stop", shipped.container("alertmanager"))
    try:
        ran = shipped.monops.run("alerts", "test")
        assert ran.code == 10, ran
        assert "exited" in ran.stderr
        assert "Traceback" not in ran.stderr
    finally:
        docker("start", shipped.container("alertmanager"))
