"""Make real Prometheus data: two-hour TSDB blocks, written by promtool, from values that look like a real stack's.

    tsdb_data.py --size-mb 200                       about that much, in the cache; prints the folder
    tsdb_data.py --blocks 72 --series 8000           exactly that
    tsdb_data.py --size-mb 200 --out DIR             a copy of it in DIR (new or empty), free to be spoiled

The same options and seed give the same samples; block names differ, because promtool chooses them.
Blocks end at the last full two hours, so a Prometheus started on them keeps them and goes on from there.
"""

import argparse
import fcntl
import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import accumulate
from operator import add
from pathlib import Path
from typing import NamedTuple

BLOCK_SECONDS = 7200
# Measured on what this file makes: chunks and index together.
BYTES_PER_SAMPLE = 3.68
FULL_SERIES = 8000
# Cached data this old has drifted too far into the past for a Prometheus with a short retention.
STALE_SECONDS = 5 * 86400
# Two at once: promtool is one process on one core, and the text of the next window is made meanwhile.
PROMTOOLS = 2


class Shape(NamedTuple):
    """What to make; its text form is the name under which it is cached."""

    blocks: int
    series: int
    interval: int
    seed: int

    def __str__(self) -> str:
        return f"{self.blocks}blocks-{self.series}series-{self.interval}s-seed{self.seed}"


class Series:
    """One time series, and where its value stands."""

    def __init__(self, number: int, kind: int, rng: random.Random) -> None:
        self.prefix = _prefix(number, kind)
        self._steps, self._floor, self._scale = KINDS[kind].steps, KINDS[kind].floor, KINDS[kind].scale
        self._level = self._floor + rng.randrange(1 + self._floor // 4)

    def values(self, count: int, rng: random.Random) -> list[str]:
        """The next `count` values as text: a random byte picks each step from the kind's table."""
        steps = self._steps
        levels = list(accumulate(map(steps.__getitem__, rng.randbytes(count)), initial=self._level))[1:]
        # A gauge that wandered far below its floor starts the next window at it.
        self._level = levels[-1] if levels[-1] > self._floor // 2 else self._floor
        if self._scale == 1:
            return list(map(str, levels))
        scale = self._scale
        return [repr(level / scale) for level in levels] if scale > 1 else [str(int(level / scale)) for level in levels]


class Kind(NamedTuple):
    """A metric: its type, and a table of 256 steps that a random byte chooses from."""

    metric: str
    type: str
    steps: tuple[int, ...]
    floor: int
    scale: float


def _counter_steps(mean: float) -> tuple[int, ...]:
    """Increments of a busy counter: bell-shaped around the mean, never negative."""
    rng = random.Random(f"steps {mean}")
    return tuple(max(0, round(rng.gauss(mean, math.sqrt(mean)))) for _ in range(256))


def _gauge_steps(spread: int, moving: float) -> tuple[int, ...]:
    """Steps of a gauge that stands still part of the time and wanders both ways alike."""
    rng = random.Random(f"gauge {spread} {moving}")
    half = [round(abs(rng.gauss(0, spread))) if rng.random() < moving else 0 for _ in range(128)]
    return tuple(half + [-step for step in half])


KINDS = (
    Kind("http_requests_total", "counter", _counter_steps(45), 100_000, 1),
    Kind("node_cpu_seconds_total", "counter", _counter_steps(620), 10_000_000, 100),
    Kind("process_resident_memory_bytes", "gauge", _gauge_steps(40, 0.8), 60_000, 1 / 4096),
    Kind("node_network_receive_bytes_total", "counter", _counter_steps(9000), 1_000_000_000, 1),
    Kind("http_request_duration_seconds_sum", "counter", _counter_steps(310_000), 40_000_000_000, 1_000_000),
    Kind("process_load_ratio", "gauge", _gauge_steps(900, 1.0), 300_000, 999_983),
    Kind("go_goroutines", "gauge", _gauge_steps(2, 0.25), 400, 1),
    Kind("container_memory_working_set_bytes", "gauge", _gauge_steps(60, 0.9), 131_072, 1 / 4096),
)


def _prefix(number: int, kind: int) -> str:
    """Everything of a sample's line before its value."""
    host, item = divmod(number, 40)
    # Few and short: promtool parses every label of every sample, twice.
    return f'{KINDS[kind].metric}{{instance="worker-{host}:9100",item="{item}"}} '


def window_text(all_series: list[list[Series]], start: int, shape: Shape, rng: random.Random) -> Iterator[str]:
    """OpenMetrics text of one window, one series at a time."""
    stamps = [f" {at}\n" for at in range(start, start + BLOCK_SECONDS, shape.interval)]
    for kind, members in zip(KINDS, all_series, strict=True):
        yield f"# TYPE {kind.metric.removesuffix('_total')} {kind.type}\n"
        for series in members:
            lines = map(add, series.values(len(stamps), rng), stamps)
            yield series.prefix + series.prefix.join(lines)
    yield "# EOF\n"


def _promtool() -> list[str]:
    """How to run promtool on files in a folder, where the placeholder WORK stands for the real folder."""
    local = shutil.which("promtool")
    if local:
        return [local, "tsdb", "create-blocks-from", "openmetrics", "-q", "WORK/text", "WORK/blocks"]
    docker = os.environ.get("MONOPS_TESTBED_DOCKER") or shutil.which("docker")
    image = os.environ.get("PROMETHEUS_IMAGE")
    if not docker or not image:
        sys.exit("tsdb_data: error: no promtool here and no image to run it from; use: scripts/testbed data")
    # Whoever tests meanwhile goes first.
    run = [docker, "run", "--rm", "--network", "none", "--cpu-shares", "256", "--user", f"{os.getuid()}:{os.getgid()}"]
    run += ["--volume", "WORK:/data", "--entrypoint", "promtool", image]
    return [*run, "tsdb", "create-blocks-from", "openmetrics", "-q", "/data/text", "/data/blocks"]


def _make_block(work: Path, target: Path) -> None:
    """Turn the text in `work` into a block in `target`."""
    command = [part.replace("WORK", str(work)) for part in _promtool()]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"tsdb_data: error: promtool failed: {done.stdout.strip()[-500:]}")
    for block in (work / "blocks").iterdir():
        shutil.move(block, target / block.name)
    shutil.rmtree(work)


