"""S3's errors in words, servers that are not there, and connections that are cut."""

from __future__ import annotations

import inspect
import random
import socket
import string
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3.exceptions
import botocore.exceptions
import pytest
import urllib3.exceptions
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from monops.domain.destination import MIB, S3Settings
from monops.domain.errors import (
    MonopsError,
    NotFound,
    StoreDenied,
    StoreError,
    StoreFull,
    StoreUnreachable,
    UsageFault,
)
from monops.edges.s3_errors import translate, translating
from monops.edges.s3_store import S3Store, make_client

SECRETS = ("KEYID99", "SECRET99", "TOKEN99", "user99", "password99", "SIGNATURE99")
SETTINGS = S3Settings(
    bucket="bucket",
    prefix="p",
    endpoint_url="http://user99:password99@127.0.0.1:1",
    access_key_id="KEYID99",
    secret_access_key="SECRET99",
    session_token="TOKEN99",
)


# --- errors in words ----------------------------------------------------------------------------


def answer(code: str, status: int = 400, **told: Any) -> ClientError:
    headers = {"x-amz-bucket-region": "eu-west-3"} if status == 301 else {}
    metadata = {"HTTPStatusCode": status, "HTTPHeaders": headers}
    return ClientError({"Error": {"Code": code, "Message": "m", **told}, "ResponseMetadata": metadata}, "Op")  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("error", "kind", "says", "advises"),
    [
        (answer("InvalidAccessKeyId", 403), StoreDenied, "does not know this access key", "AWS_ACCESS_KEY_ID"),
        (answer("SignatureDoesNotMatch", 403), StoreDenied, "secret key does not belong", "AWS_SECRET_ACCESS_KEY"),
        (answer("AccessDenied", 403), StoreDenied, "permission is missing", "s3:PutObject"),
        (answer("403", 403), StoreDenied, "permission is missing", "s3:PutObject"),
        (answer("ExpiredToken"), StoreDenied, "expired", "AWS_SESSION_TOKEN"),
        (answer("RequestTimeTooSkewed", 403), StoreDenied, "clock", "timedatectl"),
        (answer("NoSuchBucket", 404), NotFound, "no bucket 'bucket'", "aws s3 mb s3://bucket --endpoint-url"),
        (answer("NoSuchKey", 404), NotFound, "objects/x is not in s3://bucket/p", "monops verify"),
        (answer("404", 404), NotFound, "objects/x is not in", "monops verify"),
        (answer("NoSuchUpload", 404), StoreError, "was aborted", "run it again"),
        (answer("SlowDown", 503), StoreUnreachable, "too busy", "try again"),
        (answer("Whatever", 502), StoreUnreachable, "too busy", "try again"),
        (answer("InsufficientStorage", 507), StoreFull, "no space left", "monops prune"),
        (answer("QuotaExceeded", 403), StoreFull, "no space left", "monops prune"),
        (answer("PermanentRedirect", 301), StoreError, "but in eu-west-3", "AWS_REGION=eu-west-3"),
        (answer("301", 301), StoreError, "but in eu-west-3", "AWS_REGION=eu-west-3"),
        (
            answer("AuthorizationHeaderMalformed", Region="eu-north-1"),
            StoreError,
            "but in eu-north-1",
            "AWS_REGION=eu-north-1",
        ),
        (answer("PreconditionFailed", 412), StoreError, "was replaced", "run it again"),
        (answer("InvalidObjectState", 403), StoreError, "archive", "restore-object"),
        (answer("InvalidBucketName"), UsageFault, "cannot be a bucket", "s3://bucket/prefix"),
        (answer("Strange"), StoreError, "Strange: m", "monops config check"),
        (botocore.exceptions.NoCredentialsError(), StoreDenied, "no access key was found", "AWS_PROFILE"),
        (
            botocore.exceptions.PartialCredentialsError(provider="env", cred_var="x"),
            StoreDenied,
            "one half",
            "AWS_SECRET",
        ),
        (botocore.exceptions.ProfileNotFound(profile="x"), StoreDenied, "profile", "aws configure"),
        (
            botocore.exceptions.EndpointConnectionError(
                endpoint_url="http://user99:password99@h:1/b?X-Amz=SIGNATURE99"
            ),
            StoreUnreachable,
            "did not answer",
            "curl",
        ),
        (
            botocore.exceptions.ConnectTimeoutError(endpoint_url="http://h"),
            StoreUnreachable,
            "did not answer",
            "curl",
        ),
        (
            botocore.exceptions.ReadTimeoutError(endpoint_url="http://h"),
            StoreUnreachable,
            "did not answer",
            "curl",
        ),
        (
            botocore.exceptions.ConnectionClosedError(endpoint_url="http://h"),
            StoreUnreachable,
            "did not answer",
            "again",
        ),
        (
            botocore.exceptions.ResponseStreamingError(error="x"),
            StoreUnreachable,
            "did not answer",
            "again",
        ),
        (ConnectionResetError("reset"), StoreUnreachable, "did not answer", "again"),
        (urllib3.exceptions.ProtocolError("cut"), StoreUnreachable, "did not answer", "again"),
        (
            botocore.exceptions.ProxyConnectionError(proxy_url="http://user99:password99@proxy"),
            StoreUnreachable,
            "proxy",
            "HTTPS_PROXY",
        ),
        (
            botocore.exceptions.SSLError(endpoint_url="https://h", error=OSError("bad")),
            StoreError,
            "certificate",
            "AWS_CA_BUNDLE",
        ),
        (botocore.exceptions.NoRegionError(), StoreError, "region", "AWS_REGION"),
        (
            botocore.exceptions.ParamValidationError(report="Invalid bucket name"),
            UsageFault,
            "cannot be a bucket",
            "s3://",
        ),
        (ValueError("Invalid endpoint: http://user99:password99@h"), StoreError, "Invalid endpoint", "monops config"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_error_says_what_happened_and_what_to_do(
    error: Exception, kind: type[MonopsError], says: str, advises: str
) -> None:
    told = translate(error, SETTINGS, "objects/x")
    assert type(told) is kind
    assert says in told.message
    assert advises in told.remedy
    assert not any(secret in told.message + told.remedy for secret in SECRETS)


def test_a_missing_bucket_is_told_from_a_missing_object_by_what_was_asked() -> None:
    assert "no bucket 'bucket'" in translate(answer("404", 404), SETTINGS).message


def exception_classes() -> list[type[Exception]]:
    found = {
        kind
        for module in (botocore.exceptions, boto3.exceptions)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        # Warnings are shown, not raised.
        if issubclass(kind, Exception) and not issubclass(kind, Warning)
    }
    return sorted(found, key=lambda kind: kind.__qualname__)


def instance(kind: type[Exception]) -> Exception:
    """An exception of `kind` that holds secrets wherever it takes text."""
    if issubclass(kind, ClientError):
        text = "KEYID99 SECRET99 TOKEN99 http://user99:password99@h/b?X-Amz-Signature=SIGNATURE99"
        return kind({"Error": {"Code": "Odd", "Message": text}}, "PutObject")
    text = "SECRET99 KEYID99 TOKEN99 https://user99:password99@h/b?X-Amz-Signature=SIGNATURE99&x=1"
    template = getattr(kind, "fmt", "")
    if issubclass(kind, boto3.exceptions.DynamoDBOperationNotSupportedError):
        return kind(text, text)
    if issubclass(kind, boto3.exceptions.ResourceNotExistsError):
        return kind(text, text, has_low_level_client=True)
    if issubclass(kind, boto3.exceptions.UnknownAPIVersionError):
        return kind(text, text, text)
    if issubclass(kind, botocore.exceptions.WaiterError):
        return kind(text, text, {"Error": {"Code": "Odd", "Message": text}})
    if not template:
        return kind(text)
    names = [name for _, name, _, _ in string.Formatter().parse(template) if name]
    return kind(**dict.fromkeys(names, text))


def test_no_exception_of_the_libraries_escapes_and_no_message_holds_a_secret() -> None:
    classes = exception_classes()
    assert len(classes) > 80
    for kind in classes:
        error = instance(kind)
        with pytest.raises(MonopsError) as caught, translating(SETTINGS, "objects/x"):
            raise error
        shown = caught.value.message + caught.value.remedy
        assert not any(secret in shown for secret in SECRETS), kind
        assert caught.value.remedy, kind
        assert caught.value.__cause__ is error


def test_bugs_are_not_taken_for_failures_of_the_server() -> None:
    with pytest.raises(TypeError), translating(SETTINGS):
        raise TypeError("a bug")


# --- a server that is not there -----------------------------------------------------------------


def closed_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.prepare(),
        lambda store: store.exists(),
        lambda store: store.get("monops.json"),
        lambda store: list(store.list("")),
        lambda store: store.put("x", b"x"),
    ],
    ids=["prepare", "exists", "get", "list", "put"],
)
def test_a_server_that_is_not_there_is_given_up_soon(ask: Callable[[S3Store], object]) -> None:
    settings = replace(SETTINGS, endpoint_url=f"http://user99:password99@127.0.0.1:{closed_port()}")
    begin = time.monotonic()
    with pytest.raises(StoreUnreachable, match=r"s3://bucket/p at http://127.0.0.1:\d+ did not answer") as caught:
        ask(S3Store(settings))
    assert time.monotonic() - begin < 8
    assert "password99" not in caught.value.message + caught.value.remedy


