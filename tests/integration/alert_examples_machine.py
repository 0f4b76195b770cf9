"""Examples for the machine and for the services: processor, memory, disk; what does not answer."""

from __future__ import annotations

from tests.integration.alert_examples_model import Example

_NODE = 'job="node",instance="web-1"'
_ROOT = f'{_NODE},device="/dev/vda1",fstype="ext4",mountpoint="/"'

SYSTEM = (
    Example(
        # Idle time for ten minutes; then the first processor is busy and the second idle for 23.4 s a minute: 11.7 s of
        # 60 on average, 80.5% used. A window of 5 minutes holds four increases, and three of the four give 60.4%.
        alert="HighCpuUsage",
        sick={
            f'node_cpu_seconds_total{{{_NODE},cpu="0",mode="idle"}}': "1000+60x9 1540x20 1600+60x60",
            f'node_cpu_seconds_total{{{_NODE},cpu="1",mode="idle"}}': "1000+60x9 1563.4+23.4x20 2091.4+60x60",
            'node_cpu_seconds_total{job="node",instance="web-2",cpu="0",mode="idle"}': "1000+60x90",
        },
        true_from="13m",
        over_at="31m",
        well={
            f'node_cpu_seconds_total{{{_NODE},cpu="0",mode="idle"}}': "1000+12x60",
            f'node_cpu_seconds_total{{{_NODE},cpu="1",mode="idle"}}': "1000+12x60",
            f'node_cpu_seconds_total{{{_NODE},cpu="0",mode="system"}}': "1000+48x60",
        },
        severity="warning",
        team="platform",
        labels={"instance": "web-1"},
        summary="Processor of web-1 is busy",
        description="80.5% of the processor time of web-1 is in use, more than 80% for 5 minutes.",
        wrong=(("> 0.80", "> 0.79"), ("> 0.80", ">= 0.80"), ("> 0.80", "> 0.81"), ("> 0.80", "< 0.80")),
    ),
    Example(
        alert="HighMemoryUsage",
        sick={
            f"node_memory_MemAvailable_bytes{{{_NODE}}}": "500x1 95x10 500x60",
            f"node_memory_MemTotal_bytes{{{_NODE}}}": "1000x90",
        },
        true_from="2m",
        over_at="13m",
        well={
            f"node_memory_MemAvailable_bytes{{{_NODE}}}": "100x60",
            f"node_memory_MemTotal_bytes{{{_NODE}}}": "1000x60",
            # Nearly full, but for less than 5 minutes.
            'node_memory_MemAvailable_bytes{job="node",instance="web-2"}': "500x4 1x4 500x60",
            'node_memory_MemTotal_bytes{job="node",instance="web-2"}': "1000x90",
        },
        severity="critical",
        team="platform",
        labels={"job": "node", "instance": "web-1"},
        summary="Memory of web-1 is nearly used up",
        description="90.5% of the memory of web-1 is in use, more than 90% for 5 minutes.",
        wrong=(("> 0.90", "> 0.89"), ("> 0.90", ">= 0.90"), ("> 0.90", "> 0.91")),
    ),
    Example(
        alert="DiskSpaceLow",
        sick={
            f"node_filesystem_avail_bytes{{{_ROOT}}}": "500x4 99x10 500x60",
            f"node_filesystem_size_bytes{{{_ROOT}}}": "1000x90",
            f"node_filesystem_readonly{{{_ROOT}}}": "0x90",
        },
        true_from="5m",
        over_at="16m",
        well={
            f"node_filesystem_avail_bytes{{{_ROOT}}}": "100x60",
            f"node_filesystem_size_bytes{{{_ROOT}}}": "1000x60",
            f"node_filesystem_readonly{{{_ROOT}}}": "0x60",
        },
        severity="critical",
        team="platform",
        labels={
            "job": "node",
            "instance": "web-1",
            "device": "/dev/vda1",
            "fstype": "ext4",
            "mountpoint": "/",
        },
        summary="/ on web-1 is nearly full",
        description="9.9% of / (/dev/vda1) on web-1 is free, less than 10%.",
        wrong=(("< 0.10", "< 0.11"), ("< 0.10", "<= 0.10"), ("< 0.10", "< 0.09")),
    ),
)

_WORKER = 'job="browser-workers",instance="worker-3:9400"'
#: Down from 1m up to 4m, at four scrapes a minute. Used by two alerts: both fire, and Alertmanager mutes one of them.
_WORKER_DOWN = {f"up{{{_WORKER}}}": "1x3 0x11 1x60", 'up{job="browser-workers",instance="worker-4:9400"}': "1x90"}
_WORKER_BLIPS = {f"up{{{_WORKER}}}": "1x3 0x3 1x3 0x3 1x60"}

SERVICES = (
    Example(
        alert="ServiceDown",
        sick={
            'up{job="node",instance="web-1:9100"}': "1x3 0x11 1x60",
            'up{job="node",instance="web-2:9100"}': "1x90",
        },
        true_from="1m",
        over_at="4m",
        # Down for three quarters of a minute, as a container that is replaced.
        well={'up{job="node",instance="web-1:9100"}': "1x3 0x3 1x60"},
        step="15s",
        severity="critical",
        team="platform",
        labels={"job": "node", "instance": "web-1:9100"},
        summary="node on web-1:9100 is down",
        description="Prometheus could not scrape web-1:9100 of job node for 1 minute (up is 0)."
        " The cause: monops targets",
        wrong=(("== 0", "== 1"), ("== 0", ">= 0"), ("== 0", "< 0")),
    ),
    Example(
        alert="ServiceDown",
        case="a browser worker",
        sick=_WORKER_DOWN,
        true_from="1m",
        over_at="4m",
        well=_WORKER_BLIPS,
        step="15s",
        severity="critical",
        team="platform",
        labels={"job": "browser-workers", "instance": "worker-3:9400"},
        summary="browser-workers on worker-3:9400 is down",
        description="Prometheus could not scrape worker-3:9400 of job browser-workers for 1 minute (up is 0)."
        " The cause: monops targets",
    ),
    Example(
        alert="BrowserWorkerDown",
        sick=_WORKER_DOWN,
        true_from="1m",
        over_at="4m",
        well={**_WORKER_BLIPS, 'up{job="node",instance="web-1:9100"}': "0x60"},
        step="15s",
        severity="critical",
        team="orchestrator",
        labels={"job": "browser-workers", "instance": "worker-3:9400"},
        summary="Browser worker worker-3:9400 is down",
        description="The browser worker worker-3:9400 has not answered for 1 minute (up is 0).",
        wrong=(("== 0", "== 1"), ("== 0", ">= 0"), ('{job="browser-workers"}', ""), ("browser-workers", "workers")),
    ),
    Example(
        alert="RedisDown",
        sick={'redis_up{job="redis",instance="redis:6379"}': "1x3 0x11 1x60"},
        true_from="1m",
        over_at="4m",
        well={'redis_up{job="redis",instance="redis:6379"}': "1x3 0x3 1x60"},
        step="15s",
        severity="critical",
        team="orchestrator",
        labels={"job": "redis", "instance": "redis:6379"},
        summary="Redis redis:6379 is down",
        description="The Redis exporter has not reached redis:6379 for 1 minute (redis_up is 0)."
        " The queue stands still.",
        wrong=(("== 0", "== 1"), ("== 0", ">= 0"), ("redis_up", "up")),
    ),
)
