"""Selectors that match nothing: the ladder, what is exempt, and when nothing can be told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest

from monops.domain.errors import ServiceUnreachable
from monops.domain.lint.configs import of_output
from monops.domain.lint.problem import RULES
from monops.domain.lint.promql import NotPromql, parsed, span_of, with_variables
from monops.domain.lint.server import Question, Reply, Server
from monops.domain.ports.linting import SourceFile
from monops.ops.lint import Bench, Linted, lint

NOW = 1_000_000.0
SERVER = Server(
    url="http://p:9090",
    now=NOW,
    config="global: {scrape_interval: 15s}",
    since=NOW - 9e5,
    begin=NOW - 9e5,
    head=100,
)


class FakeServer:
    """Answers from a table: query -> the Unix times at which there is something."""

    def __init__(self, server: Server, table: dict[str, list[float]]) -> None:
        self._server = server
        self._table = table
        self.asked: list[str] = []

    def about(self) -> Server:
        return self._server

    def answer(self, question: Question, server: Server) -> Reply:
        del server
        self.asked.append(question.promql)
        times = self._table.get(question.promql, [])
        if question.promql.startswith("count by"):
            return Reply(points=((NOW, 1.0),), labels=({"job": "api"}, {"job": "db"}))
        kept = times if question.over_window else [at for at in times if at == NOW]
        return Reply(points=tuple((at, 1.0) for at in kept))


def linted(expr: str, table: dict[str, list[float]], server: Server = SERVER, *, name: str = "r.yml") -> Linted:
    text = f"groups:\n- name: g\n  rules:\n  - alert: A\n    expr: ({expr}) > 0\n"
    if name.endswith(".json"):
        quoted = expr.replace('"', '\\"')
        text = f'{{"title": "D", "panels": [\n{{"title": "P", "targets": [{{"refId": "A",\n"expr": "{quoted}"}}]}}]}}'
    bench = Bench(
        files=(SourceFile(path=name, text=text),),
        is_own=False,
        today=date(2026, 1, 1),
        server=lambda: FakeServer(server, table),
        tools=None,
    )
    return lint(bench, frozenset(("series/dead", "dashboard/dead-panel", "dashboard/datasource")))


def test_what_is_there_is_well() -> None:
    assert linted("a", {"count(a)": [NOW]}).problems == []


def test_a_metric_that_was_never_there() -> None:
    (one,) = linted("rate(a[5m])", {}).problems
    assert one.line == 5
    assert "http://p:9090 had no series of `a` in the last 7 d" in one.message
    assert one.shown is not None
    assert one.shown.text[one.shown.start : one.shown.end] == "a"


def test_a_metric_that_has_vanished() -> None:
    (one,) = linted("a", {"count(a)": [NOW - 7200, NOW - 6900]}).problems
    assert "any more: it was last there about 1970-01-12 11:51 UTC" in one.message


def test_a_metric_that_is_still_within_the_range_has_not_vanished() -> None:
    assert linted("rate(a[3h])", {"count(a)": [NOW - 7200]}).problems == []
    assert linted("max_over_time((a)[3h:])", {"count(a)": [NOW - 7200]}).problems == []


def test_a_metric_that_comes_and_goes() -> None:
    (one,) = linted("a", {"count(a)": [NOW - 9000, NOW - 6000, NOW - 3000]}).problems
    assert "it came 3 times" in one.message


def test_a_label_that_the_metric_never_has() -> None:
    (one,) = linted('a{x="1"}', {"count(a)": [NOW]}).problems
    assert "never with the label `x`" in one.message


def test_a_value_that_the_label_never_has() -> None:
    (one,) = linted('a{job="web"}', {"count(a)": [NOW], 'count(a{job!=""})': [NOW]}).problems
    assert 'none that matches `job="web"`' in one.message
    assert "It has: `api`, `db`." in one.message


@pytest.mark.parametrize(
    "expr",
    [
        "absent(a)",
        "absent_over_time(a[5m])",
        "a or vector(0)",
        "sum(rate(a[5m])) or on () vector(0)",
        'ALERTS{alertname="x"}',
        'b unless a{x="1"}',
    ],
)
def test_what_may_be_empty_is_not_asked_for(expr: str) -> None:
    assert linted(expr, {"count(b)": [NOW]}).problems == []


def test_what_a_recording_rule_writes_is_not_asked_for() -> None:
    assert linted("a:b", {}, replace(SERVER, recorded=frozenset(("a:b",)))).problems == []


@pytest.mark.parametrize(
    ("server", "says"),
    [
        (replace(SERVER, since=None), "no series up"),
        (replace(SERVER, head=0), "no series at all"),
        (replace(SERVER, since=NOW - 30, begin=NOW - 30), "4 scrapes take 1m"),
    ],
)
def test_a_server_that_cannot_know_makes_it_inconclusive(server: Server, says: str) -> None:
    found = linted("a", {}, server)
    assert found.problems == []
    assert says in found.unanswered["series/dead"]


# --- dashboards ------------------------------------------------------------------------------------


def test_a_dead_panel_is_told_on_its_line() -> None:
    (one,) = linted('rate(a{x=~"$x", job="web"}[$__rate_interval])', {}, name="d.json").problems
    assert (one.id, one.line, one.subject) == ("dashboard/dead-panel", 3, "panel P of D")


def test_a_variable_of_a_dashboard_is_anything() -> None:
    assert linted('a{x=~"$x"}', {"count(a)": [NOW]}, name="d.json").problems == []
    assert linted("topk($n, a)", {"count(a)": [NOW]}, name="d.json").problems == []
    assert linted("$metric", {}, name="d.json").problems == []


@pytest.mark.parametrize(
    ("uid", "is_well"),
    [("prom", True), ("gone", False), ("${ds}", True), ("$ds", True), ("${DS_X}", False), ("-- Mixed --", True)],
)
def test_a_panel_names_a_data_source_that_is_there(uid: str, is_well: bool) -> None:
    panels = [{"datasource": {"uid": uid}}]
    text = json.dumps({"title": "D", "templating": {"list": [{"name": "ds"}]}, "panels": panels})
    provisioned = "apiVersion: 1\ndatasources: [{name: Prometheus, uid: prom}]\n"
    bench = Bench(
        files=(SourceFile(path="d.json", text=text), SourceFile(path="s.yml", text=provisioned)),
        is_own=False,
        today=date(2026, 1, 1),
        server=None,
        tools=None,
    )
    assert [one.id for one in lint(bench, frozenset(RULES)).problems] == ([] if is_well else ["dashboard/datasource"])


# --- expressions and tools -------------------------------------------------------------------------


def test_selectors_are_found_where_they_stand() -> None:
    text = 'sum by (a) (rate(a{x="a}"}[5m])) / a{x!="1"} + on (a) a'
    found = parsed(text).selectors
    shown = [text[span[0] : span[1]] for one in found if (span := span_of(one, text))]
    assert shown == ['a{x="a}"}', 'a{x!="1"}', "a"]


def test_a_query_that_no_variable_makes_right_is_refused() -> None:
    with pytest.raises(NotPromql):
        with_variables('rate(a{x="$x"}[$__interval])(')


def test_what_promtool_says_becomes_problems() -> None:
    said = "Checking r.yml\n  FAILED:\nr.yml: yaml: unmarshal errors:\n  line 6: field bogus not found\n"
    (one,) = of_output("rules/rejected", said, lambda name: f"x/{name}", "other")
    assert (one.file, one.line) == ("x/r.yml", 6)
    (one,) = of_output("config/alertmanager", "Checking 'a.yml'  FAILED: undefined receiver\n", str, "other")
    assert (one.file, one.message) == ("a.yml", "amtool refuses it: undefined receiver")


def dashboard_problems(
    expr: str, server: FakeServer | None = None, *, of_panel: object = None, of_query: object = None
) -> list[str]:
    panel = {"title": "P", "datasource": of_panel, "targets": [{"refId": "A", "expr": expr, "datasource": of_query}]}
    bench = Bench(
        files=(SourceFile(path="d.json", text=json.dumps({"title": "D", "panels": [panel]})),),
        is_own=False,
        today=date(2026, 1, 1),
        server=None if server is None else lambda: server,
        tools=None,
    )
    return [one.message for one in lint(bench, frozenset(("promql/syntax",))).problems]


LOKI, PROMETHEUS = {"type": "loki", "uid": "l"}, {"type": "prometheus", "uid": "p"}


@pytest.mark.parametrize(
    ("of_panel", "of_query", "is_judged"),
    [
        (None, None, True),
        (PROMETHEUS, None, True),
        (LOKI, None, False),
        (PROMETHEUS, LOKI, False),
        (LOKI, PROMETHEUS, True),
        ({"type": "datasource", "uid": "-- Mixed --"}, LOKI, False),
        ({"type": "grafana-amazonprometheus-datasource", "uid": "a"}, None, True),
    ],
)
def test_queries_of_other_data_sources_are_no_promql(of_panel: object, of_query: object, is_judged: bool) -> None:
    found = dashboard_problems('{job="x"} |= "error"', of_panel=of_panel, of_query=of_query)
    assert bool(found) is is_judged


def test_a_query_that_the_server_takes_is_none_that_the_parser_refuses() -> None:
    server = FakeServer(SERVER, {})
    assert dashboard_problems("a_function_of_tomorrow(up)", server) == []
    assert server.asked == ["a_function_of_tomorrow(up)"]
    assert len(dashboard_problems("a_function_of_tomorrow(up)")) == 1


def test_a_query_with_variables_is_not_asked_of_the_server() -> None:
    server = FakeServer(SERVER, {})
    assert len(dashboard_problems('up{job="$job"', server)) == 1
    assert server.asked == []


def test_names_that_need_quotes_are_asked_for_in_quotes() -> None:
    metric, label = '{"http.requests"}', '{"http.requests", "my.label"!=""}'
    whole = '{"http.requests", "my.label"="x"}'
    table = {f"count({metric})": [NOW], f"count({label})": [NOW]}
    server = FakeServer(SERVER, table)
    text = f"groups:\n- name: g\n  rules:\n  - alert: A\n    expr: '{whole} > 0'\n"
    bench = Bench(
        files=(SourceFile(path="r.yml", text=text),),
        is_own=False,
        today=date(2026, 1, 1),
        server=lambda: server,
        tools=None,
    )
    (one,) = lint(bench, frozenset(("series/dead",))).problems
    assert 'none that matches `"my.label"="x"`' in one.message
    assert server.asked == [
        f"count({whole})",
        f"count({whole})",
        f"count({metric})",
        f"count({label})",
        f"count({whole})",
        f'count by ("my.label") ({metric})',
    ]
    assert all(parsed(asked) for asked in server.asked)


@pytest.mark.parametrize(("refused_rules", "at_most"), [(0, 8), (50, 1)], ids=["selectors at once", "refused rules"])
def test_a_server_that_hangs_is_not_asked_again_for_everything(refused_rules: int, at_most: int) -> None:
    class Hanging(FakeServer):
        def answer(self, question: Question, server: Server) -> Reply:
            super().answer(question, server)
            raise ServiceUnreachable("Prometheus at http://p:9090: no answer", remedy="monops stack status")

    server = Hanging(SERVER, {})
    refused = "".join(
        f"  - {{alert: R{number}, expr: of_tomorrow_{number}(up) > 0}}\n" for number in range(refused_rules)
    )
    rules = refused + "".join(f"  - {{alert: A{number}, expr: metric_{number} > 0}}\n" for number in range(500))
    bench = Bench(
        files=(SourceFile(path="r.yml", text=f"groups:\n- name: g\n  rules:\n{rules}"),),
        is_own=False,
        today=date(2026, 1, 1),
        server=lambda: server,
        tools=None,
    )
    found = lint(bench, frozenset(("series/dead",)))
    assert found.unanswered == {"series/dead": "Prometheus at http://p:9090: no answer"}
    assert found.problems == []
    assert len(server.asked) <= at_most
