"""The configuration of each of several Prometheus: every target is in exactly one shard's, and the rest is the
person's own."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from monops.domain.errors import ConfigurationError, Refused
from monops.domain.scale import MOST_REPLICAS, MOST_SHARDS, Instance, Scale
from monops.domain.scale_config import (
    digest,
    evaluation_interval,
    instance_configs,
    made_of,
    notifier_config,
    rule_patterns,
    shortest_interval,
)

FILE = "/stack/prometheus.yml"
OWN = """\
# What Prometheus scrapes.
global:
  scrape_interval: 15s   # not more often
  external_labels:
    monitor: 'm'

rule_files:
  - rules/*.yml

alerting:
  alertmanagers:
    - static_configs:
        - targets: [alertmanager:9093]

scrape_configs:
  - job_name: prometheus
    static_configs:
      - targets: [localhost:9090]
        labels: {instance: prometheus}
  # By way of the one exporter.
  - job_name: redis
    metrics_path: /scrape
    file_sd_configs:
      - files: [targets/redis.yml]
    relabel_configs:
      - {source_labels: [__address__], target_label: __param_target}
      - {target_label: __address__, replacement: "redis-exporter:9121"}
  - job_name: hosts
    scrape_interval: 5s
    static_configs:
      - targets: ["a:1", "b:1"]
"""
TWO_BY_TWO = Scale(2, 2)
HOSTS = st.lists(st.from_regex(r"[a-z]{1,8}(-[0-9]{1,3})?:[0-9]{2,5}", fullmatch=True), min_size=1, max_size=40)
SCALES = [Scale(1, 2), Scale(2, 1), Scale(2, 2), Scale(3, 2), Scale(MOST_SHARDS, 1), Scale(2, MOST_REPLICAS)]


def made(
    own: str = OWN, scale: Scale = TWO_BY_TWO, *, rule_files: Sequence[str] | None = None, rules: bool = False
) -> dict[Instance, str]:
    return instance_configs(
        own, file=FILE, scale=scale, first="prometheus", rule_files=rule_files, with_rules_service=rules
    )


def jobs(text: str) -> dict[str, Any]:
    return {str(job["job_name"]): job for job in yaml.safe_load(text)["scrape_configs"]}


def keeps(job: Mapping[str, Any], address: str) -> bool:
    """Whether Prometheus would scrape it. Source: prometheus/model/relabel/relabel.go: hashmod is of the last 8 bytes
    of the MD5 sum; expressions match as a whole."""
    labels = {"__address__": address}
    for rule in job.get("relabel_configs") or ():
        value = ";".join(labels.get(name, "") for name in rule.get("source_labels") or ())
        match rule.get("action", "replace"):
            case "hashmod":
                number = int.from_bytes(hashlib.md5(value.encode(), usedforsecurity=False).digest()[8:], "big")
                labels[rule["target_label"]] = str(number % rule["modulus"])
            case "keep":
                if not re.fullmatch(str(rule["regex"]), value):
                    return False
            case "replace":
                labels[rule["target_label"]] = rule.get("replacement", value)
    return True


@cache
def shared_out(scale: Scale) -> dict[Instance, dict[str, Any]]:
    """The jobs of each, read once."""
    return {one: jobs(text) for one, text in made(scale=scale).items()}


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(SCALES), HOSTS)
def test_every_target_of_every_job_is_in_one_shard_and_in_each_of_its_replicas(scale: Scale, hosts: list[str]) -> None:
    for job in ("redis", "hosts"):
        for host in hosts:
            by = [one for one, found in shared_out(scale).items() if keeps(found[job], host)]
            assert len({one.shard for one in by}) == 1
            assert [one.replica for one in by] == [one.replica for one in scale.instances if one.shard == by[0].shard]


def test_many_targets_are_shared_out_about_evenly() -> None:
    found = shared_out(Scale(4, 1))
    shares = Counter(
        one.shard for one, has in found.items() for n in range(1000) if keeps(has["hosts"], f"host-{n}:9100")
    )
    assert all(200 <= share <= 300 for share in shares.values()), shares


def test_targets_behind_one_exporter_are_shared_out_by_their_own_address() -> None:
    found = shared_out(TWO_BY_TWO)
    assert {one.shard for one, has in found.items() for n in range(50) if keeps(has["redis"], f"redis-{n}:6379")} == {
        1,
        2,
    }
    assert found[Instance(1, "a")]["redis"]["relabel_configs"][2:] == jobs(OWN)["redis"]["relabel_configs"]


def test_with_one_shard_nothing_is_divided() -> None:
    assert "hashmod" not in made(scale=Scale(1, 2))[Instance(1, "b")]


@pytest.mark.parametrize("scale", SCALES, ids=str)
def test_every_line_that_is_not_of_the_change_is_as_the_person_wrote_it(scale: Scale) -> None:
    changed = (
        "- targets: [localhost:9090]",
        "labels: {instance: prometheus}",
        "- {source_labels: [__address__], target_label: __param_target}",
        '- {target_label: __address__, replacement: "redis-exporter:9121"}',
    )
    for text in made(scale=scale).values():
        lines = iter(text.splitlines())
        missing = [line for line in OWN.splitlines() if line.strip() not in changed and line not in lines]
        assert missing == []


def test_replicas_of_a_shard_differ_by_their_name_alone() -> None:
    texts = made()
    one, other = (texts[Instance(2, letter)].splitlines()[2:] for letter in "ab")
    assert [pair for pair in zip(one, other, strict=True) if pair[0] != pair[1]] == [
        ('    prometheus_replica: "a"', '    prometheus_replica: "b"')
    ]


def test_each_prometheus_watches_all_of_them_by_name_instead_of_itself() -> None:
    job = jobs(made()[Instance(2, "b")])["prometheus"]
    found = {target: group["labels"]["instance"] for group in job["static_configs"] for target in group["targets"]}
    assert found == {
        "prometheus:9090": "prometheus",
        "prometheus-1-b:9090": "prometheus-1-b",
        "prometheus-2-a:9090": "prometheus-2-a",
        "prometheus-2-b:9090": "prometheus-2-b",
    }


def test_other_targets_beside_localhost_stay_where_they_are() -> None:
    own = OWN.replace("[localhost:9090]", "[other:1, '127.0.0.1:9090']")
    groups = jobs(made(own)[Instance(1, "a")])["prometheus"]["static_configs"]
    assert groups[0] == {"targets": ["other:1"], "labels": {"instance": "prometheus"}}
    assert len(groups) == 5


def test_no_alert_and_no_series_of_the_layer_tells_which_replica_it_is_of() -> None:
    text = yaml.safe_load(made()[Instance(2, "b")])
    drop = {"action": "labeldrop", "regex": "prometheus_shard|prometheus_replica"}
    assert text["alerting"]["alert_relabel_configs"] == [drop]
    (write,) = text["remote_write"]
    assert write["write_relabel_configs"] == [
        drop,
        {"source_labels": ["monitor"], "regex": "m", "target_label": "monitor", "replacement": ""},
    ]
    assert text["global"]["external_labels"] == {"monitor": "m", "prometheus_shard": "2", "prometheus_replica": "b"}


def test_a_remote_write_and_a_relabelling_of_alerts_that_are_there_stay() -> None:
    own = OWN.replace("alerting:\n", "alerting:\n  alert_relabel_configs:\n    - {action: labeldrop, regex: x}\n")
    text = yaml.safe_load(made(own + "\nremote_write:\n  - url: http://longterm/write\n")[Instance(1, "a")])
    assert [one["url"] for one in text["remote_write"]] == [
        "http://longterm/write",
        "http://victoria-metrics:8428/api/v1/write",
    ]
    assert text["alerting"]["alert_relabel_configs"][0] == {"action": "labeldrop", "regex": "x"}


def test_an_external_label_from_a_variable_stays_because_its_value_is_not_known_here() -> None:
    own = OWN.replace("monitor: 'm'", "monitor: ${NAME}")
    (write,) = yaml.safe_load(made(own)[Instance(1, "a")])["remote_write"]
    assert len(write["write_relabel_configs"]) == 1


def test_the_query_layer_is_watched_unless_a_job_has_its_name() -> None:
    text = made(rules=True)[Instance(1, "a")]
    assert {"victoria-metrics", "vmalert"} <= set(jobs(text))
    assert "vmalert" not in jobs(made()[Instance(1, "a")])
    own = OWN + "  - job_name: victoria-metrics\n    static_configs: [{targets: ['mine:1']}]\n"
    mine = jobs(made(own)[Instance(1, "a")])["victoria-metrics"]
    assert mine["static_configs"] == [{"targets": ["mine:1"]}]


def test_a_shard_gets_the_rules_that_it_may_evaluate_itself() -> None:
    assert rule_patterns(made(rule_files=["rules/a.yml"])[Instance(1, "a")], FILE) == ["rules/a.yml"]
    assert rule_patterns(made()[Instance(1, "a")], FILE) == ["rules/*.yml"]


def test_a_copy_says_what_it_is_made_of_and_where_to_edit() -> None:
    text = made()[Instance(2, "b")]
    assert text.startswith(
        "# Shard 2 of 2, replica b. Made from prometheus.yml by monops: edit that one, then: monops scale set"
    )
    assert made_of(text) == digest(OWN) != digest(OWN + " ")
    assert made_of(OWN) == ""


def test_a_windows_file_stays_one() -> None:
    own = OWN.replace("\n", "\r\n")
    body = made(own)[Instance(1, "a")].split("\n", 2)[2]
    assert body.count("\n") == body.count("\r\n")


@pytest.mark.parametrize(
    ("own", "kind", "says"),
    [
        ("scrape_config_files: [jobs/*.yml]\n" + OWN, Refused, "scrape_config_files"),
        ("global: {}\n", ConfigurationError, "no scrape_configs"),
        ("scrape_configs: []\n", ConfigurationError, "no scrape_configs"),
        ("scrape_configs: [\n", ConfigurationError, "prometheus.yml"),
    ],
)
def test_a_file_that_cannot_be_shared_out_is_refused(own: str, kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says):
        made(own)


def test_duplicates_are_told_by_the_shortest_interval_of_any_job() -> None:
    assert shortest_interval(OWN, FILE) == "5s"
    assert shortest_interval("scrape_configs: [{job_name: a}]\n", FILE) == "1m"
    assert evaluation_interval(OWN, FILE) == "1m"
    with pytest.raises(ConfigurationError, match="scrape_interval"):
        shortest_interval(OWN.replace("5s", "often"), FILE)


def test_vmalert_sends_to_the_same_alertmanagers_with_the_same_labels() -> None:
    own = OWN.replace(
        "    - static_configs:\n        - targets: [alertmanager",
        "    - scheme: https\n      path_prefix: /am\n      static_configs:\n        - targets: [alertmanager",
    )
    assert yaml.safe_load(notifier_config(own, file=FILE) or "") == {
        "scheme": "https",
        "path_prefix": "/am",
        "static_configs": [{"targets": ["alertmanager:9093"]}],
        "alert_relabel_configs": [{"target_label": "monitor", "replacement": "m"}],
    }


def test_where_prometheus_sends_no_alerts_vmalert_sends_none() -> None:
    assert notifier_config("scrape_configs: []\n", file=FILE) is None
    assert notifier_config("alerting: {}\n", file=FILE) is None


def test_alertmanagers_that_vmalert_cannot_be_told_of_are_refused_with_what_works() -> None:
    own = "alerting: {alertmanagers: [{basic_auth: {username: u, password: hunter2}}]}\n"
    with pytest.raises(Refused, match="basic_auth") as caught:
        notifier_config(own, file=FILE)
    assert "hunter2" not in str(caught.value)
    assert "--shards 1" in (caught.value.remedy or "")
