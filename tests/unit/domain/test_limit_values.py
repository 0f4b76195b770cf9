"""Which limits can be, how they read in each form, and how they are written."""

from __future__ import annotations

from typing import Any

import pytest

from monops.domain.errors import Refused, UsageFault
from monops.domain.limits import (
    BILLION,
    Limits,
    Wanted,
    billionths,
    check,
    check_reservation,
    check_swap,
    compose_size,
    declared,
    drift,
    in_force,
    normal,
    swap_for,
)
from monops.domain.limits_edit import Place, new_form, places, written

MIB = 1 << 20
FILE = "compose.yml"
MODERN = """\
services:
  one:
    image: x
    deploy:
      resources:
        limits: {cpus: '1.0', memory: 2G}
"""
OLD = "services:\n  one:\n    mem_limit: 512m # enough\n    cpus: 0.5\n"


@pytest.mark.parametrize(
    "service",
    [
        {
            "deploy": {
                "resources": {"limits": {"cpus": 0.5, "memory": "1073741824"}, "reservations": {"memory": "536870912"}}
            }
        },
        {"mem_limit": "1g", "cpus": "0.5", "mem_reservation": 536870912},
    ],
    ids=["deploy", "old"],
)
def test_both_forms_say_the_same(service: dict[str, Any]) -> None:
    assert declared(service) == Limits(memory=1024 * MIB, cpus=BILLION // 2, reserve_memory=512 * MIB)
    assert declared({}) == Limits()


def test_what_is_in_force_is_read_from_host_config() -> None:
    found = in_force({"Memory": 7 * MIB, "NanoCpus": 0, "CpuQuota": 50_000, "CpuPeriod": 100_000})
    assert found == Limits(memory=7 * MIB, cpus=BILLION // 2)
    assert in_force({"Memory": 0, "MemoryReservation": -1, "NanoCpus": BILLION}) == Limits(cpus=BILLION)


def test_a_difference_is_said_in_words() -> None:
    assert drift(Limits(memory=MIB, cpus=BILLION), Limits(memory=2 * MIB, cpus=BILLION)) == (
        "memory: running 2.0 MiB, declared 1.0 MiB",
    )
    assert drift(Limits(), Limits(cpus=BILLION // 4)) == ("processors: running 0.25, declared none",)


def test_what_can_be_is_taken() -> None:
    wanted = Wanted(memory="1.5g", cpus="0.25", reserve_memory="512MiB")
    assert check(wanted, service="one", processors=2, memory=4 << 30) == {
        "memory": 1536 * MIB,
        "cpus": BILLION // 4,
        "reserve_memory": 512 * MIB,
    }


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (Wanted(memory="5M"), "no less than 6.0 MiB"),
        (Wanted(memory="5G"), "more than the machine's memory, which is 4.0 GiB"),
        (Wanted(memory="much"), "not an amount of memory"),
        (Wanted(memory="-1"), "not an amount of memory"),
        (Wanted(reserve_memory="1K"), "--reserve-memory 1K is 1.0 KiB"),
        (Wanted(cpus="3"), "more than the machine has, which is 2"),
        (Wanted(cpus="0"), "less than Docker takes"),
        (Wanted(cpus="-1"), "less than Docker takes"),
        (Wanted(cpus="inf"), "not a number of processors"),
        (Wanted(cpus="half"), "not a number of processors"),
    ],
)
def test_what_cannot_be_is_refused(wanted: Wanted, says: str) -> None:
    with pytest.raises(UsageFault, match=says) as caught:
        check(wanted, service="one", processors=2, memory=4 << 30)
    # A whole command, to paste.
    assert caught.value.remedy.startswith("monops limits set one --")


def test_a_reservation_is_within_the_limit() -> None:
    check_reservation("one", MIB, MIB)
    check_reservation("one", MIB, 0)
    with pytest.raises(UsageFault, match="more than the limit") as caught:
        check_reservation("one", MIB + 1, MIB)
    assert caught.value.remedy == "monops limits set one --memory 1M --reserve-memory 1M"


@pytest.mark.parametrize(
    ("setting", "typed", "is_written"),
    [
        ("cpus", "+0.3", "0.3"),
        ("cpus", "1e-1", "0.1"),
        ("cpus", "10.0", "10"),
        ("cpus", "0.333333333333", "0.333333333"),
        ("memory", "64 M", "64M"),
        ("memory", "1.5g", "1536M"),
        ("memory", "2048MiB", "2G"),
        ("reserve_memory", "9000k", "9000K"),
        ("memory", "7000001", "7000001b"),
    ],
)
def test_what_is_written_is_in_its_normal_form(setting: str, typed: str, is_written: str) -> None:
    assert normal(setting, typed) == is_written


@pytest.mark.parametrize(
    ("processors", "given"), [(0.33333334, 333333344), (0.333333, 333332992), (1.7, 1700000000), (0.01, 10000000)]
)
def test_processors_are_counted_as_compose_gives_them_to_docker(processors: float, given: int) -> None:
    # As docker inspect had them, of containers that Compose made.
    assert declared({"cpus": processors}).cpus == billionths(processors) == given


@pytest.mark.parametrize(
    ("running", "of_file", "becomes"), [(200, 0, 128), (-1, 0, -1), (200, 300, 300), (200, -1, -1), (0, 0, 128)]
)
def test_swap_is_as_docker_would_give_it(running: int, of_file: int, becomes: int) -> None:
    assert swap_for(64, running, of_file, has_limit=True) == becomes
    # A kernel that does not count swap: Docker takes every limit of it away.
    assert swap_for(64, running, of_file, has_limit=False) == -1


def test_memory_above_memory_and_swap_together_is_refused() -> None:
    check_swap("one", 64, 64)
    check_swap("one", 64, -1)
    check_swap("one", 64, 0)
    with pytest.raises(UsageFault, match="memswap_limit"):
        check_swap("one", 65, 64)


@pytest.mark.parametrize(("size", "text"), [(2 << 30, "2G"), (1536 * MIB, "1536M"), (MIB, "1M"), (1, "1M")])
def test_sizes_are_written_as_people_do(size: int, text: str) -> None:
    assert compose_size(size) == text


# --- where it is written ---------------------------------------------------------------------------


def edited(text: str, setting: str, value: str) -> str:
    (place,) = places({FILE: text}, "one", setting) or (
        Place(file=FILE, path=("services", "one", *new_form({FILE: text}, "one", setting)), value=None),
    )
    return written(text, place, value)


def test_each_form_is_kept() -> None:
    assert edited(MODERN, "memory", "3G") == MODERN.replace("2G", "3G")
    assert edited(MODERN, "cpus", "0.5") == MODERN.replace("'1.0'", "'0.5'")
    assert edited(OLD, "memory", "1G") == OLD.replace("512m", "1G")
    assert edited(OLD, "cpus", "2") == OLD.replace("0.5", "2")


def test_what_is_new_is_written_as_its_relatives() -> None:
    assert edited(OLD, "reserve_memory", "64M") == OLD + "    mem_reservation: 64M\n"
    assert edited(MODERN, "reserve_memory", "64M") == MODERN + "        reservations:\n          memory: 64M\n"
    bare = "services:\n  one: {image: x}\n"
    added = edited(bare, "cpus", "0.5")
    assert added.startswith("services:\n  one: {image: x, deploy: {resources: {limits: {cpus:")


def test_the_last_file_that_says_it_is_the_one() -> None:
    files = {"a.yml": OLD, "b.yml": "services:\n  one:\n    mem_limit: 1g\n", "c.yml": "services:\n  two: {}\n"}
    assert [place.file for place in places(files, "one", "memory")] == ["b.yml"]
    assert [place.file for place in places(files, "one", "cpus")] == ["a.yml"]
    assert places(files, "two", "memory") == ()


def test_both_forms_are_both_edited() -> None:
    both = MODERN + "    mem_limit: 2G\n"
    assert [place.path[2] for place in places({FILE: both}, "one", "memory")] == ["deploy", "mem_limit"]


def test_a_variable_is_a_whole_value_or_refused() -> None:
    def place(value: object) -> Place:
        return Place(file=FILE, path=("services", "one", "mem_limit"), value=value)

    assert (place("${MEM:-1g}").variable, place("$MEM").variable, place("1g").variable, place(7).variable) == (
        "MEM",
        "MEM",
        None,
        None,
    )
    with pytest.raises(Refused, match="put together from a variable"):
        _ = place("${MEM}g").variable
