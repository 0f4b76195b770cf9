"""What a directory does beyond what every store does: modes, unfinished files, full and read-only disks."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monops.domain.errors import StoreDenied, StoreError, StoreFull
from monops.edges.directory_store import DirectoryStore

KEY = "objects/prometheus/x.tar.zst"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small disk")


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    made = DirectoryStore(str(tmp_path / "deep/store"))
    made.prepare()
    return made


def root_of(store: DirectoryStore) -> Path:
    return Path(store.url)


def keys(store: DirectoryStore) -> list[str]:
    return [stored.key for stored in store.list("")]


def test_files_and_folders_are_for_their_owner_only(store: DirectoryStore) -> None:
    before = os.umask(0)
    try:
        store.put(KEY, b"x")
    finally:
        os.umask(before)
    modes = {
        p.relative_to(root_of(store)).as_posix(): stat.S_IMODE(p.stat().st_mode) for p in root_of(store).rglob("*")
    }
    assert modes == {"objects": 0o700, "objects/prometheus": 0o700, KEY: 0o600}
    assert stat.S_IMODE(root_of(store).stat().st_mode) == 0o700


def test_an_unfinished_file_is_not_listed(store: DirectoryStore) -> None:
    with store.write(KEY, at_most=10) as writer:
        writer.write(b"half")
        assert keys(store) == []
        assert len(list(root_of(store).rglob("*.partial"))) == 1
    assert keys(store) == [KEY]
    assert list(root_of(store).rglob("*.partial")) == []


def interrupted(store: DirectoryStore, error: BaseException) -> None:
    with store.write(KEY, at_most=10) as writer:
        writer.write(b"half")
        raise error


def test_an_interrupted_write_leaves_no_file_and_keeps_the_old_one(store: DirectoryStore) -> None:
    store.put(KEY, b"old")
    with pytest.raises(KeyboardInterrupt):
        interrupted(store, KeyboardInterrupt())
    assert store.get(KEY) == b"old"
    assert [p.name for p in root_of(store).rglob("*") if p.is_file()] == ["x.tar.zst"]


def test_what_a_killed_writer_left_is_swept_when_it_is_old(store: DirectoryStore) -> None:
    folder = root_of(store) / "objects"
    folder.mkdir()
    old, new, foreign = folder / ".a.0123.partial", folder / ".b.0123.partial", folder / "c.partial"
    for path in (old, new, foreign):
        path.write_bytes(b"half")
    yesterday = datetime.now(UTC) - timedelta(days=1)
    os.utime(old, (yesterday.timestamp() - 60,) * 2)
    os.utime(foreign, (yesterday.timestamp() - 60,) * 2)
    assert store.sweep(older_than=yesterday) == 1
    assert {path.name for path in folder.iterdir()} == {new.name, foreign.name}


def test_a_folder_that_went_away_meanwhile_is_a_store_error(store: DirectoryStore) -> None:
    def write() -> None:
        with store.write(KEY, at_most=10) as writer:
            writer.write(b"x")
            shutil.rmtree(root_of(store))

    with pytest.raises(StoreError, match="went away"):
        write()


def test_a_folder_that_the_kernel_does_not_let_anybody_make_is_a_store_error() -> None:
    with pytest.raises(StoreError, match="cannot create in /proc/nosuch/backups") as error:
        DirectoryStore("/proc/nosuch/backups").prepare()
    assert error.value.remedy


def test_a_file_in_the_place_of_the_folder_is_denied(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in ("file", "file/below"):
        with pytest.raises(StoreDenied, match="is not a directory"):
            DirectoryStore(str(tmp_path / path)).prepare()
    assert not DirectoryStore(str(tmp_path / "file")).exists()


def test_a_relative_path_stays_the_same_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = DirectoryStore("here")
    store.prepare()
    monkeypatch.chdir("/")
    store.put("monops.json", b"{}")
    assert (tmp_path / "here/monops.json").exists()
    assert store.url == str(tmp_path / "here")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a tmpfs: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@needs_root
def test_a_full_disk_is_told_and_leaves_nothing_half(small_disk: Path) -> None:
    store = DirectoryStore(str(small_disk / "store"))
    store.prepare()
    store.put("monops.json", b"{}")

    def fill() -> None:
        with store.write(KEY, at_most=1 << 20) as writer:
            for _ in range(100):
                writer.write(bytes(10_000))

    with pytest.raises(StoreFull, match="no space left") as caught:
        fill()
    assert "df -h" in caught.value.remedy
    assert keys(store) == ["monops.json"]
    assert list(small_disk.rglob("*.partial")) == []
    store.put("monops.json", b"still works")


@needs_root
def test_a_read_only_disk_is_denied_and_can_be_read(small_disk: Path) -> None:
    store = DirectoryStore(str(small_disk / "store"))
    store.prepare()
    store.put(KEY, b"x")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StoreDenied, match="Read-only file system"):
        store.put("other", b"x")
    with pytest.raises(StoreDenied):
        store.delete(KEY)
    assert store.get(KEY) == b"x"


def test_the_file_systems_own_folder_is_passed_over(tmp_path: Path) -> None:
    """Only root may look into lost+found: a store at the top of a disk would fail for everybody else."""
    for name in ("lost+found/#1", "objects/lost+found/x", "monops.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert keys(DirectoryStore(str(tmp_path))) == ["monops.json", "objects/lost+found/x"]
