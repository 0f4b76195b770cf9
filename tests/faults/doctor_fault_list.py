"""Every fault that doctor is shown, and what it shall say of it."""

from __future__ import annotations

from tests.faults.doctor_answer_faults import ANSWERS
from tests.faults.doctor_container_faults import CONTAINERS
from tests.faults.doctor_faults import (
    Fault,
    backups,
    both,
    container,
    edited,
    file,
    grafana,
    job,
    misbehaving,
    redis_says,
    rules,
    stopped,
)
from tests.faults.doctor_odd_faults import full_disk, other_network, password_admin, refusing, silenced

_PROMETHEUS, _ALERTMANAGER = "prometheus.yml", "alertmanager.yml"
_GONE = ("targets.", "stack.", "exporters.")
_RELOADED = ("prometheus.", "rules.applied")

_ALERT = (
    "      - alert: {name}\n        expr: {expr}\n        for: 1m\n        labels: {{severity: info{label}}}\n"
    "        annotations: {{summary: s, description: '{text}', runbook_url: http://localhost/r}}\n"
)


def _alert(name: str, expr: str, *, label: str = "", text: str = "d") -> str:
    return _ALERT.format(name=name, expr=expr, label=label, text=text)


PROMETHEUS = (
    Fault(
        "broken and reloaded",
        "prometheus.reload",
        "its last reload failed",
        edited(_PROMETHEUS, "scrape_configs:\n", "scrape_config:\n", reload="prometheus"),
        _RELOADED,
    ),
    Fault("broken", "prometheus.config_valid", "", edited(_PROMETHEUS, "rule_files:\n", "rule_file:\n"), _RELOADED),
    Fault(
        "edited and not reloaded",
        "prometheus.config_applied",
        "",
        edited(_PROMETHEUS, "  scrape_timeout: 1s", "  scrape_timeout: 900ms"),
    ),
    Fault(
        "without its labels",
        "prometheus.external_labels",
        "do not say which",
        edited(
            _PROMETHEUS, "  external_labels:\n    monitor:", "  # external_labels:\n    # monitor:", reload="prometheus"
        ),
    ),
    Fault(
        "not scraped by itself",
        "prometheus.self_scrape",
        "no job scrapes",
        edited(_PROMETHEUS, "targets: [localhost:9090]", "targets: []", reload="prometheus"),
        ("targets.missing_job", "targets.undeclared"),
    ),
    Fault(
        "mistyped target",
        "targets.up",
        "bullmq",
        edited("targets/bullmq.yml", "- bullmq:9090", "- bulmq:9090"),
        ("targets.app_contract", "targets.undeclared"),
    ),
    Fault(
        "wrong port",
        "targets.up",
        "9090",
        edited("targets/bullmq.yml", "- bullmq:9090", "- bullmq:9099"),
        ("targets.app_contract",),
    ),
    Fault(
        "unknown host",
        "targets.up",
        "",
        edited("targets/bullmq.yml", "- bullmq:9090", "- nobody.invalid:9090"),
        ("targets.app_contract",),
    ),
    Fault(
        "nothing else than itself",
        "targets.up",
        "localhost",
        edited("targets/bullmq.yml", "- bullmq:9090", "- localhost:9999"),
        ("targets.app_contract",),
    ),
    Fault(
        "wrong path",
        "targets.up",
        "has no page",
        job("    metrics_path: /metrix\n    static_configs: [{targets: ['grafana:3000']}]"),
    ),
    Fault(
        "https on http",
        "targets.up",
        "http",
        job("    scheme: https\n    static_configs: [{targets: ['grafana:3000']}]"),
        ("targets.duplicate",),
    ),
    Fault("not HTTP", "targets.up", "", job("    static_configs: [{targets: ['redis:6379']}]")),
    Fault(
        "scraped twice",
        "targets.duplicate",
        "2 jobs scrape it",
        job("    static_configs: [{targets: ['grafana:3000']}]"),
    ),
    Fault(
        "no targets",
        "targets.missing_job",
        "",
        file("targets/bullmq.yml", "[]\n"),
        ("targets.app_contract", "targets.undeclared"),
    ),
    Fault(
        "broken target file",
        "targets.discovery",
        "is not YAML, line",
        file("targets/bullmq.yml", "- targets: [\n"),
        ("targets.",),
    ),
    Fault("a worker that hangs up", "targets.up", "", misbehaving("worker-down"), ("targets.app_contract",)),
    Fault(
        "rule that cannot be evaluated",
        "rules.health",
        "several series",
        rules("      - record: own:bad\n        expr: up * on (job) up\n"),
    ),
    Fault(
        "value in a label",
        "rules.value_in_label",
        "may never be reached",
        rules(_alert("Own", "up == 99", label=", now: '{{ $value }}'")),
    ),
    Fault("rule twice", "rules.duplicates", "2 times", rules(_alert("Own", "up == 99") * 2)),
    Fault(
        "alert without words",
        "rules.annotations",
        "neither summary nor description",
        rules("      - alert: Own\n        expr: up == 99\n        labels: {severity: info}\n"),
    ),
    Fault(
        "template without sense",
        "rules.templates",
        "",
        rules(_alert("Own", "vector(1) == 1", text='{{ "nonsense" | humanize }}')),
    ),
    Fault(
        "rule files that are not there",
        "rules.loaded",
        "",
        edited(_PROMETHEUS, "rule_files:\n", "rule_files:\n  - own/*.yml\n", reload="prometheus"),
    ),
    Fault(
        "rule on a metric that there is not",
        "rules.dead_metric",
        "there is no metric node_load_one",
        rules(_alert("Own", "node_load_one > 99")),
    ),
    Fault(
        "rules not reloaded",
        "rules.applied",
        "not loaded since",
        file("rules/own.yml", f"groups:\n  - name: own\n    rules:\n{_alert('Own', 'up == 99')}"),
    ),
    Fault(
        "no watchdog",
        "alerts.watchdog",
        "it should always fire and does not",
        edited("rules/monitoring.yml", "vector(1)", "vector(1) > 2", reload="prometheus"),
        ("rules.",),
    ),
)
ALERTMANAGER = (
    Fault(
        "not configured",
        "alertmanager.discovered",
        "leaves none of them",
        edited(_PROMETHEUS, "targets: [alertmanager:9093]", "targets: []", reload="prometheus"),
        ("alertmanager.", "alerts.watchdog"),
    ),
    Fault(
        "mistyped",
        "alertmanager.discovered",
        "alertmanager",
        edited(_PROMETHEUS, "targets: [alertmanager:9093]", "targets: [alertmanger:9093]", reload="prometheus"),
        ("alertmanager.", "alerts.watchdog"),
    ),
    Fault("everything silenced", "alertmanager.silences", "mutes every alert", silenced, ("alerts.watchdog",)),
    Fault(
        "broken and reloaded by Alertmanager",
        "alertmanager.config_reload",
        "its last reload failed",
        edited(_ALERTMANAGER, "receivers:\n", "receiver:\n", reload="alertmanager"),
        ("alertmanager.",),
    ),
    Fault(
        "edited and not reloaded by Alertmanager",
        "alertmanager.config_applied",
        "changed",
        edited(_ALERTMANAGER, "repeat_interval: 1080s", "repeat_interval: 1090s"),
    ),
    Fault(
        "secret written out",
        "security.secrets",
        "written out",
        edited(
            _ALERTMANAGER,
            "api_url_file: /run/secrets/slack-url",
            "api_url: https://hooks.slack.com/services/T00/B00/abcdefgh",
            reload="alertmanager",
        ),
        ("alertmanager.",),
    ),
    Fault(
        "an example for an address",
        "alertmanager.placeholders",
        "an example stands",
        edited(
            _ALERTMANAGER,
            "{receiver: webhook, continue: true}",
            "{receiver: email, continue: true}",
            reload="alertmanager",
        ),
        ("alertmanager.",),
    ),
    Fault(
        "nobody hears",
        "alertmanager.receivers",
        "told to nobody",
        edited(
            _ALERTMANAGER,
            "{receiver: webhook, continue: true}",
            "{receiver: nobody, continue: true}",
            reload="alertmanager",
        ),
    ),
    Fault(
        "inhibits everywhere",
        "alertmanager.inhibition",
        "everywhere",
        edited(_ALERTMANAGER, "    equal: [alertname, instance, provider, queue]\n", "", reload="alertmanager"),
    ),
    Fault("receiver that refuses", "alertmanager.notifications_failed", "the other side refuses", refusing),
)
OTHERS = (
    Fault(
        "broken metrics file",
        "exporters.textfile",
        "cannot read a file",
        file("textfile/broken.prom", "this is { no metric\n"),
    ),
    Fault(
        "backup failed",
        "backups.failed",
        "the last one failed",
        backups('monops_backup_last_run_success{{source="grafana",destination="s3"}} 0\n'),
        ("backups.",),
    ),
    Fault(
        "old backup",
        "backups.fresh",
        "3d",
        backups('monops_backup_last_success_timestamp_seconds{{source="grafana"}} {old:.0f}\n'),
        ("backups.",),
    ),
    Fault(
        "Redis wants a password",
        "exporters.redis_up",
        "wants a password",
        redis_says("requirepass", "correct-horse", ""),
        ("stack.healthy",),
    ),
    Fault(
        "Redis removes keys",
        "exporters.redis_policy",
        "allkeys-lru",
        # Without a limit it would have no reason to.
        both(redis_says("maxmemory", "512mb", "0"), redis_says("maxmemory-policy", "allkeys-lru", "noeviction")),
    ),
    Fault("Redis is full", "exporters.redis_memory", "", redis_says("maxmemory", "100kb", "0"), ("exporters.",)),
    Fault(
        "Redis lets nobody in",
        "exporters.redis_connections",
        "",
        redis_says("maxclients", "2", "10000"),
        ("exporters.", "stack.healthy"),
    ),
    Fault(
        "data source at localhost",
        "grafana.data_source_url",
        "localhost is Grafana's own container",
        grafana("grafana/provisioning/datasources/datasources.yml", "http://prometheus:9090", "http://localhost:9090"),
        ("grafana.", "targets."),
    ),
    Fault(
        "no default data source",
        "grafana.default_data_source",
        "none is the default",
        grafana("grafana/provisioning/datasources/datasources.yml", "isDefault: true", "isDefault: false"),
        ("grafana.", "targets."),
    ),
    Fault(
        "password admin",
        "security.default_password",
        "still admin",
        password_admin,
        ("grafana.", "targets."),
    ),
    Fault("other network", "targets.up", "network", other_network, _GONE),
    Fault("redis exporter stopped", "stack.running", "", stopped("redis-exporter"), _GONE),
    Fault("Redis stopped", "stack.running", "it was stopped", stopped("redis"), _GONE),
    Fault(
        "Alertmanager stopped",
        "alertmanager.ready",
        "its container is exited",
        stopped("alertmanager"),
        ("alertmanager.", "targets.", "stack.", "alerts.watchdog", "grafana."),
    ),
    Fault(
        "no more memory",
        "stack.exit_code",
        "memory limit",
        container("--oom-score-adj", "900", without=["restart"], ends=["tail", "/dev/zero"]),
        ("stack.", "resources."),
    ),
)
#: Last: what Prometheus could not write is told for hours.
FULL_DISK = Fault("full disk", "storage.room", "it is full", full_disk, ("storage.", "targets.", "rules.", "alerts."))
FAULTS = (*CONTAINERS, *PROMETHEUS, *ANSWERS, *ALERTMANAGER, *OTHERS, FULL_DISK)
