"""`monops query`: what a person and a program read of Prometheus's answer."""

from __future__ import annotations

import gc
import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.fakes.command_line import CommandLine
from tests.fakes.web_services import WebServices

QUERY, RANGE = "/api/v1/query", "/api/v1/query_range"
#: 2026-11-23T01:00:00Z.
AT = 1795395600


# --- a moment --------------------------------------------------------------------------------------


def test_a_vector_is_a_table_of_labels_and_values(monops: CommandLine, web: WebServices) -> None:
    web.vector(
        ({"__name__": "up", "job": "prometheus", "instance": "prometheus"}, "1"),
        ({"__name__": "up", "job": "node"}, "0"),
    )
    shown = monops("query", "up")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out == (
        "__name__  instance    job         value\n"
        "up        prometheus  prometheus      1\n"
        "up                    node            0\n"
        "2 series\n"
    )


@pytest.mark.parametrize(
    ("query", "jobs"),
    [
        ("x", ["a", "b", "c"]),
        ("topk(3, x)", ["c", "a", "b"]),
        (" sort_desc(x)", ["c", "a", "b"]),
        ("sorted", ["a", "b", "c"]),
    ],
)
def test_series_come_by_labels_unless_the_query_sorts_them(
    monops: CommandLine, web: WebServices, query: str, jobs: list[str]
) -> None:
    web.vector(({"job": "c"}, "9"), ({"job": "a"}, "5"), ({"job": "b"}, "1"))
    assert [line.split()[0] for line in monops("query", query).out.splitlines()[1:-1]] == jobs


def test_a_sum_without_labels_is_its_value(monops: CommandLine, web: WebServices) -> None:
    web.vector(({}, "13"))
    assert monops("query", "sum(up)").out == "value\n   13\n1 series\n"


def test_no_series_is_no_data_and_no_failure(monops: CommandLine, web: WebServices) -> None:
    web.vector()
    shown = monops("query", "nothing")
    assert (shown.code, shown.out, shown.err) == (0, "no data\n", "")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("NaN", "NaN"),
        ("+Inf", "+Inf"),
        ("-Inf", "-Inf"),
        ("0", "0"),
        ("-0", "0"),
        ("1e+00", "1"),
        ("12345678", "12345678"),
        ("1795413723.125", "1795413723.1"),
        ("12345.678", "12345.7"),
        ("1.23456", "1.235"),
        ("0.000123456", "0.0001235"),
        ("-0.5", "-0.5"),
        ("1e+21", "1e+21"),
        ("1.7976931348623157e+308", "1.798e+308"),
    ],
)
def test_a_number_is_short_and_never_another_one(monops: CommandLine, web: WebServices, value: str, shown: str) -> None:
    web.vector(({}, value))
    assert monops("query", "x").out.splitlines()[1].strip() == shown


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [("scalar", "1795413723.125", "1795413723.1"), ("scalar", "NaN", "NaN"), ("string", "two\nlines", "two\nlines")],
)
def test_a_scalar_and_a_string_are_shown_bare(
    monops: CommandLine, web: WebServices, kind: str, value: str, shown: str
) -> None:
    web.data(QUERY, {"resultType": kind, "result": [AT, value]})
    assert monops("query", "x").out == f"{shown}\n"


def test_a_label_cannot_break_the_table_nor_drive_the_terminal(monops: CommandLine, web: WebServices) -> None:
    web.vector(({"path": "a\nb\x1b[2J", "title": "größe"}, "1"))
    assert monops("query", "x").out.splitlines()[1].split() == [r"a\nb\x1b[2J", "größe", "1"]


def test_warnings_of_prometheus_go_to_stderr(monops: CommandLine, web: WebServices) -> None:
    web.vector(({}, "1"), warnings=["a warning"], infos=['metric might not be a counter: "x"'])
    shown = monops("query", "x")
    assert shown.err == 'warning: a warning\nwarning: metric might not be a counter: "x"\n'
    assert shown.out == "value\n    1\n1 series\n"


def test_what_cannot_be_shown_is_said_instead_of_left_out(monops: CommandLine, web: WebServices) -> None:
    native = {"metric": {}, "histogram": [AT, {"count": "1", "sum": "1", "buckets": []}]}
    web.data(QUERY, {"resultType": "vector", "result": [native]})
    shown = monops("query", "x")
    assert shown.out == "no data\n"
    assert shown.err == (
        "warning: native histograms are not shown (1): take histogram_quantile() or histogram_count()\n"
    )


# --- a range ---------------------------------------------------------------------------------------