def make(shape: Shape, end: int, target: Path) -> None:
    """Fill `target` with blocks that end at `end`."""
    rng = random.Random(shape.seed)
    per_kind = [len(range(kind, shape.series, len(KINDS))) for kind in range(len(KINDS))]
    all_series = [[Series(number, kind, rng) for number in range(count)] for kind, count in enumerate(per_kind)]
    with (
        tempfile.TemporaryDirectory(prefix="making-", dir=target.parent) as scratch,
        ThreadPoolExecutor(PROMTOOLS) as pool,
    ):
        running: deque[Future[None]] = deque()
        for block in range(shape.blocks):
            while len(running) >= PROMTOOLS:
                running.popleft().result()
            work = Path(scratch) / str(block)
            (work / "blocks").mkdir(parents=True)
            with (work / "text").open("w") as text:
                text.writelines(window_text(all_series, end - (shape.blocks - block) * BLOCK_SECONDS, shape, rng))
            running.append(pool.submit(_make_block, work, target))
            print(f"\rtsdb_data: block {block + 1} of {shape.blocks}", end="", file=sys.stderr, flush=True)
        for future in running:
            future.result()
    print(file=sys.stderr)


def cached(shape: Shape, end: int | None, cache: Path) -> Path:
    """The folder that holds this shape, made now if it is not there or too old."""
    home = cache / "tsdb" / (f"{shape}-end{end}" if end else str(shape))
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_name(f"{home.name}.lock").open("w") as lock:
        # Another test run may want the same data: it waits, and then finds it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        _ensure(shape, end, home)
    return home / "data"


def _ensure(shape: Shape, end: int | None, home: Path) -> None:
    about, data = home / "about.json", home / "data"
    now = int(time.time())
    # about.json is written last: without it the folder is what a broken run left.
    if about.exists() and (end or now - json.loads(about.read_text())["end"] < STALE_SECONDS):
        return
    shutil.rmtree(home, ignore_errors=True)
    data.mkdir(parents=True)
    last = end or now - now % BLOCK_SECONDS
    make(shape, last, data)
    about.write_text(json.dumps({"end": last, **shape._asdict()}) + "\n")


def shape_for_size(size_mb: int, interval: int, seed: int) -> Shape:
    """About so many megabytes: full blocks as far as they go, one smaller block below that."""
    samples = size_mb * 1_000_000 / BYTES_PER_SAMPLE
    per_series = BLOCK_SECONDS // interval
    blocks = max(1, round(samples / (FULL_SERIES * per_series)))
    return Shape(blocks, max(len(KINDS), round(samples / (blocks * per_series))), interval, seed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/testbed data", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size-mb", type=int, help="about this much data, in megabytes")
    parser.add_argument("--blocks", type=int, default=72, help="two-hour blocks (default: %(default)s)")
    parser.add_argument("--series", type=int, default=FULL_SERIES, help="series in each block (default: %(default)s)")
    parser.add_argument("--interval", default="15s", help="time between samples (default: %(default)s)")
    parser.add_argument(
        "--end", type=int, help="where the last block ends, Unix seconds (default: the last full two hours)"
    )
    parser.add_argument("--seed", type=int, default=1, help="other seed, other values (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="copy the data there instead of naming the cached folder")
    options = parser.parse_args()
    options.interval = int(options.interval.removesuffix("s"))
    if BLOCK_SECONDS % options.interval:
        parser.error(f"--interval must divide two hours; {options.interval}s does not")
    if options.end and options.end % BLOCK_SECONDS:
        parser.error(f"--end must be a multiple of {BLOCK_SECONDS}; {options.end} is not")
    if options.out and options.out.exists() and any(options.out.iterdir()):
        parser.error(f"--out {options.out} is not empty")
    return options


def main() -> None:
    """Make or find the data, and print where it is."""
    options = _options()
    shape = Shape(options.blocks, options.series, options.interval, options.seed)
    if options.size_mb:
        shape = shape_for_size(options.size_mb, options.interval, options.seed)
    cache = os.environ.get("MONOPS_TESTBED_CACHE")
    base = Path(cache) if cache else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "monops-testbed"
    data = cached(shape, options.end, base)
    if options.out:
        shutil.copytree(data, options.out, dirs_exist_ok=True)
    print(options.out or data)


if __name__ == "__main__":
    main()