def test_a_server_that_accepts_and_never_answers_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        settings = replace(SETTINGS, endpoint_url=url, read_timeout=timedelta(seconds=1))
        begin = time.monotonic()
        with pytest.raises(StoreUnreachable, match="did not answer"):
            S3Store(settings).exists()
        assert time.monotonic() - begin < 8


def test_a_profile_that_does_not_exist_is_named(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(StoreDenied, match="profile 'absent' does not exist"):
        S3Store(S3Settings(bucket="bucket", profile="absent")).prepare()


def test_an_endpoint_that_is_no_url_is_reported() -> None:
    with pytest.raises(StoreError, match="Invalid endpoint"):
        S3Store(replace(SETTINGS, endpoint_url="not a url")).prepare()


# --- the client ---------------------------------------------------------------------------------


def config_of(settings: S3Settings) -> Any:
    return make_client(settings).meta.config


def test_checksums_and_path_style_follow_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    aws, own = replace(SETTINGS, endpoint_url=None, region="eu-west-1"), SETTINGS
    assert config_of(aws).request_checksum_calculation == "when_supported"
    assert config_of(aws).s3["addressing_style"] == "auto"
    assert config_of(own).request_checksum_calculation == "when_required"
    assert config_of(own).response_checksum_validation == "when_required"
    assert config_of(own).s3["addressing_style"] == "path"
    assert config_of(replace(own, checksums="when_supported")).request_checksum_calculation == "when_supported"
    assert config_of(replace(own, path_style=False)).s3["addressing_style"] == "virtual"
    assert config_of(replace(aws, path_style=True)).s3["addressing_style"] == "path"
    regional = replace(own, endpoint_url="https://s3.eu-west-1.amazonaws.com")
    assert config_of(regional).request_checksum_calculation == "when_supported"


def test_an_endpoint_of_the_environment_counts_like_one_that_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    config = config_of(replace(SETTINGS, endpoint_url=None))
    assert config.request_checksum_calculation == "when_required"
    assert config.s3["addressing_style"] == "path"


# --- connections that are cut -------------------------------------------------------------------


class CuttingProxy:
    """Passes connections on to a local port, and cuts them when too much has passed, a number of times."""

    def __init__(self, target: int, *, up_after: int | None, down_after: int | None, times: int) -> None:
        self._target = target
        self._limits = {"up": up_after, "down": down_after}
        self._left = times
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self.cuts = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target))
            self._sockets += [near, far]
            for source, sink, way in ((near, far, "up"), (far, near, "down")):
                thread = threading.Thread(target=self._pass_on, args=(source, sink, way, near))
                thread.start()
                self._threads.append(thread)

    def _pass_on(self, source: socket.socket, sink: socket.socket, way: str, near: socket.socket) -> None:
        passed, limit = 0, self._limits[way]
        with suppress(OSError):
            while data := source.recv(1 << 16):
                passed += len(data)
                if limit is not None and passed > limit and self._may_cut():
                    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    break
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _may_cut(self) -> bool:
        with self._lock:
            if self._left == 0:
                return False
            self._left -= 1
            self.cuts += 1
            return True

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._sockets:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for end in self._sockets:
            end.close()


