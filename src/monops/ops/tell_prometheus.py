"""Tells Prometheus how a backup went: a file of metrics in the node exporter's textfile folder, one a destination.

What an earlier run wrote of other sources stays, so that a backup of one source says nothing about the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from monops.domain.errors import MonopsError
from monops.domain.exposition import Family, Sample, read, written
from monops.domain.ports import Progress, StackFolder
from monops.domain.rebuild import without_secret
from monops.ops.backup import BackupReport, RunReport, SourceReport
from monops.stack.metrics import BACKUP_METRICS

#: In place of a source, where a run failed before it knew its sources.
EVERYTHING = "all"
_RUN, _SUCCESS, _GOOD = (
    "monops_backup_last_run_timestamp_seconds",
    "monops_backup_last_success_timestamp_seconds",
    "monops_backup_last_run_success",
)
_Values = dict[tuple[str, str], float]


def tell_report(report: BackupReport, folder: StackFolder, progress: Progress, now: float) -> None:
    """The folder has this run's metrics. A folder that cannot be written to is a warning, not a failed backup."""
    for run in report.runs:
        _change(folder, progress, run.destination, partial(_add_run, run=run, now=now))


def tell_failure(destinations: Iterable[str], folder: StackFolder, progress: Progress, now: float) -> None:
    """A run that failed before its first source: what is known of these destinations is marked as failed."""
    for destination in destinations:
        _change(folder, progress, destination, partial(_add_failure, now=now))


def _add_run(values: _Values, run: RunReport, now: float) -> None:
    if not run.sources:
        _add_failure(values, now)
        return
    for name in [name for name, source in values if source == EVERYTHING]:
        del values[name, EVERYTHING]
    values["monops_backup_last_duration_seconds", ""] = round(run.seconds, 3)
    for source in run.sources:
        _add_source(values, source, now, good=source.error is None and run.snapshot is not None)


def _add_source(values: _Values, source: SourceReport, now: float, *, good: bool) -> None:
    values[_RUN, source.name] = now
    values[_GOOD, source.name] = float(good)
    if good:
        values[_SUCCESS, source.name] = now
        values["monops_backup_last_size_bytes", source.name] = source.bytes_inside
        values["monops_backup_last_stored_bytes", source.name] = source.bytes_new


def _add_failure(values: _Values, now: float) -> None:
    for source in {source for _, source in values if source} or {EVERYTHING}:
        values[_RUN, source] = now
        values[_GOOD, source] = 0.0


def _change(folder: StackFolder, progress: Progress, destination: str, change: Callable[[_Values], None]) -> None:
    shown = without_secret(destination)
    path = f"monops_backup_{hashlib.sha256(shown.encode()).hexdigest()[:8]}.prom"
    try:
        before = read((folder.read(path) or b"").decode("utf-8", errors="replace"))
        values = {(sample.name, sample.labels.get("source", "")): sample.value for sample in before}
        change(values)
        folder.write(path, _text(values, shown).encode())
    except MonopsError as error:
        progress.warn(f"Prometheus does not hear of this backup: {error.message}")


def _text(values: Mapping[tuple[str, str], float], destination: str) -> str:
    families = []
    for metric in BACKUP_METRICS:
        samples = tuple(
            Sample(name, {"destination": destination, **({"source": source} if source else {})}, value)
            for (name, source), value in values.items()
            if name == metric.name
        )
        families.append(Family(metric.name, metric.kind, metric.help, samples))
    return written(families)
