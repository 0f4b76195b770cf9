"""Why a target is down: the tree that Docker facts decide."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.domain.test_scrape_error import CLASSES, DNS, down

from monops.checks._healthy import HEALTHY, NETWORK, NOW, changed, container, with_container
from monops.domain.facts import Facts, ListeningSocket, SeenContainer, Target, Unknown, known
from monops.domain.ports import Mount
from monops.domain.scrape_cause import root_cause

BLIND = Unknown("permission denied at /var/run/docker.sock")

# --- building a scene ----------------------------------------------------------------------------


def unresolved(host: str, server: str = DNS, port: int = 9090) -> Target:
    return down(
        f"http://{host}:{port}/metrics",
        f'Get "http://{host}:{port}/metrics": dial tcp: lookup {host} on {server}: no such host',
    )


def refused(host: str, port: int, address: str = "172.20.0.77") -> Target:
    text = f'Get "http://{host}:{port}/metrics": dial tcp {address}:{port}: connect: connection refused'
    return down(f"http://{host}:{port}/metrics", text)


def worker(network: str = NETWORK, **changes: Any) -> SeenContainer:
    """A container of the application, in the stack's network unless told."""
    own = {
        "id": "f" * 64,
        "name": "app-browser-worker-1",
        "service": "browser-worker-1",
        "project": "app",
        "image": "app:1",
        "ports": {},
        "addresses": {network: "172.20.0.77"},
        "raw": {"HostConfig": {}, "Config": {"ExposedPorts": {"9090/tcp": {}}}},
    } | changes.pop("container", {})
    return changed(
        container("grafana"),
        container=own,
        aliases=frozenset({"browser-worker-1"}),
        **{"sockets": (ListeningSocket("0.0.0.0", 9090), ListeningSocket("127.0.0.11", 40000))} | changes,
    )


def beside(*others: SeenContainer) -> Facts:
    return replace(HEALTHY, neighbours=others)


def lonely(**raw: Any) -> Facts:
    """Prometheus in other networks than the stack's."""
    return with_container(HEALTHY, "prometheus", lambda one: changed(one, container={"addresses": {}, "raw": raw}))


# --- names ---------------------------------------------------------------------------------------


def test_a_mistyped_name_is_told_with_the_nearest_right_one() -> None:
    found = root_cause(unresolved("browser-worker-1", port=9090), beside())
    assert found.kind == "dns.no_container"
    found = root_cause(unresolved("browser-wroker-1"), beside(worker()))
    assert found.kind == "dns.no_container"
    assert "browser-worker-1" in found.sentence
    assert found.fix.command == (
        "monops targets add browser-workers browser-worker-1:9090; "
        "monops targets remove browser-workers browser-wroker-1:9090"
    )


def test_an_address_in_the_configuration_itself_is_corrected_there() -> None:
    wrong = replace(
        unresolved("grafanna"), job="grafana", discovered={"__address__": "grafanna:9090", "job": "grafana"}
    )
    found = root_cause(wrong, HEALTHY)
    assert "prometheus.yml" in found.fix.say
    assert "grafana:9090" in found.fix.say
    assert found.fix.command == (
        "sed -i 's|grafanna:9090|grafana:9090|g' /srv/monitoring/prometheus.yml && "
        "curl -X POST http://localhost:9090/-/reload"
    )
    alone = Mount(type="bind", name="", source="/srv/p.yml", destination="/etc/prometheus/prometheus.yml")
    facts = with_container(HEALTHY, "prometheus", lambda one: changed(one, container={"mounts": (alone,)}))
    assert root_cause(wrong, facts).fix.command == "curl -X POST http://localhost:9090/-/reload"


def test_an_address_in_another_file_of_targets_is_corrected_there() -> None:
    wrong = unresolved("grafanna")
    wrong = replace(wrong, discovered={**wrong.discovered, "__meta_filepath": "/etc/prometheus/targets/all.yml"})
    found = root_cause(wrong, HEALTHY)
    assert found.fix.command == "sed -i 's|grafanna:9090|grafana:9090|g' /srv/monitoring/targets/all.yml"


def test_a_name_made_by_rules_is_corrected_in_the_rules() -> None:
    wrong = unresolved("redis-exportr", port=9121)
    wrong = replace(wrong, discovered={**wrong.discovered, "__address__": "redis:6379"})
    found = root_cause(wrong, HEALTHY)
    assert "rules of job" in found.fix.say
    assert "redis-exporter:9121" in found.fix.say


