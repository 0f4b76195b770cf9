"""kill -9 of a real monops at moments spread over an in-place restore: no data are lost, the next run puts it right."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.integration.support import Monops, Ran, Stack, running_stack, tsdb_data, wait_until
from tests.integration.web import answers, query

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(2400)]

_MOMENTS = 30
#: A scrape that began so long ago, in seconds, has been written.
SETTLED = 6
_SOURCES = ("prometheus", "grafana")
_KEPT = ".monops-restore"


@dataclass
class Bed:
    """A stack with a backup of it."""

    stack: Stack
    monops: Monops
    store: Path
    #: Inodes of the files that were there first, by source and path: a rename keeps them, a copy does not.
    first: dict[str, dict[str, int]]
    #: How long an undisturbed restore takes from its first mark in the volume on.
    seconds: float = 0.0

    def start(self) -> subprocess.Popen[bytes]:
        words = ("restore", "latest", *_SOURCES, "--in-place", "--yes", "--from", self.store)
        return self.monops.start(*words, as_json=False)

    def restore(self) -> Ran:
        return self.monops.ended(self.start())

    def rollback(self) -> Ran:
        return self.monops.run("restore", "rollback", as_json=False)

    def journal(self, source: str = "prometheus") -> Path:
        return self.stack.mountpoint(source) / _KEPT / "journal.json"

    def inodes(self, source: str, folder: Path) -> dict[str, int]:
        """Of the files in `folder` that were there first, as far as they are there."""
        return {path: inode for path, inode in self.first[source].items() if _inode(folder / path) == inode}

    def is_somewhere_whole(self) -> None:
        """Every file that was there first is in the data's root or in `old/`: nothing is lost at any moment."""
        for source, first in self.first.items():
            root = self.stack.mountpoint(source)
            assert {**self.inodes(source, root), **self.inodes(source, root / _KEPT / "old")} == first, source

    def is_old(self, source: str) -> bool:
        return self.inodes(source, self.stack.mountpoint(source)) == self.first[source]

    def is_kept_aside(self, source: str) -> bool:
        return self.inodes(source, self.stack.mountpoint(source) / _KEPT / "old") == self.first[source]

    def is_as_before(self) -> None:
        """The old data are the data, nothing of a restore is left, and everything runs and answers."""
        for source in _SOURCES:
            assert self.is_old(source), source
            assert not (self.stack.mountpoint(source) / _KEPT).exists()
        self.stack.is_undisturbed(self.monops)
        wait_until(lambda: answers(self.stack.prometheus + "/-/ready"), "Prometheus ready")
        wait_until(lambda: answers(self.stack.grafana + "/api/health"), "Grafana ready")


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    folder = tmp_path_factory.mktemp("kill")
    data = tsdb_data("--blocks", "6", "--series", "500")
    with running_stack(folder / "stack", *_SOURCES, data=data) as stack:
        monops = Monops(folder / "monops", project=stack.project)
        store = folder / "store"
        monops.backup(*_SOURCES, "--to", store)
        first = {
            "prometheus": {
                f"{ulid}/{name}": (stack.mountpoint("prometheus") / ulid / name).stat().st_ino
                for ulid in stack.blocks()
                for name in ("index", "meta.json", "chunks/000001")
            },
            "grafana": {"grafana.db": (stack.mountpoint("grafana") / "grafana.db").stat().st_ino},
        }
        made = Bed(stack, monops, store, first)
        made.seconds = _measure(made)
        yield made


def _measure(bed: Bed) -> float:
    process = bed.start()
    wait_until(bed.journal().exists, "the restore begins")
    begun = time.monotonic()
    ran = bed.monops.ended(process)
    seconds = time.monotonic() - begun
    assert ran.code == 0, ran
    assert bed.rollback().code == 0
    bed.is_as_before()
    return seconds


@pytest.mark.parametrize("moment", range(_MOMENTS))
def test_a_killed_restore_loses_nothing_and_the_next_run_puts_it_right(bed: Bed, moment: int) -> None:
    process = bed.start()
    wait_until(bed.journal().exists, "the restore begins")
    try:
        process.wait(timeout=bed.seconds * moment / _MOMENTS)
    except subprocess.TimeoutExpired:
        process.kill()
    process.communicate()

    bed.is_somewhere_whole()
    ran = bed.restore()
    bed.is_somewhere_whole()
    # Where the killed run had come so far that everything was well on the new data, the next run only says so.
    assert ran.code == 0 or "monops restore commit" in ran.stderr, ran
    restored = [source for source in _SOURCES if bed.is_kept_aside(source)]
    assert restored, ran
    assert all(bed.is_old(source) for source in _SOURCES if source not in restored)
    assert set(bed.stack.states().values()) == {"running"}
    assert answers(bed.stack.prometheus + "/-/ready")

    assert bed.rollback().code == 0
    bed.is_as_before()


def _in_phase(bed: Bed, phase: str) -> subprocess.Popen[bytes]:
    """A restore that is in this phase now. On a busy machine a phase can pass unseen: then once more."""
    for _ in range(5):
        process = bed.start()
        while process.poll() is None:
            if f'"phase": "{phase}"' in _text(bed.journal()):
                return process
        process.communicate()
        assert bed.rollback().code == 0
    raise AssertionError(f"the restore was never seen in phase {phase}")


@pytest.mark.parametrize("phase", ["staging", "stopping", "starting", "checking"])
def test_a_killed_restore_is_taken_back_by_rollback_alone(bed: Bed, phase: str) -> None:
    process = _in_phase(bed, phase)
    process.kill()
    process.communicate()

    ran = bed.rollback()

    assert ran.code == 0, ran
    bed.is_as_before()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("phase", ["staging", "checking"])
def test_a_signal_takes_everything_back_at_once(bed: Bed, phase: str, number: signal.Signals, code: int) -> None:
    # A shell's background job ignores ^C, and so would everything that it starts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = _in_phase(bed, phase)
    signal.signal(signal.SIGINT, before)
    process.send_signal(number)

    ran = bed.monops.ended(process)

    assert ran.code == code, ran
    bed.is_as_before()


def test_a_live_capture_is_restored_with_its_log(bed: Bed, tmp_path: Path) -> None:
    newest = 'count({__name__=~".+"})'
    # Each test before this one restarts Prometheus, maybe before it scraped anything.
    wait_until(lambda: bool(query(bed.stack.prometheus, newest, time.time() - SETTLED)), "a scrape of a while ago")
    # What was scraped while the capture went on may be in it or not.
    at = time.time() - SETTLED
    before = query(bed.stack.prometheus, newest, at)
    bed.monops.backup("prometheus", "--capture", "live", "--to", tmp_path / "live")

    words = ("restore", "latest", "prometheus", "--in-place", "--yes", "--from", tmp_path / "live")
    ran = bed.monops.run(*words, as_json=False)

    assert ran.code == 0, ran
    assert before
    assert query(bed.stack.prometheus, newest, at) == before
    assert bed.rollback().code == 0
    bed.is_as_before()


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
