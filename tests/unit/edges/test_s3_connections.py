"""S3 servers that are not there or do not answer, and connections that are cut on the way up or down."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.fakes.cutting_proxy import cutting
from tests.fakes.s3_moto import SETTINGS, at
from tests.fakes.s3_sink import SinkServer, upload

from monops.domain.destination import MIB, S3Settings
from monops.domain.errors import (
    NotFound,
    StoreDenied,
    StoreError,
    StoreUnreachable,
)
from monops.edges.s3_store import S3Store

pytestmark = pytest.mark.usefixtures("quick_clients")


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
        settings = replace(SETTINGS, endpoint_url=url, read_timeout=timedelta(seconds=0.2))
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


def test_a_connection_cut_half_way_through_a_part_is_made_again(sink: SinkServer) -> None:
    with cutting(sink.server_port, up_after=3 * MIB, times=2) as proxy:
        upload(replace(sink.settings, endpoint_url=proxy.url), 12 * MIB)
    assert sink.stored == 12 * MIB
    assert proxy.cuts == 2


def test_a_connection_cut_every_time_stores_nothing_and_aborts(sink: SinkServer) -> None:
    with cutting(sink.server_port, up_after=3 * MIB, times=1000) as proxy:
        settings = replace(sink.settings, endpoint_url=proxy.url, attempts=2)
        with pytest.raises(StoreUnreachable, match="did not answer"):
            upload(settings, 12 * MIB)
    assert sink.stored is None
    assert not {1, 2} & sink.parts.keys()  # the third is short enough to pass
    assert sink.aborted == 1
