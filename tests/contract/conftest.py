"""Every store, and the Grafana stand-in as a process."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.inspected import watched
from tests.contract.stores import gateway_store, moto_store
from tests.fakes.grafana_process import StandIn
from tests.fakes.memory_store import MemoryStore
from tests.fakes.s3_moto import descriptions_read_once, serving_moto

from monops.domain.ports import Store
from monops.edges.directory_store import DirectoryStore

__all__ = ["watched"]


@pytest.fixture(scope="session")
def moto_port() -> Iterator[int]:
    with descriptions_read_once(), serving_moto("bucket") as port:
        yield port


@pytest.fixture(
    params=["directory", "memory", "s3-moto", pytest.param("s3-gateway", marks=pytest.mark.s3)],
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    prefix = f"contract/{secrets.token_hex(6)}"
    made: Store
    match request.param:
        case "directory":
            made = DirectoryStore(str(tmp_path / "store"))
        case "memory":
            made = MemoryStore()
        case "s3-moto":
            made = moto_store(request.getfixturevalue("moto_port"), prefix)
        case _:
            made = gateway_store(prefix)
    made.prepare()
    yield made
    if request.param == "s3-gateway":  # the others are gone after the tests
        for stored in list(made.list("")):
            made.delete(stored.key)


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[StandIn]:
    one = StandIn(tmp_path)
    yield one
    if one.process is not None and one.process.poll() is None:
        one.end(signal.SIGKILL)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    one = StandIn(tmp_path_factory.mktemp("grafana"), {"STANDIN_TOKEN": "glsa_reader", "STANDIN_TOKEN_ROLE": "Viewer"})
    yield one.start()
    one.end(signal.SIGKILL)
