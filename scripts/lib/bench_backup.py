"""The budgets of backup and restore, measured against tar, zstd, restic and borg in one run on one machine.

Whole processes, page cache warm, in turn; the median counts. Ratios are the point: seconds depend on the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20


@dataclass(slots=True)
class Figure:
    """What a command cost."""

    seconds: list[float] = field(default_factory=list)
    peak_bytes: int = 0

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


class Bench:
    """Runs commands in a scratch folder and remembers what they cost."""

    def __init__(self, data: Path, scratch: Path, runs: int, environment: Mapping[str, str]) -> None:
        self.data = data
        self.scratch = scratch
        self.runs = runs
        self.environment = dict(environment)
        self.figures: dict[str, Figure] = {}

    def measure(self, commands: Mapping[str, str], prepare: Callable[[str], None] = lambda name: None) -> None:
        """Each command `runs` times, in turn, so that a machine that changes its speed is fair to all."""
        for _ in range(self.runs):
            for name, command in commands.items():
                prepare(name)
                self._once(name, command)

    def _once(self, name: str, command: str) -> None:
        began = time.perf_counter()
        with (self.scratch / "output.log").open("wb") as log:
            child = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", command],
                cwd=self.scratch,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
            _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - began
        if status != 0:
            sys.exit(f"{name} failed: {command}\n{(self.scratch / 'output.log').read_text()[-2000:]}")
        figure = self.figures.setdefault(name, Figure())
        figure.seconds.append(seconds)
        figure.peak_bytes = max(figure.peak_bytes, usage.ru_maxrss * 1024)

    def median(self, name: str) -> float:
        return self.figures[name].median


def main() -> int:
    """Print the table; exit 1 if a budget is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=72, help="two-hour blocks of 8,000 series, 13 MiB each")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="leave out tar czf, which takes a minute a run")
    given = parser.parse_args()
    data = Path(
        _out("scripts/testbed", "data", "--blocks", str(given.blocks), "--series", "8000").strip().splitlines()[-1]
    )
    with tempfile.TemporaryDirectory(prefix="monops-bench-") as folder:
        bench = Bench(data, Path(folder), given.runs, _environment(Path(folder)))
        (bench.scratch / "monops.toml").write_text(f'[sources.prometheus]\npath = "{data}"\n')
        for file in data.rglob("*"):  # into the page cache
            if file.is_file():
                file.read_bytes()
        full(bench, quick=given.quick)
        again(bench)
        restore(bench)
        s3(bench)
        bench.measure({"version": "monops --version"})
        return report(bench)


def full(bench: Bench, *, quick: bool) -> None:
    """A first backup."""
    commands = {
        "monops": "monops -q backup prometheus --to ./store",
        "tar|zstd": f"tar -C {bench.data} -c . | zstd -3 -T0 -q > reference.tar.zst",
        "restic": f"restic init -q -r restic && restic backup -q -r restic {bench.data}",
        "borg": f"borg init -e none borg && borg create -C lz4 borg::first {bench.data}",
    }
    folders = {"monops": "store", "restic": "restic", "borg": "borg"}

    def prepare(name: str) -> None:
        shutil.rmtree(bench.scratch / folders.get(name, "none"), ignore_errors=True)
        os.sync()

    bench.measure(commands, prepare)
    if not quick:
        runs, bench.runs = bench.runs, 1
        bench.measure({"tar czf": f"tar -C {bench.data} -czf reference.tar.gz ."})
        bench.runs = runs


def again(bench: Bench) -> None:
    """Nothing new."""
    bench.measure(
        {
            "monops again": "monops -q --output json backup prometheus --to ./store > again.json",
            "restic again": f"restic backup -q -r restic {bench.data}",
            "borg again": f"borg create -C lz4 borg::$(date +%s%N) {bench.data}",
        }
    )


def restore(bench: Bench) -> None:
    """Into an empty folder."""
    target = bench.scratch / "restored"

    def prepare(name: str) -> None:
        del name
        shutil.rmtree(target, ignore_errors=True)
        os.sync()

    bench.measure(
        {
            "monops restore": "monops -q restore latest --to-dir restored --from ./store",
            "zstd|tar": "mkdir restored && zstd -dcq reference.tar.zst | tar -x -C restored",
            "restic restore": "restic restore -q -r restic latest --target restored",
            "borg restore": "mkdir restored && cd restored && borg extract ../borg::first",
        },
        prepare,
    )