@contextmanager
def cutting(
    target: int, *, up_after: int | None = None, down_after: int | None = None, times: int
) -> Iterator[CuttingProxy]:
    """A proxy in front of a local port that cuts `times` connections after so many bytes up or down."""
    proxy = CuttingProxy(target, up_after=up_after, down_after=down_after, times=times)
    server = threading.Thread(target=proxy.serve)
    server.start()
    try:
        yield proxy
    finally:
        proxy.close()
        server.join(10)


@pytest.fixture(scope="module")
def moto_port() -> Iterator[int]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    make_client(replace(SETTINGS, endpoint_url=f"http://127.0.0.1:{port}")).create_bucket(Bucket="bucket")
    yield port
    server.stop()


def at(url: str | int, **changes: Any) -> S3Settings:
    return replace(SETTINGS, endpoint_url=url if isinstance(url, str) else f"http://127.0.0.1:{url}", **changes)


@pytest.mark.parametrize("at_once", [MIB, 1000, -1])
def test_a_download_that_is_cut_goes_on_where_it_broke(moto_port: int, at_once: int) -> None:
    data = random.Random(1).randbytes(6 * MIB + 321)
    S3Store(at(moto_port)).put("objects/x", data)
    pauses: list[float] = []
    with cutting(moto_port, down_after=2 * MIB, times=3) as proxy:
        store = S3Store(at(proxy.url), sleep=pauses.append)
        with store.read("objects/x") as reader:
            got = b"".join(iter(lambda: reader.read(at_once), b""))
    assert got == data
    assert proxy.cuts == 3
    assert len(pauses) == 3


