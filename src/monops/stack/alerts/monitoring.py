"""The stack's own health: who watches the watchers."""

from __future__ import annotations

from monops.stack.alerts.model import Alert, RuleGroup

GROUP = RuleGroup(
    name="monitoring",
    about="The monitoring stack itself.",
    rules=(
        Alert(
            name="Watchdog",
            expr="vector(1)",
            severity="none",
            team="platform",
            summary="Alerting works",
            description="This alert always fires (value {{ $value }}). If it stops arriving, alerting is broken.",
        ),
        Alert(
            name="PrometheusConfigReloadFailed",
            expr="prometheus_config_last_reload_successful == 0",
            severity="critical",
            team="platform",
            summary="Prometheus {{ $labels.instance }} runs an old configuration",
            description="The last reload of the configuration failed (value {{ $value }}); {{ $labels.instance"
            " }} runs the one"
            " before, and would not start on this one.",
        ),
        Alert(
            name="PrometheusRuleFailures",
            expr="sum by (instance, rule_group) (increase(prometheus_rule_evaluation_failures_total[5m])) > 0",
            severity="critical",
            team="platform",
            summary="A rule of {{ $labels.rule_group }} cannot be evaluated",
            description="{{ $value | humanize }} evaluations of {{ $labels.rule_group }} failed in 5 minutes:"
            " its alerts may not fire.",
        ),
        Alert(
            name="PrometheusWithoutAlertmanager",
            expr="prometheus_notifications_alertmanagers_discovered < 1",
            holds_for="5m",
            severity="critical",
            team="platform",
            summary="Prometheus {{ $labels.instance }} knows no Alertmanager",
            description="{{ $value }} Alertmanagers are known to {{ $labels.instance }}: no alert reaches anybody.",
        ),
        Alert(
            name="PrometheusNotificationsFailing",
            expr="sum by (instance, alertmanager) (increase(prometheus_notifications_errors_total[5m])) > 0",
            holds_for="5m",
            severity="critical",
            team="platform",
            summary="Alerts do not reach Alertmanager",
            description="{{ $value | humanize }} notifications to {{ $labels.alertmanager }} failed in 5 minutes.",
        ),
        Alert(
            name="PrometheusStorageFailing",
            expr="increase(prometheus_tsdb_compactions_failed_total[3h])"
            " + increase(prometheus_tsdb_wal_corruptions_total[3h])"
            " + increase(prometheus_tsdb_head_truncations_failed_total[3h]) > 0",
            severity="critical",
            team="platform",
            summary="Prometheus {{ $labels.instance }} cannot keep its data in order",
            description="{{ $value | humanize }} compactions, truncations or log segments of {{ $labels.instance"
            " }} failed"
            " in 3 hours: a full disk, wrong owners, or damage.",
        ),
        Alert(
            name="PrometheusSamplesRejected",
            expr="rate(prometheus_target_scrapes_sample_out_of_order_total[5m])"
            " + rate(prometheus_target_scrapes_sample_out_of_bounds_total[5m])"
            " + rate(prometheus_target_scrapes_sample_duplicate_timestamp_total[5m]) > 0",
            holds_for="10m",
            severity="warning",
            team="platform",
            summary="Prometheus {{ $labels.instance }} throws samples away",
            description='{{ $value | printf "%.4g" }} samples a second are out of order, out of bounds or double;'
            " the targets they come from look healthy.",
        ),
        Alert(
            name="AlertmanagerConfigReloadFailed",
            expr="alertmanager_config_last_reload_successful == 0",
            severity="critical",
            team="platform",
            summary="Alertmanager {{ $labels.instance }} runs an old configuration",
            description="The last reload of the configuration failed (value {{ $value }}); {{ $labels.instance"
            " }} runs the one"
            " before, and would not start on this one.",
        ),
        Alert(
            name="AlertmanagerNotificationsFailing",
            expr="sum by (instance, integration) (increase(alertmanager_notifications_failed_total[5m])) > 0",
            severity="critical",
            team="platform",
            summary="Notifications through {{ $labels.integration }} fail",
            description="{{ $value | humanize }} notifications through {{ $labels.integration }} failed in 5 minutes"
            " after all retries: people are not told.",
        ),
        Alert(
            name="ContainerMemoryNearLimit",
            expr="name:container_memory_used:ratio > 0.90",
            holds_for="5m",
            severity="warning",
            team="platform",
            summary="Container {{ $labels.name }} is near its memory limit",
            description="{{ $labels.name }} uses {{ $value | humanizePercentage }} of its memory limit; at 100%"
            " it is killed.",
        ),
        Alert(
            name="ContainerOutOfMemory",
            expr='sum by (name) (increase(container_oom_events_total{name!=""}[15m])) > 0',
            severity="critical",
            team="platform",
            summary="Container {{ $labels.name }} ran out of memory",
            description="{{ $value | humanize }} processes of {{ $labels.name }} were killed in 15 minutes,"
            " because the container reached its memory limit.",
        ),
    ),
)
