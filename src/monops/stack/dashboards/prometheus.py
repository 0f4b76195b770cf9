"""The monitoring itself: Prometheus, its targets and rules, and Alertmanager."""

from __future__ import annotations

from monops.stack.dashboards.panel import Dashboard, Meaning, Row, Stat, Target, TimeSeries, Variable
from monops.stack.dashboards.shared import ANY_IS_TOO_MANY, increase, limits, or_zero, rate

SERVER = '{instance=~"$instance"}'
#: Many programs tell of their own process: only that of Prometheus is meant.
OWN = "and on (job, instance) prometheus_build_info"
LOADED = (Meaning(1, "loaded", "green"), Meaning(0, "refused", "red"))


def now(gauge: str, legend: str) -> Target:
    """A value of every Prometheus."""
    return Target(expr=f"max by (instance) ({gauge}{SERVER})", legend=f"{legend} {{{{instance}}}}".strip())


def a_second(counter: str, legend: str) -> Target:
    """What a counter rises by in a second; not counted yet is 0."""
    return Target(expr=or_zero(f"sum by (instance) ({rate(counter + SERVER)})"), legend=f"{legend} {{{{instance}}}}")


OVERVIEW = Row(
    title="Overview",
    shelves=(
        (
            Stat(
                title="Targets up",
                about="Targets of all jobs that answer. Worry when it is fewer than yesterday.",
                unit="short",
                targets=(Target(expr="sum(up)", legend="up"),),
            ),
            Stat(
                title="Targets down",
                about="Targets that do not answer. Any is too many: ServiceDown names it after a minute.",
                unit="short",
                targets=(Target(expr=or_zero("count(up == 0)"), legend="down"),),
                steps=ANY_IS_TOO_MANY,
            ),
            Stat(
                title="Series",
                about="Series in memory. Worry when it grows without new targets: some label has ever new values.",
                unit="short",
                targets=(now("prometheus_tsdb_head_series", ""),),
            ),
            Stat(
                title="Configuration of Prometheus",
                about="Whether the last reload was taken over. Worry when it was refused"
                " (PrometheusConfigReloadFailed): a restart would then fail.",
                unit="short",
                targets=(now("prometheus_config_last_reload_successful", ""),),
                steps=limits("PrometheusConfigReloadFailed"),
                meanings=LOADED,
            ),
            Stat(
                title="Configuration of Alertmanager",
                about="Whether the last reload was taken over. Worry when it was refused"
                " (AlertmanagerConfigReloadFailed): a restart would then fail.",
                unit="short",
                targets=(
                    Target(
                        expr=or_zero("min by (instance) (alertmanager_config_last_reload_successful)"),
                        legend="configuration {{instance}}",
                    ),
                ),
                steps=limits("AlertmanagerConfigReloadFailed"),
                meanings=LOADED,
            ),
            Stat(
                title="Alertmanagers known",
                about="Alertmanagers that Prometheus sends alerts to. Worry when it is 0"
                " (PrometheusWithoutAlertmanager): no alert reaches anybody.",
                unit="short",
                targets=(now("prometheus_notifications_alertmanagers_discovered", ""),),
                steps=limits("PrometheusWithoutAlertmanager"),
            ),
        ),
    ),
)

SCRAPES = Row(
    title="Targets and samples",
    shelves=(
        (
            TimeSeries(
                title="Targets by job",
                about="Targets of every job that answer. Worry when a line falls: ServiceDown.",
                unit="short",
                targets=(Target(expr="sum by (job) (up)", legend="{{job}}"),),
                least=0,
            ),
            TimeSeries(
                title="Scrape duration by job",
                about="The slowest target of every job. Worry when it comes near the scrape timeout: then it"
                " counts as down.",
                unit="s",
                targets=(Target(expr="max by (job) (scrape_duration_seconds)", legend="{{job}}"),),
                least=0,
            ),
            TimeSeries(
                title="Samples per second",
                about="Samples taken in, and those thrown away because they were out of order or double. Worry about"
                " any that are thrown away for longer than 10 minutes: PrometheusSamplesRejected.",
                unit="cps",
                targets=(
                    a_second("prometheus_tsdb_head_samples_appended_total", "stored"),
                    a_second("prometheus_target_scrapes_sample_out_of_order_total", "out of order"),
                    a_second("prometheus_target_scrapes_sample_duplicate_timestamp_total", "double"),
                ),
                least=0,
            ),
        ),
    ),
)

RULES = Row(
    title="Rules and queries",
    shelves=(
        (
            TimeSeries(
                title="Rule evaluation duration",
                about="How long the last evaluation of every group of rules took. Worry when it comes near the"
                " time between two: alerts would be late.",
                unit="s",
                targets=(
                    Target(
                        expr=or_zero(f"max by (rule_group) (prometheus_rule_group_last_duration_seconds{SERVER})"),
                        legend="group {{rule_group}}",
                    ),
                ),
                least=0,
            ),
            TimeSeries(
                title="Rule failures",
                about="Evaluations that failed. Any is too many (PrometheusRuleFailures): the group's alerts may not"
                " fire.",
                unit="short",
                targets=(
                    Target(
                        expr=or_zero(
                            f"sum by (rule_group) ({increase(f'prometheus_rule_evaluation_failures_total{SERVER}')})"
                        ),
                        legend="failed {{rule_group}}",
                    ),
                ),
                steps=limits("PrometheusRuleFailures"),
                least=0,
            ),
            TimeSeries(
                title="Query duration (P90)",
                about="9 of 10 queries took less time than this in each of their stages. Worry when it is seconds:"
                " dashboards become slow.",
                unit="s",
                targets=(
                    Target(
                        expr='max by (slice) (prometheus_engine_query_duration_seconds{instance=~"$instance",'
                        ' quantile="0.9"})',
                        legend="{{slice}}",
                    ),
                ),
                least=0,
            ),
        ),
    ),
)

