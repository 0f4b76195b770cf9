"""What the engine's API answers, read."""

from __future__ import annotations

from typing import Any

from monops.edges.docker_items import container_of


def published(ports: dict[str, Any]) -> Any:
    item = {"Id": "1", "Name": "/one", "Config": {}, "State": {}, "NetworkSettings": {"Ports": ports}}
    return container_of(item).ports


def binding(address: str, port: str = "8080") -> dict[str, str]:
    return {"HostIp": address, "HostPort": port}


def test_a_port_is_published_where_ipv4_has_it_and_else_where_ipv6_has_it() -> None:
    assert published({"80/tcp": [binding("::"), binding("0.0.0.0"), binding("10.0.0.5")]}) == {80: ("0.0.0.0", 8080)}
    assert published({"80/tcp": [binding("")]}) == {80: ("0.0.0.0", 8080)}
    assert published({"80/tcp": [binding("::1")]}) == {80: ("::1", 8080)}


def test_what_is_exposed_or_is_no_tcp_is_not_published() -> None:
    assert published({"80/tcp": None, "81/tcp": [], "53/udp": [binding("0.0.0.0", "")]}) == {}
