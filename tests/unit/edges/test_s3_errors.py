"""S3's errors in words that say what to do, and never a secret."""

from __future__ import annotations

import inspect
import string
from typing import Any

import boto3.exceptions
import botocore.exceptions
import pytest
import urllib3.exceptions
from botocore.exceptions import ClientError
from tests.fakes.s3_moto import SETTINGS

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

SECRETS = ("KEYID99", "SECRET99", "TOKEN99", "user99", "password99", "SIGNATURE99")


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
