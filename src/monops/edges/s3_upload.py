"""Uploads to S3 of unknown length: parts of bounded memory, whole or not at all.

boto3's own `upload_fileobj` stores a truncated object without an error when its reader returns fewer bytes than
asked, and cannot be written to; so the parts are made here.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from monops.domain.destination import MOST_PARTS, S3Settings, base_part_size, part_size_for
from monops.domain.errors import StoreError
from monops.domain.ports import Writer
from monops.edges.s3_errors import third_party_errors, translating

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


class Budget:
    """Memory shared by the uploads of a store.

    A taker waits only while a part is on its way, and parts on their way never wait for memory: nobody waits for ever,
    however many uploads are open. More than the limit is given out only when there is nothing to wait for.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._taken = 0
        self._on_the_way = 0
        self._changed = threading.Condition()

    def take(self, size: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._taken + size <= self._limit or not self._on_the_way)
            self._taken += size

    def send(self) -> None:
        """What was taken is on its way: `sent` follows, whatever happens."""
        with self._changed:
            self._on_the_way += 1

    def sent(self, size: int) -> None:
        with self._changed:
            self._on_the_way -= 1
            self._taken -= size
            self._changed.notify_all()

    def give_back(self, size: int) -> None:
        with self._changed:
            self._taken -= size
            self._changed.notify_all()


class Uploads:
    """The uploads of one store: they share a client, a few threads and a memory budget."""

    def __init__(self, client: S3Client, settings: S3Settings) -> None:
        self.client = client
        self.settings = settings
        self.budget = Budget(settings.budget_bytes)
        self.threads = ThreadPoolExecutor(settings.workers, thread_name_prefix="monops-s3")

    @contextmanager
    def upload(self, key: str, *, at_most: int, headers: Mapping[str, Any]) -> Iterator[Writer]:
        """A writer; leaving stores what was written under `key`, leaving by any exception stores nothing.

        `headers` are PutObject's and CreateMultipartUpload's. Raises what `translate` makes of S3's errors, at the
        next write or at the end.
        """
        upload = _Upload(self, key, at_most=at_most, headers=headers)
        try:
            yield upload
            upload.complete()
        except BaseException:
            upload.abort()
            raise
        finally:
            upload.release()