def course(monops: CommandLine, web: WebServices, values: list[str | None], *words: str) -> list[str]:
    """First, last, min, max and the course of points that are a minute apart; None: there is none."""
    points = [(AT - 60 * (len(values) - 1 - n), value) for n, value in enumerate(values) if value is not None]
    web.matrix(({}, points))
    shown = monops("query", "x", "--range", f"{len(values) - 1}m", "--step", "1m", "--at", str(AT), *words)
    assert shown.code == 0, shown
    header, row, _ = shown.out.splitlines()
    places = [header.index("first"), header.index("course")]
    return [*row[: places[1]].split(), row[places[1] :]]


def test_a_range_is_shown_by_its_ends_its_limits_and_its_course(monops: CommandLine, web: WebServices) -> None:
    assert course(monops, web, ["0", "1", "2", "7", "3.5"]) == ["0", "3.5", "0", "7", "▁▂▃█▅"]


def test_the_last_line_says_what_the_course_spans(monops: CommandLine, web: WebServices) -> None:
    web.matrix(({"job": "a"}, [(AT, "1")]), ({"job": "b"}, [(AT, "1")]))
    shown = monops("query", "x", "--range", "1h", "--at", "2026-11-23T01:00:00Z")
    assert shown.out.splitlines()[-1] == "2 series, 2026-11-23T00:00:00Z to 2026-11-23T01:00:00Z, every 60s"


def test_where_there_was_no_value_the_course_has_a_gap(monops: CommandLine, web: WebServices) -> None:
    assert course(monops, web, [None, "1", None, None, "2"])[-1] == " ▁  █"
    assert course(monops, web, ["1", "2", None, None, None])[-1] == "▁█"


def test_what_is_always_the_same_is_a_line_and_zero_is_the_lowest(monops: CommandLine, web: WebServices) -> None:
    assert course(monops, web, ["1", "1", "1"]) == ["1", "1", "1", "1", "▄▄▄"]
    assert course(monops, web, ["0", "0", "0"]) == ["0", "0", "0", "0", "▁▁▁"]


def test_what_is_no_number_is_a_gap_and_no_limit(monops: CommandLine, web: WebServices) -> None:
    assert course(monops, web, ["NaN", "1", "+Inf", "2"]) == ["NaN", "2", "1", "2", " ▁ █"]
    assert course(monops, web, ["NaN", "NaN"]) == ["NaN", "NaN", "-", "-", ""]


def test_the_greatest_numbers_have_a_course_too(monops: CommandLine, web: WebServices) -> None:
    assert course(monops, web, ["-1.7e308", "1.7e308"])[-1] == "▁█"


def test_a_course_is_never_wider_than_sixty_and_shows_every_peak(monops: CommandLine, web: WebServices) -> None:
    values: list[str | None] = ["0"] * 600
    values[3] = "9"
    values[599] = "9"
    shown = course(monops, web, values)
    assert shown[:4] == ["0", "9", "0", "9"]
    assert shown[4] == "█" + "▁" * 58 + "█"


def test_a_range_inside_the_query_is_shown_like_one(monops: CommandLine, web: WebServices) -> None:
    points = [(AT - 30.0, "1"), (AT - 15.0, "2"), (float(AT), "3")]
    web.matrix(({"job": "a"}, points), ({"job": "b"}, points[2:]), path=QUERY)
    assert monops("query", "up[1m]").out == (
        "job  first  last  min  max  course\n"
        "a        1     3    1    3  ▁▅█\n"
        "b        3     3    3    3    ▄\n"
        "2 series\n"
    )


def test_without_a_step_sixty_points_are_asked_for(monops: CommandLine, web: WebServices) -> None:
    web.matrix()
    for length, step in (("1h", "60.000"), ("30s", "1.000"), ("1d", "1440.000"), ("1h30m", "90.000")):
        assert monops("query", "up", "--range", length, "--at", str(AT)).out == "no data\n"
        assert web.asked[-1][1]["step"] == step


# --- when ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-23T01:00:00Z", AT),
        ("2026-11-23T02:00:00+01:00", AT),
        ("2026-11-23T01:00:00.250Z", AT + 0.25),
        ("2026-11-23 01:00", AT),
        ("2026-11-23", AT - 3600),
        (str(AT), AT),
        (f"{AT}.5", AT + 0.5),
        ("0", 0),
    ],
)
def test_a_time_may_be_written_in_several_ways_and_is_utc_unless_it_says_otherwise(
    monops: CommandLine, web: WebServices, text: str, at: float
) -> None:
    web.vector()
    assert monops("query", "up", "--at", text).code == 0
    assert web.asked == [(QUERY, {"query": "up", "time": f"{at:.3f}"})]


