"""Which restored blocks a server would delete at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monops.domain.manifest import BlockRecord
from monops.ops.restore_in_place.retention import Retention, doomed, parse_retention, retention_warnings

_DAY = 86_400_000
_START = datetime(2026, 1, 1, tzinfo=UTC)


def _block(day: int) -> BlockRecord:
    begin = int(_START.timestamp() * 1000) + day * _DAY
    return BlockRecord(
        ulid=f"{day:026d}",
        object="",
        min_time=begin,
        max_time=begin + _DAY,
        level=1,
        samples=1,
        series=1,
        chunks=1,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("15d", Retention(time=timedelta(days=15))),
        ("15d or 10GiB", Retention(time=timedelta(days=15), size=10 << 30)),
        ("1GiB512MiB", Retention(size=(1 << 30) + (512 << 20))),
        ("1w2d", Retention(time=timedelta(days=9))),
        ("15d or 80%", Retention(time=timedelta(days=15))),
        ("", Retention()),
        ("0s", Retention()),
    ],
)
def test_retention_is_read_as_prometheus_shows_it(text: str, expected: Retention) -> None:
    assert parse_retention(text) == expected


def test_time_is_measured_from_the_newest_block_and_not_from_now() -> None:
    blocks = [_block(day) for day in range(20)]
    gone = doomed(blocks, {}, Retention(time=timedelta(days=15)))
    # A difference that is exactly the retention is too much.
    assert [int(block.ulid) for block in gone] == [0, 1, 2, 3, 4]
    assert doomed(blocks[:15], {}, Retention(time=timedelta(days=15))) == ()


def test_size_takes_the_oldest_blocks() -> None:
    blocks = [_block(day) for day in range(5)]
    gone = doomed(blocks, {block.ulid: 10 for block in blocks}, Retention(size=35))
    assert [int(block.ulid) for block in gone] == [0, 1]


def test_a_short_retention_is_warned_of_with_the_figures() -> None:
    blocks = [_block(day) for day in range(20)]
    (now_gone,) = retention_warnings(blocks, {}, "15d", _START + timedelta(days=20))
    assert "5 of 20 restored blocks at once" in now_gone
    assert "older than 2026-01-06 00:00 UTC" in now_gone


def test_old_blocks_that_new_ones_will_push_out_are_warned_of() -> None:
    blocks = [_block(day) for day in range(10)]
    (later,) = retention_warnings(blocks, {}, "15d", _START + timedelta(days=20))
    assert later.startswith("5 of 10 restored blocks are older")


def test_a_block_of_the_future_is_warned_of() -> None:
    (future,) = retention_warnings([_block(0)], {}, "15d", _START + timedelta(hours=23))
    assert "ends in the future" in future


def test_nothing_is_warned_of_where_nothing_is_wrong() -> None:
    assert retention_warnings([_block(day) for day in range(10)], {}, "15d", _START + timedelta(days=10)) == ()
    assert retention_warnings([], {}, "15d", _START) == ()


@given(
    days=st.lists(st.integers(0, 400), unique=True, min_size=1, max_size=50),
    keep=st.integers(1, 100),
    size=st.none() | st.integers(1, 500),
)
def test_the_newest_block_stays_unless_it_alone_is_too_big(days: list[int], keep: int, size: int | None) -> None:
    blocks = [_block(day) for day in days]
    sizes = {block.ulid: 10 for block in blocks}
    gone = doomed(blocks, sizes, Retention(time=timedelta(days=keep), size=size))
    kept = [block for block in blocks if block not in gone]
    newest = max(blocks, key=lambda block: block.max_time)
    assert (newest in kept) == (size is None or size >= 10)
    # What goes is older than all that stays.
    assert all(g.max_time < k.max_time for g in gone for k in kept)
