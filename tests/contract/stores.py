"""Stores to hold to the contract, and short ways to use them."""

from __future__ import annotations

import os

import pytest

from monops.domain.destination import MIB, S3Settings
from monops.domain.ports import Store
from monops.edges.s3_store import S3Store

BLOCK = "objects/prometheus/01JD3V5W8Q6ZK2M4N8P0RSTVWX-1a2b3c4d.tar.zst"
MANIFEST = "snapshots/20261123T010203Z-host-1.example.org-ab12.json"


def moto_store(port: int, prefix: str, bucket: str = "bucket") -> S3Store:
    return S3Store(
        S3Settings(
            bucket=bucket,
            prefix=prefix,
            endpoint_url=f"http://127.0.0.1:{port}",
            access_key_id="test",
            secret_access_key="test",
        )
    )


def gateway_store(prefix: str, *, part_size_bytes: int = 64 * MIB) -> S3Store:
    """By default everything is one part: see `test_a_gateway_keeps_the_parts_of_an_object_apart`."""
    names = ("ENDPOINT", "ACCESS_KEY", "SECRET_KEY", "BUCKET")
    values = [os.environ.get(f"MONOPS_TEST_S3_{name}", "") for name in names]
    if not all(values):
        pytest.skip('no S3 server: start it with scripts/testbed up, then eval "$(scripts/testbed env)"')
    endpoint, access, secret, bucket = values
    return S3Store(
        S3Settings(
            bucket=bucket,
            prefix=prefix,
            endpoint_url=endpoint,
            access_key_id=access,
            secret_access_key=secret,
            part_size_bytes=part_size_bytes,
        )
    )


def keys(store: Store, prefix: str = "") -> list[str]:
    return [stored.key for stored in store.list(prefix)]


def read_all(store: Store, key: str, *, at_once: int = 1 << 16) -> bytes:
    with store.read(key) as reader:
        return b"".join(iter(lambda: reader.read(at_once), b""))


def write_and_raise(store: Store, size: int, error: BaseException) -> None:
    with store.write(BLOCK, at_most=size) as writer:
        writer.write(bytes(size))
        raise error
