"""The Compose file of several Prometheus: copies beside the person's own service, and its bytes again without them."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from monops.domain.errors import Refused
from monops.domain.scale import MOST_REPLICAS, MOST_SHARDS, Instance, Scale
from monops.domain.scale_compose import (
    Copy,
    copied_services,
    layer_service,
    mount_at,
    rules_service,
    scaled_services,
    with_config,
    with_service,
    with_volumes,
    without_scale,
)

FILE = "docker-compose.yml"
CONFIG = "/etc/prometheus/prometheus.yml"
HEAD = """\
# Mine.
x-service: &service
  restart: unless-stopped   # always back
  logging: {driver: json-file, options: {max-size: 10m}}

"""
PROMETHEUS = """\
  # The one that scrapes.
  prometheus:
    <<: *service
    image: ${PROMETHEUS_IMAGE:?is in .env}
    container_name: ${CONTAINER_PREFIX:?is in .env}-prometheus
    command:
      - --config.file=/etc/prometheus/prometheus.yml   # mine
      # Whichever comes first.
      - "--storage.tsdb.retention.time=30d"
    ports:
      - ${BIND_ADDRESS:?is in .env}:${PROMETHEUS_PORT:?is in .env}:9090
    volumes:
      - prometheus-data:/prometheus
      - ./:/etc/prometheus:ro
    networks: [monitoring]
"""
OTHER = """\
  grafana:
    <<: *service
    image: 'grafana/grafana'   # pictures
    # The end of it.
"""
VOLUMES = """\
volumes:
  prometheus-data:
  # Pictures.
  grafana-data: {}