def s3(bench: Bench) -> None:
    """To the test bed's S3 server, against boto3 sending the same objects, four at a time.

    Each in one request: that server (Ceph on SQLite) loses parts of uploads in parts, boto3's own too.
    """
    upload = bench.scratch / "upload.py"
    upload.write_text(
        "import boto3, os\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from pathlib import Path\n"
        "from boto3.s3.transfer import TransferConfig\n"
        "client = boto3.client('s3', endpoint_url=os.environ['MONOPS_S3_ENDPOINT'])\n"
        "whole = TransferConfig(multipart_threshold=1 << 30)\n"
        "def send(path):\n"
        "    client.upload_file(str(path), os.environ['MONOPS_TEST_S3_BUCKET'], f'bench/{path.name}', Config=whole)\n"
        "with ThreadPoolExecutor(4) as threads:\n"
        "    list(threads.map(send, Path('store/objects/prometheus').iterdir()))\n"
    )
    prefix = iter(range(10_000))

    def prepare(name: str) -> None:
        if name == "monops s3":
            bench.environment["MONOPS_S3_URL"] = (
                f"s3://{os.environ['MONOPS_TEST_S3_BUCKET']}/bench-{os.getpid()}-{next(prefix)}"
            )

    bench.measure({"monops s3": "monops -q backup prometheus --to s3", "boto3": f"{sys.executable} upload.py"}, prepare)


def report(bench: Bench) -> int:
    """The table: what, measured, against what, ratio, budget, kept or missed."""
    size = sum(path.stat().st_size for path in bench.data.rglob("*") if path.is_file())
    source = json.loads((bench.scratch / "again.json").read_text())["result"]["runs"][0]["sources"][0]
    m = bench.median
    slower = max(m("tar|zstd"), m("boto3"))
    rows = [
        ("full backup to a directory", m("monops"), "tar \\| zstd -3 -T0", m("tar|zstd"), 1.15),
        ("", m("monops"), "restic", m("restic"), 1.0),
        ("", m("monops"), "borg lz4", m("borg"), None),
        ("full backup to S3", m("monops s3"), "slower of tar \\| zstd and boto3", slower, 1.15),
        ("again, nothing new", m("monops again"), "restic", m("restic again"), 1.0),
        ("", m("monops again"), "borg", m("borg again"), None),
        ("restore to a directory", m("monops restore"), "zstd -dc \\| tar -x", m("zstd|tar"), 1.15),
        ("", m("monops restore"), "restic", m("restic restore"), 1.0),
    ]
    if "tar czf" in bench.figures:
        rows.insert(1, ("", m("monops"), "tar czf", m("tar czf"), 1 / 12))
    missed = 0
    print(f"{size / MIB:.0f} MiB of TSDB blocks, {os.cpu_count()} CPUs, median of {bench.runs} runs\n")
    print("| what | monops | against | takes | ratio | budget | |\n| --- | --- | --- | --- | --- | --- | --- |")
    for what, own, against, other, budget in rows:
        ratio = own / other
        kept = budget is None or ratio <= budget
        missed += not kept
        said = "" if budget is None else f"≤ {budget:.3g}"
        verdict = "kept" if kept else "MISSED"
        print(f"| {what} | {own:.2f} s | {against} | {other:.2f} s | {ratio:.2f} | {said} | {verdict} |")
    peak = max(bench.figures[name].peak_bytes for name in ("monops", "monops s3", "monops restore", "monops again"))
    for what, value, limit, unit in (
        ("bytes sent, nothing new", source["bytes_new"] / 1024, 64, "KiB"),
        ("peak memory of any of these", peak / MIB, 200, "MiB"),
        ("monops --version", m("version") * 1000, 100, "ms"),
    ):
        missed += value > limit
        print(f"| {what} | {value:.0f} {unit} | | | | ≤ {limit} {unit} | {'kept' if value <= limit else 'MISSED'} |")
    return 1 if missed else 0


def _environment(scratch: Path) -> dict[str, str]:
    secrets = {
        "RESTIC_PASSWORD": "bench",
        "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
        "BORG_BASE_DIR": str(scratch / "b"),
    }
    s3 = {
        "MONOPS_S3_ENDPOINT": os.environ["MONOPS_TEST_S3_ENDPOINT"],
        "AWS_ACCESS_KEY_ID": os.environ["MONOPS_TEST_S3_ACCESS_KEY"],
        "AWS_SECRET_ACCESS_KEY": os.environ["MONOPS_TEST_S3_SECRET_KEY"],
    }
    return {
        **os.environ,
        **secrets,
        **s3,
        "MONOPS_CONFIG": str(scratch / "monops.toml"),
        "MONOPS_STATE_DIR": str(scratch / "state"),
    }


def _out(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
