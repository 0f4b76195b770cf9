"""Where backups go, as a person writes it: a directory, or a bucket of an S3 server with its settings."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal
from urllib.parse import unquote, urlsplit

from monops.domain.errors import ConfigurationError, UsageFault

MIB = 1 << 20
GIB = 1 << 30
#: The smallest and the largest part but the last. Source: S3 API, "Amazon S3 multipart upload limits".
SMALLEST_PART_BYTES = 5 * MIB
LARGEST_PART_BYTES = 5 * GIB

#: Some servers take no more parts (Scaleway); AWS takes 10,000.
MOST_PARTS = 1000
#: The parts that a right guess of the length needs; the rest is for a guess that was too small.
_PLANNED_PARTS = 800
_GROWTH = 1.05

_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]*):/", re.IGNORECASE)
#: What botocore lets through; servers other than AWS allow capitals and underscores.
_BUCKET = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$")
_EXAMPLE = "write it as /srv/backups or s3://bucket/prefix: monops backup --to s3://bucket/prefix"


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryTarget:
    """A folder on this machine, as written: perhaps relative, perhaps with a `~`."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Target:
    """A bucket and the prefix in it, without slashes around; "" is the whole bucket."""

    bucket: str
    prefix: str

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Settings:
    """All there is to know to reach a prefix in a bucket. Raises ConfigurationError for what cannot be.

    What is None is left to boto3's own chain: environment, `~/.aws/config`, instance metadata.
    """

    bucket: str
    prefix: str = ""
    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None
    #: None is automatic: path style where an endpoint is given, for most such servers have no DNS name per bucket.
    path_style: bool | None = None
    storage_class: str | None = None
    sse: Literal["AES256", "aws:kms"] | None = None
    sse_kms_key_id: str | None = None
    #: "auto" adds checksums of S3's own only on AWS: some other servers refuse requests that carry them.
    checksums: Literal["auto", "when_required", "when_supported"] = "auto"
    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    #: No part but the last is smaller; an object that fits into one part goes up in one request.
    part_size_bytes: int = 16 * MIB
    #: Held by all uploads of one store together.
    budget_bytes: int = 64 * MIB
    #: Parts on the way at once, over all uploads of one store.
    workers: int = 3
    connect_timeout: timedelta = timedelta(seconds=5)
    read_timeout: timedelta = timedelta(seconds=60)
    #: Tries of one request, the first included.
    attempts: int = 5

    def __post_init__(self) -> None:
        if not SMALLEST_PART_BYTES <= self.part_size_bytes <= LARGEST_PART_BYTES:
            raise ConfigurationError(
                f"a part size of {self.part_size_bytes} bytes is not possible: S3 takes 5 MiB to 5 GiB",
                remedy='set part_size = "8MiB" for this destination, then run: monops config check',
            )
        for name, value in (("workers", self.workers), ("attempts", self.attempts)):
            if value < 1:
                raise ConfigurationError(
                    f"{name} = {value} is not possible for an S3 destination",
                    remedy=f"set {name} to 1 or more, then run: monops config check",
                )

    @property
    def url(self) -> str:
        """`s3://bucket/prefix`, without secrets."""
        return S3Target(bucket=self.bucket, prefix=self.prefix).url

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may hold."""
        given = (self.access_key_id, self.secret_access_key, self.session_token)
        return tuple(secret for secret in given if secret)

    def key_in_bucket(self, key: str) -> str:
        """Where `key` of the store is in the bucket."""
        return f"{self.prefix}/{key}" if self.prefix else key


def parse_destination(text: str) -> DirectoryTarget | S3Target:
    """What `text` names: `/srv/backups`, `backups`, `file:///srv/backups`, `s3://bucket/prefix`.

    Raises UsageFault for an empty text, another scheme, a bucket that cannot be, and credentials in the URL.
    """
    stripped = text.strip()
    if not stripped:
        raise UsageFault("the destination is empty", remedy=_EXAMPLE)
    match = _SCHEME.match(stripped)
    scheme = match[1].lower() if match else ""
    if scheme == "s3":
        return _s3_target(stripped)
    if scheme == "file":
        return _file_target(stripped)
    if "://" in stripped:
        raise UsageFault(
            f"monops cannot back up to {stripped.partition(':')[0]}:// destinations",
            remedy=f"{_EXAMPLE}; the address of an S3 server that is not AWS goes into AWS_ENDPOINT_URL_S3",
        )
    return DirectoryTarget(path=stripped)


def _s3_target(text: str) -> S3Target:
    rest = text[len("s3:") :]
    if not rest.startswith("//"):
        raise UsageFault(f"{text} has one slash too few", remedy=f"monops backup --to s3://{rest.lstrip('/')}")
    bucket, _, path = rest.removeprefix("//").partition("/")
    if "@" in bucket:
        raise UsageFault(
            "an S3 destination holds no access key: it would end up in logs and shell history",
            remedy="export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…, and write s3://bucket/prefix",
        )
    if not bucket:
        raise UsageFault(f"{text} names no bucket", remedy=_EXAMPLE)
    if not _BUCKET.match(bucket):
        raise UsageFault(f"{bucket!r} cannot be a bucket: a name has letters, digits, dots and dashes", remedy=_EXAMPLE)
    prefix = path.strip("/")
    if any(part in ("", ".", "..") for part in prefix.split("/") if prefix):
        raise UsageFault(
            f"the prefix {prefix!r} has an empty, '.' or '..' folder, which S3 would take for a name",
            remedy=f"monops backup --to s3://{bucket}/{'/'.join(p for p in prefix.split('/') if p.strip('.'))}",
        )
    return S3Target(bucket=bucket, prefix=prefix)


def _file_target(text: str) -> DirectoryTarget:
    parts = urlsplit(text)
    path = unquote(parts.path)
    if parts.netloc not in ("", "localhost") or not path:
        raise UsageFault(
            f"{text} names a folder on another host, or none at all",
            remedy="mount it here and write file:///path: monops backup --to file:///srv/backups",
        )
    return DirectoryTarget(path=path)


def base_part_size(at_most: int, minimum: int) -> int:
    """Bytes of a part, in whole MiB, so that `at_most` bytes need 800 parts at the most."""
    return _whole_mib(max(minimum, -(-at_most // _PLANNED_PARTS)))


def part_size_for(part_number: int, base: int) -> int:
    """Bytes of the part with this number, from 1. Parts past the 800th grow by a twentieth each, up to S3's 5 GiB.

    So 1,000 parts hold `base` many thousand times over, and a right guess of the length costs no memory for it.
    """
    growth = _GROWTH ** max(0, part_number - _PLANNED_PARTS)
    return min(LARGEST_PART_BYTES, _whole_mib(int(base * growth)))


def _whole_mib(size: int) -> int:
    return -(-size // MIB) * MIB
