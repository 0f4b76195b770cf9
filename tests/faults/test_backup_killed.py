"""A backup that is killed at any moment leaves no half snapshot, and nothing that the next run cannot mend."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
from tests.integration.support import Monops, Ran, Stack, wait_until
from tests.integration.web import answers

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(1200)]

MOMENTS = 30
#: Each disturbs something else: a snapshot folder, stopped containers, a paused Grafana and helper containers. The
#: last takes longest: a pause waits for a moment between two health checks.
_AUTO, _STOP, _LIVE = ("auto", "mountpoint"), ("stop", "mountpoint"), ("live", "archive")
WAYS = (_AUTO, _STOP, _AUTO, _STOP, _LIVE)


def _start(monops: Monops, store: Path, way: tuple[str, str]) -> subprocess.Popen[bytes]:
    capture, reach = way
    return monops.start("backup", "--capture", capture, "--to", store, environment={"MONOPS_REACH": reach})


def _length(monops: Monops, store: Path, way: tuple[str, str]) -> float:
    began = time.monotonic()
    ran = monops.ended(_start(monops, store, way))
    assert ran.code == 0, ran
    shutil.rmtree(store)
    return time.monotonic() - began


def _interrupt(process: subprocess.Popen[bytes], *, after: float, by: signal.Signals) -> None:
    """Send a signal so long after the process was started, unless it has ended."""
    try:
        process.wait(timeout=after)
    except subprocess.TimeoutExpired:
        process.send_signal(by)


def _catches(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for this signal. Source: proc(5), SigCgt."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("SigCgt:"):
                return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False


def _is_sound(monops: Monops, store: Path, *, at_least: int) -> list[str]:
    """Every snapshot that is listed is whole, to the last byte."""
    ran = monops.run("verify", "--from", store, "--level", "read")
    assert (ran.code, ran.result["faults"]) == (0, []), ran
    assert len(ran.result["snapshots"]) >= at_least
    return [str(name) for name in ran.result["snapshots"]]


@pytest.fixture(scope="module")
def lengths(small_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], float]:
    """How long a whole backup takes, by its way: what the moments are spread over."""
    folder = tmp_path_factory.mktemp("lengths")
    monops = Monops(folder / "monops", small_stack.project)
    found = {way: _length(monops, folder / "store", way) for way in dict.fromkeys(WAYS)}
    print(f"a whole backup takes { ({'/'.join(way): round(seconds, 2) for way, seconds in found.items()}) }")
    return found


@pytest.mark.parametrize("moment", range(1, MOMENTS + 1))
def test_kill_9_at_any_moment(
    small_stack: Stack, small_monops: Monops, lengths: dict[tuple[str, str], float], tmp_path: Path, moment: int
) -> None:
    stack, monops, store, way = small_stack, small_monops, tmp_path / "store", WAYS[moment % len(WAYS)]
    process = _start(monops, store, way)
    _interrupt(process, after=lengths[way] * moment / MOMENTS, by=signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode in (0, -signal.SIGKILL)
    listed = len(list(store.glob("snapshots/*.json")))
    if listed:
        _is_sound(monops, store, at_least=1)
    ran = monops.ended(_start(monops, store, way))
    assert ran.code == 0, ran
    stack.is_undisturbed(monops)
    assert ran.snapshot in _is_sound(monops, store, at_least=1 + listed)


@pytest.mark.parametrize("moment", range(1, 9))
@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT], ids=["sigterm", "sigint"])
def test_a_polite_signal_leaves_nothing_at_once(
    small_stack: Stack,
    small_monops: Monops,
    lengths: dict[tuple[str, str], float],
    tmp_path: Path,
    by: signal.Signals,
    moment: int,
) -> None:
    stack, monops, store, way = small_stack, small_monops, tmp_path / "store", WAYS[moment % len(WAYS)]
    process = _start(monops, store, way)
    began = time.monotonic()
    # Not before monops has set its handlers up: until then a signal ends any program without a word. ^C has one of
    # Python's own before.
    wait_until(lambda: process.poll() is not None or _catches(process.pid, signal.SIGTERM), "its handlers")
    _interrupt(process, after=max(0.0, began + lengths[way] * moment / 9 - time.monotonic()), by=by)
    sent = time.monotonic()
    ran = monops.ended(process)
    if ran.code == 0:  # quicker than the signal: then it is whole
        stack.is_undisturbed(monops)
        assert ran.snapshot in _is_sound(monops, store, at_least=1)
        return
    _says_that_it_was_stopped(ran, by)
    assert time.monotonic() - sent < 90
    stack.is_undisturbed(monops)
    assert not list(store.glob("snapshots/*"))
    assert not list(store.glob("locks/*"))
    assert not list(store.rglob("*.partial"))


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL], ids=["sigterm", "sigkill"])
def test_a_signal_while_a_container_is_being_stopped(
    small_stack: Stack, small_monops: Monops, tmp_path: Path, by: signal.Signals
) -> None:
    """The engine goes on with a stop whose caller is gone: a start that comes too early is lost."""
    stack, monops, store = small_stack, small_monops, tmp_path / "store"
    process = monops.start("backup", "prometheus", "--capture", "stop", "--to", store)
    wait_until(lambda: any(note.startswith("stopped") for note in monops.notes), "the stop")
    process.send_signal(by)
    ran = monops.ended(process)
    assert ran.code == (143 if by is signal.SIGTERM else -by)
    if by is signal.SIGKILL:
        monops.backup("config", "--to", store)
    # Running, and not about to stop: no stop that was under way is left.
    wait_until(lambda: answers(f"{stack.prometheus}/-/ready"), "Prometheus answers again")
    started = stack.inspect("prometheus")["State"]["StartedAt"]
    stack.is_undisturbed(monops)
    assert stack.inspect("prometheus")["State"]["StartedAt"] == started


def _says_that_it_was_stopped(ran: Ran, by: signal.Signals) -> None:
    assert ran.code == 128 + by, ran
    assert len(ran.errors) == 1, ran.stderr


def test_a_lock_of_a_killed_run_does_not_block_the_next(
    small_stack: Stack, small_monops: Monops, tmp_path: Path
) -> None:
    """And one that lives does."""
    store, monops = tmp_path / "store", small_monops
    process = monops.start("backup", "--to", store)
    while not list(store.glob("locks/*.json")):
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        other = Monops(tmp_path / "other", small_stack.project)
        ran = other.run("backup", "--to", store)
        ran.is_one_error(11, f"process {process.pid}")
        assert "--break-lock" in ran.remedies[0]
        assert len(list(store.glob("locks/*.json"))) == 1
        assert not list(store.glob("snapshots/*"))
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    ran = monops.backup("--to", store)
    small_stack.is_undisturbed(monops)
    assert _is_sound(monops, store, at_least=1) == [ran.snapshot]


def test_two_backups_to_one_destination_take_turns(small_stack: Stack, small_monops: Monops, tmp_path: Path) -> None:
    """Started together: one is done, the other is done after it or says that it is locked out; never both at once."""
    store = tmp_path / "store"
    second = Monops(tmp_path / "second", small_stack.project)
    processes = [(runner, runner.start("backup", "config", "--to", store)) for runner in (small_monops, second)]
    codes = sorted(runner.ended(process).code for runner, process in processes)
    assert codes in ([0, 0], [0, 11], [11, 11])
    assert len(list(store.glob("snapshots/*.json"))) == codes.count(0)
    small_monops.backup("config", "--to", store)
    assert len(_is_sound(small_monops, store, at_least=1)) == codes.count(0) + 1