def test_a_download_that_is_cut_every_time_is_given_up(moto_port: int) -> None:
    S3Store(at(moto_port)).put("objects/x", random.Random(2).randbytes(3 * MIB))
    pauses: list[float] = []
    with cutting(moto_port, down_after=100_000, times=1000) as proxy:
        store = S3Store(at(proxy.url), sleep=pauses.append)
        with pytest.raises(StoreUnreachable, match="did not answer"):
            store.get("objects/x")
    assert pauses == [0.2, 0.4, 0.8, 1.6]


def test_an_object_replaced_during_a_broken_download_is_not_mixed(moto_port: int) -> None:
    direct = S3Store(at(moto_port))
    direct.put("objects/x", b"a" * (3 * MIB))
    with cutting(moto_port, down_after=MIB, times=1) as proxy:
        store = S3Store(at(proxy.url), sleep=lambda _: direct.put("objects/x", b"b" * (3 * MIB)))
        with pytest.raises(StoreError, match="was replaced while it was read"):
            store.get("objects/x")


def test_an_object_deleted_during_a_broken_download_is_not_found(moto_port: int) -> None:
    direct = S3Store(at(moto_port))
    direct.put("objects/x", b"a" * (3 * MIB))
    with cutting(moto_port, down_after=MIB, times=1) as proxy:
        store = S3Store(at(proxy.url), sleep=lambda _: direct.delete("objects/x"))
        with pytest.raises(NotFound):
            store.get("objects/x")


def test_what_killed_writers_left_is_listed_and_aborted_by_age(moto_port: int) -> None:
    client = make_client(at(moto_port))
    for key in ("p/objects/left", "other/objects/left"):
        client.create_multipart_upload(Bucket="bucket", Key=key)
    store = S3Store(at(moto_port))
    (left,) = store.unfinished()
    assert left.key == "objects/left"
    assert store.abort_unfinished(left.started) == 0
    assert store.sweep(older_than=left.started + timedelta(seconds=1)) == 1
    assert store.unfinished() == ()
    assert len(S3Store(at(moto_port, prefix="other")).unfinished()) == 1


def test_a_missing_bucket_is_not_found_when_prepared_and_says_how_to_make_it(moto_port: int) -> None:
    store = S3Store(at(moto_port, bucket="absent"))
    with pytest.raises(NotFound) as caught:
        store.prepare()
    assert caught.value.remedy == f"make it: aws s3 mb s3://absent --endpoint-url http://127.0.0.1:{moto_port}"
    with pytest.raises(NotFound):
        list(store.list(""))
    assert not store.exists()


def test_empty_objects_that_stand_for_folders_are_not_listed(moto_port: int) -> None:
    store = S3Store(at(moto_port, prefix="folders"))
    client = make_client(at(moto_port))
    for key in ("folders/", "folders/objects/", "foldersaside"):
        client.put_object(Bucket="bucket", Key=key, Body=b"")
    store.put("objects/x", b"x")
    assert [stored.key for stored in store.list("")] == ["objects/x"]


def test_a_store_may_have_the_whole_bucket(moto_port: int) -> None:
    client = make_client(at(moto_port))
    client.create_bucket(Bucket="whole")
    store = S3Store(at(moto_port, bucket="whole", prefix=""))
    store.put("monops.json", b"x")
    assert store.url == "s3://whole"
    assert [stored.key for stored in store.list("")] == ["monops.json"]
