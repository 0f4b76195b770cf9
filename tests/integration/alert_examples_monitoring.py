"""Examples for the monitoring stack itself and for the backups."""

from __future__ import annotations

from tests.integration.alert_examples_model import Example

_PROMETHEUS = 'job="prometheus",instance="prometheus:9090"'
_ALERTMANAGER = 'job="alertmanager",instance="alertmanager:9093"'
_NOT_SENT = f"alertmanager_notifications_failed_total{{{_ALERTMANAGER}"
_OURS = {"job": "prometheus", "instance": "prometheus:9090"}

_PROMETHEUS_ALERTS = (
    Example(
        alert="Watchdog",
        sick={},
        true_from="0m",
        over_at="",
        well={},
        severity="none",
        team="platform",
        summary="Alerting works",
        description="This alert always fires (value 1). If it stops arriving, alerting is broken.",
        wrong=(("vector(1)", "vector(1) > 1"), ("vector(1)", "vector(1) and on () (vector(time()) > 60)")),
    ),
    Example(
        alert="PrometheusConfigReloadFailed",
        sick={f"prometheus_config_last_reload_successful{{{_PROMETHEUS}}}": "1x4 0x10 1x60"},
        true_from="5m",
        over_at="16m",
        well={f"prometheus_config_last_reload_successful{{{_PROMETHEUS}}}": "1x60"},
        severity="critical",
        team="platform",
        labels=_OURS,
        summary="Prometheus prometheus:9090 runs an old configuration",
        description="The last reload of the configuration failed (value 0); prometheus:9090 runs the one before,"
        " and would not start on this one.",
        wrong=(("== 0", "== 1"), ("== 0", ">= 0"), ("== 0", "< 0")),
    ),
    Example(
        # One failure is enough, and is forgotten when its increase leaves the window.
        alert="PrometheusRuleFailures",
        sick={
            f'prometheus_rule_evaluation_failures_total{{{_PROMETHEUS},rule_group="queue"}}': "0x4 1x60",
            f'prometheus_rule_evaluation_failures_total{{{_PROMETHEUS},rule_group="quota"}}': "3x60",
        },
        true_from="5m",
        over_at="9m",
        well={f'prometheus_rule_evaluation_failures_total{{{_PROMETHEUS},rule_group="queue"}}': "3x60"},
        severity="critical",
        team="platform",
        labels={"instance": "prometheus:9090", "rule_group": "queue"},
        summary="A rule of queue cannot be evaluated",
        description="1 evaluations of queue failed in 5 minutes: its alerts may not fire.",
        wrong=(("> 0", ">= 0"), ("> 0", "> 1"), ("[5m]", "[10m]"), ("(instance, rule_group)", "(instance)")),
    ),
    Example(
        alert="PrometheusWithoutAlertmanager",
        sick={f"prometheus_notifications_alertmanagers_discovered{{{_PROMETHEUS}}}": "1x4 0x10 1x60"},
        true_from="5m",
        over_at="16m",
        # The second is without for less than 5 minutes.
        well={
            f"prometheus_notifications_alertmanagers_discovered{{{_PROMETHEUS}}}": "1x60",
            'prometheus_notifications_alertmanagers_discovered{job="prometheus",instance="b:9090"}': "2x4 0x4 2x60",
        },
        severity="critical",
        team="platform",
        labels=_OURS,
        summary="Prometheus prometheus:9090 knows no Alertmanager",
        description="0 Alertmanagers are known to prometheus:9090: no alert reaches anybody.",
        wrong=(("< 1", "<= 1"), ("< 1", "< 2"), ("< 1", "< 0")),
    ),
    Example(
        # One more failure each minute, the last at 19m. A window of 5 minutes holds four increases, taken for five.
        alert="PrometheusNotificationsFailing",
        sick={
            f'prometheus_notifications_errors_total{{{_PROMETHEUS},alertmanager="http://am:9093"}}': "0x4 1+1x14 15x60",
            f'prometheus_notifications_errors_total{{{_PROMETHEUS},alertmanager="http://b:9093"}}': "7x90",
        },
        true_from="5m",
        over_at="23m",
        # A single burst of failures is seen for less than 5 minutes.
        well={f'prometheus_notifications_errors_total{{{_PROMETHEUS},alertmanager="http://am:9093"}}': "0x4 100x60"},
        severity="critical",
        team="platform",
        labels={"instance": "prometheus:9090", "alertmanager": "http://am:9093"},
        summary="Alerts do not reach Alertmanager",
        description="5 notifications to http://am:9093 failed in 5 minutes.",
        wrong=(("> 0", ">= 0"), ("> 0", "> 1"), ("[5m]", "[10m]")),
    ),
)

