"""Uploads that succeed: their parts and headers, and how many are on their way at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from tests.fakes.s3_sink import SinkServer, upload

from monops.domain.destination import MIB
from monops.domain.errors import StoreError
from monops.edges.s3_store import S3Store
from monops.edges.s3_upload import Budget


@pytest.mark.parametrize("size", [0, 1, 5 * MIB])
def test_what_fits_into_one_part_is_sent_in_one_request(sink: SinkServer, size: int) -> None:
    upload(sink.settings, size)
    assert sink.requests == ["put", "head"]
    assert sink.stored == size


def test_what_does_not_fit_is_sent_in_parts(sink: SinkServer) -> None:
    upload(sink.settings, 5 * MIB + 1)
    assert sink.parts == {1: 5 * MIB, 2: 1}
    assert sink.requests[0] == "begin"
    assert sink.requests[-3:] == ["complete", "get", "head"]
    assert sink.aborted == 0


def test_the_guess_chooses_the_size_of_the_parts(sink: SinkServer) -> None:
    upload(sink.settings, 20 * MIB, at_most=7 * 800 * MIB)
    assert sink.parts == {1: 7 * MIB, 2: 7 * MIB, 3: 6 * MIB}


def test_storage_class_and_encryption_are_sent_but_never_an_archive_for_what_is_read_often(
    sink: SinkServer,
) -> None:
    settings = replace(sink.settings, storage_class="GLACIER", sse="aws:kms", sse_kms_key_id="key-1")
    upload(settings, 6 * MIB, key="objects/x")
    assert sink.headers[0]["x-amz-storage-class"] == "GLACIER"
    assert sink.headers[0]["x-amz-server-side-encryption"] == "aws:kms"
    assert sink.headers[0]["x-amz-server-side-encryption-aws-kms-key-id"] == "key-1"
    for key in ("snapshots/a.json", "locks/a", "monops.json", "RESTORE.md"):
        sink.headers.clear()
        S3Store(settings).put(key, b"x")
        upload(settings, 1, key=key)
        assert {h["x-amz-storage-class"] for h in sink.headers if "x-amz-storage-class" in h} == {"STANDARD"}


def test_without_settings_no_storage_class_and_no_checksum_header_is_sent(sink: SinkServer) -> None:
    upload(sink.settings, 6 * MIB)
    sent = {name.lower() for headers in sink.headers for name in headers}
    assert not {n for n in sent if "storage-class" in n or "encryption" in n or "checksum" in n}


def test_checksums_can_be_asked_for(sink: SinkServer) -> None:
    upload(replace(sink.settings, checksums="when_supported"), 1)
    assert any("crc" in f"{name} {value}".lower() for h in sink.headers for name, value in h.items())


def test_parts_on_their_way_are_as_many_as_the_workers(sink: SinkServer) -> None:
    sink.gate = gate = threading.Event()

    def open_once_two_wait() -> None:
        end = time.monotonic() + 20
        while sink.most_at_once < 2 and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.3)  # for a third, which must not come
        gate.set()

    opener = threading.Thread(target=open_once_two_wait)
    opener.start()
    upload(replace(sink.settings, workers=2), 40 * MIB)
    opener.join()
    assert sink.most_at_once == 2


def test_a_budget_smaller_than_a_part_sends_one_part_at_a_time(sink: SinkServer) -> None:
    upload(replace(sink.settings, budget_bytes=1), 31 * MIB)
    assert sink.stored == 31 * MIB
    assert sink.most_at_once == 1


def test_many_writers_share_a_small_budget_without_waiting_for_ever(sink: SinkServer) -> None:
    store = S3Store(replace(sink.settings, budget_bytes=6 * MIB))

    def write(number: int) -> None:
        with store.write(f"objects/{number}", at_most=0) as writer:
            for _ in range(11):
                writer.write(bytes(MIB))

    with ThreadPoolExecutor(8) as threads:
        outcomes = [threads.submit(write, number) for number in range(16)]
        for outcome in outcomes:
            # sizes of different objects mix in this server: only that every writer ends is of interest
            assert isinstance(outcome.exception(60), StoreError | None)


def test_a_budget_gives_out_more_than_its_limit_only_when_nothing_is_on_its_way() -> None:
    budget = Budget(10)
    budget.take(8)
    budget.take(8)  # nothing to wait for
    budget.send()
    taken = threading.Event()

    def take() -> None:
        budget.take(8)
        taken.set()

    taker = threading.Thread(target=take)
    taker.start()
    assert not taken.wait(0.05)
    budget.sent(8)
    assert taken.wait(10)
    taker.join()
