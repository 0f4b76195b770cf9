"""Examples for the recording rules: their values, computed by hand."""

from __future__ import annotations

from tests.integration.alert_examples_model import RecordExample

_NODE = 'job="node",instance="web-1"'
_BUCKET = 'request_duration_seconds_bucket{provider="openai"'
_COUNTERS = "1000+10x20"


def _disk(fstype: str, mountpoint: str, *, readonly: int) -> dict[str, str]:
    """A file system of 1000 bytes with 250 free."""
    labels = f'{_NODE},device="d",fstype="{fstype}",mountpoint="{mountpoint}"'
    return {
        f"node_filesystem_avail_bytes{{{labels}}}": "250x9",
        f"node_filesystem_size_bytes{{{labels}}}": "1000x9",
        f"node_filesystem_readonly{{{labels}}}": f"{readonly}x9",
    }


RECORDING = (
    RecordExample(
        # Idle for 12 s and 36 s of 60: 40% on average.
        record="instance:node_cpu_used:ratio_rate5m",
        series={
            f'node_cpu_seconds_total{{{_NODE},cpu="0",mode="idle"}}': "1000+12x20",
            f'node_cpu_seconds_total{{{_NODE},cpu="1",mode="idle"}}': "1000+36x20",
            f'node_cpu_seconds_total{{{_NODE},cpu="0",mode="user"}}': "1000+48x20",
        },
        at="10m",
        expected={'{instance="web-1"}': 0.6},
        wrong=(("avg by", "max by"), ('mode="idle"', 'mode!=""'), ("1 - avg", "avg"), ("by (instance)", "by (job)")),
    ),
    RecordExample(
        record="instance:node_memory_used:ratio",
        series={
            f"node_memory_MemAvailable_bytes{{{_NODE}}}": "250x9",
            f"node_memory_MemFree_bytes{{{_NODE}}}": "100x9",
            f"node_memory_MemTotal_bytes{{{_NODE}}}": "1000x9",
        },
        at="5m",
        expected={f"{{{_NODE}}}": 0.75},
        wrong=(("1 - ", ""), ("MemAvailable", "MemFree")),
    ),
    RecordExample(
        record="instance:node_filesystem_avail:ratio",
        series={
            **_disk("ext4", "/", readonly=0),
            **_disk("iso9660", "/media", readonly=0),
            **_disk("tmpfs", "/run", readonly=0),
            **_disk("overlay", "/var/lib/docker", readonly=0),
            **_disk("fuse.sshfs", "/mnt", readonly=0),
            **_disk("xfs", "/usr", readonly=1),
        },
        at="5m",
        expected={f'{{{_NODE},device="d",fstype="ext4",mountpoint="/"}}': 0.25},
        wrong=(("tmpfs|", ""), ("overlay|", ""), ("fuse.*", "fuse"), ("readonly == 0", "readonly >= 0"), ("!~", "=~")),
    ),
    RecordExample(
        # 10 of 30 + 10 a minute. Of a provider that nobody asks, there is no share.
        record="provider:requests_failed:ratio_rate5m",
        series={
            'requests_failed_total{instance="a:9400",provider="openai"}': "1000+5x20",
            'requests_failed_total{instance="b:9400",provider="openai"}': "1000+5x20",
            'requests_total{instance="a:9400",provider="openai",status="completed"}': "1000+30x20",
            'requests_total{instance="b:9400",provider="openai",status="failed"}': _COUNTERS,
            'requests_total{instance="b:9400",provider="mistral",status="completed"}': _COUNTERS,
        },
        at="10m",
        expected={'{provider="openai"}': 0.25},
        wrong=(
            ("sum by (provider) (rate(requests_failed", "max by (provider) (rate(requests_failed"),
            ("/ sum by", "/ max by"),
        ),
    ),
    RecordExample(
        # All take 20 s to 30 s, at either of two workers: the 95th of 100 is 95% of the way.
        record="provider:request_duration_seconds:p95_rate5m",
        series={
            f'{_BUCKET},instance="{worker}",le="{le}"}}': f"1000+{growth}x20"
            for worker in ("a:9400", "b:9400")
            for le, growth in (("20", 0), ("30", 60), ("45", 60), ("+Inf", 60))
        },
        at="10m",
        expected={'{provider="openai"}': 29.5},
        wrong=(("0.95", "0.94"), ("0.95", "0.96"), ("(provider, le)", "(le)")),
    ),
    RecordExample(
        record="api:errors:ratio_rate5m",
        series={
            'api_errors_total{route="/jobs"}': "1000+5x20",
            'api_errors_total{route="/accounts"}': "1000+5x20",
            'api_requests_total{route="/jobs",status="200"}': "1000+30x20",
            'api_requests_total{route="/jobs",status="500"}': "1000+10x20",
        },
        at="10m",
        expected={"{}": 0.25},
        wrong=(("(sum(rate", "(max(rate"), ("/ sum(", "/ max(")),
    ),
    RecordExample(
        record="api:errors:ratio_rate5m",
        case="no error has ever been counted",
        series={'api_requests_total{route="/jobs",status="200"}': "1000+30x20"},
        at="10m",
        expected={"{}": 0},
        wrong=(("or vector(0)", "or vector(1)"), (" or vector(0)", "")),
    ),
    RecordExample(
        # Two trackers tell of the same quota; both are not added up.
        record="provider:quota_daily_used:ratio",
        series={
            'quota_daily_used{instance="a:9600",provider="openai"}': "250x9",
            'quota_daily_used{instance="b:9600",provider="openai"}': "500x9",
            'quota_daily_limit{instance="a:9600",provider="openai"}': "1000x9",
            'quota_daily_limit{instance="b:9600",provider="openai"}': "1000x9",
            'quota_daily_used{instance="a:9600",provider="mistral"}': "100x9",
            'quota_daily_limit{instance="a:9600",provider="mistral"}': "1000x9",
        },
        at="5m",
        expected={'{provider="openai"}': 0.5, '{provider="mistral"}': 0.1},
        wrong=(
            ("max by (provider) (quota_daily_used)", "sum by (provider) (quota_daily_used)"),
            ("/ max by", "/ sum by"),
            ("max by (provider) (quota_daily_used)", "min by (provider) (quota_daily_used)"),
        ),
    ),
    RecordExample(
        record="queue:bullmq_jobs_failed:ratio_rate5m",
        series={
            'bullmq_jobs_failed_total{instance="a:9500",queue="scrape"}': "1000+10x20",
            'bullmq_jobs_completed_total{instance="a:9500",queue="scrape"}': "1000+20x20",
            'bullmq_jobs_completed_total{instance="b:9500",queue="scrape"}': "1000+10x20",
            'bullmq_jobs_failed_total{instance="a:9500",queue="mail"}': "1000x20",
            'bullmq_jobs_completed_total{instance="a:9500",queue="mail"}': "1000+20x20",
        },
        at="10m",
        expected={'{queue="scrape"}': 0.25, '{queue="mail"}': 0},
        wrong=(("(sum by (queue) (rate(bullmq_jobs_failed", "(max by (queue) (rate(bullmq_jobs_completed"),),
    ),
    RecordExample(
        record="queue:bullmq_jobs_failed:ratio_rate5m",
        case="no job has ever completed",
        series={'bullmq_jobs_failed_total{instance="a:9500",queue="scrape"}': "1000+10x20"},
        at="10m",
        expected={'{queue="scrape"}': 1},
        wrong=(
            (" or sum by (queue) (rate(bullmq_jobs_failed_total[5m])) * 0", ""),
            ("bullmq_jobs_failed_total[5m])) * 0", "bullmq_jobs_failed_total[5m]))"),
        ),
    ),
    RecordExample(
        record="name:container_memory_used:ratio",
        series={
            'container_memory_working_set_bytes{id="/a",name="api"}': "250x9",
            'container_spec_memory_limit_bytes{id="/a",name="api"}': "1000x9",
            'container_memory_working_set_bytes{id="/b",name="without-limit"}': "250x9",
            'container_spec_memory_limit_bytes{id="/b",name="without-limit"}': "0x9",
            'container_memory_working_set_bytes{id="/system.slice"}': "250x9",
            'container_spec_memory_limit_bytes{id="/system.slice"}': "1000x9",
        },
        at="5m",
        expected={'{name="api"}': 0.25},
        wrong=((" > 0)", ")"), ('{name!=""}', "")),
    ),
)
