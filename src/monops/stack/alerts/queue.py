"""Queue: jobs pile up or fail. Thresholds and durations are the setup document's."""

from __future__ import annotations

from monops.stack.alerts.model import Alert, RuleGroup

GROUP = RuleGroup(
    name="queue",
    about="The BullMQ queue: jobs that pile up, jobs that fail.",
    rules=(
        Alert(
            name="HighQueueDepth",
            expr="sum by (queue) (bullmq_queue_waiting) > 100",
            holds_for="10m",
            severity="warning",
            team="orchestrator",
            summary="Queue {{ $labels.queue }} is long",
            description="{{ $value }} jobs wait in the queue {{ $labels.queue }}, more than 100 for 10 minutes.",
        ),
        Alert(
            name="HighJobFailureRate",
            expr="queue:bullmq_jobs_failed:ratio_rate5m > 0.10",
            holds_for="5m",
            severity="critical",
            team="orchestrator",
            summary="Jobs of queue {{ $labels.queue }} fail",
            description="{{ $value | humanizePercentage }} of the jobs of queue {{ $labels.queue }} failed,"
            " more than 10% for 5 minutes.",
        ),
    ),
)