def test_a_container_that_has_ended_is_told_with_its_exit_code_and_last_words() -> None:
    gone = worker(container={"state": "exited"}, exit_code=1, log=("Traceback", "KeyError: 'TOKEN'"))
    found = root_cause(unresolved("browser-worker-1"), beside(gone))
    assert found.kind == "dns.stopped"
    assert "exit code 1" in found.sentence
    assert any("KeyError" in line for line in found.evidence)
    assert found.fix.command == "docker logs --tail 20 app-browser-worker-1; docker start app-browser-worker-1"


def test_a_service_of_the_stack_is_started_with_monops() -> None:
    facts = with_container(HEALTHY, "grafana", lambda one: changed(one, container={"state": "exited"}, exit_code=0))
    assert root_cause(unresolved("grafana", port=3000), facts).fix.command == "monops stack up grafana"


@pytest.mark.parametrize(
    ("state", "kind", "says"),
    [
        ("created", "dns.stopped", "never started"),
        ("restarting", "dns.restarting", "again and again"),
        ("paused", "timeout.paused", "is paused"),
        ("dead", "dns.stopped", "does not run"),
    ],
)
def test_every_state_of_a_container_has_words(state: str, kind: str, says: str) -> None:
    found = root_cause(unresolved("browser-worker-1"), beside(worker(container={"state": state}, exit_code=1)))
    assert found.kind == kind
    assert says in found.sentence


def test_a_container_without_memory_is_told_so() -> None:
    gone = worker(container={"state": "exited"}, exit_code=137, out_of_memory=True)
    assert "memory limit" in root_cause(unresolved("browser-worker-1"), beside(gone)).sentence


def test_a_service_that_was_never_made_is_told() -> None:
    model = {**known(HEALTHY.compose_model)}
    model["services"] = {**model["services"], "sample-app": {}}
    found = root_cause(unresolved("sample-app"), replace(HEALTHY, compose_model=model))
    assert found.kind == "dns.never_made"
    assert found.fix.command == "monops stack up sample-app"


def test_no_shared_network_shows_both_sets_and_joins_them() -> None:
    found = root_cause(unresolved("browser-worker-1"), beside(worker("app_default")))
    assert found.kind == "net.apart"
    assert "app_default" in found.sentence
    assert NETWORK in found.sentence
    assert found.fix.command == "docker network connect app_default ai-prometheus"


def test_a_container_on_the_default_network_is_joined_to_prometheus_s() -> None:
    found = root_cause(unresolved("browser-worker-1"), beside(worker("bridge")))
    assert found.fix.command == f"docker network connect {NETWORK} app-browser-worker-1"


def test_a_container_on_the_host_s_network_is_scraped_by_the_host_s_name() -> None:
    on_host = worker(container={"addresses": {}, "raw": {"HostConfig": {"NetworkMode": "host"}}})
    found = root_cause(unresolved("browser-worker-1"), beside(on_host))
    assert "host.docker.internal:9090" in found.fix.say


def test_several_containers_with_the_name_are_not_guessed_among() -> None:
    found = root_cause(
        unresolved("browser-worker-1"),
        beside(worker("one"), worker("two", container={"name": "b", "addresses": {"two": "10.0.0.2"}})),
    )
    assert "2 containers" in found.sentence
    assert not found.fix.command.startswith("docker network connect")


def test_an_alias_of_another_network_is_told_with_the_name_that_works() -> None:
    networks = {NETWORK: {"DNSNames": ["worker-x"]}, "app": {"DNSNames": ["browser-worker-1"]}}
    one = worker(
        container={
            "addresses": {NETWORK: "172.20.0.77", "app": "10.0.0.2"},
            "raw": {"NetworkSettings": {"Networks": networks}},
        }
    )
    found = root_cause(unresolved("browser-worker-1"), beside(one))
    assert found.kind == "dns.other_name"
    assert "worker-x:9090" in found.fix.say


def test_a_container_that_was_just_started_needs_a_moment() -> None:
    fresh = worker(started_at=(NOW - timedelta(seconds=5)).isoformat())
    assert root_cause(unresolved("browser-worker-1"), beside(fresh)).kind == "dns.just_started"
    assert root_cause(unresolved("browser-worker-1"), beside(worker())).kind == "dns.unexplained"


def test_without_docker_a_name_is_a_choice_and_no_guess() -> None:
    for facts in (replace(HEALTHY, containers=BLIND, neighbours=BLIND), replace(HEALTHY, neighbours=BLIND)):
        found = root_cause(unresolved("browser-worker-1"), facts)
        assert found.kind == "dns.no_host"
        assert "mistyped" in found.sentence
        assert "does not run" in found.sentence
        assert "no network" in found.sentence
        assert found.fix.command == "docker ps --all --filter name=browser-worker-1"


