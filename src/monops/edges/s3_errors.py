"""What errors of S3 servers and of boto3 mean to a person."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from monops.domain.destination import S3Settings
from monops.domain.errors import (
    MonopsError,
    NotFound,
    StoreDenied,
    StoreError,
    StoreFull,
    StoreUnreachable,
    UsageFault,
)


@dataclass(frozen=True, slots=True)
class _Meaning:
    """`{…}` in the texts are filled in by `translate`."""

    #: Codes of an answer and names of exception classes, apart by blanks.
    names: str
    kind: type[MonopsError]
    message: str
    remedy: str
    #: HTTP statuses that mean it whatever the code.
    statuses: tuple[int, ...] = ()
    #: Only for a request about an object, or only for one about the bucket; None is both.
    has_key: bool | None = None


_KEYS = "export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…, or a profile of ~/.aws/config: export AWS_PROFILE=…"
_TOKEN = "log in again: aws sso login; or export a new AWS_SESSION_TOKEN=…"  # noqa: S105 - advice, not a token
_AGAIN = "try again later: monops snapshots --from {url}"
_NO_ACCESS = "no access to {place}: "


def _refusal(names: str, reason: str, remedy: str) -> _Meaning:
    return _Meaning(names, StoreDenied, _NO_ACCESS + reason, remedy)


#: The first that fits counts, by name before by status. Source: S3 API, "Error responses"; botocore/exceptions.py.
_MEANINGS = (
    _Meaning("NoSuchUpload", StoreError, "the unfinished upload of {key} to {place} was aborted", "run it again"),
    _Meaning(
        "NoSuchBucket",
        NotFound,
        "there is no bucket {bucket!r} for {place}",
        "make it: aws s3 mb s3://{bucket}{endpoint_option}",
    ),
    _Meaning(
        "NoSuchKey",
        NotFound,
        "{key} is not in {url}",
        "monops verify --level stored --from {url}",
        statuses=(404,),
        has_key=True,
    ),
    _Meaning(
        "",
        NotFound,
        "there is no bucket {bucket!r} for {place}",
        "make it: aws s3 mb s3://{bucket}{endpoint_option}",
        statuses=(404,),
        has_key=False,
    ),
    _Meaning(
        "PermanentRedirect TemporaryRedirect AuthorizationHeaderMalformed IncorrectEndpoint InvalidLocation "
        "InvalidLocationConstraint IllegalLocationConstraintException",
        StoreError,
        "the bucket {bucket!r} is not in region {asked_region}, but in {region}",
        "export AWS_REGION={region}, or set the region of this destination: monops config check",
        statuses=(301, 307, 308),
    ),
    _Meaning(
        "NoRegionError UnknownRegionError InvalidRegionError UnknownEndpointError EndpointResolutionError "
        "EndpointVariantError ServiceNotInRegionError UnknownFIPSEndpointError",
        StoreError,
        "the region of {place} is unknown or wrong: {asked_region}",
        "export AWS_REGION=eu-central-1, or set the region of this destination: monops config check",
    ),
    _Meaning(
        "PreconditionFailed",
        StoreError,
        "{key} in {place} was replaced while it was read",
        "run it again",
        statuses=(412,),
    ),
    _Meaning(
        "InvalidObjectState",
        StoreError,
        "{key} in {place} is in an archive storage class",
        "aws s3api restore-object --bucket {bucket} --key {bucket_key} --restore-request Days=7",
    ),
    _refusal("InvalidAccessKeyId InvalidClientTokenId", "the server does not know this access key", _KEYS),
    _refusal("SignatureDoesNotMatch", "the secret key does not belong to the access key", _KEYS),
    _refusal("RequestTimeTooSkewed", "the clock of this machine is wrong", "timedatectl set-ntp true"),
    _refusal(
        "ExpiredToken ExpiredTokenException InvalidToken TokenRefreshRequired NoAuthTokenError TokenRetrievalError "
        "UnknownTokenProviderError",
        "the session token has expired, or is not valid",
        _TOKEN,
    ),
    _refusal("NoCredentialsError", "no access key was found", _KEYS),
    _refusal("PartialCredentialsError", "only one half of an access key and its secret was found", _KEYS),
    _refusal("ProfileNotFound", "the AWS profile {profile!r} does not exist", "pick one: aws configure list-profiles"),
    _refusal(
        "CredentialRetrievalError UnknownCredentialError MetadataRetrievalError InvalidIMDSEndpointError "
        "InvalidIMDSEndpointModeError InfiniteLoopConfigError",
        "the AWS profile or this machine's role gives no access key",
        "see why: aws sts get-caller-identity",
    ),
    _refusal("SSOError RefreshWithMFAUnsupportedError", "the AWS session has ended", _TOKEN),
    _refusal("LoginError", "the AWS login session has ended", "aws login"),
    _Meaning(
        "AccessDenied",
        StoreDenied,
        _NO_ACCESS + "permission is missing, or the access key is wrong",
        "allow s3:ListBucket, s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload: "
        "aws s3api get-bucket-policy --bucket {bucket}{endpoint_option}",
        statuses=(401, 403),
    ),
    _Meaning(
        "InsufficientStorage QuotaExceeded InsufficientCapacity XMinioStorageFull XMinioAdminBucketQuotaExceeded",
        StoreFull,
        "no space left in {place}",
        "make space: monops prune --from {url}",
        statuses=(507,),
    ),
    _Meaning(
        "SlowDown ServiceUnavailable InternalError RequestTimeout Throttling ThrottlingException "
        "CapacityNotAvailableError",
        StoreUnreachable,
        "{place} did not answer: it is too busy, or failing ({code})",
        _AGAIN,
        statuses=(429, 500, 502, 503, 504),
    ),
    _Meaning(
        "SSLError",
        StoreError,
        "the TLS certificate of {place} is not trusted",
        "export AWS_CA_BUNDLE=/path/to/ca.pem",
    ),
    _Meaning(
        "ProxyConnectionError",
        StoreUnreachable,
        "{place} did not answer: the proxy cannot be reached",
        "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY: env | grep -i proxy",
    ),
    _Meaning(
        "ConnectTimeoutError EndpointConnectionError",
        StoreUnreachable,
        "{place} did not answer: no connection",
        "check the address, and that the server runs: curl -I {server}",
    ),
    _Meaning("ReadTimeoutError", StoreUnreachable, "{place} did not answer in time", "check it: curl -I {server}"),
    _Meaning(
        "HTTPClientError ConnectionError TimeoutError HTTPError IncompleteReadError",
        StoreUnreachable,
        "{place} did not answer: the connection was lost",
        _AGAIN,
    ),
    _Meaning(
        "ParamValidationError InvalidBucketName InvalidDNSNameError UnsupportedS3ArnError InvalidHostLabelError",
        UsageFault,
        "{bucket!r} cannot be a bucket, or {bucket_key!r} cannot be the name of an object",
        "name a bucket of letters, digits and dashes: monops backup --to s3://bucket/prefix",
    ),
    _Meaning(
        "FlexibleChecksumError ChecksumError",
        StoreError,
        "{key} did not come out of {place} as it went in: the checksum differs",
        "monops verify --level read --from {url}",
    ),
)


def third_party_errors() -> tuple[type[Exception], ...]:
    """What boto3, botocore and urllib3 raise; ValueError is botocore's word for an endpoint that is no URL."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError, UndefinedModelAttributeError
    from urllib3.exceptions import HTTPError

    return (
        BotoCoreError,
        ClientError,
        Boto3Error,
        UndefinedModelAttributeError,
        HTTPError,
        OSError,
        ValueError,
    )


