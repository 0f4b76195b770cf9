"""`monops backup` of a running stack to a directory and to S3, again, verified, and restored by hand."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.integration.fixtures import S3
from tests.integration.restored import analyze, same_files
from tests.integration.support import Monops, Stack, command, manifest, source_record

pytestmark = [pytest.mark.engine, pytest.mark.slow]

SLACK = 64 << 10


def test_backup_to_a_directory_stores_every_source_and_disturbs_nothing(
    stack: Stack, monops: Monops, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    ran = monops.backup("--to", store)
    assert [s["name"] for s in ran.runs[0]["sources"]] == ["prometheus", "grafana", "alertmanager", "config"]
    assert ran.source("prometheus")["capture"] == "snapshot"
    assert ran.source("prometheus")["bytes_read"] >= 200_000_000
    assert ran.source("grafana")["capture"] == "snapshot"
    stack.is_undisturbed(monops)
    listed = monops.run("snapshots", "--from", store).result["snapshots"]
    assert [(line["id"], line["complete"]) for line in listed] == [(ran.snapshot, True)]
    assert monops.run("verify", "--from", store, "--level", "read").code == 0
    assert not list(store.glob("locks/*"))
    assert not list(store.rglob("*.partial"))


def test_a_second_backup_to_a_directory_sends_only_the_head(stack: Stack, monops: Monops, tmp_path: Path) -> None:
    store = tmp_path / "store"
    first, second = monops.backup("--to", store), monops.backup("--to", store)
    _sent_only_the_head(second.source("prometheus"), manifest(store, first.snapshot), manifest(store, second.snapshot))


@pytest.mark.s3
def test_backup_to_s3_and_again(stack: Stack, monops: Monops, s3: S3) -> None:
    monops.environment.update(s3.environment)
    first, second = monops.backup("--to", "s3"), monops.backup("--to", "s3")
    assert first.runs[0]["destination"] == s3.url
    assert first.source("prometheus")["bytes_read"] >= 200_000_000
    stored = {ran.snapshot: _fetched(s3, f"snapshots/{ran.snapshot}.json") for ran in (first, second)}
    _sent_only_the_head(second.source("prometheus"), stored[first.snapshot], stored[second.snapshot])
    listed = monops.run("snapshots", "--from", "s3").result["snapshots"]
    assert [line["id"] for line in listed] == [first.snapshot, second.snapshot]
    assert monops.run("verify", "--from", "s3", "--level", "read").code == 0
    stack.is_undisturbed(monops)


@pytest.mark.s3
def test_two_destinations_get_the_same_snapshot(monops: Monops, s3: S3, tmp_path: Path) -> None:
    monops.environment.update(s3.environment)
    store = tmp_path / "store"
    ran = monops.backup("--to", store, "--to", "s3", "alertmanager", "config")
    assert [run["snapshot"] for run in ran.runs] == [ran.snapshot, ran.snapshot]
    assert _fetched(s3, f"snapshots/{ran.snapshot}.json") == manifest(store, ran.snapshot)


def _sent_only_the_head(sent: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> None:
    """Of Prometheus: the block that the first snapshot did not have, and the small files of all."""
    old = {block["object"] for block in _prometheus(before)["blocks"]}
    new = [block["object"] for block in _prometheus(after)["blocks"] if block["object"] not in old]
    assert len(new) == 1
    head = next(o["bytes_stored"] for o in after["objects"] if o["key"] == new[0])
    assert sent["bytes_new"] <= head + SLACK
    assert sent["objects_reused"] == len(_prometheus(after)["blocks"]) - 1 == len(old) - 1


def _prometheus(found: dict[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = next(s for s in found["sources"] if s["name"] == "prometheus")
    return record


def _fetched(s3: S3, key: str) -> dict[str, Any]:
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=s3.endpoint,
        aws_access_key_id=s3.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=s3.environment["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
    )
    try:
        prefix = s3.url.removeprefix(f"s3://{s3.bucket}/")
        found: dict[str, Any] = json.loads(client.get_object(Bucket=s3.bucket, Key=f"{prefix}/{key}")["Body"].read())
        return found
    finally:
        client.close()


# --- by hand ---------------------------------------------------------------------------------------


def test_every_object_unpacks_with_tar_and_zstd_and_every_block_is_sound(
    stack: Stack, monops: Monops, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    ran = monops.backup("prometheus", "--to", store)
    record = source_record(store, ran.snapshot, "prometheus")
    for entry in manifest(store, ran.snapshot)["objects"]:
        assert hashlib.sha256((store / entry["key"]).read_bytes()).hexdigest() == entry["sha256"]
    restored = _follow_restore_page(store, ran.snapshot, "prometheus")
    volume = stack.mountpoint("prometheus")
    ulids = {block["ulid"] for block in record["blocks"]}
    assert ulids >= stack.blocks()
    assert len(ulids - stack.blocks()) == 1  # the head, which Prometheus wrote for this snapshot alone
    for ulid in stack.blocks():
        same_files(volume / ulid, restored / ulid)
    owner = (restored / next(iter(ulids)) / "index").stat()
    assert (owner.st_uid, owner.st_gid) == (record["uid"], record["gid"]) == (65534, 65534)
    assert {path.name for path in restored.iterdir()} == ulids
    analyze(restored, ulids)


@pytest.mark.parametrize("packing", ["zstd", "gzip:1", "none"])
def test_restore_page_opens_encrypted_objects_with_age(
    stack: Stack, monops: Monops, tmp_path: Path, packing: str
) -> None:
    if shutil.which("age") is None or shutil.which("age-keygen") is None:
        pytest.skip("no age: scripts/testbed tools")
    store, key = tmp_path / "store", tmp_path / "key.txt"
    command("age-keygen", "-o", key)
    found = re.search("age1[0-9a-z]+", key.read_text())
    assert found
    monops.config(f'[backup]\nencrypt_to = ["{found[0]}"]\n')
    ran = monops.backup("alertmanager", "config", "grafana", "--compression", packing, "--to", store)
    suffix = {"zstd": ".tar.zst.age", "gzip:1": ".tar.gz.age", "none": ".tar.age"}[packing]
    assert {entry["key"][-len(suffix) :] for entry in manifest(store, ran.snapshot)["objects"]} == {suffix}
    (store / "key.txt").write_text(key.read_text())
    restored = _follow_restore_page(store, ran.snapshot, "config")
    # Encrypted, the file with secrets goes in too.
    assert (restored / "compose" / ".env").read_text() == (stack.folder / ".env").read_text()
    # Restored beside the first one: the page makes the folder anew.
    restored.rename(store / "config")
    restored = _follow_restore_page(store, ran.snapshot, "grafana")
    assert (restored / "grafana.db").read_bytes().startswith(b"SQLite format 3\0")


@pytest.mark.parametrize(("packing", "suffix"), [("gzip:1", ".tar.gz"), ("none", ".tar"), ("zstd:1", ".tar.zst")])
def test_restore_page_opens_every_kind_of_compression(
    monops: Monops, stack: Stack, tmp_path: Path, packing: str, suffix: str
) -> None:
    store = tmp_path / "store"
    ran = monops.backup("config", "--compression", packing, "--to", store)
    assert all(entry["key"].endswith(suffix) for entry in manifest(store, ran.snapshot)["objects"])
    restored = _follow_restore_page(store, ran.snapshot, "config")
    assert (restored / "compose" / "override.yml").read_text() == (stack.folder / "override.yml").read_text()


def _follow_restore_page(store: Path, snapshot: str, source: str) -> Path:
    """Do what RESTORE.md in the store says, with its own lines: only the snapshot and the source are chosen."""
    page = (store / "RESTORE.md").read_text()
    (script,) = re.findall(r"^```sh\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    script = re.sub(r"^SNAPSHOT=\S+", f"SNAPSHOT=snapshots/{snapshot}.json", script, flags=re.MULTILINE)
    script = re.sub(r"^SOURCE=\S+", f"SOURCE={source}", script, flags=re.MULTILINE)
    done = subprocess.run(["sh", "-c", script], cwd=store, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done
    assert "FAILED" not in done.stdout + done.stderr, done
    return store / "restored"
