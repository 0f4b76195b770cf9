"""Every way to capture a Prometheus by every way to reach it: what was stored boots a server that answers the same."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.restored import (
    EVERY_SERIES,
    analyze,
    answers_alike,
    block_times,
    blocks_loaded,
    booted,
    newest_sample,
    unpack,
)
from tests.integration.support import (
    OVERRIDE,
    Monops,
    Stack,
    docker,
    fetch,
    query,
    running_stack,
    some_blocks,
    source_record,
    wait_until,
)

pytestmark = [pytest.mark.engine, pytest.mark.slow]

REACHES = ("mountpoint", "archive", "directory")
#: The stack scrapes every five seconds.
SCRAPE = 5.0


def _reach(monops: Monops, stack: Stack, reach: str) -> None:
    if reach == "directory":
        url = stack.prometheus
        monops.config(f'[sources.prometheus]\npath = "{stack.mountpoint("prometheus")}"\n[prometheus]\nurl = "{url}"\n')
    else:
        monops.environment["MONOPS_REACH"] = reach


@pytest.mark.parametrize("reach", REACHES)
@pytest.mark.parametrize("capture", ["snapshot", "live", "stop"])
def test_restored_prometheus_answers_the_same(
    small_stack: Stack, small_monops: Monops, tmp_path: Path, capture: str, reach: str
) -> None:
    stack, monops, store = small_stack, small_monops, tmp_path / "store"
    _reach(monops, stack, reach)
    began = time.time()
    ran = monops.backup("prometheus", "--capture", capture, "--to", store)
    record = source_record(store, ran.snapshot, "prometheus")
    assert (record["capture"], record["reach"]) == (capture, reach)
    stack.is_undisturbed(monops)
    times = block_times(store, ran.snapshot)
    restored = unpack(store, ran.snapshot, "prometheus", tmp_path / "restored")
    analyze(restored, [block["ulid"] for block in record["blocks"]])
    wait_until(lambda: bool(query(stack.prometheus, "up", time.time())), "Prometheus after the backup")
    with booted(restored) as url:
        answers_alike(stack.prometheus, url, times)
        assert blocks_loaded(url) == len(record["blocks"])
        # The head is in all three: as a block, or as the log from which the server rebuilds it. One second of slack
        # for a scrape that was under way.
        assert newest_sample(url, now=time.time()) >= began - SCRAPE - 1
        # What the manifest remembers is what a drill will ask.
        for golden in record["golden"]:
            rows = query(url, golden["question"], golden["at"])
            assert [[json.loads(labels), float(value)] for labels, value in rows] == golden["answer"]
    assert bool(record["golden"]) == (capture != "stop")


@pytest.mark.parametrize("reach", ["mountpoint", "archive"])
def test_live_capture_loses_nothing_while_blocks_are_rewritten(
    small_stack: Stack, small_monops: Monops, tmp_path: Path, reach: str
) -> None:
    """As in a compaction: the server writes each block anew under another name and deletes the old one."""
    stack, monops = small_stack, small_monops
    _reach(monops, stack, reach)
    url, volume = stack.prometheus, stack.mountpoint("prometheus")
    before, instances = stack.blocks(), iter(range(1000))
    spoilt = False
    for attempt in range(4):
        store = tmp_path / f"store{attempt}"
        # What is deleted has no bearing on the answers below; a tombstone in each block makes the server rewrite all.
        item = f'{{item="{next(instances)}"}}'
        fetch(f"{url}/api/v1/admin/tsdb/delete_series?match[]={item}", method="POST")
        old = stack.blocks()
        process = monops.start("backup", "prometheus", "--capture", "live", "--to", store)
        wait_until(lambda store=store: (store / "locks").is_dir() or process.poll() is not None, "the backup's begin")
        cleaner = threading.Thread(
            target=fetch, args=(f"{url}/api/v1/admin/tsdb/clean_tombstones",), kwargs={"method": "POST"}
        )
        cleaner.start()
        ran = monops.ended(process)
        overlapped = cleaner.is_alive() or old != stack.blocks()
        cleaner.join()
        assert ran.code == 0, ran
        record = source_record(store, ran.snapshot, "prometheus")
        restored = unpack(store, ran.snapshot, "prometheus", tmp_path / f"restored{attempt}")
        analyze(restored, [block["ulid"] for block in record["blocks"]])
        question = f"{EVERY_SERIES[:-2]}, item!={item.split('=')[1][:-1]}}})"
        with booted(restored) as throwaway:
            answers_alike(url, throwaway, block_times(store, ran.snapshot), question=question)
        spoilt = spoilt or overlapped
        if spoilt:
            break
    assert spoilt, "the backup never met the rewriting"
    assert stack.blocks() != before
    assert volume.is_dir()
    stack.is_undisturbed(monops)


def test_blocks_deleted_while_they_are_held_open_are_stored_whole(tmp_path: Path) -> None:
    """Deterministic: monops is halted when it has opened the files, the files go, monops goes on."""
    data, store = some_blocks(tmp_path / "tsdb", 3), tmp_path / "store"
    (data / "wal").mkdir()
    ulids = sorted(path.name for path in data.iterdir() if path.name != "wal")
    sizes = {path.relative_to(data): path.stat().st_size for path in data.glob("0*/chunks/*")}
    monops = Monops(tmp_path / "monops", environment={"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
    monops.config(f'[sources.prometheus]\npath = "{data}"\n')
    process = monops.start("backup", "prometheus", "--capture", "live", "--to", store)
    opened = Path(f"/proc/{process.pid}/fd")
    wait_until(lambda: _holds(opened, len(ulids)), "the files are open")
    os.kill(process.pid, 19)  # SIGSTOP
    for ulid in ulids:
        (data / ulid).rename(data / f"{ulid}.tmp-for-deletion")
        command_remove(data / f"{ulid}.tmp-for-deletion")
    os.kill(process.pid, 18)  # SIGCONT
    ran = monops.ended(process)
    assert ran.code == 0, ran
    assert [b["ulid"] for b in source_record(store, ran.snapshot, "prometheus")["blocks"]] == ulids
    restored = unpack(store, ran.snapshot, "prometheus", tmp_path / "restored")
    assert {path.relative_to(restored): path.stat().st_size for path in restored.glob("0*/chunks/*")} == sizes
    analyze(restored, ulids)


def command_remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


def _holds(descriptors: Path, count: int) -> bool:
    found = [os.readlink(path) for path in list(descriptors.iterdir()) if path.exists()]
    return sum(name.endswith("/index") for name in found) == count


# --- what makes `auto` choose otherwise ------------------------------------------------------------


@pytest.fixture(scope="module")
def odd_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose admin API is off, with an out-of-order window."""
    folder = tmp_path_factory.mktemp("odd")
    with running_stack(
        folder / "stack",
        "prometheus",
        data=some_blocks(folder / "data", 2),
        environment={"PROMETHEUS_EXTRA_FLAG": "--log.level=info"},
    ) as started:
        assert "PROMETHEUS_EXTRA_FLAG" in OVERRIDE
        config = started.folder / "prometheus" / "prometheus.yml"
        config.write_text(config.read_text() + "\nstorage:\n  tsdb:\n    out_of_order_time_window: 30m\n")
        fetch(f"{started.prometheus}/-/reload", method="POST")
        yield started


