"""Back up Prometheus, Grafana, Alertmanager and the stack's files."""

from __future__ import annotations

import click

from monops.cli.settings import Settings
from monops.cli.show import error_text, show_json, show_lines, table
from monops.cli.wiring import Wiring
from monops.domain.errors import MonopsError
from monops.domain.exits import Exit
from monops.domain.units import show_size
from monops.ops.backup import BackupReport, RunReport, SourceReport, backup
from monops.ops.capture import MODES
from monops.ops.tarball import stream_tarball, tarballs
from monops.ops.tell_prometheus import tell_failure, tell_report


@click.command(
    "backup",
    epilog="Exit status: 0 everything stored; 3 some source or destination failed; 11 another backup runs there.",
)
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--to", "to", multiple=True, metavar="DEST", help="Directory, s3://bucket/prefix, or a configured name.")
@click.option("--capture", type=click.Choice(MODES), help="How to read the sources; auto chooses and says which.")
@click.option("--format", "form", type=click.Choice(["snapshot", "tarball"]), default="snapshot", show_default=True)
@click.option("--compression", metavar="zstd[:LEVEL]|gzip[:LEVEL]|none", help="Default: zstd:3.")
@click.option("--encrypt-to", multiple=True, metavar="RECIPIENT", help="age public key; may be given several times.")
@click.option("--break-lock", is_flag=True, help="Take over a destination whose lock's owner is surely gone.")
@click.pass_obj
def COMMAND(  # noqa: N802 - the name by which commands are found
    settings: Settings,
    sources: tuple[str, ...],
    to: tuple[str, ...],
    capture: str | None,
    form: str,
    compression: str | None,
    encrypt_to: tuple[str, ...],
    break_lock: bool,
) -> int:
    """Back up each SOURCE (prometheus, grafana, alertmanager, config; all by default) to every --to.

    What is already stored is not read again. `--to -` with one source writes one tarball to stdout.
    """
    wiring = Wiring(settings)
    packing = wiring.packing(compression, encrypt_to)
    selection = wiring.selection(sources, capture)
    with wiring.progress:
        if to == ("-",):
            stream_tarball(wiring.outside(), selection, wiring.stdout(), packing)
            return Exit.DONE
        stores = wiring.stores(to)
        outside, textfile = wiring.outside(), wiring.textfile()
        try:
            if form == "tarball":
                report = tarballs(outside, selection, stores, packing)
            else:
                report = backup(outside, selection, stores, packing, break_lock=break_lock)
        except MonopsError:
            if textfile is not None:
                failed = tuple(store.url for store in stores)
                tell_failure(failed, textfile, outside.progress, outside.clock.now().timestamp())
            raise
        if textfile is not None:
            tell_report(report, textfile, outside.progress, outside.clock.now().timestamp())
    _show(settings, report)
    return exit_code(report)


def exit_code(report: BackupReport) -> Exit:
    """0 for all done, 3 for a part; for nothing at all the reason's own code."""
    if all(run.ok for run in report.runs):
        return Exit.DONE
    if any(run.snapshot is not None for run in report.runs):
        return Exit.PARTLY
    errors = [run.error for run in report.runs if run.error is not None]
    errors += [s.error for run in report.runs for s in run.sources if s.error is not None]
    return errors[0].exit if errors else Exit.FAILED


def _show(settings: Settings, report: BackupReport) -> None:
    code = exit_code(report)
    if settings.as_json:
        show_json("backup", ok=code is Exit.DONE, result=as_result(report))
    else:
        for run in report.runs:
            show_lines(_lines(run))
    _complain(report)


def as_result(report: BackupReport) -> dict[str, object]:
    """`result` of the JSON document."""
    return {
        "runs": [
            {
                "destination": run.destination,
                "snapshot": run.snapshot,
                "sources": [_source_result(source) for source in run.sources],
                "seconds": round(run.seconds, 3),
                "ok": run.ok,
                "error": error_text(run.error),
            }
            for run in report.runs
        ],
        "repaired": list(report.repaired),
    }


def _source_result(source: SourceReport) -> dict[str, object]:
    return {
        "name": source.name,
        "capture": source.capture,
        "bytes_read": source.bytes_read,
        "bytes_new": source.bytes_new,
        "objects_new": source.objects_new,
        "objects_reused": source.objects_reused,
        "error": error_text(source.error),
    }


def _lines(run: RunReport) -> list[str]:
    if run.error is not None:
        return [f"{run.destination}: failed"]
    if run.snapshot is None:
        return [f"{run.destination}: nothing stored"]
    rows = [
        (
            s.name,
            s.capture or "-",
            show_size(s.bytes_read),
            show_size(s.bytes_new),
            str(s.objects_new),
            str(s.objects_reused),
        )
        if s.error is None
        else (s.name, "failed", "-", "-", "-", "-")
        for s in run.sources
    ]
    shown = table(("source", "capture", "read", "stored", "new", "reused"), rows, right=(2, 3, 4, 5))
    head = f"{run.destination}: snapshot {run.snapshot} in {run.seconds:.1f} s"
    return [head if run.ok else head + " (in part)", *("  " + line for line in shown)]


def _complain(report: BackupReport) -> None:
    """One sentence and a remedy for each thing that failed; once, though several destinations suffer from it."""
    told = set()
    for run in report.runs:
        for where, error in [(run.destination, run.error), *((s.name, s.error) for s in run.sources)]:
            if error is not None and (where, error.message) not in told:
                told.add((where, error.message))
                click.echo(f"error: {where}: {error.message}", err=True)
                if error.remedy:
                    click.echo(f"  try: {error.remedy}", err=True)
