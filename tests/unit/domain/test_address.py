"""URLs as a server may hold them, those that are none among them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monops.checks import all_checks
from monops.checks._healthy import AT, HEALTHY, changed, container, target
from monops.domain.address import parts_of, port_of
from monops.domain.diagnosis import diagnose
from monops.domain.facts import known
from monops.domain.probing import Task
from monops.domain.scrape_cause import root_cause
from monops.domain.scrape_scene import exposed_ports

_ODD = ("[::1:9100", "[myhost]:9100", "web:port")


@pytest.mark.parametrize("address", _ODD)
def test_what_is_no_url_has_no_port(address: str) -> None:
    assert port_of(parts_of(f"http://{address}/metrics")) is None


@pytest.mark.parametrize("address", _ODD)
def test_a_target_at_what_is_no_address_hides_no_other(address: str) -> None:
    error = f'parse "http://{address}/metrics": invalid'
    odd = target("odd", address, address, health="down", last_error=error, last_scrape=AT)
    facts = replace(HEALTHY, prometheus_targets=(*known(HEALTHY.prometheus_targets), odd))
    checks = [one for one in all_checks() if one.group == "targets" or one.id == "stack.network"]
    outcomes = diagnose(checks, facts).outcomes
    assert [one.crash for one in outcomes if one.crash] == []
    assert any(one.check.id == "targets.up" and one.findings for one in outcomes)


def test_what_is_at_fault_is_named_where_the_url_is_none() -> None:
    odd = target("odd", "[::1:9100", "[::1:9100", health="down", last_error="missing ']' in host")
    assert root_cause(odd, HEALTHY).about == "target [::1:9100"


@pytest.mark.parametrize("url", ["http://[::1:9100/metrics", "http://[myhost]:9100/metrics"])
def test_a_probe_of_what_is_no_url_has_no_host(url: str) -> None:
    task = Task(url=url)
    assert (task.host, task.path, task.is_encrypted) == ("", "/", False)


def test_ranges_of_ports_are_taken_apart_and_what_is_no_port_is_left_out() -> None:
    declared: dict[str, dict[str, str]] = {"3000-3002/tcp": {}, "9090/tcp": {}, "8125/udp": {}, "8080": {}, "$PORT": {}}
    one = changed(container("grafana"), container={"raw": {"Config": {"ExposedPorts": declared}}})
    assert exposed_ports(one) == (3000, 3001, 3002, 8080, 9090)
