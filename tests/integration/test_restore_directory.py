"""Restores into folders and exports, of backups of real services."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.integration.fixtures import S3
from tests.integration.restored import analyze, same_files, unpack, unpack_file
from tests.integration.support import MONOPS, Monops, Stack, source_record

pytestmark = [pytest.mark.engine, pytest.mark.slow]


def test_a_folder_holds_what_the_programs_alone_would_unpack(
    small_stack: Stack, small_monops: Monops, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    snapshot = small_monops.backup("--to", store).snapshot

    ran = small_monops.run("restore", snapshot, "--to-dir", tmp_path / "out", "--from", store)

    assert ran.code == 0, ran
    for name in ran.result["sources"]:
        by_hand = unpack(store, snapshot, name, tmp_path / "by-hand" / name)
        same_files(tmp_path / "out" / name, by_hand)
        one, other = (tmp_path / "out" / name).stat(), by_hand.stat()
        assert (one.st_uid, one.st_gid, one.st_mode) == (other.st_uid, other.st_gid, other.st_mode)
    blocks = [block["ulid"] for block in source_record(store, snapshot, "prometheus")["blocks"]]
    analyze(tmp_path / "out" / "prometheus", blocks)


def test_from_s3_encrypted(small_monops: Monops, s3: S3, tmp_path: Path) -> None:
    import pyrage

    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "key.txt").write_text(f"{identity}\n")
    small_monops.backup("grafana", "--to", "s3", "--encrypt-to", str(identity.to_public()), environment=s3.environment)
    words = ("restore", "latest", "--from", "s3", "--to-dir", tmp_path / "out")

    closed = small_monops.run(*words, environment=s3.environment, as_json=False)
    closed.is_one_error(12, "is encrypted")
    assert not (tmp_path / "out/grafana").exists()

    ran = small_monops.run(*words, "--identity", tmp_path / "key.txt", environment=s3.environment)
    assert ran.code == 0, ran
    files = [path for path in (tmp_path / "out/grafana").rglob("*") if path.is_file()]
    assert (tmp_path / "out/grafana/grafana.db") in files
    assert sum(path.stat().st_size for path in files) == ran.result["bytes"]


@pytest.mark.parametrize("ending", ["tar.gz", "tar.zst", "tar"])
def test_an_export_unpacks_to_the_same_files(small_monops: Monops, tmp_path: Path, ending: str) -> None:
    store, file = tmp_path / "store", tmp_path / f"prometheus.{ending}"
    snapshot = small_monops.backup("prometheus", "--to", store).snapshot

    ran = small_monops.run("export", "latest", "prometheus", "-o", file, "--from", store)

    assert ran.code == 0, ran
    assert ran.result["bytes"] == file.stat().st_size
    unpack_file(file, tmp_path / "out")
    same_files(tmp_path / "out", unpack(store, snapshot, "prometheus", tmp_path / "by-hand"))
    again = small_monops.run("export", "latest", "prometheus", "-o", file, "--from", store, as_json=False)
    again.is_one_error(2, "already there")


def test_an_export_streams_to_stdout(small_monops: Monops, tmp_path: Path) -> None:
    store = tmp_path / "store"
    small_monops.backup("grafana", "--to", store)
    words = [str(MONOPS), "export", "latest", "grafana", "-o", "-", "--from", str(store)]
    done = subprocess.run(words, capture_output=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    listed = subprocess.run(["tar", "-t"], input=done.stdout, capture_output=True, check=True).stdout
    assert b"grafana.db" in listed
