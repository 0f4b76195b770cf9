"""The files of the stack: all there, all readable, without secrets, and as the setup document wants them."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from tests.unit.stack.stack_files import Files

from monops.domain.config import parse
from monops.domain.errors import UsageFault
from monops.domain.stack import COMPOSE_FILE
from monops.stack.files import check_options, shipped
from monops.stack.options import IMAGES, LIMITS, PORTS, RECEIVERS, SAMPLE_IMAGES, SERVICES, Limit, StackOptions

PINS = Path(__file__).parents[2] / "testbed" / "images.env"
#: Names of choices that differ in what is written.
CHOICES: dict[str, StackOptions] = {
    "plain": StackOptions(),
    "sample": StackOptions(sample_app=True),
    "network": StackOptions(network="ai-orchestrator_default"),
    "least": StackOptions(without=tuple(name for name in SERVICES if name != "prometheus")),
    "told": StackOptions(receivers=RECEIVERS, smtp_user="monops@example.com"),
}
EVERY = pytest.mark.parametrize("choice", CHOICES)


@cache
def files(choice: str) -> Files:
    return Files(CHOICES[choice])


def without(service: str) -> Files:
    return Files(StackOptions(without=(service,)))


# --- all there -------------------------------------------------------------------------------------


def test_every_file_that_the_document_names_is_written() -> None:
    found = files("plain").texts
    named = {
        COMPOSE_FILE, "prometheus.yml", "alertmanager.yml", "grafana-dashboard.json", "monops.toml", ".env",
    }  # fmt: skip
    assert COMPOSE_FILE == "docker-compose.monitoring.yml"
    assert named <= set(found)
    for folder in ("rules/", "grafana/provisioning/", "grafana/dashboards/", "targets/", "runbooks/"):
        assert any(path.startswith(folder) for path in found), folder


@EVERY
def test_the_same_choices_give_the_same_bytes(choice: str) -> None:
    options = msgspec.convert(msgspec.to_builtins(CHOICES[choice]), StackOptions)
    assert {file.path: file.text for file in shipped(options)} == files(choice).texts


@EVERY
def test_every_file_can_be_read_by_what_it_is_for(choice: str) -> None:
    found = files(choice)
    for path, text in found.texts.items():
        assert text.endswith("\n"), path
        assert not re.search(r"[ \t]$", text, re.MULTILINE), f"{path} has spaces at the end of a line"
        assert "<[" not in text
        assert "<%" not in text
        if path.endswith((".yml", ".yaml")):
            assert yaml.safe_load(text) is not None, path
        elif path.endswith(".json"):
            assert json.loads(text), path
        elif path.endswith(".py"):
            compile(text, path, "exec")
    config = parse(found.texts["monops.toml"], "monops.toml")
    assert (config.stack.project, config.stack.compose) == ("monitoring", COMPOSE_FILE)
    assert found.compose["services"]


@EVERY
def test_no_file_holds_a_secret(choice: str) -> None:
    named = re.compile(r"(?i)(?<![/\w])\w*(?:password|passwd|secret|token|api_?key|api_url)\w*[ ]*[:=][ ]*(\S+)")
    for path, text in files(choice).texts.items():
        assert "hooks.slack.com" not in text
        if not path.endswith((".html", ".py")):
            for value in named.findall(re.sub(r"(?m)#.*$", "", text)):
                assert value.startswith(("/run/secrets/", "${")), f"{path}: {value}"
    assert "/secrets/" in files(choice).texts[".gitignore"].splitlines()


# --- the Compose file ------------------------------------------------------------------------------


def test_ports_names_and_volumes_are_the_documents() -> None:
    found = files("plain")
    assert found.ports() == {
        "prometheus": ["127.0.0.1:9090:9090"],
        "grafana": ["127.0.0.1:3001:3000"],
        "alertmanager": ["127.0.0.1:9093:9093"],
        "cadvisor": ["127.0.0.1:8080:8080"],
    }
    assert {name: service["container_name"] for name, service in found.services.items()} == {
        name: f"ai-{name}" for name in SERVICES
    }
    assert set(found.compose["volumes"]) == {"prometheus-data", "grafana-data", "alertmanager-data"}
    assert ("prometheus-data", "/prometheus") in found.mounts("prometheus")
    assert ("grafana-data", "/var/lib/grafana") in found.mounts("grafana")
    assert ("alertmanager-data", "/alertmanager") in found.mounts("alertmanager")
    assert found.environment["COMPOSE_PROJECT_NAME"] == "monitoring"
    assert found.environment["COMPOSE_FILE"] == COMPOSE_FILE


@pytest.mark.parametrize("choice", ["plain", "sample", "network"])
def test_every_service_is_checked_restarted_limited_and_its_log_is_rotated(choice: str) -> None:
    for name, service in files(choice).services.items():
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert service["restart"] == "unless-stopped", name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        resources = service["deploy"]["resources"]
        assert float(resources["limits"]["cpus"]) > 0, name
        assert resources["limits"]["memory"], name
        assert resources["reservations"]["memory"], name


def test_the_limits_of_prometheus_are_the_documents() -> None:
    assert files("plain").services["prometheus"]["deploy"]["resources"] == {
        "limits": {"cpus": "1", "memory": "2G"},
        "reservations": {"memory": "1G"},
    }


def test_retention_is_the_documents_and_what_backups_and_reloads_need_is_on() -> None:
    command = files("plain").services["prometheus"]["command"]
    assert "--storage.tsdb.retention.time=30d" in command
    assert "--storage.tsdb.retention.size=50GB" in command
    assert "--web.enable-lifecycle" in command
    assert "--web.enable-admin-api" in command


def test_a_size_left_empty_is_no_limit_of_the_size() -> None:
    command = Files(StackOptions(retention_size="")).services["prometheus"]["command"]
    assert not any("retention.size" in word for word in command)


@EVERY
def test_images_are_named_by_variables_that_env_defines_and_by_nothing_else(choice: str) -> None:
    found = files(choice)
    named = re.findall(r"^ +image: (.*)$", found.texts[COMPOSE_FILE], re.MULTILINE)
    variables = [re.fullmatch(r"\$\{(\w+_IMAGE):\?is in \.env\}", image) for image in named]
    assert all(variables), named
    assert {match[1] for match in variables if match} == {n for n in found.environment if n.endswith("_IMAGE")}


@EVERY
def test_every_variable_in_env_is_used(choice: str) -> None:
    found = files(choice)
    used = set(re.findall(r"\$\{(\w+)", found.texts[COMPOSE_FILE])) | {"COMPOSE_FILE", "COMPOSE_PROJECT_NAME"}
    # Whose name it is: the user at Grafana is named beside its address.
    assert set(found.environment) <= used


def test_the_versions_are_those_that_the_tests_run_on() -> None:
    pins = dict(line.split("=", 1) for line in PINS.read_text().splitlines() if re.match(r"\w+=", line))
    for name, image in (IMAGES | SAMPLE_IMAGES).items():
        assert image == pins[name].removesuffix("-stand-in"), name


@EVERY
def test_no_single_file_is_mounted(choice: str) -> None:
    found = files(choice)
    folders = {path.rsplit("/", 1)[0] for path in found.texts if "/" in path}
    folders |= {above for folder in folders for above in (folder.rsplit("/", 1)[0],)}
    for service in found.services:
        for what, _ in found.mounts(service):
            if what.startswith("./"):
                place = what.removeprefix("./").rstrip("/")
                assert place in ("", "textfile") or place in folders or place.startswith("secrets/"), what


@EVERY
def test_only_the_service_itself_sees_its_secrets(choice: str) -> None:
    found = files(choice)
    for name, service in found.services.items():
        mounts = found.mounts(name)
        assert [what for what, _ in mounts if what.startswith("./secrets")] in ([], [f"./secrets/{name}"]), name
        for what, where in mounts:
            if what == "./":
                assert f"{where}/secrets" in service["tmpfs"], f"{name} sees every secret in {where}/secrets"


def test_a_network_that_is_named_is_joined_by_what_asks_its_services_and_made_by_nobody() -> None:
    found = files("network")
    assert found.compose["networks"]["application"] == {"external": True, "name": "ai-orchestrator_default"}
    joined = {name for name, service in found.services.items() if "application" in service.get("networks", ())}
    assert joined == {"prometheus", "redis-exporter"}
    assert "application" not in files("plain").compose["networks"]


def test_an_address_to_listen_on_holds_for_every_port_but_the_sample_applications() -> None:
    found = Files(StackOptions(bind_address="0.0.0.0", sample_app=True))
    assert found.ports()["grafana"] == ["0.0.0.0:3001:3000"]
    assert found.ports()["prometheus"] == ["0.0.0.0:9090:9090"]
    # It does what anybody tells it.
    assert found.ports()["sample-app"] == ["127.0.0.1:8099:9090"]


# --- leaving services out --------------------------------------------------------------------------


@pytest.mark.parametrize("service", [name for name in SERVICES if name != "prometheus"])
def test_a_service_left_out_is_nowhere(service: str) -> None:
    found = without(service)
    jobs = {"node-exporter": {"node"}, "redis-exporter": {"redis", "redis-exporter"}}.get(service, {service})
    assert set(found.services) == set(SERVICES) - {service}
    assert set(found.compose["volumes"]) == {
        f"{name}-data" for name in ("prometheus", "grafana", "alertmanager") if name != service
    }
    assert not jobs & set(found.scrapes)
    assert not {f"targets/{job}.yml" for job in jobs} & set(found.texts)
    variable = service.upper().replace("-", "_")
    assert not [name for name in found.environment if name.startswith(variable)]
    for path, text in found.texts.items():
        if path.endswith((".yml", ".env", ".toml")) and not path.startswith(("rules/", "targets/")):
            words = re.sub(r"#.*", "", text) if path != COMPOSE_FILE else text.split("services:", 1)[1]
            assert service not in words, path


def test_without_grafana_there_is_nothing_for_it() -> None:
    assert not [path for path in without("grafana").texts if "grafana" in path]


def test_without_alertmanager_nothing_is_sent_to_one() -> None:
    found = without("alertmanager")
    assert "alertmanager.yml" not in found.texts
    assert "alerting" not in found.yaml("prometheus.yml")
    sources = found.yaml("grafana/provisioning/datasources/datasources.yml")["datasources"]
    assert [source["uid"] for source in sources] == ["prometheus"]


def test_the_least_stack_is_prometheus_alone() -> None:
    found = files("least")
    assert set(found.services) == {"prometheus"}
    assert [job for job in found.scrapes if "static_configs" in found.scrapes[job]] == ["prometheus"]


# --- scraping and routing --------------------------------------------------------------------------


def test_everything_that_the_document_names_is_scraped() -> None:
    jobs = {
        "prometheus", "alertmanager", "grafana", "node", "cadvisor", "redis", "redis-exporter",
        "browser-workers", "quota-tracker", "api-gateway", "bullmq",
    }  # fmt: skip
    assert set(files("network").scrapes) == jobs
    for job in ("node", "redis", "browser-workers", "quota-tracker", "api-gateway", "bullmq"):
        assert files("network").scrapes[job]["file_sd_configs"] == [{"files": [f"targets/{job}.yml"]}]


def test_targets_are_the_main_systems_where_its_network_is_known_and_none_otherwise() -> None:
    assert files("network").yaml("targets/api-gateway.yml") == [{"targets": ["api-gateway:9090"]}]
    assert files("plain").yaml("targets/api-gateway.yml") == []


def test_targets_that_are_named_are_written_so_that_they_stay_what_they_are() -> None:
    named = ("[::1]:9090", "1:20", "host:9100")
    found = Files(StackOptions(targets={"node": named}))
    assert found.yaml("targets/node.yml") == [{"targets": list(named)}]


def test_the_folders_that_prometheus_reads_are_where_its_configuration_says() -> None:
    found = files("plain")
    assert ("./", "/etc/prometheus") in found.mounts("prometheus")
    assert found.yaml("prometheus.yml")["rule_files"] == ["rules/*.yml"]
    assert ("./grafana/provisioning", "/etc/grafana/provisioning") in found.mounts("grafana")
    (provider,) = found.yaml("grafana/provisioning/dashboards/dashboards.yml")["providers"]
    assert ("./grafana/dashboards", provider["options"]["path"]) in found.mounts("grafana")


def test_severities_go_to_the_receivers_chosen_which_read_their_secrets_from_files() -> None:
    found = files("told").yaml("alertmanager.yml")
    by_severity = {route["matchers"][0]: route for route in found["route"]["routes"]}
    for severity in ("critical", "warning", "info"):
        told = [route["receiver"] for route in by_severity[f'severity="{severity}"']["routes"]]
        assert told == list(RECEIVERS)
    receivers = {receiver["name"]: receiver for receiver in found["receivers"]}
    assert receivers["slack"]["slack_configs"][0]["api_url_file"] == "/run/secrets/slack-url"
    assert receivers["webhook"]["webhook_configs"][0]["url_file"] == "/run/secrets/webhook-url"
    assert found["global"]["smtp_auth_password_file"] == "/run/secrets/smtp-password"
    assert all(receivers[name][f"{name}_configs"][0]["send_resolved"] for name in RECEIVERS)


def test_nobody_is_told_before_a_receiver_is_chosen() -> None:
    route = files("plain").yaml("alertmanager.yml")["route"]
    assert route["receiver"] == "nobody"
    assert not [inner for inner in route["routes"] if "routes" in inner]


@pytest.mark.parametrize("text", ["#a: b", 'say "hi"', "a # b", "@here", "- x", "Ops <ops@example.com>", "1e3", "ü"])
def test_a_value_that_yaml_would_read_as_something_else_stays_what_was_said(text: str) -> None:
    options = StackOptions(slack_channel=text, email_to=text, email_from=text, smtp_user=text, smtp=text)
    found = Files(options).yaml("alertmanager.yml")
    receivers = {receiver["name"]: receiver for receiver in found["receivers"]}
    said: list[Any] = [found["global"][key] for key in ("smtp_from", "smtp_smarthost", "smtp_auth_username")]
    said += [receivers["slack"]["slack_configs"][0]["channel"], receivers["email"]["email_configs"][0]["to"]]
    assert said == [text] * 5


# --- choices that cannot be ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says", "remedy"),
    [
        (StackOptions(without=("grafanna",)), "Did you mean 'grafana'?", "monops init --help"),
        (StackOptions(without=("prometheus",)), "there is no 'prometheus'", "monops init --help"),
        (StackOptions(ports={"prometeus": 1}), "Did you mean 'prometheus'?", "monops init --help"),
        (StackOptions(limits={"redis-exporte": Limit(1, "1G", "1G")}), "'redis-exporter'?", "monops init --help"),
        (StackOptions(targets={"api": ("x:1",)}), "--target: there is no 'api', only node", "monops init --help"),
        (StackOptions(images={"GRAFANA": "x"}), "Did you mean 'GRAFANA_IMAGE'?", "monops init --help"),
        (StackOptions(receivers=("pager",)), "only slack, email and webhook", "monops init --help"),
        (StackOptions(ports={"grafana": 9090}), "grafana and prometheus cannot both have port 9090", "grafana=9091"),
        (StackOptions(sample_app=True, sample_app_port=9090), "both have port 9090", "--port sample-app=9091"),
        (StackOptions(sample_app=True, network="n"), "no network of that to join", "--network none --sample-app"),
    ],
)
def test_a_choice_that_cannot_be_is_refused_with_the_way_out(options: StackOptions, says: str, remedy: str) -> None:
    with pytest.raises(UsageFault) as refused:
        check_options(options)
    assert says in refused.value.message
    assert remedy in refused.value.remedy


def test_a_port_is_free_again_when_its_service_is_left_out() -> None:
    found = Files(StackOptions(without=("cadvisor",), ports={"grafana": PORTS["cadvisor"]}))
    assert found.ports()["grafana"] == ["127.0.0.1:8080:3000"]


def test_every_service_has_limits_to_choose() -> None:
    assert set(SERVICES) | set(files("sample").services) == set(LIMITS)
