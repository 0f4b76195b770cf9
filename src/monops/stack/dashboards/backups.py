"""Backups: how old, how large, how long. Metrics that monops leaves in the node exporter's textfile folder.

Before the first backup there are none: an age is then counted from 1970 and the rest is 0, so that nothing looks well.
"""

from __future__ import annotations

from monops.stack.dashboards.panel import Column, Dashboard, Meaning, Row, Stat, Table, Target, TimeSeries, Variable
from monops.stack.dashboards.shared import limits, or_zero

SOURCE = '{source=~"$source"}'
BOTH = "source, destination"
LAST_GOOD = f"monops_backup_last_success_timestamp_seconds{SOURCE}"
LAST_RUN = f"monops_backup_last_run_timestamp_seconds{SOURCE}"
GOOD = f"monops_backup_last_run_success{SOURCE}"
SIZE = f"monops_backup_last_size_bytes{SOURCE}"
STORED = f"monops_backup_last_stored_bytes{SOURCE}"
DURATION = "monops_backup_last_duration_seconds"
#: Backups of the same source to several destinations: the newest counts, as in the alert.
AGE = f"time() - ({or_zero(f'max by (source) ({LAST_GOOD})')})"
WORD = (Meaning(1, "good", "green"), Meaning(0, "failed", "red"))

OVERVIEW = Row(
    title="Overview",
    shelves=(
        (
            Stat(
                title="Age of the newest backup",
                about="Time since the last good backup of every source, wherever it went. Worry above 26 hours, a day"
                " and two hours' grace: BackupStale.",
                unit="s",
                targets=(Target(expr=AGE, legend="newest {{source}}"),),
                steps=limits("BackupStale"),
            ),
            Stat(
                title="Last run",
                about="Whether the last backup of every source was good, at every destination. Worry when one failed:"
                " BackupFailed.",
                unit="short",
                targets=(Target(expr=or_zero(f"min by (source) ({GOOD})"), legend="last run {{source}}"),),
                steps=limits("BackupFailed"),
                meanings=WORD,
            ),
        ),
        (
            Table(
                title="Backups by source and destination",
                about="The newest backup of every source at every destination. Worry about a failed run, or one older"
                " than 26 hours.",
                unit="short",
                labels=(("source", "Source"), ("destination", "Destination")),
                columns=(
                    Column(
                        name="Age",
                        expr=f"time() - ({or_zero(f'max by ({BOTH}) ({LAST_GOOD})')})",
                        unit="s",
                        steps=limits("BackupStale"),
                    ),
                    Column(
                        name="Last run",
                        expr=or_zero(f"max by ({BOTH}) ({LAST_RUN}) * 1000"),
                        unit="dateTimeFromNow",
                    ),
                    Column(
                        name="Result",
                        expr=or_zero(f"min by ({BOTH}) ({GOOD})"),
                        unit="short",
                        steps=limits("BackupFailed"),
                        meanings=WORD,
                    ),
                    Column(name="Size", expr=or_zero(f"max by ({BOTH}) ({SIZE})"), unit="bytes"),
                    Column(name="Stored", expr=or_zero(f"max by ({BOTH}) ({STORED})"), unit="bytes"),
                ),
            ),
        ),
    ),
)

HISTORY = Row(
    title="History",
    shelves=(
        (
            TimeSeries(
                title="Age over time",
                about="Time since the last good backup. It climbs and falls back with every backup; worry when it"
                " climbs above 26 hours: BackupStale.",
                unit="s",
                targets=(Target(expr=AGE, legend="newest {{source}}"),),
                steps=limits("BackupStale"),
                least=0,
            ),
            TimeSeries(
                title="Duration",
                about="How long the last backup to a destination took, all sources together. Worry when it comes near"
                " the time between two backups.",
                unit="s",
                targets=(Target(expr=or_zero(f"max by (destination) ({DURATION})"), legend="to {{destination}}"),),
                least=0,
            ),
        ),
        (
            TimeSeries(
                title="Size of the source",
                about="Bytes of the source in the last good backup, before compression. Worry when it falls suddenly:"
                " something is missing.",
                unit="bytes",
                targets=(Target(expr=or_zero(f"max by ({BOTH}) ({SIZE})"), legend="{{source}} in {{destination}}"),),
                least=0,
            ),
            TimeSeries(
                title="Stored bytes",
                about="Bytes that the last good backup added to the destination: what was new, compressed. Worry when"
                " it is always as large as the source: nothing is shared between backups.",
                unit="bytes",
                targets=(Target(expr=or_zero(f"max by ({BOTH}) ({STORED})"), legend="{{source}} in {{destination}}"),),
                least=0,
            ),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="monops-backups",
    title="Backups",
    about="Age, result, size and duration of the backups that monops makes.",
    tags=("backup",),
    variables=(
        Variable(name="source", label="Source", query="label_values(monops_backup_last_run_timestamp_seconds, source)"),
    ),
    rows=(OVERVIEW, HISTORY),
)
