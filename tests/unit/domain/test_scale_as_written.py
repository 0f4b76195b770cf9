"""What several Prometheus are made of is copied as it is written: the programs that read it know another YAML than 1.1.

Prometheus, vmalert and Compose read the text of a scalar wherever they want a text: `regex: yes` is `yes`.
"""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from monops.domain.scale import Instance, Scale
from monops.domain.scale_compose import Copy, copied_services, layer_service, rules_service, with_config
from monops.domain.scale_config import instance_configs, notifier_config
from monops.domain.yaml_edit import insert_item, set_value, value_at, written_at

FILE = "prometheus.yml"
TWO = Scale(2, 1)
#: As a person writes it -> what Prometheus reads where it wants a text.
TEXTS = {
    "yes": "yes", "no": "no", "on": "on", "off": "off", "y": "y", "True": "True",
    "1.10": "1.10", "0644": "0644", "010": "010", "1e3": "1e3", "0x1F": "0x1F", "0o17": "0o17", "1_000": "1_000",
    "22:22": "22:22", "2024-01-02": "2024-01-02", "2001-99-99": "2001-99-99", ".inf": ".inf",
    "'010'": "010", '"1e3"': "1e3", '"~"': "~", '"a\\tb"': "a\tb", "(a|b)_.+": "(a|b)_.+", "=": "=",
}  # fmt: skip
NULLS = ("~", "null")
OWN = """\
global:
  external_labels: {monitor: m, shelf: TEXT}
alerting:
  alert_relabel_configs:
    - source_labels: [severity]
      regex: TEXT
      action: drop
    - {source_labels: [TEXT], target_label: shelf, replacement: TEXT}
    - {source_labels: [a], target_label: b, modulus: 010, action: hashmod}
  alertmanagers:
    - static_configs: [{targets: ["alertmanager:9093"]}]
scrape_configs:
  - job_name: prometheus
    static_configs:
      - targets: [localhost:9090]
        labels: {shelf: TEXT, TEXT: x}
      - targets: ["other:1", TEXT]
        labels:
          shelf: TEXT
  - job_name: TEXT
    params: {module: [TEXT]}
    relabel_configs: &common
      # Only what asks for it.
      - source_labels: [__meta_scrape]
        regex: TEXT
        action: keep
      - target_label: version
        replacement: TEXT
    metric_relabel_configs:
      - {source_labels: [TEXT], separator: TEXT, regex: TEXT, action: drop}
  - job_name: in braces
    relabel_configs: [{source_labels: [__meta_scrape], regex: TEXT, action: keep}]
  - job_name: alias
    static_configs: [{targets: ["localhost:1"], labels: &labels {shelf: TEXT}}, {targets: ["a:1"], labels: *labels}]
    relabel_configs: *common
"""


def raw(text: str) -> Any:
    """Every scalar as it is written: what a program has that reads texts."""
    return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - makes texts, lists and mappings alone


def made(own: str, scale: Scale = TWO) -> dict[Instance, Any]:
    found = instance_configs(own, file=FILE, scale=scale, first="prometheus", rule_files=None, with_rules_service=False)
    return {one: raw(text) for one, text in found.items()}


@pytest.mark.parametrize("text", [*TEXTS, *NULLS])
@pytest.mark.parametrize("scale", [TWO, Scale(1, 2)], ids=str)
def test_every_setting_of_every_copy_is_the_text_of_the_person(text: str, scale: Scale) -> None:
    own = with_text(text)
    before = raw(own)
    for found in made(own, scale).values():
        assert found["global"]["external_labels"].items() >= before["global"]["external_labels"].items()
        assert found["alerting"]["alert_relabel_configs"][:-1] == before["alerting"]["alert_relabel_configs"]
        for job, was in zip(found["scrape_configs"], before["scrape_configs"], strict=False):
            rules = job.get("relabel_configs", [])
            own_rules = [rule for rule in rules if "__tmp_monops_shard" not in str(rule)]
            assert own_rules == was.get("relabel_configs", [])
            assert len(rules) - len(own_rules) == (2 if scale.shards > 1 else 0)
            assert without(job, "relabel_configs", "static_configs") == without(
                was, "relabel_configs", "static_configs"
            )
        groups, was_groups = (one["scrape_configs"][0]["static_configs"] for one in (found, before))
        assert groups[-1] == was_groups[-1]
        for group in groups[:-1]:
            assert {**group["labels"], "instance": ""} == {**was_groups[0]["labels"], "instance": ""}
        aliased = found["scrape_configs"][3]["static_configs"]
        assert [group["labels"]["shelf"] for group in aliased] == [TEXTS.get(text, text)] * 3


def without(section: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in section.items() if key not in keys}


def with_text(text: str) -> str:
    """The configuration with this for every text; `=` is no key."""
    own = OWN.replace(", TEXT: x", "") if text == "=" else OWN
    return own.replace("TEXT", text)


@pytest.mark.parametrize("text", [*TEXTS, *NULLS])
def test_into_the_query_layer_an_external_label_is_dropped_by_the_text_that_prometheus_has(text: str) -> None:
    own = f"global:\n  external_labels:\n    shelf: {text}\nscrape_configs: [{{job_name: a}}]\n"
    ((write,), *_) = [found["remote_write"] for found in made(own).values()]
    rule = write["write_relabel_configs"][1]
    assert rule["regex"].replace("\\", "") == TEXTS.get(text, "")
    assert rule["source_labels"] == ["shelf"]