_STORAGE_COUNTERS = (
    "prometheus_tsdb_compactions_failed_total",
    "prometheus_tsdb_wal_corruptions_total",
    "prometheus_tsdb_head_truncations_failed_total",
)
_STORAGE_ALERTS = tuple(
    Example(
        # Looked at every 10 minutes: one failure at 30m, which the window of 3 hours forgets at 3h20m.
        alert="PrometheusStorageFailing",
        case=failing.removeprefix("prometheus_tsdb_"),
        sick={
            f"{counter}{{{_PROMETHEUS}}}": "0x2 1x60" if counter == failing else "0x60" for counter in _STORAGE_COUNTERS
        },
        true_from="30m",
        over_at="3h20m",
        well={f"{counter}{{{_PROMETHEUS}}}": "2x60" for counter in _STORAGE_COUNTERS},
        step="10m",
        severity="critical",
        team="platform",
        labels=_OURS,
        summary="Prometheus prometheus:9090 cannot keep its data in order",
        description="1 compactions, truncations or log segments of prometheus:9090 failed in 3 hours: a full disk,"
        " wrong owners, or damage.",
        wrong=(
            ("> 0", ">= 0"),
            ("> 0", "> 1"),
            ("[3h]", "[4h]"),
            (failing, "prometheus_tsdb_reloads_total"),
            *(((f" + increase({failing}[3h])", ""),) if failing != _STORAGE_COUNTERS[0] else ()),
        ),
    )
    for failing in _STORAGE_COUNTERS
)

_REJECTED_COUNTERS = (
    "prometheus_target_scrapes_sample_out_of_order_total",
    "prometheus_target_scrapes_sample_out_of_bounds_total",
    "prometheus_target_scrapes_sample_duplicate_timestamp_total",
)
_REJECTED_ALERTS = tuple(
    Example(
        # 18 samples a minute, from 5m up to 25m: 0.3 a second.
        alert="PrometheusSamplesRejected",
        case=failing.removeprefix("prometheus_target_scrapes_sample_"),
        sick={
            f"{counter}{{{_PROMETHEUS}}}": "0x4 18+18x20 378x60" if counter == failing else "0x90"
            for counter in _REJECTED_COUNTERS
        },
        true_from="5m",
        over_at="29m",
        # Rejections of three minutes: the window sees them for less than 10.
        well={f"{counter}{{{_PROMETHEUS}}}": "100x4 101+1x2 103x60" for counter in _REJECTED_COUNTERS},
        severity="warning",
        team="platform",
        labels=_OURS,
        summary="Prometheus prometheus:9090 throws samples away",
        description="0.3 samples a second are out of order, out of bounds or double; the targets they come from look"
        " healthy.",
        wrong=(("> 0", ">= 0"), ("> 0", "> 0.1"), (failing, "prometheus_target_scrape_pools_total")),
    )
    for failing in _REJECTED_COUNTERS
)

_ALERTMANAGER_ALERTS = (
    Example(
        alert="AlertmanagerConfigReloadFailed",
        sick={f"alertmanager_config_last_reload_successful{{{_ALERTMANAGER}}}": "1x4 0x10 1x60"},
        true_from="5m",
        over_at="16m",
        well={f"alertmanager_config_last_reload_successful{{{_ALERTMANAGER}}}": "1x60"},
        severity="critical",
        team="platform",
        labels={"job": "alertmanager", "instance": "alertmanager:9093"},
        summary="Alertmanager alertmanager:9093 runs an old configuration",
        description="The last reload of the configuration failed (value 0); alertmanager:9093 runs the one before,"
        " and would not start on this one.",
        wrong=(("== 0", "== 1"), ("== 0", ">= 0"), ("== 0", "< 0")),
    ),
    Example(
        # One failure for each of two reasons.
        alert="AlertmanagerNotificationsFailing",
        sick={
            f'{_NOT_SENT},integration="slack",reason="other"}}': "0x4 1x60",
            f'{_NOT_SENT},integration="slack",reason="serverError"}}': "0x4 1x60",
            f'{_NOT_SENT},integration="email",reason="serverError"}}': "9x60",
        },
        true_from="5m",
        over_at="9m",
        well={f'{_NOT_SENT},integration="slack",reason="other"}}': "9x60"},
        severity="critical",
        team="platform",
        labels={"instance": "alertmanager:9093", "integration": "slack"},
        summary="Notifications through slack fail",
        description="2 notifications through slack failed in 5 minutes after all retries: people are not told.",
        wrong=(("> 0", ">= 0"), ("> 0", "> 2"), ("[5m]", "[10m]"), ("sum by", "max by")),
    ),
)

_CADVISOR = 'job="cadvisor",instance="cadvisor:8080"'

