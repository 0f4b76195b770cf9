"""Reports for other programs: SARIF, JUnit and Markdown from one model, and nothing else on stdout."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast
from xml.etree.ElementTree import Element, fromstring

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monops.checks import all_checks
from monops.checks._healthy import HEALTHY
from monops.checks._pages import page_of
from monops.cli.commands import doctor as doctor_command
from monops.cli.commands.doctor import as_report
from monops.cli.main import cli, run
from monops.cli.settings import REPORT_FORMS, REPORTING
from monops.cli.show_reports import Report, Result, Rule, Unanswered, written
from monops.domain.diagnosis import Diagnosis, diagnose
from monops.domain.exits import Exit
from monops.domain.facts import Unknown
from monops.domain.finding import Severity
from monops.edges.clock import SystemClock

RULES = tuple(
    Rule(id=name, title=f"The statement of {name}.", help="Why.\n\nAnd how.", page=f"docs/reference/checks.md#{name}")
    for name in ("stack.running", "targets.up", "rules.health", "grafana.ready", "prometheus.ready")
)
DOWN = Result(
    rule="targets.up",
    level="error",
    message="nothing listens on port 9090",
    subject="target browser-workers/worker-1",
    fails=True,
    evidence=("dial tcp: connection refused", "\x1b[31mred\x1b[0m & <b> | `x`"),
    fix="Start it.",
    command="docker start 'a|b'",
)
WARNED = replace(DOWN, rule="rules.health", level="warning", fails=False, file="rules/my queue.yml", line=7)
REPORT = Report(
    tool="monops doctor",
    version="1.2.3",
    subject="the stack monitoring",
    rules=RULES,
    results=(DOWN, replace(DOWN, subject="target browser-workers/worker-2"), DOWN, WARNED),
    unanswered=(
        Unanswered(rule="grafana.ready", reason="no answer in 10 s"),
        Unanswered(rule="prometheus.ready", reason="KeyError: 'x'", crashed=True),
    ),
    skipped={},
)


# --- SARIF ---------------------------------------------------------------------------------------


def sarif(report: Report) -> dict[str, Any]:
    document = json.loads(written(report, "sarif"))
    assert set(document) == {"$schema", "version", "runs"}
    assert document["version"] == "2.1.0"
    assert document["$schema"].endswith("sarif-schema-2.1.0.json")
    (run_,) = document["runs"]
    driver = run_["tool"]["driver"]
    assert driver["name"]
    assert len({rule["id"] for rule in driver["rules"]}) == len(driver["rules"])
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"]
        assert rule["help"]["text"]
    for one in run_["results"]:
        assert driver["rules"][one["ruleIndex"]]["id"] == one["ruleId"]
        assert one["level"] in ("error", "warning", "note", "none")
        assert one.get("kind", "fail") == "fail" or one["level"] == "none"
        assert one["message"]["text"]
    assert isinstance(run_["invocations"][0]["executionSuccessful"], bool)
    return cast(dict[str, Any], run_)


def test_sarif_holds_rules_and_results() -> None:
    document = sarif(REPORT)
    assert [rule["id"] for rule in document["tool"]["driver"]["rules"]] == [rule.id for rule in RULES]
    found = [one for one in document["results"] if "kind" not in one]
    assert [(one["ruleId"], one["level"]) for one in found] == [
        ("targets.up", "error"),
        ("targets.up", "error"),
        ("targets.up", "error"),
        ("rules.health", "warning"),
    ]
    assert "nothing listens" in found[0]["message"]["text"]
    assert "Fix: Start it." in found[0]["message"]["text"]


def test_sarif_says_where() -> None:
    found = sarif(REPORT)["results"]
    (first,), (last,) = found[0]["locations"], found[3]["locations"]
    assert first["logicalLocations"][0]["fullyQualifiedName"] == DOWN.subject
    assert "physicalLocation" not in first
    assert last["physicalLocation"] == {
        "artifactLocation": {"uri": "rules/my%20queue.yml"},
        "region": {"startLine": 7},
    }


def test_the_same_trouble_has_the_same_fingerprint_at_each_run_and_no_two_share_one() -> None:
    def prints(report: Report) -> list[str]:
        return [one["partialFingerprints"]["monopsFinding/v1"] for one in sarif(report)["results"] if "kind" not in one]

    before = prints(REPORT)
    assert len(set(before)) == len(before)
    other_words = tuple(replace(one, message="97 %") for one in REPORT.results)
    assert prints(replace(REPORT, results=other_words)) == before


def test_sarif_does_not_take_what_is_unknown_for_well_or_sick() -> None:
    document = sarif(REPORT)
    unknown = [one for one in document["results"] if one.get("kind") == "open"]
    assert [(one["ruleId"], one["level"]) for one in unknown] == [
        ("grafana.ready", "none"),
        ("prometheus.ready", "none"),
    ]
    (invocation,) = document["invocations"]
    assert invocation["executionSuccessful"] is False
    assert [one["level"] for one in invocation["toolExecutionNotifications"]] == ["warning", "error"]
    assert sarif(replace(REPORT, unanswered=()))["invocations"][0]["executionSuccessful"] is True


# --- JUnit ---------------------------------------------------------------------------------------


def junit(report: Report) -> Element:
    """The document, its counts held against its cases."""
    root = fromstring(written(report, "junit"))  # noqa: S314 - what was just written
    assert root.tag == "testsuites"
    for element in (root, *root.findall("testsuite")):
        cases = list(element.iter("testcase"))
        assert int(element.attrib["tests"]) == len(cases)
        for count, tag in (("failures", "failure"), ("errors", "error")):
            assert int(element.attrib[count]) == len([case for case in cases if case.find(tag) is not None])
    for suite in root.findall("testsuite"):
        assert int(suite.attrib["skipped"]) == len([case for case in suite if case.find("skipped") is not None])
    return root


def state(root: Element, name: str) -> str:
    (case,) = [one for one in root.iter("testcase") if one.attrib["name"] == name]
    return next((tag for tag in ("failure", "error", "skipped") if case.find(tag) is not None), "passed")


def test_junit_has_a_case_for_each_rule() -> None:
    root = junit(replace(REPORT, skipped={"stack.running": "the stack has no containers"}))
    assert (root.attrib["tests"], root.attrib["failures"], root.attrib["errors"]) == ("5", "1", "2")
    assert {rule.id: state(root, rule.id) for rule in RULES} == {
        "stack.running": "skipped",
        "targets.up": "failure",
        "rules.health": "passed",
        "grafana.ready": "error",
        "prometheus.ready": "error",
    }


def test_junit_tells_every_finding() -> None:
    root = junit(REPORT)
    failure = root.find(".//testcase[@name='targets.up']/failure")
    assert failure is not None
    assert failure.attrib["message"].endswith("(and 2 more)")
    assert "worker-2" in (failure.text or "")
    assert "docker start 'a|b'" in (failure.text or "")
    told = root.findtext(".//testcase[@name='rules.health']/system-out") or ""
    assert "rules/my queue.yml:7: warning" in told


def test_a_result_without_its_rule_is_not_lost() -> None:
    bare = replace(REPORT, rules=())
    assert state(junit(bare), "targets.up") == "failure"
    assert {rule["id"] for rule in sarif(bare)["tool"]["driver"]["rules"]} >= {"targets.up", "grafana.ready"}


# --- Markdown ------------------------------------------------------------------------------------


def rows(text: str) -> list[list[str]]:
    """The cells of every table row."""
    return [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line.startswith("|")]


def test_markdown_is_a_table_with_the_worst_first() -> None:
    text = written(replace(REPORT, results=(WARNED, DOWN)), "markdown")
    assert text.startswith("# monops doctor: the stack monitoring\n")
    assert "5 asked: 1 error, 1 warning, 2 could not be told" in text
    found = [row for row in rows(text) if len(row) == 5]
    assert [row[0].strip() for row in found] == ["", "---", "error", "warning"]
    assert "`rules/my queue.yml:7`" in found[3][1]
    assert [row[0].strip() for row in rows(text) if len(row) == 2][2:] == ["`grafana.ready`", "`prometheus.ready`"]


def test_markdown_of_nothing_found_says_so() -> None:
    text = written(replace(REPORT, results=(), unanswered=()), "markdown")
    assert "5 asked: nothing found" in text
    assert not rows(text)


# --- all forms -----------------------------------------------------------------------------------


@given(st.text(), st.text(), st.sampled_from(REPORT_FORMS))
def test_whatever_a_finding_says_the_document_stays_whole(words: str, command: str, form: str) -> None:
    odd = replace(DOWN, subject=words, message=words, evidence=(words,), command=command, fix=words, file=words or None)
    report = replace(REPORT, results=(odd,), unanswered=(Unanswered(rule="grafana.ready", reason=words),))
    if form == "sarif":
        assert sarif(report)["results"][0]["message"]["text"].startswith(words[:1])
    elif form == "junit":
        junit(report)
    else:
        found = rows(written(report, "markdown"))
        assert [len(row) for row in found] == [5, 5, 5, 2, 2, 2]


# --- monops doctor -------------------------------------------------------------------------------


def diagnosed() -> Diagnosis:
    """One check that is well, one that finds something, one that cannot tell, one that is left out."""
    by_id = {check.id: check for check in all_checks()}
    sick = by_id["exporters.cadvisor_oom"].sick[0].facts(HEALTHY)
    names = ("stack.running", "exporters.cadvisor_oom", "resources.out_of_memory", "backups.snapshot_api")
    checks = [by_id[name] for name in names]
    checks[-1] = replace(checks[-1], needs=("nothing-of-this-name",))
    return diagnose(checks, replace(sick, oom_events=Unknown("the engine told no events")))


@pytest.mark.parametrize(("fail_on", "states"), [(Severity.ERROR, "passed"), (Severity.WARNING, "failure")])
def test_doctor_fails_by_what_it_is_told_to_fail_on(fail_on: Severity, states: str) -> None:
    root = junit(as_report(diagnosed(), fail_on))
    assert state(root, "exporters.cadvisor_oom") == states
    assert state(root, "stack.running") == "passed"
    assert state(root, "resources.out_of_memory") == "error"
    assert state(root, "backups.snapshot_api") == "skipped"


def test_doctor_names_the_page_of_each_check() -> None:
    rules = sarif(as_report(diagnosed(), Severity.ERROR))["tool"]["driver"]["rules"]
    assert "docs/reference/checks.md#exporterscadvisor_oom" in rules[1]["help"]["text"]
    (check,) = [one for one in all_checks() if one.id == "exporters.cadvisor_oom"]
    assert rules[1]["shortDescription"]["text"] == page_of(check).statement


class FakeWiring:
    """A run without an engine."""

    def __init__(self, settings: object) -> None: ...

    def inspectors(self, within: timedelta) -> tuple[None, str]:
        return None, "monitoring"

    def outside(self) -> Any:
        return type("Outside", (), {"clock": SystemClock()})


@pytest.mark.parametrize("form", REPORT_FORMS)
def test_doctor_prints_the_report_and_nothing_else(
    form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def examine(checks: object, inspectors: object, clock: object, *, project: str, within: timedelta) -> Diagnosis:
        return diagnosed()

    monkeypatch.setattr(doctor_command, "Wiring", FakeWiring)
    monkeypatch.setattr(doctor_command, "examine", examine)
    assert run(["doctor", "--output", form, "--fail-on", "warning"]) == Exit.FINDINGS
    captured = capsys.readouterr()
    assert captured.out == written(as_report(diagnosed(), Severity.WARNING), form)
    assert not captured.err


# --- other commands ------------------------------------------------------------------------------

OTHERS = [name for name in cli.list_commands(click.Context(cli)) if name not in REPORTING]


@pytest.mark.parametrize("form", REPORT_FORMS)
@pytest.mark.parametrize("command", OTHERS)
def test_commands_that_check_nothing_refuse_reports(
    command: str, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command, "--output", form]) == Exit.USAGE
    captured = capsys.readouterr()
    assert not captured.out
    assert captured.err.startswith(f"error: monops {command} does not report as {form}: only doctor")


def test_a_list_of_checks_is_no_report(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--list", "--output", "sarif"]) == Exit.USAGE
    assert "--list" in capsys.readouterr().err
