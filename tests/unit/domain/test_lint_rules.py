"""Rule files: each lint rule where it is well and where it is sick, line numbers, comments."""

from __future__ import annotations

from datetime import date

import pytest

from monops.domain.errors import UsageFault
from monops.domain.finding import Severity
from monops.domain.lint.problem import RULES, Problem, matching
from monops.domain.lint.rules_file import NotYaml, rules_file
from monops.domain.ports.linting import SourceFile
from monops.ops.lint import Bench, chosen_rules, lint

_EXPLAINED = "annotations: {summary: s, description: d, runbook_url: u}"
_CONFIG = "global: {scrape_interval: 15s, evaluation_interval: 15s}\nscrape_configs: []\n"


def problems(text: str, *more: tuple[str, str], today: date = date(2026, 1, 1)) -> list[Problem]:
    files = [("rules.yml", text), ("prometheus.yml", _CONFIG), *more]
    bench = Bench(
        files=tuple(SourceFile(path=path, text=content) for path, content in files),
        is_own=False,
        today=today,
        server=None,
        tools=None,
    )
    return lint(bench, frozenset(RULES)).problems


def alert(expr: str, rest: str = "", name: str = "A") -> str:
    return (
        f"groups:\n  - name: g\n    rules:\n      - alert: {name}\n        expr: {expr}\n{rest}"
        f"        labels: {{severity: warning}}\n        {_EXPLAINED}\n"
    )


def ids(text: str, *more: tuple[str, str]) -> list[str]:
    return [one.id for one in problems(text, *more)]


WELL = (
    "up == 0",
    "absent(up)",
    "rate(a_total[1m]) > 0",
    "a and b",
    "a unless b",
    "0 < (a - time()) < 3600",
    "count(up == 0) > 2",
    'ALERTS{alertstate="firing"}',
    "vector(1) and on () (a > 1)",
    "max_over_time((a > 1)[10m:])",
    "a != 0",
)


@pytest.mark.parametrize("expr", WELL)
def test_a_rule_with_a_condition_is_well(expr: str) -> None:
    assert problems(alert(expr)) == []


@pytest.mark.parametrize(
    "expr", ["a", "rate(a[5m])", "vector(1)", "a or b > 1", "a > bool 1", "count(a) >= 1", "a + b"]
)
def test_an_alert_without_a_condition_fires_always(expr: str) -> None:
    (one,) = problems(alert(expr))
    assert (one.id, one.severity, one.line) == ("rules/always-fires", Severity.ERROR, 5)
    assert problems(alert(expr, name="Watchdog")) == []


@pytest.mark.parametrize("name", ["Watchdog", "PrometheusAlertmanagerE2eDeadManSwitch", "DeadMansSnitch", "Heart_beat"])
def test_an_alert_that_doctor_takes_for_a_watchdog_may_fire_always(name: str) -> None:
    assert problems(alert("vector(1)", name=name)) == []


@pytest.mark.parametrize(
    "expr",
    ["count(a) == 0", "vector(1) == 0", "a > 5 < 3", "absent(a) == 0", "rate(a[5m]) < 0", "up > 1", "a and up == 2"],
)
def test_an_alert_whose_condition_cannot_be_never_fires(expr: str) -> None:
    assert ids(alert(expr)) == ["rules/never-fires"]


def test_what_is_no_promql_is_told_on_its_line_with_carets() -> None:
    (one,) = problems(alert("rate(a[5m)"))
    assert (one.id, one.line) == ("promql/syntax", 5)
    assert one.shown is not None
    assert one.shown.text[one.shown.start : one.shown.end] == "rate(a[5m)"


def test_a_range_must_hold_two_scrapes() -> None:
    (one,) = problems(alert("rate(a_total[20s]) > 0"))
    assert one.id == "rules/range-window"
    assert "[1m]" in one.fix
    assert one.shown is not None
    assert one.shown.text[one.shown.start : one.shown.end] == "a_total"
    assert ids(alert("rate(a_total[30s]) > 0")) == []