"""
TEXT = f"{HEAD}services:\n{PROMETHEUS}\n{OTHER}\n{VOLUMES}"
#: Shrinking would edit YAML for minutes, and what it starts from is short.
QUICK = (Phase.explicit, Phase.reuse, Phase.generate)
#: Ways in which people write the same.
COMMANDS = (
    "    command:\n      - --config.file=/etc/prometheus/prometheus.yml\n      - --storage.tsdb.path=/prometheus\n",
    "    command: --config.file=/etc/prometheus/prometheus.yml --storage.tsdb.path=/prometheus\n",
    '    command: ["--config.file", "/etc/prometheus/prometheus.yml", \'--storage.tsdb.path=/prometheus\']\n',
    "    command:\n    - '--config.file=/etc/prometheus/prometheus.yml'\n",
)
LABELS = ("", "    labels: {team: a}\n", "    labels:\n      - team=a\n", "    labels:\n      team: a\n")
DATA = (
    "    volumes:\n      - prometheus-data:/prometheus\n",
    "    volumes: [prometheus-data:/prometheus/, ./:/etc/prometheus:ro]\n",
    "    volumes:\n      - {type: volume, source: prometheus-data, target: /prometheus}\n",
)


@st.composite
def files(draw: st.DrawFn) -> str:
    """A Compose file as somebody may have written it."""
    own = (
        "  prometheus:\n    image: prom/prometheus\n"
        + draw(st.sampled_from(("", "    container_name: mine-prometheus\n")))
        + draw(st.sampled_from(COMMANDS))
        + draw(st.sampled_from(("", '    ports: ["9090:9090"]\n', "    ports:\n      - 9090:9090   # here\n")))
        + draw(st.sampled_from(DATA))
        + draw(st.sampled_from(LABELS))
    )
    services = draw(st.permutations([own, OTHER, "  cadvisor:\n    image: c\n"]))
    volumes = draw(st.sampled_from((VOLUMES, "volumes: {prometheus-data: , grafana-data: }\n")))
    body = "services:\n" + draw(st.sampled_from(("", "\n"))).join(services)
    blocks = draw(st.permutations([body, volumes, "networks:\n  monitoring:\n"]))
    text = HEAD + draw(st.sampled_from(("", "\n", "\n\n"))).join(blocks)
    return draw(st.sampled_from((text, text.rstrip("\n"), text.replace("\n", "\r\n"))))


def scaled(text: str, scale: Scale) -> str:
    """As `ops/scale.py` makes it."""
    copies = [
        Copy(
            instance=one,
            config=f"/etc/prometheus/{one.file('prometheus.yml')}",
            port=f"${{BIND_ADDRESS:?is in .env}}:{9190 + number}:9090",
            volume=f"{one.service('prometheus')}-data",
        )
        for number, one in enumerate(scale.instances)
        if not one.is_first
    ]
    first = f"/etc/prometheus/{Instance(1, 'a').file('prometheus.yml')}"
    text = with_config(text, "prometheus", first, file=FILE, running=())
    own = services(text)["prometheus"]
    layer = layer_service(own, image="vm", port="9300:8428", keeps="30d", interval="15s")
    text = with_service(text, "victoria-metrics", layer, file=FILE)
    rules = rules_service(
        own, image="va", rules=["/r.yml"], notifier="", port="1:8880", url="http://p", every="15s", mounts=[]
    )
    text = with_service(text, "vmalert", rules, file=FILE)
    text = with_volumes(text, [*(copy.volume for copy in copies), "victoria-metrics-data"], file=FILE)
    return copied_services(text, "prometheus", copies, file=FILE, data="/prometheus")


def services(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text)["services"]
    return found


def back(text: str) -> str:
    return without_scale(text, "prometheus", file=FILE, config=CONFIG, running=())


@settings(deadline=None, phases=QUICK, max_examples=30)
@given(files(), st.sampled_from((Scale(1, 2), Scale(2, 2), Scale(3, 1))))
def test_several_and_then_one_again_gives_the_first_bytes_back(text: str, scale: Scale) -> None:
    assert back(scaled(text, scale)) == text


@settings(deadline=None, phases=QUICK, max_examples=15)
@given(files())
def test_all_that_a_person_wrote_stays_but_for_the_one_flag(text: str) -> None:
    found = scaled(text, Scale(2, 2))
    # What is in braces is in one line, and that one grows.
    own = [line for line in text.splitlines() if CONFIG not in line and not line.startswith("volumes: {")]
    lines = iter(found.splitlines())
    assert [line for line in own if line not in lines] == []
    before, after = yaml.safe_load(text), yaml.safe_load(found)
    for name, service in before["services"].items():
        assert name == "prometheus" or after["services"][name] == service
    assert {**after["volumes"], **before["volumes"]} == after["volumes"]
    assert after["networks"] == before["networks"]


@settings(deadline=None, phases=QUICK, max_examples=15)
@given(files())
def test_a_copy_is_the_same_service_with_a_name_a_file_a_port_and_a_volume_of_its_own(text: str) -> None:
    before = services(text)["prometheus"]
    copy = services(scaled(text, Scale(2, 2)))["prometheus-2-b"]
    assert "prometheus-shard-2-replica-b.yml" in str(copy["command"])
    assert CONFIG not in str(copy["command"])
    assert "prometheus-2-b-data" in str(copy["volumes"])
    assert "'prometheus-data" not in str(copy["volumes"])
    assert copy.get("ports") == (["${BIND_ADDRESS:?is in .env}:9193:9090"] if "ports" in before else None)
    assert copy.get("container_name") == ("mine-prometheus-2-b" if "container_name" in before else None)
    own = {"command", "volumes", "ports", "container_name", "labels"}
    assert {k: v for k, v in copy.items() if k not in own} == {k: v for k, v in before.items() if k not in own}


@settings(deadline=None, phases=QUICK, max_examples=8)
@given(files())
def test_the_services_that_are_monops_s_own_are_known_by_their_label(text: str) -> None:
    assert scaled_services(text, file=FILE) == {}
    assert scaled_services(scaled(text, Scale(1, 2)), file=FILE) == {
        "victoria-metrics": "layer",
        "vmalert": "rules",
        "prometheus-1-b": "shard=1 replica=b",
    }


def test_the_largest_scale_has_every_instance_once() -> None:
    scale = Scale(MOST_SHARDS, MOST_REPLICAS)
    found = services(scaled(TEXT, scale))
    assert {one.service("prometheus") for one in scale.instances} <= set(found)
    ports = [port for service in found.values() for port in service.get("ports") or ()]
    assert len(ports) == len(set(ports)) == len(scale.instances) + 2


def test_a_copy_keeps_anchors_merges_and_variables_as_they_are_written_and_no_lines_of_comments() -> None:
    text = scaled(TEXT, Scale(1, 2))
    copy = text[text.index("  prometheus-1-b:") : text.index("\nvolumes:")]
    assert "    <<: *service\n    image: ${PROMETHEUS_IMAGE:?is in .env}\n" in copy
    assert 'container_name: "${CONTAINER_PREFIX:?is in .env}-prometheus-1-b"' in copy
    assert "# Whichever" not in copy


def test_new_services_and_volumes_are_written_as_a_person_would() -> None:
    text = scaled(TEXT, Scale(1, 2))
    assert "\n\n  victoria-metrics:\n" in text
    assert "  grafana-data: {}\n  prometheus-1-b-data:\n  victoria-metrics-data:\n" in text


def test_a_volume_that_is_declared_otherwise_stays() -> None:
    text = TEXT + "  prometheus-1-b-data: {external: true}\n"
    assert back(scaled(text, Scale(1, 2))) == text


def test_the_layer_is_named_and_logs_as_prometheus_does() -> None:
    layer = services(scaled(TEXT, Scale(1, 2)))["victoria-metrics"]
    assert layer["container_name"] == "${CONTAINER_PREFIX:?is in .env}-victoria-metrics"
    assert layer["logging"] == services(TEXT)["prometheus"]["logging"]
    assert "--dedup.minScrapeInterval=15s" in layer["command"]


def test_vmalert_has_the_mounts_of_the_rules() -> None:
    assert mount_at(services(TEXT)["prometheus"], "/etc/prometheus") == ["./:/etc/prometheus:ro"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("- prometheus-data:/prometheus", "- x:/elsewhere", "no volume at /prometheus"),
        ("    networks: [monitoring]", "    networks: &mine [monitoring]", "anchors of its own"),
        (PROMETHEUS, "  prometheus: {command: [--config.file=a], volumes: ['d:/prometheus']}\n", "lines of its own"),
    ],
)
def test_what_cannot_be_copied_is_refused(old: str, new: str, says: str) -> None:
    with pytest.raises(Refused, match=says):
        scaled(TEXT.replace(old, new), Scale(1, 2))


def test_what_begins_like_a_comment_and_is_text_is_copied_too() -> None:
    script = "    entrypoint:\n      - sh\n      - -c\n      - |\n        # Wait.\n        exec prometheus\n"
    text = TEXT.replace("    networks: [monitoring]\n", f"    networks: [monitoring]\n{script}")
    assert services(scaled(text, Scale(1, 2)))["prometheus-1-b"]["entrypoint"][2] == "# Wait.\nexec prometheus\n"


@pytest.mark.parametrize("key", ['"prometheus":', "'prometheus' :", "prometheus   :   # the one"])
def test_a_service_whose_key_is_written_otherwise_is_copied_too(key: str) -> None:
    text = TEXT.replace("  prometheus:\n", f"  {key}\n")
    found = scaled(text, Scale(2, 1))
    assert services(found)["prometheus-2-a"]["image"] == services(text)["prometheus"]["image"]
    assert f"\n  {key}\n" in found
    assert back(found) == text