def test_admin_api_off_means_live_with_the_reason(odd_stack: Stack, tmp_path: Path) -> None:
    monops, store = Monops(tmp_path / "monops", odd_stack.project), tmp_path / "store"
    ran = monops.backup("prometheus", "--to", store)
    assert ran.source("prometheus")["capture"] == "live"
    assert any("its admin API is off" in warning for warning in ran.warnings), ran.stderr
    assert any("admin API is off" in text for text in source_record(store, ran.snapshot, "prometheus")["warnings"])
    ran = monops.run("backup", "prometheus", "--capture", "snapshot", "--to", store)
    ran.is_one_error(1, "admin API is off")
    assert "--web.enable-admin-api" in ran.remedies[0]
    odd_stack.is_undisturbed(monops)


def test_out_of_order_window_is_warned_of(odd_stack: Stack, tmp_path: Path) -> None:
    monops, store = Monops(tmp_path / "monops", odd_stack.project), tmp_path / "store"
    odd_stack.environment["PROMETHEUS_EXTRA_FLAG"] = "--web.enable-admin-api"
    odd_stack.up("prometheus")
    ran = monops.backup("prometheus", "--to", store)
    assert ran.source("prometheus")["capture"] == "snapshot"
    assert any("out-of-order" in warning for warning in ran.warnings), ran.stderr
    assert any("out-of-order" in text for text in source_record(store, ran.snapshot, "prometheus")["warnings"])


