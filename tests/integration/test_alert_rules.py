"""The rules that ship, in promtool: each alert fires when it should, not earlier, not on less, and stops."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.integration.alert_examples import EXAMPLES, RECORD_EXAMPLES
from tests.integration.alert_examples_model import Example, RecordExample, Series
from tests.integration.fixtures import engine_problem
from tests.integration.restored import prometheus_image
from tests.integration.support import docker

from monops.domain.units import parse_duration
from monops.stack.alerts import GROUPS, alerts, records
from monops.stack.alerts.model import Alert, Record, RuleGroup, TimeScale, as_yaml, rule_file

EXTERNAL_URL = "https://prometheus.example.com"
#: How many steps an alert must stay silent on series that are well.
LATE = 40

#: One test of promtool: all that its file says of it.
Case = dict[str, object]
#: suite -> test -> what failed in it, in promtool's words.
Results = dict[str, dict[str, list[str]]]

RULES: dict[str, Alert | Record] = {rule.name: rule for group in GROUPS for rule in group.rules}
GROUP_OF: dict[str, RuleGroup] = {rule.name: group for group in GROUPS for rule in group.rules}
RECORDING = next(group for group in GROUPS if group.name == "recording")


# --- promtool's files ------------------------------------------------------------------------------


def _seconds(duration: str) -> float:
    return parse_duration(duration).total_seconds()


def _case(example: Example | RecordExample, name: str, series: Series, **checks: object) -> Case:
    return {
        "name": f"{example.case}: {name}" if example.case else name,
        "interval": example.step,
        "external_url": EXTERNAL_URL,
        "input_series": [{"series": labels, "values": values} for labels, values in series.items()],
        **checks,
    }


def alert_cases(example: Example) -> Iterator[Case]:
    """What promtool has to find on an example of an alert."""
    rule = RULES[example.alert]
    assert isinstance(rule, Alert)
    step = round(_seconds(example.step))
    fires_at = round(_seconds(example.true_from) + (_seconds(rule.holds_for) if rule.holds_for else 0))
    firing = {
        "exp_labels": {"severity": example.severity, "team": example.team, **example.labels},
        "exp_annotations": {
            "summary": example.summary,
            "description": example.description,
            "runbook_url": f"{EXTERNAL_URL}/user/{example.alert}.html",
        },
    }

    def expect(found: Sequence[object], *times: int) -> list[object]:
        return [{"eval_time": f"{at}s", "alertname": example.alert, "exp_alerts": list(found)} for at in times]

    yield _case(example, "fires", example.sick, alert_rule_test=expect([firing], fires_at))
    if fires_at:
        # Up to one evaluation before, which is the boundary.
        yield _case(example, "not before", example.sick, alert_rule_test=expect([], *range(0, fires_at, step)))
    if example.over_at:
        over_at = round(_seconds(example.over_at))
        yield _case(example, "stops", example.sick, alert_rule_test=expect([], over_at, over_at + step))
    else:
        yield _case(example, "goes on", example.sick, alert_rule_test=expect([firing], LATE * step))
    if example.well:
        # Series that end too early would prove nothing.
        names = "|".join(sorted({series.partition("{")[0] for series in example.well}))
        samples = [{"labels": "{}", "value": len(example.well)}]
        there = {"expr": f'count({{__name__=~"{names}"}})', "eval_time": f"{LATE * step}s", "exp_samples": samples}
        silent = expect([], *range(0, LATE * step + 1, step))
        yield _case(example, "silent", example.well, alert_rule_test=silent, promql_expr_test=[there])


def record_cases(example: RecordExample) -> Iterator[Case]:
    """What promtool has to find on an example of a recording rule."""
    samples = [{"labels": example.record + labels, "value": value} for labels, value in example.expected.items()]
    question = {"expr": example.record, "eval_time": example.at, "exp_samples": samples}
    yield _case(example, "is", example.series, promql_expr_test=[question])


def cases(name: str) -> list[Case]:
    """What promtool has to find for an alert or a recording rule, on all of its examples."""
    found = [case for example in EXAMPLES if example.alert == name for case in alert_cases(example)]
    return found + [case for example in RECORD_EXAMPLES if example.record == name for case in record_cases(example)]


def together(some: Sequence[Case]) -> list[Case]:
    """The cases on the same series as one: promtool runs the rules once for them."""
    merged: list[Case] = []
    for case in some:
        if merged and case["input_series"] == merged[-1]["input_series"]:
            merged[-1] = {**merged[-1], "alert_rule_test": [*_checks(merged[-1]), *_checks(case)]}
        else:
            merged.append(case)
    return merged


def _checks(case: Case) -> list[object]:
    found = case["alert_rule_test"]
    assert isinstance(found, list)
    return found


def write_suite(folder: Path, groups: Sequence[RuleGroup], name: str, tests: Sequence[Case]) -> None:
    """A folder with rule files and tests of the rule `name`."""
    folder.mkdir()
    for group in groups:
        (folder / f"{group.name}.yml").write_text(rule_file(group, TimeScale(1), ""))
    every = {example.step for example in EXAMPLES if example.alert == name} or {"1m"}
    content: Mapping[str, object] = {
        "rule_files": [f"{group.name}.yml" for group in groups],
        "group_eval_order": [group.name for group in groups],
        "evaluation_interval": every.pop(),
        "fuzzy_compare": True,
        "tests": list(tests),
    }
    assert not every, f"the examples of {name} have steps of different lengths"
    (folder / "test.yml").write_text(as_yaml(content))


# --- running promtool ------------------------------------------------------------------------------


def promtool(folder: Path, script: str) -> str:
    """Run a shell script in a container of the server's image, with `folder` in it as /rules; what it printed."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    where = ("--network", "none", "--tmpfs", "/tmp", "--volume", f"{folder}:/rules:ro", "--entrypoint", "/bin/sh")
    return docker("run", "--rm", "--pull", "never", *where, prometheus_image(), "-c", script)