_CONTAINER_ALERTS = (
    Example(
        alert="ContainerMemoryNearLimit",
        sick={
            f'container_memory_working_set_bytes{{{_CADVISOR},id="/a",name="api"}}': "500x4 905x10 500x60",
            f'container_spec_memory_limit_bytes{{{_CADVISOR},id="/a",name="api"}}': "1000x90",
        },
        true_from="5m",
        over_at="16m",
        well={
            f'container_memory_working_set_bytes{{{_CADVISOR},id="/a",name="api"}}': "900x60",
            f'container_spec_memory_limit_bytes{{{_CADVISOR},id="/a",name="api"}}': "1000x60",
            # Near its limit for less than 5 minutes.
            f'container_memory_working_set_bytes{{{_CADVISOR},id="/c",name="cron"}}': "500x4 999x4 500x60",
            f'container_spec_memory_limit_bytes{{{_CADVISOR},id="/c",name="cron"}}': "1000x90",
            # Zero is how cAdvisor writes that there is no limit.
            f'container_memory_working_set_bytes{{{_CADVISOR},id="/b",name="free"}}': "900000x60",
            f'container_spec_memory_limit_bytes{{{_CADVISOR},id="/b",name="free"}}': "0x60",
        },
        severity="warning",
        team="platform",
        labels={"name": "api"},
        summary="Container api is near its memory limit",
        description="api uses 90.5% of its memory limit; at 100% it is killed.",
        wrong=(("> 0.90", "> 0.89"), ("> 0.90", ">= 0.90"), ("> 0.90", "> 0.91")),
    ),
    Example(
        alert="ContainerOutOfMemory",
        sick={
            f'container_oom_events_total{{{_CADVISOR},id="/a",name="api"}}': "0x4 1x60",
            f'container_oom_events_total{{{_CADVISOR},id="/b",name="web"}}': "4x90",
        },
        true_from="5m",
        over_at="19m",
        well={
            f'container_oom_events_total{{{_CADVISOR},id="/a",name="api"}}': "4x60",
            # No container, but a group of processes of the machine.
            f'container_oom_events_total{{{_CADVISOR},id="/system.slice"}}': "0+1x60",
        },
        severity="critical",
        team="platform",
        labels={"name": "api"},
        summary="Container api ran out of memory",
        description="1 processes of api were killed in 15 minutes, because the container reached its memory limit.",
        wrong=(("> 0", ">= 0"), ("> 0", "> 1"), ("[15m]", "[20m]"), ('{name!=""}', "")),
    ),
)

MONITORING = (
    *_PROMETHEUS_ALERTS,
    *_STORAGE_ALERTS,
    *_REJECTED_ALERTS,
    *_ALERTMANAGER_ALERTS,
    *_CONTAINER_ALERTS,
)

_BACKUP = 'job="node",instance="web-1",source="grafana"'
_LAST_GOOD = f"monops_backup_last_success_timestamp_seconds{{{_BACKUP}"

BACKUPS = (
    Example(
        alert="BackupFailed",
        sick={
            f'monops_backup_last_run_success{{{_BACKUP},destination="s3"}}': "1x4 0x10 1x60",
            f'monops_backup_last_run_success{{{_BACKUP},destination="/srv/backup"}}': "1x90",
        },
        true_from="5m",
        over_at="16m",
        well={f'monops_backup_last_run_success{{{_BACKUP},destination="s3"}}': "1x60"},
        severity="critical",
        team="platform",
        labels={"job": "node", "instance": "web-1", "source": "grafana", "destination": "s3"},
        summary="The last backup of grafana failed",
        description="The last backup of grafana to s3 failed (success is 0).",
        wrong=(("== 0", "== 1"), ("== 0", ">= 0"), ("== 0", "< 0")),
    ),
    Example(
        # The newest is of 1h: exactly 26 hours old at 27h, which is not yet old. The next comes at 30h.
        alert="BackupStale",
        sick={
            f'{_LAST_GOOD},destination="s3"}}': "_ 3600x28 108000x40",
            f'{_LAST_GOOD},destination="/srv/backup"}}': "0x90",
        },
        true_from="28h",
        over_at="30h",
        well={
            f'{_LAST_GOOD},destination="s3"}}': "-93600+3600x60",
            # An old copy elsewhere does not matter while there is a fresh one.
            f'{_LAST_GOOD},destination="/srv/backup"}}': "-500000x60",
        },
        step="1h",
        severity="critical",
        team="platform",
        labels={"source": "grafana"},
        summary="The newest backup of grafana is old",
        description="The newest good backup of grafana is 1d 3h 0m 0s old, more than 26 hours.",
        wrong=(("> 26 *", ">= 26 *"), ("> 26 *", "> 25 *"), ("> 26 *", "> 27 *"), ("max by", "min by")),
    ),
    Example(
        # The last that is heard is of 1h; from 2h on there is nothing, until 31h.
        alert="BackupMissing",
        sick={f'{_LAST_GOOD},destination="s3"}}': "100x1 stale _x28 100x40"},
        true_from="2h",
        over_at="31h",
        # Nothing for less than a day.
        well={f'{_LAST_GOOD},destination="s3"}}': "100 stale _x22 100x60"},
        step="1h",
        severity="warning",
        team="platform",
        summary="There is no backup",
        description="Prometheus has not heard of a single backup for a day (absent is 1): monops backup",
        wrong=(
            ("absent(monops_backup_last_success_timestamp_seconds)", "vector(1)"),
            ("monops_backup_last_success_timestamp_seconds", 'monops_backup_last_success{source="redis"}'),
            ("absent(", "0 * absent("),
        ),
    ),
)
