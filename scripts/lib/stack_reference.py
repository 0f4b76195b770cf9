"""The reference pages of the stack that ships: metrics, alerts, dashboards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from monops.stack.alerts import GROUPS
from monops.stack.dashboards import DASHBOARDS
from monops.stack.metrics import APPLICATION_JOBS, BACKUP_METRICS, CONTRACT, Metric


def pages(head: str) -> dict[str, str]:
    """File name -> text."""
    return {"metrics.md": _metrics(head), "alerts.md": _alerts(head), "dashboards.md": _dashboards(head)}


def _metrics(head: str) -> str:
    parts = [
        head,
        "# Metrics\n",
        "What the application exposes, so that the shipped rules and dashboards work. The names are the contract:",
        "rules, dashboards, the sample application and the tests are made from the same list. How to expose them:",
        "[instrument a service](../how-to/instrument-a-service.md). *needed* marks what the alerts need beyond the",
        "setup document. Prometheus adds `job` and `instance` to every series.\n",
    ]
    for job, about in APPLICATION_JOBS.items():
        parts += [
            f"## {about[0].upper()}{about[1:]} (job `{job}`)\n",
            *_metric_rows(m for m in CONTRACT if m.job == job),
        ]
    parts += [
        "## Backups (job `node`)\n",
        "Written by monops after each backup into the node exporter's textfile folder (`[notify] textfile`).\n",
        *_metric_rows(BACKUP_METRICS),
        "## Buckets\n",
        "Upper bounds of the histograms, in seconds:\n",
        *(f"- `{m.name}`: {', '.join(f'{bound:g}' for bound in m.buckets)}" for m in CONTRACT if m.buckets),
    ]
    return "\n".join(parts) + "\n"


def _metric_rows(metrics: Iterable[Metric]) -> list[str]:
    rows = [
        (
            f"`{metric.name}`",
            metric.kind,
            ", ".join(f"`{label}`" for label in metric.labels),
            metric.unit,
            metric.help + ("" if metric.named else " *(needed)*" if metric in CONTRACT else ""),
        )
        for metric in metrics
    ]
    return _table(("metric", "type", "labels", "unit", "what it is"), rows)


def _alerts(head: str) -> str:
    parts = [
        head,
        "# Alerts\n",
        "Every alert that ships. Each has a page that Prometheus itself serves under `/user/`, and a promtool test",
        "that it fires, that it does not, and when exactly.\n",
    ]
    for group in GROUPS:
        if group.alerts:
            rows = [
                (
                    f"[{alert.name}](../runbooks/{alert.name}.md)",
                    f"`{alert.expr}`".replace("|", "\\|"),
                    alert.holds_for or "at once",
                    alert.severity,
                    alert.team,
                )
                for alert in group.alerts
            ]
            about = f"`rules/{group.name}.yml`: {group.about}\n"
            parts += [f"## {group.name}\n", about, *_table(("alert", "fires when", "for", "severity", "team"), rows)]
    records = [record for group in GROUPS for record in group.records]
    rows = [(f"`{record.name}`", f"`{record.expr}`".replace("|", "\\|")) for record in records]
    parts += ["## Recording rules\n", "What an alert and a dashboard both ask.\n", *_table(("record", "is"), rows)]
    return "\n".join(parts).rstrip() + "\n"


def _dashboards(head: str) -> str:
    parts = [
        head,
        "# Dashboards\n",
        "Provisioned by `monops init`; `grafana-dashboard.json` is the first one again, for import by hand elsewhere.",
        "Every one refreshes each 30 s, shows the last 6 hours, and lets you choose the data source.\n",
    ]
    for dashboard in DASHBOARDS:
        parts += [f"## {dashboard.title} (`{dashboard.uid}`)\n", dashboard.about + "\n"]
        panels = [panel for row in dashboard.rows for shelf in row.shelves for panel in shelf]
        parts += [*(f"- **{panel.title}**: {panel.about}" for panel in panels), ""]
    return "\n".join(parts).rstrip() + "\n"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(header)} |", f"| {' | '.join('---' for _ in header)} |"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]
