"""Recording rules: what an alert and a dashboard both ask, so that the two never disagree."""

from __future__ import annotations

from monops.stack.alerts.model import Record, RuleGroup

GROUP = RuleGroup(
    name="recording",
    about="Expressions that alerts and dashboards share, named level:metric:operation.",
    rules=(
        Record(
            name="instance:node_cpu_used:ratio_rate5m",
            expr='1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m]))',
        ),
        Record(
            name="instance:node_memory_used:ratio",
            expr="1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes",
        ),
        Record(
            # Read-only file systems are full by nature; tmpfs and overlay are no disks.
            name="instance:node_filesystem_avail:ratio",
            expr='node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660|fuse.*"}'
            ' / node_filesystem_size_bytes{fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660|fuse.*"}'
            " and on (instance, device, mountpoint) node_filesystem_readonly == 0",
        ),
        Record(
            name="provider:requests_failed:ratio_rate5m",
            expr="sum by (provider) (rate(requests_failed_total[5m])) / sum by (provider) (rate(requests_total[5m]))",
        ),
        Record(
            name="provider:request_duration_seconds:p95_rate5m",
            expr="histogram_quantile(0.95, sum by (provider, le) (rate(request_duration_seconds_bucket[5m])))",
        ),
        Record(
            name="api:errors:ratio_rate5m",
            expr="(sum(rate(api_errors_total[5m])) or vector(0)) / sum(rate(api_requests_total[5m]))",
        ),
        Record(
            name="provider:quota_daily_used:ratio",
            expr="max by (provider) (quota_daily_used) / max by (provider) (quota_daily_limit)",
        ),
        Record(
            # Where no job has ever completed, its counter may not be there yet: that counts as 0, and all have failed.
            name="queue:bullmq_jobs_failed:ratio_rate5m",
            expr="sum by (queue) (rate(bullmq_jobs_failed_total[5m]))"
            " / (sum by (queue) (rate(bullmq_jobs_failed_total[5m]))"
            " + (sum by (queue) (rate(bullmq_jobs_completed_total[5m]))"
            " or sum by (queue) (rate(bullmq_jobs_failed_total[5m])) * 0))",
        ),
        Record(
            name="name:container_memory_used:ratio",
            expr='max by (name) (container_memory_working_set_bytes{name!=""})'
            ' / max by (name) (container_spec_memory_limit_bytes{name!=""} > 0)',
        ),
    ),
)
