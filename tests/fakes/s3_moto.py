"""Moto's S3 server, settings for it, and clients that are made quickly."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from monops.domain.destination import S3Settings
from monops.edges.s3_store import make_client

#: Holds secrets wherever it can: none of them may ever be shown.
SETTINGS = S3Settings(
    bucket="bucket",
    prefix="p",
    endpoint_url="http://user99:password99@127.0.0.1:1",
    access_key_id="KEYID99",
    secret_access_key="SECRET99",
    session_token="TOKEN99",
)


def at(url: str | int, **changes: Any) -> S3Settings:
    """`SETTINGS` for another endpoint, or for a port of this machine."""
    return replace(SETTINGS, endpoint_url=url if isinstance(url, str) else f"http://127.0.0.1:{url}", **changes)


@contextmanager
def serving_moto(bucket: str) -> Iterator[int]:
    """Moto's S3 server with a bucket; its port."""
    from moto.server import ThreadedMotoServer  # here, because it is slow to import

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        _, port = server.get_host_and_port()
        make_client(at(port)).create_bucket(Bucket=bucket)
        yield port
    finally:
        server.stop()


@contextmanager
def descriptions_read_once() -> Iterator[None]:
    """Clients share what botocore read about S3; each would parse the same 3 MB of JSON for a quarter of a second."""
    import botocore.session

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", functools.cache(botocore.session.create_loader))
        yield