@contextmanager
def translating(settings: S3Settings, key: str = "") -> Iterator[None]:
    """Errors of S3's libraries inside become errors of monops. `key` is the object asked for, or ""."""
    try:
        yield
    except third_party_errors() as error:
        raise translate(error, settings, key) from error


def translate(error: BaseException, settings: S3Settings, key: str = "") -> MonopsError:
    """What `error` means. The text holds no secret, and nothing of a URL but host and port."""
    told, status, headers = _answer(error)
    code = str(told.get("Code", ""))
    names = {code, *(kind.__name__ for kind in type(error).__mro__)}
    server = _server(settings.endpoint_url) or _server(getattr(error, "kwargs", {}).get("endpoint_url"))
    texts = {
        "url": settings.url,
        "bucket": settings.bucket,
        "key": key,
        "bucket_key": settings.key_in_bucket(key),
        "profile": settings.profile,
        "code": code or status,
        "asked_region": settings.region or "of the environment",
        "region": told.get("Region") or headers.get("x-amz-bucket-region") or "another one",
        "place": f"{settings.url} at {server}" if server else settings.url,
        "server": server or "https://s3.amazonaws.com",
        "endpoint_option": f" --endpoint-url {server}" if server else "",
    }
    for meaning in _fitting(names, status, has_key=bool(key)):
        return meaning.kind(meaning.message.format(**texts), remedy=meaning.remedy.format(**texts))
    what = f"{code}: {told.get('Message') or status}" if told else f"{type(error).__name__}: {error}"
    return StoreError(
        f"{texts['place']} failed: {_without_secrets(what, settings)}",
        remedy="check the settings of this destination: monops config check",
    )


def _fitting(names: set[str], status: int, *, has_key: bool) -> Iterator[_Meaning]:
    """The meanings that fit, those of the name before those of the status."""
    asked = [meaning for meaning in _MEANINGS if meaning.has_key in (None, has_key)]
    yield from (meaning for meaning in asked if not names.isdisjoint(meaning.names.split()))
    yield from (meaning for meaning in asked if status in meaning.statuses)


def _answer(error: BaseException) -> tuple[Mapping[str, Any], int, Mapping[str, str]]:
    """The error document, the HTTP status and the headers of a server's answer; nothing if there was none."""
    answer = getattr(error, "response", None)
    if not isinstance(answer, dict):
        return {}, 0, {}
    told = answer.get("Error", {})
    metadata = answer.get("ResponseMetadata", {})
    code = str(told.get("Code", ""))  # of a HEAD request: the status
    status = int(code) if code.isdigit() else metadata.get("HTTPStatusCode", 0)
    return told, status, metadata.get("HTTPHeaders", {})


def _server(url: object) -> str:
    """`http://host:9000` of an endpoint, without user, password, path and query; "" if there is none."""
    try:
        parts = urlsplit(str(url or ""))
    except ValueError:
        return ""
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}" if host else ""


def _without_secrets(text: str, settings: S3Settings) -> str:
    """`text` on one line of at most 300 characters, without access keys, passwords and queries of URLs."""
    for secret in settings.secrets:
        text = text.replace(secret, "***")
    text = re.sub(r"//[^/\s\"']*@", "//***@", text)
    text = re.sub(r"\?[^\s\"']*", "?***", text)
    text = re.sub(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}", "***", text)
    return " ".join(text.split())[:300]
