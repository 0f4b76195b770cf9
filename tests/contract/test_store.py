"""What every store keeps: the directory, S3 on moto, S3 on a real Ceph RADOS Gateway, and the fake in memory."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from tests.contract.stores import BLOCK, MANIFEST, keys, moto_store, read_all, write_and_raise

from monops.domain.destination import MIB
from monops.domain.errors import NotFound
from monops.domain.ports import Reader, Store
from monops.edges.directory_store import DirectoryStore


def test_a_prepared_store_exists_and_is_empty(store: Store) -> None:
    store.prepare()
    assert store.exists()
    assert keys(store) == []


def test_what_was_put_comes_back(store: Store) -> None:
    store.put(MANIFEST, b'{"schema": 1}')
    assert store.get(MANIFEST) == b'{"schema": 1}'
    assert read_all(store, MANIFEST) == b'{"schema": 1}'


def test_what_was_written_comes_back_and_is_listed_with_its_size_and_time(store: Store) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    with store.write(BLOCK, at_most=100) as writer:
        assert writer.write(b"first ") == 6
        assert writer.write(memoryview(b"second")) == 6
    (listed,) = store.list("objects/")
    assert (listed.key, listed.size) == (BLOCK, 12)
    assert before <= listed.modified <= datetime.now(UTC) + timedelta(seconds=2)
    assert store.get(BLOCK) == b"first second"


def test_an_empty_object_is_an_object(store: Store) -> None:
    with store.write("objects/config/empty.tar", at_most=0):
        pass
    store.put("monops.json", b"")
    assert [(s.key, s.size) for s in store.list("")] == [("monops.json", 0), ("objects/config/empty.tar", 0)]
    assert store.get("monops.json") == b""
    assert read_all(store, "objects/config/empty.tar") == b""


def test_nothing_is_there_before_the_writer_is_left(store: Store) -> None:
    with store.write(BLOCK, at_most=9 * MIB) as writer:
        writer.write(bytes(9 * MIB))
        assert keys(store) == []
        with pytest.raises(NotFound):
            store.get(BLOCK)
    assert keys(store) == [BLOCK]


@pytest.mark.parametrize("size", [0, 10, 9 * MIB, 25 * MIB])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_leaving_by_an_exception_stores_nothing(store: Store, size: int, error: type[BaseException]) -> None:
    with pytest.raises(error, match="stop here"):
        write_and_raise(store, size, error("stop here"))
    assert keys(store) == []
    with pytest.raises(NotFound):
        store.get(BLOCK)


def test_leaving_by_an_exception_keeps_the_object_that_was_there(store: Store) -> None:
    store.put(BLOCK, b"old")
    with pytest.raises(ValueError, match="stop"):
        write_and_raise(store, 20 * MIB, ValueError("stop"))
    assert store.get(BLOCK) == b"old"


def test_short_writes_of_any_size_add_up(store: Store) -> None:
    data = random.Random(1).randbytes(700_000)
    with store.write(BLOCK, at_most=len(data)) as writer:
        position, size = 0, 1
        while position < len(data):
            chunk = data[position : position + size]
            assert writer.write(chunk) == len(chunk)
            position += len(chunk)
            size = size * 7 % 5003 + 1
        assert writer.write(b"") == 0
    assert store.get(BLOCK) == data


@pytest.mark.parametrize("at_most", [0, 21 * MIB, 100 << 30], ids=["no guess", "right guess", "high guess"])
def test_an_object_of_several_parts_comes_back_whole(store: Store, at_most: int) -> None:
    data = random.Random(2).randbytes(21 * MIB + 12345)
    with store.write(BLOCK, at_most=at_most) as writer:
        for start in range(0, len(data), 3_000_001):
            writer.write(memoryview(data)[start : start + 3_000_001])
    assert next(iter(store.list("objects/"))).size == len(data)
    assert hashlib.sha256(read_all(store, BLOCK, at_once=MIB)).digest() == hashlib.sha256(data).digest()


def test_one_large_write_is_as_good_as_many_small_ones(store: Store) -> None:
    data = random.Random(3).randbytes(16 * MIB)  # two parts of S3, to the byte
    with store.write(BLOCK, at_most=len(data)) as writer:
        assert writer.write(data) == len(data)
    assert store.get(BLOCK) == data


def test_a_buffer_may_be_used_again_after_a_write(store: Store) -> None:
    buffer = bytearray(b"a" * 1000)
    with store.write(BLOCK, at_most=3000) as writer:
        for letter in b"abc":
            buffer[:] = bytes([letter]) * 1000
            writer.write(memoryview(buffer))
    assert store.get(BLOCK) == b"a" * 1000 + b"b" * 1000 + b"c" * 1000


def test_a_later_object_replaces_an_older_one(store: Store) -> None:
    store.put(MANIFEST, b"old and longer")
    store.put(MANIFEST, b"new")
    assert store.get(MANIFEST) == b"new"
    with store.write(MANIFEST, at_most=5) as writer:
        writer.write(b"newer")
    assert store.get(MANIFEST) == b"newer"
    assert keys(store) == [MANIFEST]


def test_listing_is_by_key_and_only_under_the_prefix(store: Store) -> None:
    wanted = [
        "locks/a",
        "objects/grafana/b",
        "objects/prometheus/A",
        "objects/prometheus/a-1",
        "objects/prometheus/a.1",
    ]
    for key in reversed(wanted):
        store.put(key, b"x")
    assert keys(store) == wanted
    assert keys(store, "objects/") == wanted[1:]
    assert keys(store, "objects/prometheus/") == wanted[2:]
    assert keys(store, "objects/prometheus/a") == wanted[3:]
    assert keys(store, "objects/prom") == wanted[2:]
    assert keys(store, "nothing/") == []


@pytest.mark.slow
def test_a_listing_of_more_than_a_page_is_complete(store: Store) -> None:
    wanted = [f"objects/config/{number:04}" for number in range(1003)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda key: store.put(key, b""), wanted))
    assert keys(store, "objects/config/") == wanted


@pytest.mark.parametrize(
    "key",
    [
        BLOCK,
        MANIFEST,
        "objects/grafana/20261123T010203Z-host-ab12.tar.zst.age",
        "objects/config/a b+c%20d&e=f.tar",
        "objects/config/Zürich-東京.tar",
        "objects/config/.hidden-..dots..",
    ],
)
def test_keys_come_back_as_they_were_given(store: Store, key: str) -> None:
    store.put(key, key.encode())
    with store.write(f"{key}.2", at_most=3) as writer:
        writer.write(b"two")
    assert keys(store) == [key, f"{key}.2"]
    assert store.get(key) == key.encode()
    assert read_all(store, f"{key}.2") == b"two"
    store.delete(key)
    assert keys(store) == [f"{key}.2"]


def test_a_missing_object_is_not_found_and_the_message_names_it(store: Store) -> None:
    for ask in (store.get, partial(read_all, store)):
        with pytest.raises(NotFound, match="01JD3V5W8Q6ZK2M4N8P0RSTVWX") as caught:
            ask(BLOCK)
        assert caught.value.remedy


def test_deleting_is_done_once_and_again(store: Store) -> None:
    store.put(BLOCK, b"x")
    store.delete(BLOCK)
    store.delete(BLOCK)
    store.delete("objects/never/there")
    assert keys(store) == []


def test_sweeping_keeps_what_is_finished_and_what_is_being_written(store: Store) -> None:
    store.put(MANIFEST, b"kept")
    with store.write(BLOCK, at_most=20 * MIB) as writer:
        writer.write(bytes(20 * MIB))
        assert store.sweep(older_than=datetime(2000, 1, 1, tzinfo=UTC)) == 0  # moto dates uploads 2010
    assert store.sweep(older_than=datetime.now(UTC) + timedelta(days=1)) == 0
    assert keys(store) == [BLOCK, MANIFEST]


@pytest.mark.parametrize("at_once", [1, 7, 65536])
def test_reads_return_at_most_what_was_asked_and_nothing_only_at_the_end(store: Store, at_once: int) -> None:
    data = random.Random(4).randbytes(1000 if at_once == 1 else 300_000)
    store.put(BLOCK, data)
    with store.read(BLOCK) as reader:
        assert reader.read(0) == b""
        assert b"".join(chunks(reader, at_once)) == data
        assert reader.read(at_once) == b""


def chunks(reader: Reader, at_once: int) -> Iterator[bytes]:
    while chunk := reader.read(at_once):
        assert len(chunk) <= at_once
        yield chunk


def test_the_url_is_what_a_person_would_type(store: Store) -> None:
    assert store.url
    assert "@" not in store.url


def test_a_missing_place_does_not_exist(moto_port: int, tmp_path: Path) -> None:
    absent: list[Store] = [moto_store(moto_port, "", bucket="never-made"), DirectoryStore(str(tmp_path / "absent"))]
    assert [store.exists() for store in absent] == [False, False]