def test_without_a_time_it_is_now(monops: CommandLine, web: WebServices) -> None:
    web.vector()
    before = datetime.now(UTC)
    monops("query", "up")
    asked = datetime.fromtimestamp(float(web.asked[0][1]["time"]), UTC)
    assert abs(asked - before) < timedelta(minutes=1)


def test_a_range_ends_then_and_not_now(monops: CommandLine, web: WebServices) -> None:
    web.matrix()
    monops("query", "up", "--range", "10m", "--step", "30s", "--at", str(AT))
    words = {"query": "up", "start": f"{AT - 600}.000", "end": f"{AT}.000", "step": "30.000"}
    assert web.asked == [(RANGE, words)]


@pytest.mark.parametrize(
    ("words", "sentence", "remedy"),
    [
        (["--range", "1x"], "--range: '1x' is not a duration; write for example 30d, 12h or 1h30m", "--range 1h"),
        (["--range", "10"], "--range: '10' is not a duration; write for example 30d, 12h or 1h30m", "--range 1h"),
        (["--range", ""], "--range: '' is not a duration; write for example 30d, 12h or 1h30m", "--range 1h"),
        (["--range", "0"], "--range 0 is no time at all", "--range 1h"),
        (
            ["--range", "99999999999y"],
            "--range: '99999999999y' is longer than time can be; write for example 10y",
            "--range 1h",
        ),
        (
            ["--range", "1h", "--step", "-5s"],
            "--step: '-5s' is not a duration; write for example 30d, 12h or 1h30m",
            "--step 1m",
        ),
        (["--range", "1h", "--step", "0s"], "--step 0s is no time at all", "--step 1m"),
        (["--step", "5m"], "--step is for --range", "monops query 'a == '\"'\"'b'\"'\"'' --range 1h --step 5m"),
        (
            ["--range", "1y", "--step", "15s"],
            "--range 1y with --step 15s is more than the 11000 points that Prometheus gives",
            "--step 2867s",
        ),
        (
            ["--range", "10m", "--step", "1ms"],
            "--range 10m with --step 1ms is more than the 11000 points that Prometheus gives",
            "--step 1s",
        ),
        (["--at", "yesterday"], "--at 'yesterday' is no time", "--at 2026-11-23T01:02:03Z"),
        (["--at", "25:00"], "--at '25:00' is no time", "--at 2026-11-23T01:02:03Z"),
        (["--at", "nan"], "--at 'nan' is no time", "--at 2026-11-23T01:02:03Z"),
        (["--at", "inf"], "--at 'inf' is no time", "--at 2026-11-23T01:02:03Z"),
        (["--at", ""], "--at '' is no time", "--at 2026-11-23T01:02:03Z"),
    ],
)
def test_a_wrong_time_is_a_sentence_and_exit_2_and_nobody_is_asked(
    monops: CommandLine, web: WebServices, words: list[str], sentence: str, remedy: str
) -> None:
    monops("query", "a == 'b'", *words).is_one_error(2, sentence, remedy)
    assert web.asked == []


# --- programs --------------------------------------------------------------------------------------


def test_json_is_complete_and_the_only_thing_on_stdout(monops: CommandLine, web: WebServices) -> None:
    web.vector(({"job": "a"}, "0.12345678901234567"), ({"job": "b"}, "NaN"), warnings=["a warning"])
    shown = monops("query", "rate(x[5m])", "--output", "json")
    assert (shown.code, shown.err) == (0, "warning: a warning\n")
    assert shown.document == {
        "schema": 1,
        "command": "query",
        "ok": True,
        "result": {
            "query": "rate(x[5m])",
            "type": "vector",
            "series": [
                {"labels": {"job": "a"}, "points": [[1795413723.5, "0.12345678901234567"]]},
                {"labels": {"job": "b"}, "points": [[1795413723.5, "NaN"]]},
            ],
            "notes": ["a warning"],
        },
    }


def test_json_of_a_range_has_every_point(monops: CommandLine, web: WebServices) -> None:
    points = [(AT - 600.0 + n, "+Inf" if n == 5 else str(n)) for n in range(601)]
    web.matrix(({"job": "a"}, points))
    shown = monops("--output", "json", "query", "x", "--range", "10m", "--step", "1s", "--at", str(AT))
    (series,) = shown.document["result"]["series"]
    assert series["points"] == [list(point) for point in points]
    assert "Infinity" not in shown.out


