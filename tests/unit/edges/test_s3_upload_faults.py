"""Uploads that fail or are interrupted: what is told, what is asked again, and that nothing is left."""

from __future__ import annotations

import threading

import pytest
from tests.fakes.s3_sink import SinkServer, upload, upload_and_interrupt

from monops.domain.destination import MIB, S3Settings
from monops.domain.errors import MonopsError, StoreDenied, StoreError, StoreFull
from monops.edges.s3_store import S3Store


def test_an_error_of_a_part_surfaces_while_writing_and_aborts(sink: SinkServer) -> None:
    sink.refusals["part 1"] = [(403, "AccessDenied")]
    with pytest.raises(StoreDenied, match="permission is missing"):
        upload(sink.settings, 100_000 * MIB)  # never all sent
    assert sink.requests[-1] == "abort"
    assert len(sink.parts) < 50


def test_an_error_of_the_last_part_surfaces_at_the_end_and_aborts(sink: SinkServer) -> None:
    sink.refusals["part 3"] = [(507, "InsufficientStorage")]
    with pytest.raises(StoreFull, match="no space left"):
        upload(sink.settings, 12 * MIB)
    assert sink.requests[-1] == "abort"
    assert "complete" not in sink.requests


@pytest.mark.parametrize("code", ["SlowDown", "InternalError"])
def test_a_busy_server_is_asked_again(sink: SinkServer, code: str) -> None:
    sink.refusals["part 2"] = [(503, code)]
    upload(sink.settings, 12 * MIB)
    assert sink.stored == 12 * MIB
    assert sink.requests.count("part 2") == 2


def test_an_abort_that_fails_does_not_hide_the_first_error(sink: SinkServer) -> None:
    sink.refusals = {"part 2": [(403, "SignatureDoesNotMatch")], "abort": [(400, "Broken")]}
    with pytest.raises(StoreDenied, match="secret key"):
        upload(sink.settings, 12 * MIB)
    assert "abort" in sink.requests


def test_an_error_of_the_writer_is_not_replaced_by_one_of_a_part(sink: SinkServer) -> None:
    sink.refusals["part 1"] = [(403, "AccessDenied")]
    with pytest.raises(KeyboardInterrupt):
        upload_and_interrupt(sink.settings, 6 * MIB)
    assert sink.requests[-1] == "abort"


def test_an_interrupted_upload_waits_for_parts_on_their_way_before_it_aborts(sink: SinkServer) -> None:
    sink.gate = threading.Event()
    threading.Timer(0.3, sink.gate.set).start()
    with pytest.raises(KeyboardInterrupt):
        upload_and_interrupt(sink.settings, 21 * MIB)
    assert sink.requests[-1] == "abort"
    assert sink.aborted == 1


@pytest.mark.parametrize("size", [3 * MIB, 12 * MIB])
def test_an_object_stored_with_another_size_is_deleted_and_reported(sink: SinkServer, size: int) -> None:
    sink.wrong_by = -1
    with pytest.raises(StoreError, match=f"{size - 1} of the {size} bytes"):
        upload(sink.settings, size)
    assert sink.stored is None
    assert "delete" in sink.requests


def test_a_lost_answer_to_the_completion_is_no_failure(sink: SinkServer) -> None:
    sink.refusals["complete"] = [(503, "SlowDown"), (404, "NoSuchUpload")]
    sink.wrong_by = 12 * MIB  # the server has completed it, although it answered that it had not
    upload(sink.settings, 12 * MIB)
    assert sink.aborted == 0


def test_an_upload_that_somebody_aborted_is_a_failure(sink: SinkServer) -> None:
    sink.refusals["complete"] = [(404, "NoSuchUpload")]
    with pytest.raises(StoreError, match="was aborted"):
        upload(sink.settings, 12 * MIB)


def upload_parts_that_differ(settings: S3Settings) -> None:
    with S3Store(settings).write("objects/x", at_most=0) as writer:
        for digit in b"abcdef":
            writer.write(bytes([digit]) * (2 * MIB))


def test_a_server_that_mixes_up_the_parts_is_found_out_and_keeps_nothing(sink: SinkServer) -> None:
    sink.mixes_parts = True
    with pytest.raises(StoreError, match="mixes up the parts") as caught:
        upload_parts_that_differ(sink.settings)
    assert "part_size" in caught.value.remedy
    assert sink.stored is None


def test_every_error_has_a_remedy(sink: SinkServer) -> None:
    for status, code in ((403, "AccessDenied"), (507, "QuotaExceeded"), (400, "Strange"), (301, "PermanentRedirect")):
        sink.refusals["put"] = [(status, code)]
        with pytest.raises(MonopsError) as caught:
            S3Store(sink.settings).put("objects/x", b"x")
        assert caught.value.remedy
