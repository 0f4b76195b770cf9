"""Uploads against a small S3 server of this file's own, which counts, refuses and keeps only what it is told to."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from monops.domain.destination import MIB, S3Settings
from monops.domain.errors import MonopsError, StoreDenied, StoreError, StoreFull, StoreUnreachable
from monops.edges.s3_store import S3Store
from monops.edges.s3_upload import Budget


class SinkServer(ThreadingHTTPServer):
    """Enough of S3 for uploads. Bodies are thrown away; sizes are kept."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Sink)
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.parts: dict[int, int] = {}
        #: How each part begins.
        self.heads: dict[int, bytes] = {}
        #: Whether it gives the last part's bytes for every part, as Ceph 18.2.7 on SQLite does.
        self.mixes_parts = False
        self.stored: int | None = None
        self.aborted = 0
        #: Request like "PUT part 2" -> the answers it gets instead, one after the other: status and code.
        self.refusals: dict[str, list[tuple[int, str]]] = {}
        #: Added to the size that HEAD tells.
        self.wrong_by = 0
        #: Where a part waits until the test lets it go on.
        self.gate: threading.Event | None = None
        self.most_at_once = 0
        self.at_once = 0
        self.lock = threading.Lock()

    @property
    def settings(self) -> S3Settings:
        return S3Settings(
            bucket="bucket",
            prefix="p",
            endpoint_url=f"http://127.0.0.1:{self.server_port}",
            access_key_id="test",
            secret_access_key="test",
            part_size_bytes=5 * MIB,
        )


