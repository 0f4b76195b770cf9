"""Retention: what may be asked, what it costs, when the disk is full."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from monops.domain.errors import UsageFault
from monops.domain.retention import (
    Usage,
    canonical,
    check_size,
    check_time,
    full_in,
    shown_bytes,
    shown_full,
    shown_time,
    size_warnings,
    unread,
    wanted_bytes,
)

GIB = 2**30
USAGE = Usage(blocks=2 * GIB, log=GIB, samples_a_second=10_000, bytes_a_sample=1.5, free=20 * GIB, total=100 * GIB)


@pytest.mark.parametrize(
    ("shown", "time", "size"),
    [
        ("15d", "1296000", ""),
        ("15d or 10GiB", "1296000", str(10 * GIB)),
        ("1w", "604800", ""),
        ("512MiB", "", str(512 * 2**20)),
        ("4w2d or 1TiB", str(30 * 86400), str(2**40)),
        ("15d or 1GiB476MiB", "1296000", str(1500 * 2**20)),
        ("1KiB512B", "", "1536"),
        ("15d or 80%", "1296000", ""),
        ("", "", ""),
    ],
)
def test_what_the_server_shows_has_one_way_of_writing(shown: str, time: str, size: str) -> None:
    assert canonical(shown) == {"time": time, "size": size}


def test_what_is_neither_a_time_nor_a_size_is_not_taken_for_one() -> None:
    assert unread("15d or 80%") == ("80%",)
    assert unread("15d or 1GiB476MiB") == ()


@pytest.mark.parametrize("text", ["5x", "", "300y", "1m", "-3d", "1.5d", "30 d", "1h2d", "30d30d", "1m1h"])
def test_a_time_that_prometheus_would_not_take_is_refused(text: str) -> None:
    with pytest.raises(UsageFault) as error:
        check_time(text)
    assert error.value.remedy


@pytest.mark.parametrize("text", ["50", "12Q", "0GB", "-1GB", "1.5GB", "GB", "50 GB", "1iB", "5GB3MB"])
def test_a_size_that_prometheus_would_not_take_is_refused(text: str) -> None:
    with pytest.raises(UsageFault):
        check_size(text)


@pytest.mark.parametrize(
    ("text", "right"),
    [("50gb", "50GB"), ("512mb", "512MB"), ("50GIB", "50GiB"), ("5Gb", "5GB"), ("1KIb", "1KiB"), ("4096b", "4096B")],
)
def test_a_unit_in_the_wrong_case_is_refused_with_the_right_one(text: str, right: str) -> None:
    """Prometheus looks units up as they are written."""
    with pytest.raises(UsageFault) as error:
        check_size(text)
    assert error.value.remedy == f"monops retention set --size {right}"


@pytest.mark.parametrize("text", ["1y2w3d", "1d12h", "1w1h1m1s1ms", "2h"])
def test_a_time_may_have_every_unit_once_from_the_longest_down(text: str) -> None:
    assert check_time(text) >= timedelta(hours=2)


def test_units_are_those_of_prometheus() -> None:
    assert check_size("50GB") == check_size("50GiB") == 50 * GIB
    assert check_size("1EB") == 2**60
    assert check_time("1w") == check_time("7d") == timedelta(days=7)


def test_values_are_shown_as_people_write_them() -> None:
    assert [shown_time(text) for text in ("2592000", "43200", "5400", "")] == ["30d", "12h", "90m", "no limit"]
    assert [shown_bytes(text) for text in (str(50 * GIB), "1536", "")] == ["50GB", "1536B", "no limit"]


def test_what_is_kept_costs_what_comes_in() -> None:
    daily = 10_000 * 1.5 * 86400
    assert wanted_bytes(USAGE, canonical("30d")) == pytest.approx(daily * 30 + GIB)
    assert wanted_bytes(USAGE, canonical("30d or 5GiB")) == 5 * GIB
    assert wanted_bytes(USAGE, canonical("5GiB")) == 5 * GIB
    assert wanted_bytes(replace(USAGE, samples_a_second=None), canonical("30d")) is None


def test_the_disk_is_full_in_so_long_or_never_or_nobody_knows() -> None:
    assert full_in(USAGE, canonical("30d or 10GiB")) == ("never", None)
    word, span = full_in(USAGE, canonical("1y"))
    assert word == "in"
    assert span is not None
    assert span == timedelta(days=20 * GIB / (10_000 * 1.5 * 86400))
    assert shown_full(USAGE, canonical("1y")).startswith("in about 16d")
    for unknown in (replace(USAGE, free=None), replace(USAGE, samples_a_second=None), replace(USAGE, blocks=None)):
        assert full_in(unknown, canonical("1y")) == ("unknown", None)


def test_a_size_over_the_volume_is_refused_and_a_tight_one_warned_of() -> None:
    with pytest.raises(UsageFault, match=r"more than the volume has \(100.0 GiB\)") as error:
        size_warnings(101 * GIB, USAGE)
    assert error.value.remedy == "monops retention set --size 80GB"
    assert "others fill the same disk" in size_warnings(30 * GIB, USAGE)[0]
    assert "over 80%" in size_warnings(90 * GIB, replace(USAGE, free=96 * GIB))[0]
    assert size_warnings(10 * GIB, USAGE) == ()
    assert "could not be found out" in size_warnings(10 * GIB, replace(USAGE, total=None))[0]
