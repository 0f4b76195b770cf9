"""What goes wrong at a destination: one sentence, a remedy, the right exit code, nothing half done."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.proxy import cutting
from tests.integration.fixtures import S3
from tests.integration.support import Monops, Stack

pytestmark = [pytest.mark.engine, pytest.mark.slow]

#: What an unreachable server may cost: retries included, a person is still there.
PATIENCE = 180.0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MB: less than the stack's blocks."""
    folder = tmp_path / "small-disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], capture_output=True)
    if done.returncode != 0:
        pytest.skip("no file system may be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def _is_empty_handed(store: Path) -> None:
    """No snapshot, no lock, no unfinished file."""
    assert not list(store.glob("snapshots/*"))
    assert not list(store.glob("locks/*"))
    assert not list(store.rglob("*.partial"))


def test_full_disk(small_stack: Stack, small_monops: Monops, small_disk: Path) -> None:
    ran = small_monops.run("backup", "--to", small_disk)
    ran.is_one_error(1, "no space left", str(small_disk))
    _is_empty_handed(small_disk)
    small_stack.is_undisturbed(small_monops)
    # A disk full to the last byte is no obstacle to finding out what is on it.
    assert small_monops.run("snapshots", "--from", small_disk).result["snapshots"] == []


def test_full_disk_does_not_keep_the_other_destination_from_its_backup(
    small_stack: Stack, small_monops: Monops, small_disk: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    ran = small_monops.run("backup", "--to", small_disk, "--to", store)
    ran.is_one_error(3, "no space left")
    assert [run["ok"] for run in ran.runs] == [False, True]
    assert small_monops.run("verify", "--from", store).code == 0
    _is_empty_handed(small_disk)
    small_stack.is_undisturbed(small_monops)


def test_tarball_on_a_full_disk_leaves_no_half_file(small_stack: Stack, small_monops: Monops, small_disk: Path) -> None:
    ran = small_monops.run("backup", "prometheus", "--format", "tarball", "--to", small_disk)
    ran.is_one_error(1, "no space left")
    assert list(small_disk.iterdir()) == []
    small_stack.is_undisturbed(small_monops)


@pytest.mark.s3
def test_wrong_s3_key(small_stack: Stack, small_monops: Monops, s3: S3) -> None:
    small_monops.environment.update(s3.environment, AWS_SECRET_ACCESS_KEY="not-the-right-secret")
    ran = small_monops.run("backup", "--to", "s3")
    ran.is_one_error(1, "no access to", "secret key")
    small_stack.is_undisturbed(small_monops)
    small_monops.environment.update(s3.environment, AWS_ACCESS_KEY_ID="nobody")
    small_monops.run("backup", "--to", "s3").is_one_error(1, "no access to", "access key")


@pytest.mark.s3
def test_missing_bucket(small_stack: Stack, small_monops: Monops, s3: S3) -> None:
    small_monops.environment.update(s3.environment)
    ran = small_monops.run("backup", "--to", "s3://no-such-bucket-here/x")
    ran.is_one_error(10, "no bucket", "no-such-bucket-here")
    small_stack.is_undisturbed(small_monops)


def test_unreachable_endpoint(small_stack: Stack, small_monops: Monops) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    small_monops.environment.update(
        MONOPS_S3_URL="s3://bucket/x",
        MONOPS_S3_ENDPOINT=f"http://127.0.0.1:{port}",
        AWS_ACCESS_KEY_ID="key",
        AWS_SECRET_ACCESS_KEY="a-secret-that-no-output-shows",
    )
    began = time.monotonic()
    ran = small_monops.run("backup", "--to", "s3", within=240)
    ran.is_one_error(1, "did not answer", f"127.0.0.1:{port}")
    assert time.monotonic() - began < PATIENCE
    small_stack.is_undisturbed(small_monops)


@pytest.mark.s3
@pytest.mark.parametrize("megabytes", [0.005, 4, 30])
def test_endpoint_lost_half_way(
    small_stack: Stack, small_monops: Monops, s3: S3, tmp_path: Path, megabytes: float
) -> None:
    """Once with a directory beside it, which gets its snapshot."""
    small_monops.environment.update(s3.environment)
    store = tmp_path / "store"
    with cutting(s3.endpoint, int(megabytes * 1e6)) as proxy:
        began = time.monotonic()
        environment = {"MONOPS_S3_ENDPOINT": proxy.url}
        ran = small_monops.run("backup", "--to", "s3", "--to", store, environment=environment, within=240)
        assert proxy.has_cut.is_set()
    ran.is_one_error(3, "did not answer", s3.url)
    print(f"endpoint lost after {megabytes} MB: the backup ended after {time.monotonic() - began:.1f} s")
    assert time.monotonic() - began < PATIENCE
    assert [run["ok"] for run in ran.runs] == [False, True]
    assert small_monops.run("verify", "--from", store).code == 0
    small_stack.is_undisturbed(small_monops)
    # The server is back: nothing of the half backup is listed, and the next one goes through, past the lock that
    # could not be taken away.
    listed = small_monops.run("snapshots", "--from", "s3")
    assert listed.code in (0, 10)
    assert listed.code == 10 or listed.result["snapshots"] == []
    assert small_monops.backup("--to", "s3").code == 0
    assert small_monops.run("verify", "--from", "s3").code == 0


def test_store_of_a_newer_format(small_stack: Stack, small_monops: Monops, tmp_path: Path) -> None:
    store = tmp_path / "store"
    small_monops.backup("config", "--to", store)
    marker = json.loads((store / "monops.json").read_text())
    (store / "monops.json").write_text(json.dumps({**marker, "format": 2}))
    before = sorted(path.name for path in store.rglob("*"))
    small_monops.run("backup", "config", "--to", store).is_one_error(1, "format 2")
    small_monops.run("verify", "--from", store).is_one_error(1, "format 2")
    small_monops.run("snapshots", "--from", store).is_one_error(1, "format 2")
    assert sorted(path.name for path in store.rglob("*")) == before
    small_stack.is_undisturbed(small_monops)


def test_folder_of_somebody_else_is_left_alone(small_stack: Stack, small_monops: Monops, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "holiday.jpg").write_bytes(b"\xff\xd8")
    small_monops.run("backup", "config", "--to", folder).is_one_error(1, "not a monops store", "holiday.jpg")
    assert [path.name for path in folder.iterdir()] == ["holiday.jpg"]
    small_monops.run("snapshots", "--from", folder).is_one_error(10, "not a monops store")
    small_stack.is_undisturbed(small_monops)


def test_a_file_where_a_folder_should_be(small_monops: Monops, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    small_monops.run("backup", "config", "--to", file).is_one_error(1, str(file))
    assert file.read_text() == "x"


def test_one_of_two_destinations_fails(small_stack: Stack, small_monops: Monops, tmp_path: Path) -> None:
    store, folder = tmp_path / "store", tmp_path / "photos"
    folder.mkdir()
    (folder / "holiday.jpg").write_bytes(b"\xff\xd8")
    ran = small_monops.run("backup", "--to", folder, "--to", store)
    ran.is_one_error(3, "not a monops store")
    assert [(run["ok"], run["snapshot"] is not None) for run in ran.runs] == [(False, False), (True, True)]
    assert small_monops.run("verify", "--from", store).code == 0
    # As a person sees it: which one is done, and which is not.
    ran = small_monops.run("backup", "config", "--to", folder, "--to", store, as_json=False)
    assert f"{folder}: failed" in ran.stdout
    assert f"{store}: snapshot" in ran.stdout
    small_stack.is_undisturbed(small_monops)


# --- damage ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sound_store(small_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("sound")
    monops = Monops(folder / "monops", small_stack.project)
    return folder / "store", monops.backup("--to", folder / "store").snapshot


@pytest.mark.parametrize("damage", ["flipped", "truncated", "deleted", "manifest-flipped", "manifest-cut"])
def test_verify_finds_and_names_the_damage(sound_store: tuple[Path, str], tmp_path: Path, damage: str) -> None:
    store, snapshot = tmp_path / "store", sound_store[1]
    shutil.copytree(sound_store[0], store)
    monops = Monops(tmp_path / "monops")
    assert monops.run("verify", "--from", store).code == 0
    manifest = store / "snapshots" / f"{snapshot}.json"
    path = manifest if damage.startswith("manifest") else max(store.glob("objects/*/*"), key=lambda p: p.stat().st_size)
    content = bytearray(path.read_bytes())
    if damage.endswith("flipped"):
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif damage in ("truncated", "manifest-cut"):
        path.write_bytes(content[: len(content) // 2])
    else:
        path.unlink()
    ran = monops.run("verify", "--from", store, "--level", "read")
    assert ran.code == 4, ran
    (fault,) = ran.result["faults"]
    kinds = {"flipped": "bytes", "truncated": "size", "deleted": "missing"}
    assert fault["kind"] == kinds.get(damage, "manifest")
    assert fault["snapshot"] == snapshot
    assert fault["object"] == ("" if damage.startswith("manifest") else path.relative_to(store).as_posix())
    quick = monops.run("verify", "--from", store, "--level", "stored")
    assert quick.code == (0 if damage == "flipped" else 4)
    shown = monops.run("verify", "--from", store, as_json=False)
    assert shown.code == 4
    assert snapshot in shown.stdout
    if damage.startswith("manifest"):
        assert monops.run("snapshots", "--from", store).code == 4


def test_a_backup_mends_what_is_missing_in_the_store(small_stack: Stack, small_monops: Monops, tmp_path: Path) -> None:
    """A lost and a cut block are stored again, although an older manifest names them."""
    store = tmp_path / "store"
    small_monops.backup("prometheus", "--to", store)
    first, second, *_ = sorted(store.glob("objects/prometheus/*"), key=lambda path: -path.stat().st_size)
    first.unlink()
    second.write_bytes(second.read_bytes()[:1000])
    assert small_monops.run("verify", "--from", store).code == 4
    small_monops.backup("prometheus", "--to", store)
    assert small_monops.run("verify", "--from", store).code == 0
