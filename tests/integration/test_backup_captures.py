"""Every way to capture a Prometheus by every way to reach it: what was stored boots a server that answers the same."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from contextlib import suppress
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
from tests.integration.support import Monops, Stack, some_blocks, source_record, wait_until
from tests.integration.web import answers, fetch, query

pytestmark = [pytest.mark.engine, pytest.mark.slow]

REACHES = ("mountpoint", "archive", "directory")


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
    wait_until(lambda: newest_sample(stack.prometheus, now=time.time()) > 0, "a scrape")
    known = newest_sample(stack.prometheus, now=time.time())
    ran = monops.backup("prometheus", "--capture", capture, "--to", store)
    record = source_record(store, ran.snapshot, "prometheus")
    assert (record["capture"], record["reach"]) == (capture, reach)
    stack.is_undisturbed(monops)
    times = block_times(store, ran.snapshot)
    restored = unpack(store, ran.snapshot, "prometheus", tmp_path / "restored")
    analyze(restored, [block["ulid"] for block in record["blocks"]])
    wait_until(lambda: answers(f"{stack.prometheus}/-/ready"), "Prometheus after the backup")
    wait_until(lambda: bool(query(stack.prometheus, "up", time.time())), "a scrape after the backup")
    with booted(restored) as url:
        answers_alike(stack.prometheus, url, times)
        assert blocks_loaded(url) == len(record["blocks"])
        # The head is in all three: as a block, or as the log from which the server rebuilds it.
        assert newest_sample(url, now=time.time()) >= known
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
        wait_until((store / "locks").is_dir, "the backup's begin")
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
    os.kill(process.pid, signal.SIGSTOP)
    for ulid in ulids:
        # As Prometheus does it: renamed first, so that no half block is ever seen.
        (data / ulid).rename(data / f"{ulid}.tmp-for-deletion")
        shutil.rmtree(data / f"{ulid}.tmp-for-deletion")
    os.kill(process.pid, signal.SIGCONT)
    ran = monops.ended(process)
    assert ran.code == 0, ran
    assert [b["ulid"] for b in source_record(store, ran.snapshot, "prometheus")["blocks"]] == ulids
    restored = unpack(store, ran.snapshot, "prometheus", tmp_path / "restored")
    assert {path.relative_to(restored): path.stat().st_size for path in restored.glob("0*/chunks/*")} == sizes
    analyze(restored, ulids)


def _holds(descriptors: Path, count: int) -> bool:
    found = []
    for path in list(descriptors.iterdir()):
        with suppress(OSError):  # closed meanwhile
            found.append(os.readlink(path))
    return sum(name.endswith("/index") for name in found) == count
