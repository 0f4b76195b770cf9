"""Blocks of a TSDB among its files."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monops.domain.errors import CaptureError
from monops.domain.tree import Entry, Kind
from monops.domain.tsdb import group_blocks, is_immutable, parse_block

A, B = "01JD3V5W8Q6ZK2M4N8P0RSTVWA", "01JD3V5W8Q6ZK2M4N8P0RSTVWB"
META = {
    "ulid": A,
    "minTime": 1_000,
    "maxTime": 2_000,
    "stats": {"numSamples": 10, "numSeries": 3, "numChunks": 4},
    "compaction": {"level": 2, "sources": [A], "parents": [{"ulid": B, "minTime": 1_000, "maxTime": 1_500}]},
    "version": 1,
}


def file(path: str, size: int = 1) -> Entry:
    return Entry(path=path, kind=Kind.FILE, size=size)


def folder(path: str) -> Entry:
    return Entry(path=path, kind=Kind.DIRECTORY)


def test_a_meta_json_is_read() -> None:
    block = parse_block(A, json.dumps(META).encode())
    assert (block.ulid, block.min_time, block.max_time) == (A, 1_000, 2_000)
    assert (block.level, block.samples, block.series, block.chunks) == (2, 10, 3, 4)
    assert block.parents == (B,)


def test_a_meta_json_without_statistics_is_read() -> None:
    block = parse_block(
        A, json.dumps({"ulid": A, "minTime": 1, "maxTime": 2, "compaction": {"parents": None}}).encode()
    )
    assert (block.level, block.samples, block.parents) == (1, 0, ())


@pytest.mark.parametrize(
    "meta",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"3",
        b"\xff\xff",
        b"\x00" * 300,
        json.dumps({k: v for k, v in META.items() if k != "minTime"}).encode(),
        json.dumps(META | {"maxTime": None}).encode(),
        json.dumps(META | {"maxTime": "soon"}).encode(),
        json.dumps(META | {"stats": None}).encode(),
        json.dumps(META | {"compaction": {"parents": [{}]}}).encode(),
        json.dumps(META | {"compaction": {"parents": 7}}).encode(),
        b'{"ulid": "x", "minTime": 1e999, "maxTime": 2}',
    ],
)
def test_what_is_no_meta_json_is_an_error_that_names_the_block(meta: bytes) -> None:
    with pytest.raises(CaptureError, match=f"meta.json of block {A} cannot be read") as caught:
        parse_block(A, meta)
    assert caught.value.remedy


@given(st.binary(max_size=60))
def test_no_bytes_make_anything_but_a_block_or_that_error(meta: bytes) -> None:
    try:
        parse_block(A, meta)
    except CaptureError:
        pass


def test_files_are_grouped_by_block_and_by_whether_they_change() -> None:
    entries = (
        folder(A),
        folder(f"{A}/chunks"),
        file(f"{A}/chunks/000001", 100),
        file(f"{A}/chunks/000002", 50),
        file(f"{A}/index", 7),
        file(f"{A}/meta.json", 3),
        file(f"{A}/tombstones", 2),
        folder("chunks_head"),
        file("chunks_head/000001"),
        file("lock"),
        folder("wal"),
        file("wal/00000001"),
    )
    (block,) = group_blocks(entries)
    assert block.ulid == A
    assert [e.path for e in block.immutable] == [f"{A}/chunks/000001", f"{A}/chunks/000002", f"{A}/index"]
    assert [e.path for e in block.mutable] == [f"{A}/meta.json", f"{A}/tombstones"]
    assert [e.path for e in block.directories] == [A, f"{A}/chunks"]
    assert block.size == 157
    assert block.is_complete


def test_blocks_come_by_ulid() -> None:
    entries = [file(f"{ulid}/{name}") for ulid in (B, A) for name in ("meta.json", "index")]
    assert [block.ulid for block in group_blocks(tuple(entries))] == [A, B]


@pytest.mark.parametrize("there", [("index",), ("meta.json",), ("chunks/000001",), ()])
def test_a_block_without_index_or_meta_json_is_not_complete(there: tuple[str, ...]) -> None:
    (block,) = group_blocks((folder(A), *(file(f"{A}/{name}") for name in there)))
    assert not block.is_complete


def test_blocks_being_written_or_deleted_are_no_blocks() -> None:
    names = (f"{A}.tmp-for-creation", f"{A}.tmp-for-deletion", f"{A.lower()}", "snapshots")
    assert group_blocks(tuple(file(f"{name}/index") for name in names)) == ()


def test_a_file_with_the_name_of_a_block_is_none() -> None:
    assert group_blocks((file(A), Entry(path=B, kind=Kind.SYMLINK, target="/elsewhere"))) == ()


def test_index_and_chunks_never_change() -> None:
    assert is_immutable("index")
    assert is_immutable("chunks/000001")
    assert not any(map(is_immutable, ("meta.json", "tombstones", "index.tmp", "meta.json.tmp", "chunks")))