STORAGE = Row(
    title="Storage and memory",
    shelves=(
        (
            TimeSeries(
                title="Storage",
                about="Bytes of the finished blocks, of the write-ahead log, and of the head's chunks. Worry when the"
                " sum comes near the size of the disk or of the retention.",
                unit="bytes",
                targets=(
                    now("prometheus_tsdb_storage_blocks_bytes", "blocks"),
                    now("prometheus_tsdb_wal_storage_size_bytes", "log"),
                    now("prometheus_tsdb_head_chunks_storage_size_bytes", "head chunks"),
                ),
                least=0,
            ),
            TimeSeries(
                title="Series in memory",
                about="Series that had samples lately. Worry when it grows without new targets: memory grows with it.",
                unit="short",
                targets=(now("prometheus_tsdb_head_series", "series"),),
                least=0,
            ),
            TimeSeries(
                title="Memory of Prometheus",
                about="Memory of the process, and of the data it uses now. Worry when the process comes near its"
                " limit: it would be killed.",
                unit="bytes",
                targets=(
                    Target(
                        expr=f"max by (instance) (process_resident_memory_bytes{SERVER} {OWN})",
                        legend="process {{instance}}",
                    ),
                    Target(
                        expr=f"max by (instance) (go_memstats_heap_inuse_bytes{SERVER} {OWN})",
                        legend="in use {{instance}}",
                    ),
                ),
                least=0,
            ),
            TimeSeries(
                title="Storage failures",
                about="Compactions, truncations and log segments that failed. Any is too many"
                " (PrometheusStorageFailing): a full disk, wrong owners, or damage.",
                unit="short",
                targets=tuple(
                    Target(
                        expr=f"sum by (instance) ({increase(f'prometheus_tsdb_{name}_total{SERVER}')})",
                        legend=f"{word} {{{{instance}}}}",
                    )
                    for name, word in (
                        ("compactions_failed", "compactions"),
                        ("head_truncations_failed", "truncations"),
                        ("wal_corruptions", "log segments"),
                    )
                ),
                steps=limits("PrometheusStorageFailing"),
                least=0,
            ),
        ),
    ),
)

NOTIFICATIONS = Row(
    title="Notifications",
    shelves=(
        (
            TimeSeries(
                title="Alerts sent to Alertmanager",
                about="Alerts that Prometheus sent in a second, those that failed, and those it gave up. Worry about"
                " any that fail for 5 minutes: PrometheusNotificationsFailing.",
                unit="cps",
                targets=(
                    a_second("prometheus_notifications_sent_total", "sent"),
                    a_second("prometheus_notifications_errors_total", "failed"),
                    a_second("prometheus_notifications_dropped_total", "given up"),
                ),
                least=0,
            ),
            TimeSeries(
                title="Alerts in Alertmanager",
                about="Alerts that Alertmanager knows, by state: active ones are told to people, suppressed ones are"
                " silenced or muted by another. Worry when it is 0: Watchdog should always be active.",
                unit="short",
                targets=(Target(expr=or_zero("sum by (state) (alertmanager_alerts)"), legend="alerts {{state}}"),),
                least=0,
            ),
            TimeSeries(
                title="Notifications by integration",
                about="Notifications that Alertmanager sent in a second, by the way they go. Worry when alerts are"
                " active and nothing is sent.",
                unit="cps",
                targets=(
                    Target(
                        expr=or_zero(f"sum by (integration) ({rate('alertmanager_notifications_total')}) > 0"),
                        legend="sent {{integration}}",
                    ),
                ),
                least=0,
            ),
            TimeSeries(
                title="Notification failures",
                about="Notifications that failed after all retries. Any is too many"
                " (AlertmanagerNotificationsFailing): people are not told.",
                unit="short",
                targets=(
                    Target(
                        expr=or_zero(
                            f"sum by (integration) ({increase('alertmanager_notifications_failed_total')}) > 0"
                        ),
                        legend="failed {{integration}}",
                    ),
                ),
                steps=limits("AlertmanagerNotificationsFailing"),
                least=0,
            ),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="monops-prometheus",
    title="Prometheus and Alertmanager",
    about="The monitoring itself: targets, samples, rules, storage, and the way of an alert to people.",
    tags=("prometheus",),
    variables=(Variable(name="instance", label="Prometheus", query="label_values(prometheus_build_info, instance)"),),
    rows=(OVERVIEW, SCRAPES, RULES, STORAGE, NOTIFICATIONS),
)
