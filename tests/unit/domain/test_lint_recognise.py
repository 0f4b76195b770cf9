"""What lint takes a file for: nothing that is broken is passed over, nothing of other programs is accused."""

from __future__ import annotations

import json

import pytest

from monops.domain.lint.recognise import recognised

RULES = "groups:\n  - name: a\n    rules:\n      - alert: A\n        expr: up == 0\n"


def test_a_dashboard_that_was_cut_short_is_told_of_in_a_folder_too() -> None:
    (one,) = recognised([("a.json", '{"title": "x", "panels": [{"id": 1,', False)]).problems
    assert (one.id, one.file) == ("file/syntax", "a.json")


def test_json_of_something_else_that_cannot_be_read_is_passed_over() -> None:
    assert recognised([("tsconfig.json", '{// a comment\n"files": []}', False)]).problems == []


@pytest.mark.parametrize(
    "section", ["clients: []", "positions: {filename: /tmp/x}", "server: {http_listen_port: 9080}"]
)
def test_a_configuration_of_promtail_is_not_prometheus(section: str) -> None:
    found = recognised([("promtail.yml", f"{section}\nscrape_configs:\n  - job_name: logs\n", False)])
    assert (found.prometheus, found.problems) == ({}, [])


@pytest.mark.parametrize(
    "text",
    [
        "{{- if .Values.rules }}\n" + RULES + "{{- end }}\n",
        "apiVersion: v1\nkind: Service\n---\napiVersion: v1\nkind: ConfigMap\ndata:\n  groups: []\n",
    ],
    ids=["helm", "kubernetes"],
)
def test_templates_and_manifests_in_a_folder_are_passed_over_and_told_of_where_they_are_named(text: str) -> None:
    assert recognised([("x.yaml", text, False)]).problems == []
    assert [one.id for one in recognised([("x.yaml", text, True)]).problems] == ["file/syntax"]


def test_a_broken_rule_file_with_templates_in_its_texts_is_told_of() -> None:
    text = RULES + "        annotations:\n          summary: '{{- $value }}\n"
    assert [one.id for one in recognised([("rules/a.yml", text, False)]).problems] == ["file/syntax"]


def test_a_rule_that_contains_itself_is_a_problem_of_the_file() -> None:
    text = "groups:\n  - name: a\n    rules:\n      - &rule\n        alert: A\n        labels: *rule\n"
    (one,) = recognised([("rules/a.yml", text, False)]).problems
    assert (one.id, "contains itself" in one.message) == ("file/syntax", True)


def test_a_file_that_is_nested_too_deeply_is_a_problem_of_the_file() -> None:
    text = '{"panels": ' + "[" * 100_000 + "]" * 100_000 + "}"
    (one,) = recognised([("a.json", text, False)]).problems
    assert one.id == "file/syntax"


@pytest.mark.parametrize(
    "change",
    [
        {"panels": [{"title": "x", "targets": 5}]},
        {"panels": [{"type": "row", "panels": 5}]},
        {"panels": [], "templating": 5},
        {"panels": [], "templating": {"list": 5}},
        {"panels": [], "__inputs": 5},
    ],
)
def test_a_dashboard_with_something_odd_in_it_is_still_a_dashboard(change: dict[str, object]) -> None:
    assert len(recognised([("a.json", json.dumps({"title": "x", **change}), False)]).dashboards) == 1
