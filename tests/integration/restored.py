"""Looking at what was restored: byte for byte, with promtool, and by booting services on it."""

from __future__ import annotations

import filecmp
import json
import os
import subprocess
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.integration.support import command, docker, manifest, source_record, wait_until
from tests.integration.web import answers, fetch, query

EVERY_SERIES = 'count({__name__=~".+"})'


def prometheus_image() -> str:
    for line in (Path(__file__).parents[1] / "testbed" / "images.env").read_text().splitlines():
        if line.startswith("PROMETHEUS_IMAGE="):
            return line.partition("=")[2]
    raise AssertionError("images.env names no Prometheus")


def same_files(one: Path, other: Path) -> None:
    """Both folders hold the same names with the same bytes."""
    names = sorted(path.relative_to(one) for path in one.rglob("*"))
    assert names == sorted(path.relative_to(other) for path in other.rglob("*"))
    for name in names:
        if (one / name).is_file():
            assert filecmp.cmp(one / name, other / name, shallow=False), name


def unpack(store: Path, snapshot: str, source: str, target: Path) -> Path:
    """Unpack every object of a source into `target` with the programs alone; its root as it was captured."""
    target.mkdir(parents=True)
    record = source_record(store, snapshot, source)
    for key in record["objects"]:
        unpack_file(store / key, target)
    os.chown(target, record["uid"], record["gid"])
    target.chmod(int(record["mode"], 8))
    return target


def unpack_file(path: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    way = {".zst": "--zstd", ".gz": "--gzip"}.get(path.suffix)
    command("tar", *([way] if way else []), "--numeric-owner", "-xf", path, "-C", target)


def members(path: Path) -> list[str]:
    """Names in an object."""
    if path.suffix == ".zst":
        path.with_suffix(".plain").write_bytes(subprocess.run(["zstd", "-dc", path], capture_output=True).stdout)
        path = path.with_suffix(".plain")
    with tarfile.open(path) as archive:
        return archive.getnames()


def analyze(data: Path, ulids: Iterable[str]) -> None:
    """promtool reads every chunk of every block: it fails on one flipped bit. Source: backup-facts.md §3."""
    script = 'for ulid; do promtool tsdb analyze --extended /data "$ulid" >/dev/null || exit 1; done'
    docker(
        "run", "--rm", "--network", "none", "--user", "0", "--volume", f"{data}:/data", "--entrypoint", "/bin/sh",
        prometheus_image(), "-c", script, "sh", *sorted(ulids),
    )  # fmt: skip


@contextmanager
def booted(data: Path | str) -> Iterator[str]:
    """A throwaway Prometheus on restored data (a folder, or a volume's name); its address."""
    container = docker(
        "run", "-d", "--publish", "127.0.0.1:0:9090", "--volume", f"{data}:/prometheus", prometheus_image(),
        "--config.file=/dev/null", "--storage.tsdb.path=/prometheus", "--storage.tsdb.retention.time=100y",
    )  # fmt: skip
    try:
        url = "http://" + docker("port", container, "9090/tcp").splitlines()[0]
        wait_until(lambda: answers(f"{url}/-/ready"), f"Prometheus on {data}")
        yield url
    finally:
        docker("rm", "-fv", container)


def block_times(store: Path, snapshot: str) -> list[float]:
    """A moment in the oldest, the middle and the newest block of real data, in Unix seconds."""
    blocks = sorted(source_record(store, snapshot, "prometheus")["blocks"], key=lambda block: int(block["min_time"]))
    full = [b for b in blocks if b["samples"] > 1_000_000]  # not the head, which has been filled for minutes only
    chosen = (full[0], full[len(full) // 2], full[-1])
    return [(b["min_time"] + b["max_time"]) / 2000 for b in chosen]


def answers_alike(before: str, after: str, times: Sequence[float], *, question: str = EVERY_SERIES) -> None:
    for at in times:
        expected = query(before, question, at)
        assert expected
        assert query(after, question, at) == expected


def newest_sample(prometheus: str, *, now: float) -> float:
    """When the newest sample of the last ten minutes was taken, in Unix seconds."""
    rows = query(prometheus, "max(max_over_time(timestamp(up)[10m:1s]))", now)
    return float(rows[0][1]) if rows else 0.0


def blocks_loaded(prometheus: str) -> int:
    text = str(fetch(f"{prometheus}/metrics"))
    line = next(line for line in text.splitlines() if line.startswith("prometheus_tsdb_blocks_loaded "))
    return int(float(line.split()[1]))


def golden(store: Path, snapshot: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = source_record(store, snapshot, "prometheus")["golden"]
    return found


def object_paths(store: Path, snapshot: str, source: str) -> list[Path]:
    return [store / key for key in source_record(store, snapshot, source)["objects"]]


def inside(store: Path, snapshot: str) -> str:
    """The whole manifest as text."""
    return json.dumps(manifest(store, snapshot))