@pytest.mark.parametrize("text", [*TEXTS, *NULLS])
def test_vmalert_gets_in_quotes_what_prometheus_reads_as_a_text(text: str) -> None:
    found = notifier_config(with_text(text), file=FILE) or ""
    (drop, replaced, hashed) = raw(found)["alert_relabel_configs"][-3:]
    value = TEXTS.get(text, "")
    assert drop == {"source_labels": ["severity"], "regex": value, "action": "drop"}
    assert replaced == {"source_labels": [value], "target_label": "shelf", "replacement": value}
    # Of a number in quotes vmalert would make nothing.
    assert hashed["modulus"] == "010"
    plain = {node.value for node in scalars(yaml.compose(found)) if node.style != '"'}
    assert plain == {"alertmanager:9093", "severity", "monitor", "m", "shelf", "drop", "a", "b", "hashmod", "010"}
    assert {"target_label": "shelf", "replacement": value} in raw(found)["alert_relabel_configs"]


def scalars(node: Any) -> list[Any]:
    """Those that are values."""
    if isinstance(node, yaml.ScalarNode):
        return [node]
    inner = [value for _, value in node.value] if isinstance(node, yaml.MappingNode) else node.value
    return [one for value in inner for one in scalars(value)]


SERVICE = """\
  image: prom/prometheus
  restart: no
  user: 0644
  init: yes
  stop_grace_period: 1e3
  ports: [22:22]
  logging: {driver: json-file, options: {max-file: 010, max-size: '010'}}
  environment: {SHELF: 010, ON: on, NOTHING: , DAY: 2024-01-02, ODD: 2001-99-99, SAID: "1e3", 010: key}
  healthcheck: {interval: 22:22, retries: 010, test: [NONE]}
  command: [--config.file=/etc/prometheus/prometheus.yml, 1.10]
  volumes:
    - {type: volume, source: data, target: /prometheus, read_only: no}
"""
COMPOSE = f"x-p: &p\n{SERVICE}services:\n  prometheus: *p\nvolumes:\n  data:\n"
OWN_LINES = "".join(f"  {line}\n" for line in SERVICE.splitlines())


def copied(text: str) -> Any:
    """The copy, and what stands beside it."""
    text = with_config(text, "prometheus", "/etc/prometheus/1-a.yml", file="c.yml", running=())
    first = written_at(text, ("services", "prometheus"), file="c.yml")
    layer = layer_service(first, image="vm", port="9300:8428", keeps="1d", interval="15s")
    rules = rules_service(
        first, image="va", rules=(), notifier="", port="1:1", url="u", every="15s", mounts=first["volumes"]
    )
    text = set_value(text, ("services", "layer"), layer, file="c.yml")
    text = set_value(text, ("services", "rules"), rules, file="c.yml")
    copy = Copy(instance=Instance(1, "b"), config="/etc/prometheus/1-b.yml", port="23:22", volume="b")
    return raw(copied_services(text, "prometheus", [copy], file="c.yml", data="/prometheus"))["services"]


@pytest.mark.parametrize(
    "service",
    ["prometheus: *p\n", "prometheus:\n    <<: *p\n", "prometheus:\n    <<: [*p]\n", f"prometheus:\n{OWN_LINES}"],
    ids=["alias", "merge", "merges", "own"],
)
def test_an_inherited_service_is_copied_as_it_is_written(service: str) -> None:
    before = raw(SERVICE)
    found = copied(COMPOSE.replace("prometheus: *p\n", service))
    for name in ("prometheus", "prometheus-1-b"):
        merged = found[name].get("<<", {})
        copy = {**(merged[0] if isinstance(merged, list) else merged), **found[name]}
        own = ("<<", "command", "environment", "labels", "ports", "volumes")
        assert without(copy, *own) == without(before, *own)
        # Where nothing is written, that is null.
        assert {**copy["environment"], "NOTHING": ""} == before["environment"]
        assert copy["environment"]["NOTHING"] in ("", "null")
        assert copy["command"][1] == "1.10"
        assert copy["volumes"][0]["read_only"] == "no"
    assert found["prometheus-1-b"]["ports"] == ["23:22"]
    for name in ("layer", "rules"):
        assert found[name].items() >= {key: before[key] for key in ("restart", "logging")}.items()
        assert found[name]["healthcheck"].items() >= {"interval": "22:22", "retries": "010"}.items()


def test_the_name_of_a_container_that_looks_like_a_number_stays_that_name() -> None:
    text = COMPOSE.replace("  image:", "  container_name: 010\n  image:", 1)
    assert copied(text)["prometheus-1-b"]["container_name"] == "010-1-b"


@pytest.mark.parametrize("text", [*TEXTS, "~", "!!str 010", "!!float 3", "!reset null", "|\n    a\n    b\n"])
def test_an_inherited_value_keeps_its_tag_and_its_text(text: str) -> None:
    before = f"x: &x\n  a: {text}\n  b: 1\nc: *x\n"
    after = set_value(before, ("c", "b"), 2, file=FILE)
    root: Any = yaml.compose(after)
    (_, x), (_, c) = root.value
    assert [(node.tag, node.value) for _, node in x.value[:1]] == [(node.tag, node.value) for _, node in c.value[:1]]
    assert value_at(after, ("c", "b"), file=FILE) == 2


def test_a_rule_is_put_in_front_of_an_inherited_list_and_behind_an_anchor() -> None:
    inherited = insert_item("x: &x [yes, 010]\nc: *x\n", ("c",), "first", file=FILE, after=-1)
    assert raw(inherited)["c"] == ["first", "yes", "010"]
    anchored = insert_item("x: &x\n  # Why.\n  - 010\n", ("x",), "first", file=FILE, after=-1)
    assert anchored == "x: &x\n  # Why.\n  - first\n  - 010\n"