class _Upload:
    """One object on its way. Used by one thread; its parts are sent by others.

    Bodies are bytearrays, which botocore sends as they are, without a copy; its stubs do not know.
    """

    def __init__(self, uploads: Uploads, key: str, *, at_most: int, headers: Mapping[str, Any]) -> None:
        settings = uploads.settings
        self._client = uploads.client
        self._settings = settings
        self._budget = uploads.budget
        self._threads = uploads.threads
        self._key = key
        self._place: dict[str, Any] = {"Bucket": settings.bucket, "Key": settings.key_in_bucket(key)}
        self._headers = headers
        self._base = base_part_size(at_most, settings.part_size_bytes)
        self._id = ""
        self._parts: list[Future[str]] = []
        self._failure: BaseException | None = None
        self._written = 0
        self._room = 0
        #: How the object begins: asked back when it went up in parts.
        self._head = b""
        self._buffer = bytearray()
        self._take_buffer()

    def write(self, data: bytes | memoryview) -> int:
        view = memoryview(data).cast("B")
        size = len(view)
        while view:
            self._raise_failure()
            if len(self._buffer) == self._room:
                self._send_buffer()
                self._take_buffer()
            free = self._room - len(self._buffer)
            self._buffer += view[:free]
            view = view[free:]
        self._written += size
        return size

    def complete(self) -> None:
        """Store the object, and see that the server has all of it."""
        with translating(self._settings, self._key):
            if not self._parts:
                self._client.put_object(**self._place, Body=cast("bytes", self._buffer), **self._headers)
            else:
                self._send_buffer()
                etags = [part.result() for part in self._parts]
                self._complete_parts(etags)
                self._check_head()
            stored = self._client.head_object(**self._place)["ContentLength"]
        if stored != self._written:
            self._forget()
            raise StoreError(
                f"{self._settings.url} has {stored} of the {self._written} bytes of {self._key}; it was deleted there",
                remedy="try again; if it happens again, look at the server's log and disks",
            )

    def _check_head(self) -> None:
        """Some servers put one part's bytes in the place of another's, and say 200 (seen: Ceph 18.2.7 on SQLite).

        Neither the size nor the ETag shows it; the first bytes do.
        """
        head = self._client.get_object(**self._place, Range=f"bytes=0-{len(self._head) - 1}")["Body"].read()
        if head != self._head:
            self._forget()
            raise StoreError(
                f"{self._settings.url} gives back other bytes of {self._key} than were sent: it mixes up the parts of "
                "an object; what it stored was deleted",
                remedy='set part_size = "1GiB" for this destination, so that each object goes up whole',
            )

    def _forget(self) -> None:
        """Delete what the server made of this object; that this may fail too must not hide why."""
        with contextlib.suppress(*third_party_errors()):
            self._client.delete_object(**self._place)

    def abort(self) -> None:
        """Forget what was sent. Never raises an error of S3's: the reason for the abort is what matters."""
        self._failure = self._failure or _Aborted()
        for part in self._parts:
            part.cancel()
        wait(self._parts)  # a part that arrives after the abort would stay, and be paid for
        if self._id:
            with contextlib.suppress(*third_party_errors()):
                self._client.abort_multipart_upload(**self._place, UploadId=self._id)

    def release(self) -> None:
        """Give back the memory of the part that was never sent."""
        self._budget.give_back(self._room)
        self._room = 0
        self._buffer = bytearray()

    def _take_buffer(self) -> None:
        number = len(self._parts) + 1
        if number > MOST_PARTS:
            raise StoreError(
                f"{self._key} is longer than {self._written} bytes, and its {MOST_PARTS} parts are used up",
                remedy='set part_size = "64MiB" for this destination and try again',
            )
        size = part_size_for(number, self._base)
        self._budget.take(size)
        self._room = size
        self._buffer = bytearray()

    def _send_buffer(self) -> None:
        """Hand the buffer over to a thread, and have none."""
        if not self._id:
            with translating(self._settings, self._key):
                self._id = self._client.create_multipart_upload(**self._place, **self._headers)["UploadId"]
            self._head = bytes(self._buffer[:_HEAD])
        size, body, self._buffer = self._room, self._buffer, bytearray()
        self._budget.send()
        self._room = 0
        try:
            part = self._threads.submit(self._send, len(self._parts) + 1, body)
        except BaseException:
            self._budget.sent(size)
            raise
        self._parts.append(part)
        part.add_done_callback(lambda done: self._on_sent(done, size))

    def _send(self, number: int, body: bytearray) -> str:
        if self._failure:
            raise self._failure
        with stoppable(lambda: self._failure is not None):
            answer = self._client.upload_part(
                **self._place, UploadId=self._id, PartNumber=number, Body=cast("bytes", body)
            )
        return answer["ETag"]

    def _on_sent(self, part: Future[str], size: int) -> None:
        if not part.cancelled() and (error := part.exception()):
            self._failure = self._failure or error
        self._budget.sent(size)

    def _raise_failure(self) -> None:
        if self._failure:
            with translating(self._settings, self._key):
                raise self._failure

    def _complete_parts(self, etags: list[str]) -> None:
        from botocore.exceptions import ClientError

        try:
            self._client.complete_multipart_upload(
                **self._place,
                UploadId=self._id,
                MultipartUpload={
                    "Parts": [{"ETag": etag, "PartNumber": number} for number, etag in enumerate(etags, 1)]
                },
            )
        except ClientError as error:
            # An answer that got lost: the second try finds the upload completed. The size is checked next.
            was_retried = error.response["ResponseMetadata"].get("RetryAttempts", 0) > 0
            if not (was_retried and error.response["Error"].get("Code") == "NoSuchUpload"):
                raise


#: Bytes that tell one part from another.
_HEAD = 4096


class _Aborted(Exception):
    """The upload was given up before this part was sent."""


_thread = threading.local()


@contextmanager
def stoppable(is_stopped: Callable[[], bool]) -> Iterator[None]:
    """Requests made by this thread inside are not tried again once `is_stopped`."""
    _thread.is_stopped = is_stopped
    try:
        yield
    finally:
        del _thread.is_stopped


def _is_stopped() -> bool:
    """Whether this thread works for an upload that was given up."""
    asked: Callable[[], bool] | None = getattr(_thread, "is_stopped", None)
    return asked is not None and asked()


class Patience:
    """Cuts botocore's tries short where they are no use: a wrong address should not take minutes to say so.

    For botocore's event `needs-retry`: raising the error there ends the tries.
    """

    #: Tries for an endpoint that has never answered.
    _FIRST_TRIES = 2

    def __init__(self) -> None:
        self._has_answered = False

    def __call__(
        self, *, attempts: int, response: object = None, caught_exception: Exception | None = None, **_: object
    ) -> None:
        if response is not None:
            self._has_answered = True
        if caught_exception is None:
            return
        is_hopeless = not self._has_answered and attempts >= self._FIRST_TRIES
        if is_hopeless or _is_stopped():
            raise caught_exception