def test_the_host_s_name_needs_an_entry_in_the_compose_file() -> None:
    found = root_cause(unresolved("host.docker.internal", port=9100), HEALTHY)
    assert found.kind == "dns.no_host_gateway"
    assert "host-gateway" in found.fix.say


@pytest.mark.parametrize(("mode", "says"), [("host", "the host's network"), ("bridge", "Docker's default network")])
def test_prometheus_outside_a_network_of_its_own_resolves_no_container(mode: str, says: str) -> None:
    networks: dict[str, Any] = {} if mode == "host" else {"NetworkSettings": {"Networks": {"bridge": {}}}}
    facts = replace(lonely(HostConfig={"NetworkMode": mode}, **networks), neighbours=(worker("app"),))
    found = root_cause(unresolved("browser-worker-1", server="10.0.0.2:53"), facts)
    assert found.kind == "dns.default_bridge"
    assert says in found.sentence
    unknown = root_cause(unresolved("browser-worker-1", server="10.0.0.2:53"), replace(facts, containers=BLIND))
    assert "or" in unknown.sentence


def test_a_name_server_that_fails_while_the_container_restarts_is_the_container() -> None:
    text = f'Get "http://browser-worker-1:9090/metrics": dial tcp: lookup browser-worker-1 on {DNS}: server misbehaving'
    target = down("http://browser-worker-1:9090/metrics", text)
    restarting = worker(container={"state": "restarting"}, exit_code=1)
    assert root_cause(target, beside(restarting)).kind == "dns.restarting"
    assert root_cause(target, beside(worker())).kind == "dns.misbehaving"


# --- ports ---------------------------------------------------------------------------------------


def test_a_wrong_port_is_told_with_what_listens() -> None:
    found = root_cause(refused("browser-worker-1", 9091), beside(worker()))
    assert found.kind == "tcp.wrong_port"
    assert "it listens on 9090" in found.sentence
    assert "browser-worker-1:9090" in found.fix.command


def test_the_right_port_is_the_one_that_the_image_names() -> None:
    many = worker(sockets=(ListeningSocket("::", 22), ListeningSocket("::", 9090)))
    assert "browser-worker-1:9090" in root_cause(refused("browser-worker-1", 9091), beside(many)).fix.say


def test_a_program_on_its_own_localhost_is_told() -> None:
    shy = worker(sockets=(ListeningSocket("127.0.0.1", 9090),))
    found = root_cause(refused("browser-worker-1", 9090), beside(shy))
    assert found.kind == "tcp.loopback"
    assert "0.0.0.0:9090" in found.fix.say


def test_a_program_that_does_not_listen_is_told() -> None:
    found = root_cause(refused("browser-worker-1", 9090), beside(worker(sockets=())))
    assert found.kind == "tcp.not_listening"
    assert found.fix.command == "docker logs --tail 50 app-browser-worker-1"


def test_a_program_that_listens_by_now_needs_a_moment() -> None:
    fresh = worker(started_at=(NOW - timedelta(seconds=5)).isoformat())
    found = root_cause(refused("browser-worker-1", 9090), beside(fresh))
    assert found.kind == "tcp.just_started"
    assert "still starting" in found.sentence
    assert "still starting" not in root_cause(refused("browser-worker-1", 9090), beside(worker())).sentence


def test_without_its_sockets_the_image_tells_the_port() -> None:
    found = root_cause(refused("browser-worker-1", 9091), beside(worker(sockets=None)))
    assert found.kind == "tcp.wrong_port"
    assert "its image uses 9090" in found.sentence
    found = root_cause(refused("browser-worker-1", 9090), beside(worker(sockets=None)))
    assert found.kind == "tcp.refused"
    assert "localhost only, or is still starting" in found.sentence


def test_a_refusal_of_an_unknown_container_is_a_choice() -> None:
    for facts in (HEALTHY, replace(HEALTHY, neighbours=BLIND)):
        found = root_cause(refused("browser-worker-1", 9090), facts)
        assert found.kind == "tcp.refused"
        assert "the port is wrong" in found.sentence


def test_a_container_is_found_by_its_address_too() -> None:
    found = root_cause(refused("172.20.0.77", 9091), beside(worker()))
    assert found.kind == "tcp.wrong_port"