def test_a_range_is_measured_by_the_scrapes_of_its_job() -> None:
    config = "global: {scrape_interval: 5s}\nscrape_configs: [{job_name: slow, scrape_interval: 1m}]\n"
    text = alert('rate(a_total{job="slow"}[1m]) > 0')
    bench = Bench(
        files=(SourceFile(path="r.yml", text=text), SourceFile(path="p.yml", text=config)),
        is_own=False,
        today=date(2026, 1, 1),
        server=None,
        tools=None,
    )
    assert [one.id for one in lint(bench, frozenset(RULES)).problems] == ["rules/range-window"]


def test_a_for_is_no_shorter_than_the_interval() -> None:
    (one,) = problems(alert("up == 0", "        for: 10s\n"))
    assert (one.id, one.severity, one.line) == ("rules/for-shorter-than-interval", Severity.INFO, 6)
    assert ids(alert("up == 0", "        for: 15s\n")) == []


def test_an_alert_says_how_bad_what_and_what_to_do() -> None:
    text = "groups:\n- name: g\n  rules:\n  - alert: Bare\n    expr: up == 0\n"
    assert [(one.id, one.line) for one in problems(text)] == [("rules/annotations", 4)] * 3


def test_the_value_stays_out_of_labels() -> None:
    text = alert("up == 0").replace("severity: warning", 'severity: warning, now: "{{ $value }}"')
    (one,) = problems(text)
    assert (one.id, one.line) == ("rules/value-in-label", 6)


def test_a_rule_in_two_files_is_told_where_it_stands_again() -> None:
    (one,) = problems(alert("up == 0"), ("second.yml", alert("up  ==  0")))
    assert (one.id, one.file, one.line) == ("rules/duplicate", "second.yml", 4)
    assert "rules.yml:4" in one.message


def test_what_is_no_yaml_is_told_on_its_line() -> None:
    (one,) = problems("groups:\n  - name: [\n")
    assert one.id == "file/syntax"
    with pytest.raises(NotYaml):
        rules_file("x", "groups: [")


# --- comments --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "comment",
    ["disable rules/always-fires", "disable rules", "snooze 2026-12-31 rules/always-fires", "disable rules/*"],
)
def test_a_comment_before_a_rule_or_in_it_lets_it_pass(comment: str) -> None:
    text = alert("a")
    line = f"      # monops lint {comment}\n"
    before = text.replace("      - alert", f"{line}      - alert")
    inside = text.replace("        expr:", f"  {line}        expr:")
    assert problems(before) == problems(inside) == []


def test_a_comment_for_one_rule_leaves_the_one_before_it() -> None:
    second = "      # monops lint disable rules/always-fires\n      - alert: B\n        expr: b\n"
    rest = f"        labels: {{severity: warning}}\n        {_EXPLAINED}\n"
    assert [one.subject for one in problems(alert("a") + second + rest)] == ["alert A"]


def test_a_comment_for_the_file_lets_all_of_it_pass() -> None:
    assert problems("# monops lint file/disable rules/always-fires\n" + alert("a")) == []


def test_a_snooze_ends() -> None:
    text = "# monops lint file/snooze 2026-06-01 rules/always-fires\n" + alert("a")
    assert problems(text, today=date(2026, 6, 1)) == []
    assert [one.id for one in problems(text, today=date(2026, 6, 2))] == ["rules/always-fires"]


@pytest.mark.parametrize("comment", ["disable", "disable rules/alway-fires", "snooze tomorrow rules", "enable rules"])
def test_a_comment_that_does_nothing_is_told(comment: str) -> None:
    assert ids(f"# monops lint {comment}\n" + alert("up == 0")) == ["lint/comment"]


def test_rules_are_chosen_by_id_family_and_pattern() -> None:
    assert chosen_rules(("rules/duplicate", "series"), ()) == {"rules/duplicate", "series/dead"}
    assert set(matching("config/*")) == {"config/prometheus", "config/alertmanager"}
    assert "promql/syntax" not in chosen_rules((), ("promql",))
    with pytest.raises(UsageFault, match="series/dead"):
        chosen_rules(("series/daed",), ())
