"""Where a service is asked: by what its container says of itself."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from monops.domain.ports import Container
from monops.edges.inspect_http import Place


def addresses(
    service: str,
    *command: str,
    environment: Mapping[str, str] | None = None,
    mode: str = "host",
    ports: Mapping[int, tuple[str, int]] | None = None,
) -> tuple[str, ...]:
    container = Container(
        id="1",
        name="one",
        image="",
        image_id="",
        state="running",
        health="",
        project="",
        service=service,
        command=command,
        environment=environment or {},
        labels={},
        mounts=(),
        ports=ports or {},
        addresses={} if mode == "host" else {mode: "172.18.0.2"},
        raw={"HostConfig": {"NetworkMode": mode}},
    )
    return Place(service=service, url=None, container=container, host="127.0.0.1", is_local=True).addresses()


@pytest.mark.parametrize(
    ("service", "command", "expected"),
    [
        ("prometheus", (), ("http://127.0.0.1:9090",)),
        ("prometheus", ("--web.listen-address=:9091",), ("http://127.0.0.1:9091",)),
        ("prometheus", ("--web.listen-address", "0.0.0.0:9091"), ("http://127.0.0.1:9091",)),
        ("prometheus", ("--web.listen-address=10.0.0.5:9091",), ("http://10.0.0.5:9091",)),
        ("prometheus", ("--web.listen-address=[::1]:9091",), ("http://[::1]:9091",)),
        (
            "prometheus",
            ("--web.listen-address=10.0.0.5:9090", "--web.listen-address=:9091"),
            ("http://10.0.0.5:9090", "http://127.0.0.1:9091"),
        ),
        ("prometheus", ("--web.listen-address=:$PORT",), ("http://127.0.0.1:9090",)),
        ("alertmanager", ("--web.listen-address=:9094",), ("http://127.0.0.1:9094",)),
        ("victoria-metrics", ("--httpListenAddr=:8429",), ("http://127.0.0.1:8429",)),
    ],
)
def test_a_service_in_the_hosts_network_is_asked_where_its_flags_say(
    service: str, command: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert addresses(service, *command) == expected


def test_a_grafana_in_the_hosts_network_is_asked_where_its_variables_say() -> None:
    assert addresses("grafana") == ("http://127.0.0.1:3000",)
    assert addresses("grafana", environment={"GF_SERVER_HTTP_PORT": "3001"}) == ("http://127.0.0.1:3001",)
    own = {"GF_SERVER_HTTP_ADDR": "10.0.0.5", "GF_SERVER_HTTP_PORT": "3001"}
    assert addresses("grafana", environment=own) == ("http://10.0.0.5:3001",)


def test_a_port_of_its_own_is_asked_where_it_is_published_and_inside() -> None:
    found = addresses(
        "grafana",
        environment={"GF_SERVER_HTTP_PORT": "3001"},
        mode="monitoring",
        ports={3000: ("0.0.0.0", 3000), 3001: ("0.0.0.0", 8080)},
    )
    assert found == ("http://127.0.0.1:8080", "http://172.18.0.2:3001")


def test_a_port_that_is_published_over_ipv6_only_is_asked_there() -> None:
    found = addresses("grafana", mode="monitoring", ports={3000: ("::1", 3000)})
    assert found == ("http://[::1]:3000", "http://172.18.0.2:3000")


@pytest.mark.parametrize(
    "command",
    [
        ("--web.route-prefix=/prom/",),
        ("--web.route-prefix", "/prom"),
        ("--web.external-url", "https://example.com/prom"),
        ("--web.external-url=https://example.com/other", "--web.route-prefix", "/prom"),
    ],
)
def test_the_path_below_which_it_answers_may_be_a_word_of_its_own(command: tuple[str, ...]) -> None:
    assert addresses("prometheus", *command) == ("http://127.0.0.1:9090/prom",)