def test_localhost_is_prometheus_itself() -> None:
    found = root_cause(refused("localhost", 9121, "[::1]"), HEALTHY)
    assert found.kind == "tcp.localhost"
    assert "Prometheus's own container" in found.sentence
    assert "redis-exporter:9121" in found.fix.say
    assert "cadvisor:8080" in root_cause(refused("127.0.0.1", 8080, "127.0.0.1"), HEALTHY).fix.say
    nobody = root_cause(refused("localhost", 4444, "127.0.0.1"), replace(HEALTHY, containers=BLIND))
    assert nobody.kind == "tcp.localhost"
    assert "host.docker.internal:4444" in nobody.fix.say


def test_a_published_port_on_the_host_s_localhost_is_scraped_by_name() -> None:
    found = root_cause(refused("host.docker.internal", 8080, "172.17.0.1"), HEALTHY)
    assert found.kind == "tcp.host_refused"
    assert "cadvisor:8080" in found.fix.say


def test_a_program_on_the_host_that_listens_elsewhere_is_told() -> None:
    facts = with_container(
        HEALTHY, "node-exporter", lambda one: changed(one, sockets=(ListeningSocket("127.0.0.1", 9100),))
    )
    found = root_cause(refused("host.docker.internal", 9100, "172.17.0.1"), facts)
    assert found.kind == "tcp.host_refused"
    assert "127.0.0.1:9100" in found.sentence
    assert "does not run" in root_cause(refused("host.docker.internal", 4444, "172.17.0.1"), HEALTHY).sentence


# --- silence and no way --------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["context deadline exceeded", "dial tcp 10.9.0.2:9090: i/o timeout"])
def test_an_address_in_another_network_is_told_by_both_texts(words: str) -> None:
    far = worker(container={"addresses": {"app": "10.9.0.2"}})
    found = root_cause(
        down("http://10.9.0.2:9090/metrics", f'Get "http://10.9.0.2:9090/metrics": {words}'), beside(far)
    )
    assert found.kind == "net.apart"


def test_a_slow_target_is_told_with_its_time_limit() -> None:
    text = 'Get "http://browser-worker-1:9090/metrics": context deadline exceeded'
    target = down("http://browser-worker-1:9090/metrics", text, last_duration=10.0)
    assert "10 s" in root_cause(target, beside(worker())).sentence
    assert root_cause(target, beside()).kind == "timeout.headers"
    assert root_cause(target, beside(worker(container={"state": "paused"}))).kind == "timeout.paused"
    assert root_cause(target, replace(HEALTHY, containers=BLIND, neighbours=(worker(),))).kind == "timeout.headers"


def test_a_host_that_is_silent_has_a_firewall() -> None:
    for words in ("context deadline exceeded", "dial tcp 172.17.0.1:9100: connect: no route to host"):
        target = down("http://host.docker.internal:9100/metrics", f'Get "http://host.docker.internal:9100/": {words}')
        assert root_cause(target, HEALTHY).kind == "net.firewall"


def test_a_silent_address_that_nobody_has_is_a_choice() -> None:
    target = down("http://10.9.0.2:9090/metrics", 'Get "http://10.9.0.2:9090/metrics": context deadline exceeded')
    found = root_cause(target, HEALTHY)
    assert found.kind == "tcp.timeout"
    assert "firewall" in found.sentence


def test_an_address_that_nobody_has_any_more_is_told() -> None:
    text = 'Get "http://172.20.0.9:80/": dial tcp 172.20.0.9:80: connect: no route to host'
    target = down("http://172.20.0.9:80/metrics", text)
    assert root_cause(target, HEALTHY).kind == "net.dead_address"
    assert root_cause(target, replace(HEALTHY, neighbours=BLIND)).kind == "net.no_route"
    gone = worker(container={"state": "exited", "addresses": {NETWORK: "172.20.0.9"}})
    assert root_cause(target, beside(gone)).kind == "dns.stopped"


def test_prometheus_without_a_network_is_told() -> None:
    text = 'Get "http://web:80/": dial tcp 172.20.0.9:80: connect: network is unreachable'
    found = root_cause(down("http://web:80/metrics", text), lonely(NetworkSettings={"Networks": {"none": {}}}))
    assert found.kind == "net.none"


def test_ipv6_without_ipv6_is_told() -> None:
    text = next(text for kind, text in CLASSES if kind == "net.none")
    assert root_cause(down("http://[2001:db8::1]:80/metrics", text), HEALTHY).kind == "net.no_ipv6"
