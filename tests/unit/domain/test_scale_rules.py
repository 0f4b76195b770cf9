"""Which rule files a shard may evaluate by itself: those that ask one target only."""

from __future__ import annotations

import pytest

from monops.domain.errors import ConfigurationError
from monops.domain.scale_rules import place_rules


def file(*expressions: str, record: str = "") -> str:
    rules = [
        f"      - {{{'record' if record else 'alert'}: {record or f'A{n}'}, expr: {one!r}}}"
        for n, one in enumerate(expressions)
    ]
    return "groups:\n  - name: g\n    rules:\n" + "\n".join(rules) + "\n"


def why(expression: str) -> str:
    (found,) = place_rules({"r.yml": file(expression)})
    return found.why


@pytest.mark.parametrize(
    "expression",
    [
        "up == 0",
        "rate(errors_total[5m]) / rate(requests_total[5m]) > 0.1",
        "sum by (job, instance) (rate(requests_total[5m])) > 5",
        "max without (mode) (cpu) > 1",
        "histogram_quantile(0.95, sum by (le, job, instance) (rate(b_bucket[5m]))) > 1",
        "a > on (job, instance) b",
        "a > ignoring (mode) b",
        "a and b unless c",
        "predict_linear(disk_free[1h], 3600) < 0",
        "time() - started > 60",
    ],
)
def test_what_asks_one_target_stays_with_the_shard(expression: str) -> None:
    assert why(expression) == ""


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("sum(up) == 0", "sum() over several targets"),
        ("sum by (job) (up) == 0", "sum() over several targets"),
        ("avg without (instance) (up) == 0", "avg() over several targets"),
        ("topk(3, load) > 5", "topk() over several targets"),
        ("abs(sum(up)) == 0", "sum() over several targets"),
        ("sum by (job, instance) (up) / scalar(sum(up)) > 1", "scalar()"),
        ("absent(up)", "absent()"),
        ("absent_over_time(up[5m])", "absent_over_time()"),
        ("a / on (job) b > 1", "matches series of several targets"),
        ("a / on (job) group_left () b > 1", "matches series of several targets"),
        ("a / ignoring (instance) b > 1", "matches series of several targets"),
        ("vector(1)", "vector()"),
        ("hour() > 8", "a constant"),
        ("up == 0 and on () hour() > 8", "matches series of several targets"),
        ('ALERTS{alertstate="firing"} == 1', "ALERTS"),
    ],
)
def test_what_needs_several_targets_goes_to_the_query_layer_and_says_why(expression: str, reason: str) -> None:
    assert reason in why(expression)
    assert why(expression).startswith("A0: ")


def test_a_file_goes_as_a_whole_with_the_one_rule_that_needs_all() -> None:
    (found,) = place_rules({"r.yml": file("up == 0", "sum(up) == 0", "up == 1")})
    assert found.why.startswith("A1: sum()")


def test_what_reads_a_series_that_is_recorded_of_all_targets_follows_it_also_over_two_files() -> None:
    files = {
        "a.yml": file("second:up > 1"),
        "b.yml": file("first:up * 2", record="second:up"),
        "c.yml": file("sum(up)", record="first:up"),
        "d.yml": file("up == 0"),
        "e.yml": file("up * 2", record="own:up"),
        "f.yml": file("own:up == 0"),
    }
    found = {one.file: one.why for one in place_rules(files)}
    assert found["a.yml"] == "A0 reads second:up, which b.yml records of all targets"
    assert found["b.yml"] == "second:up reads first:up, which c.yml records of all targets"
    assert [name for name, reason in found.items() if not reason] == ["d.yml", "e.yml", "f.yml"]


@pytest.mark.parametrize("text", ["", "groups:\n", "groups: [{name: g}]\n"])
def test_a_file_without_rules_stays_with_the_shards(text: str) -> None:
    assert place_rules({"r.yml": text})[0].why == ""


@pytest.mark.parametrize(
    "text", ["- a\n", "groups: [{rules: [{expr: up}]}]\n", "groups: [{rules: [x]}]\n", "a: [\n", "groups: {rules: 1}\n"]
)
def test_what_is_no_rule_file_is_said_with_its_name(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"r\.yml is no rule file"):
        place_rules({"r.yml": text})


def test_what_is_no_promql_is_said_with_its_file() -> None:
    with pytest.raises(ConfigurationError, match=r"a rule of r\.yml is no PromQL"):
        place_rules({"r.yml": file("sum(")})
