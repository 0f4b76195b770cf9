"""One container for which the engine does not answer: the fact is unknown with the reason, the services are asked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from tests.fakes.web_services import WebServices, web_services

from monops.domain.facts import Build, Facts, Unknown
from monops.domain.scale import LABEL
from monops.edges.clock import SystemClock
from monops.edges.inspectors import AllInspectors
from monops.ops.gather import gather

PROJECT = "com.docker.compose.project"


@pytest.fixture
def web() -> Iterator[WebServices]:
    """A Docker API and, at the same address, the Prometheus that runs in it; one container is stuck."""
    with web_services() as found:
        port = found.url.rpartition(":")[2]
        found.answers |= {"/version": (200, {"ApiVersion": "1.44"}), "/v1.44/_ping": (200, "OK")}
        found.answers["/v1.44/info"] = (200, {})
        containers = [container("prometheus", {"9090/tcp": [{"HostPort": port}]}), container("stuck", {})]
        listing(found, *containers)
        for one in containers:
            found.answers[f"/v1.44/containers/{one['Id']}/json"] = (200, one)
        found.answers["/v1.44/containers/stuck/json"] = (500, {"message": "context deadline exceeded"})
        found.data("/api/v1/status/buildinfo", {"version": "3.5.3"})
        found.vector(({}, "1"))
        yield found


def container(name: str, ports: dict[str, Any], **labels: str) -> dict[str, Any]:
    """As `docker inspect` has it."""
    return {
        "Id": name,
        "Name": f"/{name}",
        "Config": {"Image": f"prom/{name}", "Labels": {PROJECT: "monitoring", **labels}},
        "State": {"Status": "running"},
        "NetworkSettings": {"Ports": ports},
    }


def listing(web: WebServices, *containers: dict[str, Any]) -> None:
    web.answers["/v1.44/containers/json"] = (
        200,
        [
            {
                "Id": one["Id"],
                "Names": [one["Name"]],
                "Image": one["Config"]["Image"],
                "Labels": one["Config"]["Labels"],
            }
            for one in containers
        ],
    )


def facts_of(web: WebServices, project: str | None = None) -> Facts:
    found = AllInspectors(
        {"DOCKER_HOST": web.url.replace("http:", "tcp:")},
        project=project,
        named={},
        urls={},
        compose_file=None,
        is_named=False,
    )
    return gather(
        found,
        SystemClock(),
        project=found.project(),
        names=["containers", "prometheus_build", "grafana_health"],
        queries=["up"],
        within=timedelta(seconds=20),
    )


@pytest.mark.parametrize("project", [None, "monitoring"])
def test_a_stuck_container_does_not_keep_the_services_from_being_asked(web: WebServices, project: str | None) -> None:
    facts = facts_of(web, project)

    assert isinstance(facts.containers, Unknown)
    assert "context deadline exceeded" in facts.containers.reason
    assert facts.project == "monitoring"
    assert facts.prometheus_build == Build(version="3.5.3")
    assert len(facts.answer("up")) == 1
    assert facts.grafana_health == facts.containers, "what was not found may be the one that is stuck"


def test_where_one_of_several_prometheus_is_stuck_no_other_speaks_for_it(web: WebServices) -> None:
    listing(web, container("prometheus", {}), container("stuck", {}, **{LABEL: "layer"}))
    facts = facts_of(web)

    assert facts.answers["up"] == facts.prometheus_build == facts.containers
