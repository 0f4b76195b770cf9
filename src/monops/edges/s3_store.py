"""A destination that is a prefix in a bucket of an S3 server, AWS's or another."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from monops.domain.destination import MIB, S3Settings
from monops.domain.errors import NotFound, StoreDenied, StoreError, StoreUnreachable
from monops.domain.ports import Reader, Stored, Writer
from monops.edges.s3_errors import translating
from monops.edges.s3_upload import Patience, Uploads

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef, ListMultipartUploadsOutputTypeDef

#: Read again and again, so never in an archive, which answers in hours.
_ALWAYS_AT_HAND = ("snapshots/", "locks/", "monops.json", "RESTORE.md")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A multipart upload that was neither completed nor aborted. Its parts are paid for, and listed nowhere else."""

    key: str
    upload_id: str
    started: datetime


class S3Store:
    """Immutable named objects under a prefix. May be used by several threads at once.

    Nothing is asked of the server, and boto3 is not imported, before the first use.
    """

    def __init__(self, settings: S3Settings, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """`sleep` takes seconds: the pause before a broken download goes on."""
        self._settings = settings
        self._sleep = sleep
        self._making = threading.Lock()
        self._made: Uploads | None = None

    @property
    def url(self) -> str:
        return self._settings.url

    def prepare(self) -> None:
        """See that the bucket is there and lets us in. Raises NotFound for a missing bucket.

        Lists one object rather than asking with HEAD, whose answer does not say what is wrong with a key.
        """
        with translating(self._settings):
            self._client.list_objects_v2(
                Bucket=self._settings.bucket, Prefix=self._settings.key_in_bucket(""), MaxKeys=1
            )

    def exists(self) -> bool:
        try:
            self.prepare()
        except NotFound:
            return False
        return True

    @contextmanager
    def write(self, key: str, *, at_most: int) -> Iterator[Writer]:
        """A writer for `key`; the object appears when the block is left without an exception."""
        with self._uploads.upload(key, at_most=at_most, headers=self._headers(key)) as writer:
            yield writer

    @contextmanager
    def read(self, key: str) -> Iterator[Reader]:
        """Stream `key`; a connection lost half-way is taken up again where it broke. Raises NotFound."""
        reader = _S3Reader(self._client, self._settings, key, self._sleep)
        try:
            yield reader
        finally:
            reader.close()

    def put(self, key: str, data: bytes) -> None:
        with translating(self._settings, key):
            self._client.put_object(**self._place(key), Body=data, **self._headers(key))

    def get(self, key: str) -> bytes:
        with self.read(key) as reader:
            return reader.read()

    def list(self, prefix: str) -> Iterator[Stored]:
        """By key. Raises NotFound for a missing bucket."""
        start = len(self._settings.key_in_bucket(""))
        found = []
        with translating(self._settings):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._settings.bucket, Prefix=self._settings.key_in_bucket(prefix)
            )
            for page in pages:
                for entry in page.get("Contents", []):
                    key = entry["Key"][start:]
                    # Consoles store empty objects for folders; radosgw on SQLite takes a prefix in any case.
                    if key.startswith(prefix) and not key.endswith("/") and key:
                        found.append(Stored(key, entry["Size"], entry["LastModified"]))
        yield from sorted(found, key=lambda stored: stored.key)

    def delete(self, key: str) -> None:
        with translating(self._settings, key), contextlib.suppress(self._client.exceptions.NoSuchKey):
            self._client.delete_object(**self._place(key))

    def sweep(self, *, older_than: datetime) -> int:
        """Abort the uploads that killed writers left before `older_than` (aware); how many.

        None where the access key may not do that: tidying up is no reason for a backup to fail.
        """
        try:
            return self.abort_unfinished(older_than)
        except StoreDenied:
            return 0

    def unfinished(self) -> tuple[Unfinished, ...]:
        """Multipart uploads under the prefix that are still open, oldest first.

        They are left by killed processes, or of writers at work right now. Some servers do not list any.
        """
        start = len(self._settings.key_in_bucket(""))
        with translating(self._settings):
            found = [
                Unfinished(key=entry["Key"][start:], upload_id=entry["UploadId"], started=entry["Initiated"])
                for page in self._pages_of_unfinished()
                for entry in page.get("Uploads", [])
            ]
        return tuple(sorted(found, key=lambda upload: upload.started))

    def abort_unfinished(self, older_than: datetime) -> int:
        """Abort the multipart uploads begun before `older_than` (aware); how many."""
        old = [upload for upload in self.unfinished() if upload.started < older_than]
        for upload in old:
            with (
                translating(self._settings, upload.key),
                contextlib.suppress(self._client.exceptions.NoSuchUpload),
            ):
                self._client.abort_multipart_upload(**self._place(upload.key), UploadId=upload.upload_id)
        return len(old)

    def _pages_of_unfinished(self) -> Iterator[ListMultipartUploadsOutputTypeDef]:
        pages = self._client.get_paginator("list_multipart_uploads").paginate(
            Bucket=self._settings.bucket, Prefix=self._settings.key_in_bucket("")
        )
        try:
            yield from pages
        except self._client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in ("NotImplemented", "MethodNotAllowed"):
                raise

    def _place(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._settings.bucket, "Key": self._settings.key_in_bucket(key)}

    def _headers(self, key: str) -> dict[str, Any]:
        settings = self._settings
        wanted = {
            "StorageClass": "STANDARD" if key.startswith(_ALWAYS_AT_HAND) else settings.storage_class,
            "ServerSideEncryption": settings.sse,
            "SSEKMSKeyId": settings.sse_kms_key_id,
        }
        if settings.storage_class is None:  # the server's default; some know no storage classes
            del wanted["StorageClass"]
        return {name: value for name, value in wanted.items() if value}

    @property
    def _client(self) -> S3Client:
        return self._uploads.client

    @property
    def _uploads(self) -> Uploads:
        with self._making:
            if self._made is None:
                with translating(self._settings):
                    self._made = Uploads(make_client(self._settings), self._settings)
            return self._made


