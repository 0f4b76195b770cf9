"""Services beside Prometheus whose limits the tests change: each written in another way, on images of the test bed."""

from __future__ import annotations

import math
import textwrap
import time
from collections.abc import Mapping, Sequence

from monops.stack.options import SAMPLE_IMAGES

#: Where a program sees its own memory limit: cgroup v1, then v2.
_OWN_LIMIT = ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max")

#: Grows beyond any limit below 64 MiB, as soon as it gets one.
GREEDY = f"""\
import os, time
path = next(path for path in {_OWN_LIMIT!r} if os.path.exists(path))
while True:
    limit = open(path).read().strip()
    held = bytearray(128 << 20 if limit.isdigit() and int(limit) < 64 << 20 else 0)
    time.sleep(0.1)
"""
#: Cannot live with less than 100 MB.
HUNGRY = "import time\nheld = bytearray(100_000_000)\nprint('fed', flush=True)\ntime.sleep(1e6)"

TEXT = """\
services:
  greedy:
    image: {python}
    container_name: {name}-greedy
    init: true
    restart: unless-stopped
    mem_limit: 256m   # the old form
    cpus: 0.5
    command: [python3, -c, {greedy}]
  hungry:
    image: {python}
    container_name: {name}-hungry
    init: true
    restart: unless-stopped
    deploy: {{resources: {{limits: {{memory: 256M, cpus: "0.5"}}}}}}
    memswap_limit: 256M
    command: [python3, -c, {hungry}]
  plain:
    image: {redis}
    container_name: {name}-plain
  variable:
    image: {redis}
    container_name: {name}-variable
    mem_limit: ${{VARIABLE_MEMORY:-128m}}
    mem_reservation: ${{RESERVED}}m
  both:
    image: {redis}
    container_name: {name}-both
    mem_limit: 128m
    deploy:
      resources:
        limits:
          memory: 128m
"""


def override(name: str) -> str:
    """The Compose file with these services, in the stack of that name."""
    python, redis = SAMPLE_IMAGES["SAMPLE_APP_IMAGE"], SAMPLE_IMAGES["REDIS_IMAGE"]
    return TEXT.format(name=name, python=python, redis=redis, greedy=_scalar(GREEDY), hungry=_scalar(HUNGRY))


def _scalar(program: str) -> str:
    # In double quotes YAML reads these escapes as Python writes them.
    return '"' + program.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def cadvisor_samples(usages: Mapping[str, tuple[int, int, float]], hours: int) -> str:
    """What cAdvisor would have told until now, a sample a minute, as OpenMetrics.

    `usages`: container name -> memory as a rule, memory for ten minutes a day, processors.
    """
    end = int(time.time()) // 60 * 60 - 120
    times = range(end - hours * 3600, end, 60)
    memory = [
        f'container_memory_working_set_bytes{{name="{name}",id="/docker/{name}"}} '
        f"{peak if when // 60 % 1440 < 10 else int(usual * (1 + 0.05 * math.sin(when / 600)))} {when}"
        for name, (usual, peak, _) in usages.items()
        for when in times
    ]
    cpus = [
        f'container_cpu_usage_seconds_total{{name="{name}",id="/docker/{name}",cpu="total"}} '
        f"{cores * (when - times[0]):.3f} {when}"
        for name, (_, _, cores) in usages.items()
        for when in times
    ]
    return _families(
        ("container_memory_working_set_bytes", "gauge", memory), ("container_cpu_usage_seconds", "counter", cpus)
    )


def _families(*families: tuple[str, str, Sequence[str]]) -> str:
    parts = [f"# TYPE {name} {kind}\n" + "\n".join(lines) + "\n" for name, kind, lines in families]
    return textwrap.dedent("".join(parts)) + "# EOF\n"
