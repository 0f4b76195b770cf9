"""Plain tarballs: one a source, whole every time, to a destination or to a stream."""

from __future__ import annotations

import io
import tarfile

import pytest
from tests.fakes.backup_world import BackupWorld
from tests.fakes.memory_store import MemoryStore

from monops.cli.commands.backup import exit_code
from monops.domain.errors import MonopsError, StoreUnreachable, Terminated, UsageFault
from monops.domain.exits import Exit
from monops.domain.ports import Packing
from monops.ops.sources import Selection
from monops.ops.tarball import stream_tarball, tarballs

GZIP = Packing(compression="gzip", level=6)


def names(data: bytes) -> set[str]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        return {member.name for member in archive if member.isfile()}


def select(*wanted: str, mode: str | None = None) -> Selection:
    return Selection(names=wanted, mode=mode)


def test_each_source_is_one_tarball(world: BackupWorld, store: MemoryStore) -> None:
    report = tarballs(world.outside(), select("prometheus", "alertmanager"), [store], GZIP)
    assert exit_code(report) is Exit.DONE
    one, two = sorted(store.objects)
    assert one.startswith("alertmanager-20261123T010203Z-")
    assert two.startswith("prometheus-20261123T010203Z-")
    assert two.endswith(".tar.gz")
    assert names(store.objects[one]) == {"nflog"}
    assert len(names(store.objects[two])) == 8


def test_a_stream_is_the_same_tarball(world: BackupWorld) -> None:
    sink = io.BytesIO()
    stream_tarball(world.outside(), select("grafana"), sink, GZIP)
    assert names(sink.getvalue()) == {"grafana.db", "plugins/x.js"}


@pytest.mark.parametrize("wanted", [(), ("prometheus", "grafana")])
def test_only_one_source_fits_into_a_stream(world: BackupWorld, wanted: tuple[str, ...]) -> None:
    with pytest.raises(UsageFault, match="one source fits into one stream"):
        stream_tarball(world.outside(), select(*wanted), io.BytesIO(), GZIP)


def test_a_destination_that_fails_costs_only_itself(world: BackupWorld, store: MemoryStore) -> None:
    shaky = MemoryStore("memory://shaky")
    shaky.lose_connection_after(100)
    report = tarballs(world.outside(), select("prometheus"), [shaky, store], GZIP)
    assert exit_code(report) is Exit.PARTLY
    assert shaky.objects == {}
    assert isinstance(report.runs[0].error, StoreUnreachable)
    assert len(store.objects) == 1


def test_a_source_that_fails_leaves_no_tarball(world: BackupWorld, store: MemoryStore) -> None:
    (world.grafana_data / "grafana.db").unlink()
    report = tarballs(world.outside(), select("grafana", "alertmanager"), [store], GZIP)
    assert exit_code(report) is Exit.PARTLY
    assert [key.split("-")[0] for key in store.objects] == ["alertmanager"]


def test_sigterm_ends_it_and_is_no_failure_of_one_source(world: BackupWorld, store: MemoryStore) -> None:
    def before(act: str) -> None:
        if act.startswith("stop"):
            raise Terminated

    world.engine.before = before
    with pytest.raises(Terminated):
        tarballs(world.outside(), select("grafana", "alertmanager", mode="stop"), [store], GZIP)
    assert store.objects == {}


def test_when_all_destinations_fail_the_reason_is_told(world: BackupWorld, store: MemoryStore) -> None:
    store.go_down()
    report = tarballs(world.outside(), select("grafana"), [store], GZIP)
    assert exit_code(report) is Exit.FAILED
    assert isinstance(report.runs[0].error, MonopsError)