def run_suites(folder: Path) -> Results:
    """The results of every suite in the folder, in one run."""
    script = (
        "promtool test --junit=/tmp/results.xml rules /rules/*/test.yml >/tmp/said 2>&1;"
        " cat /tmp/results.xml || { cat /tmp/said; exit 1; }"
    )
    root = ET.fromstring(promtool(folder, script))  # noqa: S314 - promtool's own
    return {
        Path(suite.attrib["name"]).parent.name: {
            case.attrib["name"]: [failure.text or "" for failure in case.iter("failure")]
            for case in suite.iter("testcase")
        }
        for suite in root.iter("testsuite")
    }


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """What promtool finds on the rules that ship."""
    if problem := engine_problem():
        pytest.skip(problem)
    folder = tmp_path_factory.mktemp("rules")
    for name in RULES:
        group = GROUP_OF[name]
        write_suite(folder / name, [RECORDING] if group is RECORDING else [RECORDING, group], name, cases(name))
    return run_suites(folder)


# --- wrong rules -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wrong:
    """A rule with a fault that its tests have to notice."""

    title: str
    rule: Alert | Record


def _wrong_rules() -> Iterator[Wrong]:
    for alert in alerts():
        step = next((example.step for example in EXAMPLES if example.alert == alert.name), "1m")
        later = f"{round(_seconds(alert.holds_for or '0s') + _seconds(step))}s"
        yield Wrong(f"{alert.name}: for {later}", replace(alert, holds_for=later))
        if alert.holds_for:
            half = TimeScale(0.5).duration(alert.holds_for)
            yield Wrong(f"{alert.name}: for {half}", replace(alert, holds_for=half))
    said = [(example.alert, example.wrong) for example in EXAMPLES]
    said += [(example.record, example.wrong) for example in RECORD_EXAMPLES]
    for name, old, new in dict.fromkeys((name, *pair) for name, wrong in said if name in RULES for pair in wrong):
        yield Wrong(f"{name}: {old!r} -> {new!r}", replace(RULES[name], expr=RULES[name].expr.replace(old, new)))


WRONG = tuple(_wrong_rules())


@pytest.fixture(scope="module")
def wrong_results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """What promtool finds on the wrong rules: suite N is of the Nth."""
    if problem := engine_problem():
        pytest.skip(problem)
    folder = tmp_path_factory.mktemp("wrong")
    for number, wrong in enumerate(WRONG):
        name = wrong.rule.name
        needed = tuple(record for record in records() if record.name in wrong.rule.expr)
        groups = [replace(GROUP_OF[name], rules=(wrong.rule,))]
        groups = [replace(RECORDING, rules=needed), *groups] if needed else groups
        write_suite(folder / str(number), groups, name, together(cases(name)))
    return run_suites(folder)


# --- tests -----------------------------------------------------------------------------------------


def test_every_rule_has_examples_with_wrong_rules_of_their_own() -> None:
    assert {alert.name for alert in alerts()} == {example.alert for example in EXAMPLES}
    assert {record.name for record in records()} == {example.record for example in RECORD_EXAMPLES}
    assert set(RULES) == {example.alert for example in EXAMPLES if example.wrong} | {
        example.record for example in RECORD_EXAMPLES if example.wrong
    }
    assert len(RULES) == len(alerts()) + len(records()), "two rules have one name"
    assert [example.alert for example in EXAMPLES if not (example.well and example.over_at)] == ["Watchdog"]


def test_every_wrong_rule_differs_from_the_right_one() -> None:
    assert [wrong.title for wrong in WRONG if wrong.rule == RULES[wrong.rule.name]] == []


@pytest.mark.engine
def test_promtool_finds_no_fault_in_the_files(tmp_path: Path, engine: None) -> None:
    for group in GROUPS:
        (tmp_path / f"{group.name}.yml").write_text(rule_file(group, TimeScale(1), "Written by monops."))
    said = promtool(tmp_path, "promtool check rules --lint=all --lint-fatal /rules/*.yml 2>&1")
    assert said.count("SUCCESS") == len(GROUPS), said


@pytest.mark.engine
@pytest.mark.parametrize(
    ("rule", "case"),
    [pytest.param(name, case["name"], id=f"{name}: {case['name']}") for name in RULES for case in cases(name)],
)
def test_rule(results: Results, rule: str, case: str) -> None:
    failures = results[rule][case]
    assert not failures, "\n".join(failures)


@pytest.mark.engine
@pytest.mark.parametrize("number", range(len(WRONG)), ids=[wrong.title for wrong in WRONG])
def test_a_wrong_rule_is_noticed(wrong_results: Results, number: int) -> None:
    failures = [failure for failed in wrong_results[str(number)].values() for failure in failed]
    assert failures, "every test passes on the wrong rule too"
    assert all("got:" in failure for failure in failures), failures
