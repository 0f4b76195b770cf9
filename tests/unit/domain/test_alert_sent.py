"""With which labels an alert reaches Alertmanager: the external ones, and what relabelling makes of them."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from monops.domain.alert_sent import labels_as_sent

LABELS = {"alertname": "Test", "monops_test": "true", "severity": "info"}


def config(*rules: dict[str, Any], managers: tuple[Any, ...] = ({},), **external: str) -> str:
    """As Prometheus shows it: with what it fills in."""
    shown = [{"separator": ";", "regex": "(.*)", "replacement": "$1"} | rule for rule in rules]
    return yaml.safe_dump(
        {
            "global": {"external_labels": external},
            "alerting": {"alert_relabel_configs": shown, "alertmanagers": list(managers)},
        }
    )


def test_external_labels_join_and_never_replace_what_the_rule_has() -> None:
    assert labels_as_sent(config(cluster="prod", severity="page"), LABELS) == ({**LABELS, "cluster": "prod"},)


def test_a_configuration_without_external_labels_sends_them_as_they_are() -> None:
    assert labels_as_sent("global: {scrape_interval: 15s}", LABELS) == (LABELS,)


@pytest.mark.parametrize(
    ("rule", "sent"),
    [
        ({"action": "labeldrop", "regex": "replica|shard"}, LABELS),
        ({"action": "labeldrop", "regex": "monops_.*"}, {"alertname": "Test", "severity": "info", "replica": "1"}),
        ({"action": "labelkeep", "regex": "alertname|severity"}, {"alertname": "Test", "severity": "info"}),
        ({"action": "replace", "target_label": "replica", "replacement": ""}, LABELS),
        (
            {"source_labels": ["severity"], "regex": "in(.+)", "target_label": "team", "replacement": "x${1}_$2"},
            {**LABELS, "replica": "1", "team": "xfo_"},
        ),
        (
            {"source_labels": ["severity"], "target_label": "severity", "action": "uppercase"},
            {**LABELS, "replica": "1", "severity": "INFO"},
        ),
        (
            {"action": "labelmap", "regex": "monops_(.+)", "replacement": "$1"},
            {**LABELS, "replica": "1", "test": "true"},
        ),
    ],
)
def test_relabelling_is_judged_as_prometheus_does_it(rule: dict[str, Any], sent: dict[str, str]) -> None:
    assert labels_as_sent(config(rule, replica="1"), LABELS) == (sent,)


def test_a_replacement_that_is_not_shown_is_an_empty_one() -> None:
    shown = yaml.safe_load(config({"action": "replace", "target_label": "replica"}, replica="1"))
    del shown["alerting"]["alert_relabel_configs"][0]["replacement"]
    assert labels_as_sent(yaml.safe_dump(shown), LABELS) == (LABELS,)


@pytest.mark.parametrize("action", ["keep", "drop"])
def test_an_alert_that_relabelling_drops_is_sent_to_nobody(action: str) -> None:
    regex = "critical" if action == "keep" else "info"
    assert labels_as_sent(config({"source_labels": ["severity"], "regex": regex, "action": action}), LABELS) == ()


def test_each_alertmanager_has_relabelling_of_its_own() -> None:
    own = {"alert_relabel_configs": [{"regex": "monops_test", "action": "labeldrop"}]}
    sent = labels_as_sent(config(managers=({}, own)), LABELS)
    assert sent == (LABELS, {"alertname": "Test", "severity": "info"})


@pytest.mark.parametrize(
    "rule",
    [
        {"action": "hashmod", "target_label": "severity", "modulus": 4},
        {"action": "labeldrop", "regex": r"\pL+"},
    ],
)
def test_what_cannot_be_judged_is_said(rule: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"cannot be judged|only Go knows"):
        labels_as_sent(config(rule), LABELS)


def test_no_configuration_is_no_judgement() -> None:
    with pytest.raises(ValueError, match="no configuration"):
        labels_as_sent("", LABELS)