@pytest.mark.parametrize(("kind", "value"), [("scalar", "1.5"), ("string", "one")])
def test_json_of_a_scalar_and_a_string_is_one_point_without_labels(
    monops: CommandLine, web: WebServices, kind: str, value: str
) -> None:
    web.data(QUERY, {"resultType": kind, "result": [AT, value]})
    result = monops("query", "x", "--output", "json").document["result"]
    assert (result["type"], result["series"]) == (kind, [{"labels": {}, "points": [[AT, value]]}])


def test_an_error_is_a_json_document_too(monops: CommandLine, web: WebServices) -> None:
    shown = monops("query", "up", "--at", "yesterday", "--output", "json")
    assert shown.document == {
        "schema": 1,
        "command": "error",
        "ok": False,
        "result": {"error": "--at 'yesterday' is no time", "remedy": "--at 2026-11-23T01:02:03Z", "exit": 2},
    }


# --- Prometheus refuses ----------------------------------------------------------------------------


def test_what_is_no_promql_is_told_in_the_words_of_prometheus(monops: CommandLine, web: WebServices) -> None:
    said = 'invalid parameter "query": 1:4: parse error: unexpected end of input inside braces'
    web.error(QUERY, 400, "bad_data", said)
    monops("query", "up{").is_one_error(
        2, f"Prometheus does not understand the query: {said}", f"in a browser: {web.url}/query"
    )


def test_promql_that_cannot_be_evaluated_is_told_likewise(monops: CommandLine, web: WebServices) -> None:
    web.error(RANGE, 422, "execution", "found duplicate series for the match group {}")
    monops("query", "up + on() up", "--range", "1h").is_one_error(
        2,
        "Prometheus cannot evaluate the query: found duplicate series for the match group {}",
        f"in a browser: {web.url}/query",
    )


def test_a_query_that_takes_too_long_is_said_so(monops: CommandLine, web: WebServices) -> None:
    web.error(QUERY, 503, "timeout", "query timed out in expression evaluation")
    monops("query", "x").is_one_error(
        1,
        "Prometheus gave up: query timed out in expression evaluation",
        "ask for less: fewer series, or a shorter range",
    )


def test_a_prometheus_that_starts_is_said_to(monops: CommandLine, web: WebServices) -> None:
    web.answers[QUERY] = (503, "Service Unavailable")
    monops("query", "up").is_one_error(
        1, f"Prometheus at {web.url} is not ready: HTTP 503", f"wait until it is: curl {web.url}/-/ready"
    )


@pytest.mark.parametrize(
    ("status", "document", "sentence"),
    [
        (401, "who are you", "Prometheus at {url} refuses /api/v1/query: HTTP 401"),
        (500, "<html>", "Prometheus at {url} refuses /api/v1/query: HTTP 500"),
        (200, "<html>welcome</html>", "what answers at {url}/api/v1/query is not Prometheus"),
        (200, {"status": "success", "data": []}, "what answers at {url}/api/v1/query is not Prometheus"),
    ],
)
def test_another_answer_is_told_with_its_status(
    monops: CommandLine, web: WebServices, status: int, document: object, sentence: str
) -> None:
    web.answers[QUERY] = (status, document)
    monops("query", "up").is_one_error(1, sentence.format(url=web.url), f"curl '{web.url}/api/v1/query'")


def test_a_password_in_the_address_is_shown_by_no_error(monops: CommandLine, web: WebServices) -> None:
    monops.configure(f'[prometheus]\nurl = "{web.url.replace("//", "//me:hunter2@")}"\n')
    for status, kind in ((400, "bad_data"), (422, "execution"), (401, ""), (503, ""), (200, "")):
        web.answers[QUERY] = (status, json.dumps({"status": "error", "errorType": kind, "error": "x"}))
        shown = monops("query", "up")
        assert shown.code in (1, 2)
        assert "hunter2" not in shown.out + shown.err
    monops.configure('[prometheus]\nurl = "http://me:hunter2@127.0.0.1:1"\n')
    monops("query", "up").is_one_error(
        1,
        "prometheus does not answer over HTTP (tried http://me:<removed>@127.0.0.1:1)",
        "curl http://me:<removed>@127.0.0.1:1/-/healthy; or mend [prometheus] url in monops.toml",
    )


# docker-py forgets the socket that it could not connect.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_without_an_engine_and_an_address_the_engine_is_what_fails(monops: CommandLine) -> None:
    monops.configure("")
    shown = monops("query", "up")
    assert (shown.code, shown.out) == (1, "")
    assert shown.err.startswith("error: no Docker engine answers at unix:///")
    gc.collect()
