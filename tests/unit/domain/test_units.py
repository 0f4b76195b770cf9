"""Sizes and durations, as people write them and as monops shows them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monops.domain.units import parse_duration, parse_size, show_duration, show_size

_UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4096", 4096),
        ("0", 0),
        ("1k", 1024),
        ("512MiB", 512 << 20),
        ("50GB", 50 << 30),
        (" 1.5 GiB ", 3 << 29),
        ("2tb", 2 << 40),
        ("1PB", 1 << 50),
        ("100b", 100),
    ],
)
def test_a_size_is_read_with_units_of_1024(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "1XB", "1 2", "1e3", "ten", "1.GB", "0x10"])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size; write for example"):
        parse_size(text)


@given(st.integers(0, 1 << 62))
def test_bytes_are_read_exactly(size: int) -> None:
    assert parse_size(str(size)) == size


@given(st.integers(0, 1 << 20), st.sampled_from(["", "K", "M", "G", "T", "P"]), st.sampled_from(["", "B", "iB"]))
def test_whole_units_are_read_exactly(count: int, prefix: str, ending: str) -> None:
    assert parse_size(f"{count}{prefix}{ending}") == count * 1024 ** " KMGTP".index(prefix or " ")


@given(st.integers(0, 1 << 60))
def test_a_size_that_is_shown_reads_back_as_nearly_the_same(size: int) -> None:
    assert abs(parse_size(show_size(size)) - size) <= max(1, size * 0.051)


@given(st.integers(0, 1 << 59))
def test_no_size_is_shown_with_more_than_four_digits_before_the_point(size: int) -> None:
    assert float(show_size(size).split()[0]) < 1024


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        ((1 << 20) - 1, "1.0 MiB"),
        (872_519_680, "832.1 MiB"),
        (3 << 59, "1536.0 PiB"),
    ],
)
def test_a_size_is_shown_in_its_largest_unit(size: int, shown: str) -> None:
    assert show_size(size) == shown


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("30d", timedelta(days=30)),
        ("1h30m", timedelta(minutes=90)),
        ("15s", timedelta(seconds=15)),
        ("250ms", timedelta(milliseconds=250)),
        ("1y", timedelta(days=365)),
        (" 2w ", timedelta(weeks=2)),
        ("0", timedelta()),
        ("0s", timedelta()),
    ],
)
def test_a_duration_is_read_as_prometheus_writes_it(text: str, span: timedelta) -> None:
    assert parse_duration(text) == span


@pytest.mark.parametrize("text", ["", "d", "1", "1 d", "1h 30m", "-1d", "1.5h", "1hour", "1M"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write for example"):
        parse_duration(text)


def test_a_duration_longer_than_time_is_refused_too() -> None:
    with pytest.raises(ValueError, match="longer than time"):
        parse_duration("9999999999999y")


@given(st.lists(st.sampled_from(list(_UNITS)), unique=True, min_size=1), st.integers(0, 9999))
def test_a_duration_is_the_sum_of_its_parts(units: list[str], count: int) -> None:
    text = "".join(f"{count}{unit}" for unit in units)
    assert parse_duration(text) == timedelta(seconds=sum(count * _UNITS[unit] for unit in units))


@given(st.integers(10, 10**9))
def test_a_duration_that_is_shown_reads_back_as_nearly_the_same(seconds: int) -> None:
    shown = parse_duration(show_duration(timedelta(seconds=seconds)).replace(" ", ""))
    assert timedelta() <= timedelta(seconds=seconds) - shown < timedelta(seconds=max(1, seconds * 0.04))


@pytest.mark.parametrize(
    ("span", "shown"),
    [
        (timedelta(), "0.0s"),
        (timedelta(milliseconds=440), "0.4s"),
        (timedelta(seconds=250), "4m 10s"),
        (timedelta(days=2, hours=3, minutes=4), "2d 3h"),
        (timedelta(days=2, minutes=4), "2d 4m"),
        (timedelta(minutes=1), "1m"),
    ],
)
def test_a_duration_is_shown_by_its_two_largest_units(span: timedelta, shown: str) -> None:
    assert show_duration(span) == shown
