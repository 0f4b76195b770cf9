"""What goes wrong at the stack: engine, volumes and services that are gone, stopped or hanging."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.integration.restored import unpack
from tests.integration.support import Monops, Stack, docker, source_record, wait_until
from tests.integration.web import answers

pytestmark = [pytest.mark.engine, pytest.mark.slow]


@contextmanager
def _down(stack: Stack, service: str, how: str) -> Iterator[None]:
    """A service that a person has stopped or paused: it stays so, and comes back after the test."""
    if how == "pause":
        stack.pause(service)
    else:
        docker("stop", stack.container(service))
    try:
        yield
    finally:
        docker({"stop": "start", "pause": "unpause"}[how], stack.container(service))
        ready = {"prometheus": (9090, "/-/ready"), "grafana": (3000, "/api/health"), "alertmanager": (9093, "/-/ready")}
        port, path = ready[service]
        wait_until(lambda: answers(stack.url(service, port) + path), f"{service} is back")


def test_dead_engine(small_monops: Monops, tmp_path: Path) -> None:
    store = tmp_path / "store"
    ran = small_monops.run("backup", "--to", store, environment={"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
    ran.is_one_error(1, "no Docker engine answers", "none.sock")
    assert not list(store.glob("snapshots/*"))


def test_wrong_volume_is_not_created_by_asking(small_stack: Stack, small_monops: Monops, tmp_path: Path) -> None:
    right = small_stack.volume("prometheus")
    wrong = right.replace("-data", "-dta")
    small_monops.config(f'[prometheus]\nvolume = "{wrong}"\n')
    for reach in ("mountpoint", "archive"):
        for capture in ("auto", "live", "stop"):
            ran = small_monops.run(
                "backup", "prometheus", "--capture", capture, "--to", tmp_path / "store",
                environment={"MONOPS_REACH": reach},
            )  # fmt: skip
            ran.is_one_error(1, f"no volume '{wrong}'", f"'{right}'")
            assert ran.warnings == []
    assert wrong not in docker("volume", "ls", "-q")
    assert not list((tmp_path / "store").glob("snapshots/*"))
    small_stack.is_undisturbed(small_monops)


def test_one_wrong_volume_does_not_keep_the_others_from_their_backup(
    small_stack: Stack, small_monops: Monops, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    small_monops.config('[prometheus]\nvolume = "nothing-like-it-at-all"\n')
    ran = small_monops.run("backup", "--to", store)
    ran.is_one_error(3, "prometheus: ", "nothing-like-it-at-all")
    (line,) = small_monops.run("snapshots", "--from", store).result["snapshots"]
    assert (line["complete"], line["sources"]) == (False, ["grafana", "alertmanager", "config"])
    assert small_monops.run("verify", "--from", store).code == 0


def test_empty_volume_is_no_success(small_stack: Stack, small_monops: Monops, tmp_path: Path) -> None:
    name = f"{small_stack.project}_empty"
    docker("volume", "create", name)
    try:
        small_monops.config(f'[prometheus]\nvolume = "{name}"\n[grafana]\nvolume = "{name}"\n')
        for reach in ("mountpoint", "archive"):
            environment = {"MONOPS_REACH": reach}
            ran = small_monops.run(
                "backup", "prometheus", "--capture", "live", "--to", tmp_path / "store", environment=environment
            )
            ran.is_one_error(1, "holds no Prometheus data")
            ran = small_monops.run("backup", "grafana", "--to", tmp_path / "store", environment=environment)
            ran.is_one_error(1, "holds no grafana.db")
        assert not list((tmp_path / "store").glob("snapshots/*"))
    finally:
        docker("volume", "rm", name)


def test_another_volume_than_the_servers_is_noticed(small_stack: Stack, small_monops: Monops, tmp_path: Path) -> None:
    """The server makes its snapshot in its own volume: it must be removed there too, or nobody ever does."""
    name = f"{small_stack.project}_other"
    docker("volume", "create", name)
    try:
        small_monops.config(f'[prometheus]\nvolume = "{name}"\n')
        ran = small_monops.run("backup", "prometheus", "--capture", "snapshot", "--to", tmp_path / "store")
        ran.is_one_error(1, name)
        small_stack.is_undisturbed(small_monops)
    finally:
        docker("volume", "rm", name)


@pytest.mark.parametrize("reach", ["mountpoint", "archive"])
def test_stopped_prometheus_is_captured_and_stays_stopped(
    small_stack: Stack, small_monops: Monops, tmp_path: Path, reach: str
) -> None:
    store = tmp_path / "store"
    with _down(small_stack, "prometheus", "stop"):
        ran = small_monops.backup("prometheus", "--to", store, environment={"MONOPS_REACH": reach})
        assert source_record(store, ran.snapshot, "prometheus")["capture"] == "stop"
        small_stack.is_undisturbed(small_monops, but=["prometheus"])
        assert small_stack.states()["prometheus"] == "exited"
        ran = small_monops.run("backup", "prometheus", "--capture", "snapshot", "--to", store)
        ran.is_one_error(1, "no running Prometheus")
    restored = unpack(store, next(store.glob("snapshots/*")).stem, "prometheus", tmp_path / "restored")
    assert (restored / "wal").is_dir()


@pytest.mark.parametrize("reach", ["mountpoint", "archive"])
def test_paused_prometheus_is_captured_live_and_stays_paused(
    small_stack: Stack, small_monops: Monops, tmp_path: Path, reach: str
) -> None:
    store = tmp_path / "store"
    with _down(small_stack, "prometheus", "pause"):
        began = time.monotonic()
        ran = small_monops.backup("prometheus", "--to", store, environment={"MONOPS_REACH": reach})
        assert time.monotonic() - began < 150
        assert source_record(store, ran.snapshot, "prometheus")["capture"] == "live"
        assert small_stack.states()["prometheus"] == "paused"
    small_stack.is_undisturbed(small_monops)


def test_prometheus_that_hangs_is_captured_live(small_stack: Stack, small_monops: Monops, tmp_path: Path) -> None:
    """Its process stands still, and the engine does not know: connections open and nothing answers."""
    store, process = tmp_path / "store", int(small_stack.inspect("prometheus")["State"]["Pid"])
    os.kill(process, signal.SIGSTOP)
    try:
        began = time.monotonic()
        ran = small_monops.backup("prometheus", "--to", store)
        print(f"with a hanging Prometheus the backup took {time.monotonic() - began:.1f} s")
        assert time.monotonic() - began < 170
    finally:
        os.kill(process, signal.SIGCONT)
    assert source_record(store, ran.snapshot, "prometheus")["capture"] == "live"
    assert any("does not answer" in warning for warning in ran.warnings), ran.stderr
    small_stack.is_undisturbed(small_monops)


def test_prometheus_that_hangs_half_way(small_stack: Stack, small_monops: Monops, tmp_path: Path) -> None:
    """After its snapshot was begun: it is stored all the same, by whatever way, and removed."""
    store, process = tmp_path / "store", int(small_stack.inspect("prometheus")["State"]["Pid"])
    folder = small_stack.mountpoint("prometheus") / "snapshots"
    backup = _at_its_snapshot(small_monops, folder, store)
    os.kill(process, signal.SIGSTOP)
    try:
        # The snapshot may not be complete: then the answer comes only after a while.
        with suppress(subprocess.TimeoutExpired):
            backup.wait(timeout=15)
    finally:
        os.kill(process, signal.SIGCONT)
    ran = small_monops.ended(backup)
    assert ran.code == 0, ran
    small_stack.is_undisturbed(small_monops)
    assert small_monops.run("verify", "--from", store).code == 0


def _at_its_snapshot(monops: Monops, folder: Path, store: Path) -> subprocess.Popen[bytes]:
    """A backup that is storing the server's snapshot now. On a busy machine it can pass unseen: then once more."""
    for _ in range(5):
        backup = monops.start("backup", "prometheus", "--to", store)
        while backup.poll() is None:
            if folder.is_dir() and any(folder.iterdir()):
                return backup
            time.sleep(0.01)
        ran = monops.ended(backup)
        assert ran.code == 0, ran
    raise AssertionError("no snapshot of the server was ever seen")


@pytest.mark.parametrize("reach", ["mountpoint", "archive"])
@pytest.mark.parametrize("how", ["stop", "pause"])
def test_grafana_that_is_down_is_captured_and_stays_down(
    small_stack: Stack, small_monops: Monops, tmp_path: Path, how: str, reach: str
) -> None:
    store = tmp_path / "store"
    with _down(small_stack, "grafana", how):
        small_monops.backup("grafana", "--to", store, environment={"MONOPS_REACH": reach})
        assert small_stack.states()["grafana"] == {"stop": "exited", "pause": "paused"}[how]
    small_stack.is_undisturbed(small_monops)


def test_no_stack_at_all(tmp_path: Path, engine: None) -> None:
    monops = Monops(tmp_path / "monops", "no-such-project-here")
    monops.run("backup", "--to", tmp_path / "store").is_one_error(10, "no-such-project-here")
    assert not (tmp_path / "store").exists() or not list((tmp_path / "store").glob("snapshots/*"))


def test_no_destination_and_unknown_source(small_monops: Monops, tmp_path: Path) -> None:
    small_monops.run("backup").is_one_error(2, "no destination")
    small_monops.run("backup", "promethus", "--to", tmp_path / "store").is_one_error(2, "'promethus'", "prometheus")
