"""A small S3 server that counts, refuses and keeps only what it is told to; and uploads to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from monops.domain.destination import MIB, S3Settings
from monops.edges.s3_store import S3Store


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
