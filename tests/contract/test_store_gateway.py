"""Uploads in parts to a real Ceph RADOS Gateway."""

from __future__ import annotations

import hashlib
import random
import secrets
from collections.abc import Iterator

import pytest
from tests.contract.stores import BLOCK, gateway_store, keys, write_and_raise

from monops.domain.destination import MIB
from monops.domain.errors import StoreError
from monops.edges.s3_store import S3Store


@pytest.fixture
def gateway_of_parts() -> Iterator[S3Store]:
    store = gateway_store(f"contract/{secrets.token_hex(6)}", part_size_bytes=8 * MIB)
    yield store
    for stored in list(store.list("")):
        store.delete(stored.key)


@pytest.mark.s3
def test_a_gateway_stores_nothing_of_an_upload_in_parts_that_failed(gateway_of_parts: S3Store) -> None:
    with pytest.raises(ValueError, match="stop"):
        write_and_raise(gateway_of_parts, 25 * MIB, ValueError("stop"))
    assert keys(gateway_of_parts) == []


@pytest.mark.s3
def test_a_gateway_keeps_the_parts_of_an_object_apart_or_the_upload_says_that_it_does_not(
    gateway_of_parts: S3Store,
) -> None:
    """radosgw 18.2.7 on SQLite gives the last part's bytes for every part, of boto3's own uploads too."""
    data = random.Random(6).randbytes(17 * MIB)
    try:
        with gateway_of_parts.write(BLOCK, at_most=len(data)) as writer:
            writer.write(data)
    except StoreError:
        assert keys(gateway_of_parts) == []
    else:
        assert hashlib.sha256(gateway_of_parts.get(BLOCK)).digest() == hashlib.sha256(data).digest()
