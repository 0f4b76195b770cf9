"""Metrics as text: what is written is what is read, and what the format asks for."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monops.domain.exposition import Family, Sample, read, written

NAMES = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,8}", fullmatch=True)
LABEL_NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True)
LABELS = st.dictionaries(LABEL_NAMES, st.text(st.characters(exclude_categories=["Cs"])), max_size=3)


@st.composite
def families(draw: st.DrawFn) -> Family:
    name = draw(NAMES)
    samples = draw(st.lists(st.builds(Sample, st.just(name), LABELS, st.floats()), max_size=3))
    return Family(name, "gauge", draw(st.text()), tuple(samples))


def same(one: Sample, other: Sample) -> bool:
    values = (one.value, other.value)
    return (one.name, one.labels) == (other.name, other.labels) and (
        values[0] == values[1] or all(map(math.isnan, values))
    )


@settings(deadline=None)
@given(st.lists(families(), max_size=3))
@example([Family("a", "gauge", "b\nc", (Sample("a", {"x": 'line\n"quoted" \\n } 1'}, 1.5),))])
@example([Family("a", "gauge", "", (Sample("a", {"x": "\r\x0b\x85\u2028"}, -0.0), Sample("a", {}, 5e-324)))])
def test_what_is_written_is_read_again(found: list[Family]) -> None:
    wanted = [
        sample for family in found for sample in sorted(family.samples, key=lambda one: sorted(one.labels.items()))
    ]
    got = read(written(found))
    assert len(got) == len(wanted)
    assert all(same(one, other) for one, other in zip(got, wanted, strict=True))


def test_the_text_is_what_the_format_asks_for() -> None:
    text = written(
        [
            Family(
                "size_bytes",
                "gauge",
                "A \\ and\na new line.",
                (
                    Sample("size_bytes", {"source": "b", "destination": "/srv"}, 12),
                    Sample("size_bytes", {"source": 'a "\\"\n', "destination": "/srv"}, 0.5),
                ),
            ),
            Family("up", "gauge", "Whether.", (Sample("up", {}, 1),)),
        ]
    )
    assert text == (
        "# HELP size_bytes A \\\\ and\\na new line.\n"
        "# TYPE size_bytes gauge\n"
        'size_bytes{destination="/srv",source="a \\"\\\\\\"\\n"} 0.5\n'
        'size_bytes{destination="/srv",source="b"} 12\n'
        "# HELP up Whether.\n"
        "# TYPE up gauge\n"
        "up 1\n"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (1795413723, "1795413723"),
        (1795413723.125, "1795413723.125"),
        (12.3456, "12.3456"),
        (-3, "-3"),
        (1e-07, "1e-07"),
        (2**53, "9007199254740992"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_a_number_is_written_as_prometheus_does(value: float, shown: str) -> None:
    assert written([Family("a", "gauge", "", (Sample("a", {}, value),))]).splitlines()[-1] == f"a {shown}"


def test_a_family_without_a_value_is_left_out() -> None:
    assert written([Family("a", "gauge", "About.", ())]) == ""
    assert written([]) == ""


@pytest.mark.parametrize(
    "line",
    ["", "# a comment", "# TYPE a gauge", "a", "a one", 'a{x="1"', "{} 1", "1a 1", "a 1 1700000000000", " a 1", "ä 1"],
)
def test_a_line_that_is_no_sample_of_ours_is_passed_over(line: str) -> None:
    assert read(f"{line}\nb 2\n") == (Sample("b", {}, 2.0),)


@settings(deadline=None)
@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    assert all(sample.name for sample in read(text))
