"""System: processor, memory, disk. Thresholds and durations are the setup document's."""

from __future__ import annotations

from monops.stack.alerts.model import Alert, RuleGroup

GROUP = RuleGroup(
    name="system",
    about="The machine: processor, memory, disk.",
    rules=(
        Alert(
            name="HighCpuUsage",
            expr="instance:node_cpu_used:ratio_rate5m > 0.80",
            holds_for="5m",
            severity="warning",
            team="platform",
            summary="Processor of {{ $labels.instance }} is busy",
            description="{{ $value | humanizePercentage }} of the processor time of {{ $labels.instance }} is in use,"
            " more than 80% for 5 minutes.",
        ),
        Alert(
            name="HighMemoryUsage",
            expr="instance:node_memory_used:ratio > 0.90",
            holds_for="5m",
            severity="critical",
            team="platform",
            summary="Memory of {{ $labels.instance }} is nearly used up",
            description="{{ $value | humanizePercentage }} of the memory of {{ $labels.instance }} is in use,"
            " more than 90% for 5 minutes.",
        ),
        Alert(
            name="DiskSpaceLow",
            expr="instance:node_filesystem_avail:ratio < 0.10",
            severity="critical",
            team="platform",
            summary="{{ $labels.mountpoint }} on {{ $labels.instance }} is nearly full",
            description="{{ $value | humanizePercentage }} of {{ $labels.mountpoint }} ({{ $labels.device }}) on"
            " {{ $labels.instance }} is free, less than 10%.",
        ),
    ),
)