def test_blocks_of_another_owner_fall_back_to_live(odd_stack: Stack, tmp_path: Path) -> None:
    """The kernel forbids hard links to files of others (fs.protected_hardlinks): the server cannot snapshot."""
    if Path("/proc/sys/fs/protected_hardlinks").read_text().strip() != "1":
        pytest.skip("fs.protected_hardlinks is off here")
    odd_stack.environment["PROMETHEUS_EXTRA_FLAG"] = "--web.enable-admin-api"
    odd_stack.up("prometheus")
    volume = odd_stack.mountpoint("prometheus")
    for path in volume.glob("01*/**/*"):
        os.chown(path, 12345, 12345)
    monops, store = Monops(tmp_path / "monops", odd_stack.project), tmp_path / "store"
    ran = monops.backup("prometheus", "--to", store)
    assert ran.source("prometheus")["capture"] == "live"
    assert any("belong to another user" in warning and "live instead" in warning for warning in ran.warnings)
    odd_stack.is_undisturbed(monops)
    ran = monops.run("backup", "prometheus", "--capture", "snapshot", "--to", store)
    ran.is_one_error(1, "belong to another user")
    assert "chown" in ran.remedies[0]
    odd_stack.is_undisturbed(monops)


def test_an_image_without_a_shell_is_read_through_the_engine(odd_stack: Stack, tmp_path: Path) -> None:
    """Like Prometheus's distroless images: nothing can be run in it but the server."""
    name = f"{odd_stack.project}-distroless"
    image = f"{name}:latest"
    rootfs = tmp_path / "rootfs"
    _import_without_shell(odd_stack.container("prometheus"), rootfs, image)
    command = ("--config.file=/dev/null", "--storage.tsdb.path=/prometheus", "--web.enable-admin-api")
    data = some_blocks(tmp_path / "tsdb", 2)
    try:
        docker("volume", "create", name)
        _fill(data, name)
        docker(
            "run", "-d", "--name", name, "--user", "65534", "--volume", f"{name}:/prometheus",
            "--publish", "127.0.0.1:0:9090", image, "/bin/prometheus", *command,
        )  # fmt: skip
        monops, store = Monops(tmp_path / "monops", environment={"MONOPS_REACH": "archive"}), tmp_path / "store"
        monops.config(f'[stack]\nproject = ""\n[prometheus]\ncontainer = "{name}"\n'.replace('[stack]\nproject = ""\n', ""))
        ran = monops.backup("prometheus", "--to", store)
        assert ran.source("prometheus")["capture"] == "live"
        assert any("no image at hand has a shell" in warning for warning in ran.warnings), ran.stderr
        restored = unpack(store, ran.snapshot, "prometheus", tmp_path / "restored")
        analyze(restored, [b["ulid"] for b in source_record(store, ran.snapshot, "prometheus")["blocks"]])
        assert len(source_record(store, ran.snapshot, "prometheus")["blocks"]) == 2
    finally:
        docker("rm", "-fv", name)
        docker("volume", "rm", name)
        docker("rmi", image)


def _import_without_shell(container: str, rootfs: Path, image: str) -> None:
    import subprocess

    rootfs.mkdir()
    with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as exporting:
        subprocess.run(["tar", "-xf", "-", "-C", rootfs], stdin=exporting.stdout, check=True)
    for folder in ("bin", "usr/bin", "sbin", "usr/sbin"):
        for path in (rootfs / folder).iterdir() if (rootfs / folder).is_dir() else []:
            if path.name not in ("prometheus",) and not path.is_dir():
                path.unlink()
    with subprocess.Popen(["tar", "-C", rootfs, "-cf", "-", "."], stdout=subprocess.PIPE) as packing:
        subprocess.run(["docker", "import", "-", image], stdin=packing.stdout, check=True, capture_output=True)


def _fill(data: Path, volume: str) -> None:
    from tests.integration.support import TESTBED, command

    command(TESTBED, "load", data, volume)
