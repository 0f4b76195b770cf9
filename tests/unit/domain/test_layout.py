"""Names in a store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monops.domain import layout
from monops.domain.tree import Entry, Kind, is_own, is_safe, parents

_WHEN = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
_ULID = "01JD3V5W8Q6ZK2M4N8P0RSTVWX"
#: The bounds are naive: hypothesis wants them so.
moments = st.datetimes(
    datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2900-01-01"), timezones=st.just(UTC)
)
_FILES = (
    Entry(path=f"{_ULID}/chunks/000001", kind=Kind.FILE, size=10),
    Entry(path=f"{_ULID}/index", kind=Kind.FILE, size=5),
)


def test_a_snapshot_is_named_by_time_host_and_chance() -> None:
    assert layout.snapshot_id(_WHEN, "host-1.example", "ab12") == "20261123T010203Z-host-1.example-ab12"


def test_the_time_in_a_name_is_utc() -> None:
    there = _WHEN.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert layout.snapshot_id(there, "h", "ab12").startswith("20261123T010203Z-")


@given(moments, st.text(max_size=80))
def test_every_host_makes_a_valid_id_that_is_a_plain_file_name(when: datetime, host: str) -> None:
    name = layout.snapshot_id(when, host, "0af9ffff")
    assert layout.is_snapshot_id(name)
    assert "/" not in name
    assert len(name) <= 63


@given(st.lists(moments, min_size=2))
def test_ids_sort_by_time(times: list[datetime]) -> None:
    seconds = [when.replace(microsecond=0) for when in times]
    names = sorted((layout.snapshot_id(when, "host", "0000"), when) for when in seconds)
    assert [when for _, when in names] == sorted(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "latest",
        "20261123T010203Z",
        "20261123T010203Z-host",
        "20261123T010203Z-host-AB12",
        "20261123T010203Z-host-ab12\n",
        "20261123T010203Z-a/b-ab12",
        "20261123T010203Z-../x-ab12",
    ],
)
def test_other_names_are_no_ids(text: str) -> None:
    assert not layout.is_snapshot_id(text)


@pytest.mark.parametrize(
    "text", [_ULID.lower(), _ULID[:-1], _ULID + "0", _ULID + "\n", "8" + _ULID[1:], _ULID[:-1] + "I"]
)
def test_what_is_no_ulid_is_no_block(text: str) -> None:
    assert layout.ULID.match(_ULID)
    assert not layout.ULID.match(text)


def test_keys_are_as_in_the_description_of_the_format() -> None:
    assert layout.object_key("prometheus", "x", ".tar.zst") == "objects/prometheus/x.tar.zst"
    assert layout.manifest_key("20261123T010203Z-h-ab12") == "snapshots/20261123T010203Z-h-ab12.json"


def test_a_block_is_named_by_its_ulid_and_its_files() -> None:
    name = layout.block_name(_ULID, _FILES)
    assert name.startswith(f"{_ULID}-")
    assert len(name) == 26 + 1 + 8
    assert layout.block_name(_ULID, reversed(_FILES)) == name


def test_a_block_with_other_sizes_or_names_has_another_name() -> None:
    larger = (Entry(path=_FILES[0].path, kind=Kind.FILE, size=11), _FILES[1])
    renamed = (Entry(path=f"{_ULID}/chunks/000002", kind=Kind.FILE, size=10), _FILES[1])
    assert len({layout.block_name(_ULID, files) for files in (_FILES, larger, renamed, _FILES[:1])}) == 4


def test_owner_mode_and_time_of_its_files_do_not_matter() -> None:
    touched = tuple(Entry(path=e.path, kind=e.kind, size=e.size, mode=0o600, uid=7, gid=8, modified=9) for e in _FILES)
    assert layout.block_name(_ULID, touched) == layout.block_name(_ULID, _FILES)


def test_a_block_for_other_recipients_is_another_object() -> None:
    names = {
        layout.block_name(_ULID, _FILES, recipients) for recipients in ((), ("age1a",), ("age1b",), ("age1a", "age1b"))
    }
    assert len(names) == 4
    assert layout.block_name(_ULID, _FILES, ("b", "a")) == layout.block_name(_ULID, _FILES, ("a", "b"))


def test_a_file_name_that_is_no_utf8_still_has_a_block_name() -> None:
    odd = Entry(path=f"{_ULID}/chunks/\udcff", kind=Kind.FILE, size=1)
    assert layout.block_name(_ULID, [odd]) != layout.block_name(_ULID, [])


def test_parents_come_outermost_first() -> None:
    assert parents("a/b/c") == ["a", "a/b"]
    assert parents("a") == []


def test_only_names_at_the_root_are_monops_own() -> None:
    assert is_own(".monops-restore/new/x")
    assert not is_own("a/.monops-restore")
    assert not is_own(".monops")


@pytest.mark.parametrize(
    ("path", "safe"),
    [("a/b", True), ("a/..b", True), ("", False), ("/a", False), ("a/../b", False), ("..", False), ("a\0", False)],
)
def test_a_path_that_leaves_its_folder_is_not_safe(path: str, safe: bool) -> None:
    assert is_safe(path) is safe