class _Sink(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: SinkServer

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 - the name in the base class

    def _body(self, number: int = 0) -> int:
        left = size = int(self.headers.get("Content-Length", 0))
        while left:
            data = self.rfile.read(min(left, MIB))
            if not data:
                raise ConnectionResetError
            if left == size:
                self.server.heads[number] = data[:4096]
            left -= len(data)
        return size

    def _answer(self, body: str = "", *, status: int = 200, etag: str = '"etag"', size: int | None = None) -> None:
        data = body.encode()
        self.send_response(status)
        self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(data) if size is None else size))
        self.end_headers()
        self.wfile.write(data)

    def _serve(self, name: str) -> bool:
        """Note the request, and refuse it if that was asked for."""
        with self.server.lock:
            self.server.requests.append(name)
            self.server.headers.append(dict(self.headers))
            refusals = self.server.refusals.get(name)
            refusal = refusals.pop(0) if refusals else None
        if refusal:
            status, code = refusal
            body = f"<Error><Code>{code}</Code><Message>told</Message></Error>" if self.command != "HEAD" else ""
            self._answer(body, status=status)
        return refusal is not None

    def do_POST(self) -> None:
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        self._body()
        if "uploads" in query:
            if not self._serve("begin"):
                self._answer("<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>")
        elif not self._serve("complete"):
            self.server.stored = sum(self.server.parts.values())
            self._answer("<CompleteMultipartUploadResult></CompleteMultipartUploadResult>")

    def do_PUT(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        number = int(query.get("partNumber", ["0"])[0])
        with self.server.lock:
            self.server.at_once += 1
            self.server.most_at_once = max(self.server.most_at_once, self.server.at_once)
        try:
            size = self._body(number)
            if number and self.server.gate is not None:
                assert self.server.gate.wait(30)
        finally:
            with self.server.lock:
                self.server.at_once -= 1
        if self._serve(f"part {number}" if number else "put"):
            return
        with self.server.lock:
            if number:
                self.server.parts[number] = size
            else:
                self.server.stored = size
        self._answer()

    def do_DELETE(self) -> None:
        is_abort = "uploadId" in self.path
        if not self._serve("abort" if is_abort else "delete"):
            if is_abort:
                self.server.aborted += 1
            else:
                self.server.stored = None
            self._answer(status=204)

    def do_GET(self) -> None:
        if not self._serve("get"):
            first = max(self.server.parts) if self.server.mixes_parts else 1
            data = self.server.heads[first]
            self.send_response(206)
            self.send_header("ETag", '"etag"')
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    def do_HEAD(self) -> None:
        if not self._serve("head"):
            self._answer(size=(self.server.stored or 0) + self.server.wrong_by)


@contextmanager
def serving() -> Iterator[SinkServer]:
    server = SinkServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def sink() -> Iterator[SinkServer]:
    with serving() as server:
        yield server


def upload(settings: S3Settings, size: int, *, at_most: int = 0, key: str = "objects/x") -> None:
    chunk = memoryview(bytes(MIB))
    with S3Store(settings).write(key, at_most=at_most) as writer:
        for _ in range(size // MIB):
            writer.write(chunk)
        writer.write(chunk[: size % MIB])


def upload_and_interrupt(settings: S3Settings, size: int) -> None:
    with S3Store(settings).write("objects/x", at_most=0) as writer:
        writer.write(bytes(size))
        raise KeyboardInterrupt


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


def test_a_server_that_mixes_up_the_parts_is_found_out_and_keeps_nothing(sink: SinkServer) -> None:
    sink.mixes_parts = True
    with (
        pytest.raises(StoreError, match="mixes up the parts") as caught,
        S3Store(sink.settings).write("objects/x", at_most=0) as writer,
    ):
        for digit in b"abcdef":
            writer.write(bytes([digit]) * (2 * MIB))
    assert "part_size" in caught.value.remedy
    assert sink.stored is None


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
    sink.gate = threading.Event()
    threading.Timer(0.5, sink.gate.set).start()
    upload(replace(sink.settings, workers=2), 40 * MIB)
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


def test_a_connection_cut_half_way_through_a_part_is_made_again(sink: SinkServer) -> None:
    from tests.unit.edges.test_s3_store import cutting

    with cutting(sink.server_port, up_after=3 * MIB, times=2) as proxy:
        upload(replace(sink.settings, endpoint_url=proxy.url), 12 * MIB)
    assert sink.stored == 12 * MIB
    assert proxy.cuts == 2


def test_a_connection_cut_every_time_stores_nothing_and_aborts(sink: SinkServer) -> None:
    from tests.unit.edges.test_s3_store import cutting

    with cutting(sink.server_port, up_after=3 * MIB, times=1000) as proxy:
        settings = replace(sink.settings, endpoint_url=proxy.url, attempts=2)
        with pytest.raises(StoreUnreachable, match="did not answer"):
            upload(settings, 12 * MIB)
    assert sink.stored is None
    assert not {1, 2} & sink.parts.keys()  # the third is short enough to pass
    assert sink.aborted == 1


def test_300_mib_take_less_than_130_mib_of_memory(sink: SinkServer) -> None:
    script = textwrap.dedent(f"""
        from monops.domain.destination import MIB, S3Settings
        from monops.edges.s3_store import S3Store
        settings = S3Settings(bucket="bucket", endpoint_url="{sink.settings.endpoint_url}",
            access_key_id="test", secret_access_key="test")
        with S3Store(settings).write("objects/x", at_most=300 * MIB) as writer:
            for number in range(1200):
                writer.write(bytes([number % 256]) * (MIB // 4))
        print(open("/proc/self/status").read())
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert sink.stored == 300 * MIB
    match = re.search(r"VmHWM:\s+(\d+) kB", done.stdout)
    assert match
    assert int(match[1]) < 130 * 1024


def test_the_module_is_imported_without_boto3() -> None:
    script = (
        "import sys, monops.edges.s3_store; print({m for m in sys.modules if m in ('boto3', 'botocore', 'urllib3')})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "set()", done.stderr


def test_every_error_has_a_remedy(sink: SinkServer) -> None:
    for status, code in ((403, "AccessDenied"), (507, "QuotaExceeded"), (400, "Strange"), (301, "PermanentRedirect")):
        sink.refusals["put"] = [(status, code)]
        with pytest.raises(MonopsError) as caught:
            S3Store(sink.settings).put("objects/x", b"x")
        assert caught.value.remedy
