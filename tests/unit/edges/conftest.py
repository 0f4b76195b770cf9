"""S3 servers, and clients that are made quickly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.fakes.s3_moto import descriptions_read_once, serving_moto
from tests.fakes.s3_sink import SinkServer, serving


@pytest.fixture(scope="session")
def quick_clients() -> Iterator[None]:
    with descriptions_read_once():
        yield


@pytest.fixture(scope="session")
def moto_port(quick_clients: None) -> Iterator[int]:
    with serving_moto("bucket") as port:
        yield port


@pytest.fixture
def sink(quick_clients: None) -> Iterator[SinkServer]:
    with serving() as server:
        yield server