class _S3Reader:
    """Reads one version of one object to its listed end, over as many connections as that takes."""

    #: Connections lost in a row, without getting on by `_PROGRESS` between them, before it gives up.
    _TRIES = 5
    _PROGRESS = MIB

    def __init__(self, client: S3Client, settings: S3Settings, key: str, sleep: Callable[[float], None]) -> None:
        self._client = client
        self._settings = settings
        self._key = key
        self._sleep = sleep
        self._position = 0
        self._lost = 0
        self._lost_at = 0
        with translating(settings, key):
            answer = client.get_object(Bucket=settings.bucket, Key=settings.key_in_bucket(key))
            self._length = answer["ContentLength"]
            self._etag = answer.get("ETag", "")
            self._body: StreamingBody | None = answer["Body"]

    def read(self, size: int = -1, /) -> bytes:
        if size < 0:
            return b"".join(iter(lambda: self.read(MIB), b""))
        while size:
            wanted = min(size, self._length - self._position)
            try:
                with translating(self._settings, self._key):
                    data = self._receive(wanted)
            except StoreUnreachable as error:
                self._lose(error)
                continue
            self._position += len(data)
            return data
        return b""

    def close(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None

    def _receive(self, wanted: int) -> bytes:
        """Up to `wanted` bytes; b"" only at the end of the object."""
        from urllib3.exceptions import HTTPError

        if wanted == 0:
            if self._body is not None:
                self._body.read(1)  # botocore compares checksums when it reaches the end of an answer
                self.close()
            return b""
        body = self._open()
        try:
            data = body.read(wanted)
        except HTTPError as error:  # what botocore leaves as it is: TLS that broke off
            raise ConnectionError(str(error)) from error
        if not data:
            raise ConnectionError("the answer ended early")
        return data

    def _lose(self, error: StoreUnreachable) -> None:
        """Drop the broken connection and wait a little; raises `error` when that happened too often."""
        self.close()
        if self._position - self._lost_at >= self._PROGRESS:
            self._lost = 0
        self._lost += 1
        self._lost_at = self._position
        if self._lost >= self._TRIES:
            raise error
        self._sleep(0.1 * 2**self._lost)

    def _open(self) -> StreamingBody:
        """The connection, opened anew at the position if it was lost."""
        if self._body is None:
            condition: dict[str, Any] = {"IfMatch": self._etag} if self._etag else {}
            answer = self._client.get_object(
                Bucket=self._settings.bucket,
                Key=self._settings.key_in_bucket(self._key),
                Range=f"bytes={self._position}-",
                **condition,
            )
            self._body = answer["Body"]
            self._check_range(answer)
        return self._body

    def _check_range(self, answer: GetObjectOutputTypeDef) -> None:
        """Not every server honours ranges and conditions; bytes from elsewhere must not be taken for these."""
        wanted = f"bytes {self._position}-{self._length - 1}/{self._length}"
        got = answer.get("ContentRange", "no range")
        if got != wanted or answer.get("ETag", "") != self._etag:
            raise StoreError(
                f"the download of {self._key} from {self._settings.url} broke off and cannot go on: "
                f"asked for {wanted}, got {got}",
                remedy="run it again",
            )


def make_client(settings: S3Settings) -> S3Client:
    """A client of boto3. Raises botocore's errors and ValueError. Takes about 0.3 s: boto3 is imported here."""
    import boto3

    session = boto3.Session(
        profile_name=settings.profile,
        aws_access_key_id=settings.access_key_id,
        aws_secret_access_key=settings.secret_access_key,
        aws_session_token=settings.session_token,
        region_name=settings.region,
    )
    client = _client(session, settings, settings.endpoint_url)
    # The endpoint may come from AWS_ENDPOINT_URL_S3 or ~/.aws/config, which only a client tells.
    if settings.endpoint_url is None and not _is_aws(client.meta.endpoint_url):
        client = _client(session, settings, client.meta.endpoint_url)
    return client


def _client(session: Any, settings: S3Settings, endpoint_url: str | None) -> S3Client:
    from botocore.config import Config

    checksums = settings.checksums
    if checksums == "auto":
        checksums = "when_supported" if _is_aws(endpoint_url) else "when_required"
    style: Literal["auto", "path", "virtual"] = "path" if endpoint_url else "auto"
    if settings.path_style is not None:
        style = "path" if settings.path_style else "virtual"
    config = Config(
        s3={"addressing_style": style},
        request_checksum_calculation=checksums,
        response_checksum_validation=checksums,
        retries={"total_max_attempts": settings.attempts, "mode": "standard"},
        connect_timeout=settings.connect_timeout.total_seconds(),
        read_timeout=settings.read_timeout.total_seconds(),
        max_pool_connections=settings.workers + 8,
        user_agent_extra="monops",
    )
    region = session.region_name or ("us-east-1" if endpoint_url else None)
    client: S3Client = session.client("s3", endpoint_url=endpoint_url, region_name=region, config=config)
    client.meta.events.register("needs-retry.s3", Patience())
    return client


def _is_aws(endpoint_url: str | None) -> bool:
    """Whether an endpoint is AWS's: none given, or a host of amazonaws.com (amazonaws.com.cn in China)."""
    host = urlsplit(endpoint_url or "").hostname or ""
    return not host or host.endswith((".amazonaws.com", ".amazonaws.com.cn"))
