"""List snapshots: when, sources, size, new bytes, age."""

from __future__ import annotations

from datetime import UTC

import click

from monops.cli.settings import Settings
from monops.cli.show import ago, counted, show_json, show_lines, table
from monops.cli.wiring import Wiring
from monops.domain.exits import Exit
from monops.domain.units import show_size
from monops.ops.snapshots import SnapshotReport, snapshots


@click.command("snapshots", epilog="Exit status: 0 done; 4 a manifest cannot be read; 10 no such destination.")
@click.option("--from", "source", metavar="DEST", help="Directory, s3://bucket/prefix, or a configured name.")
@click.pass_obj
def COMMAND(settings: Settings, source: str | None) -> int:  # noqa: N802 - the name by which commands are found
    """List the snapshots in a destination, oldest first."""
    wiring = Wiring(settings)
    with wiring.progress:
        report = snapshots(wiring.outside(), wiring.source_store(source))
    if settings.as_json:
        show_json("snapshots", ok=not report.unreadable, result=_result(report))
    else:
        show_lines(_lines(report))
    for name, error in report.unreadable.items():
        click.echo(f"error: {name}: {error.message}\n  try: {error.remedy}", err=True)
    return Exit.FINDINGS if report.unreadable else Exit.DONE


def _result(report: SnapshotReport) -> dict[str, object]:
    return {
        "destination": report.destination,
        "snapshots": [
            {
                "id": line.id,
                "taken_at": line.taken_at.isoformat(),
                "host": line.host,
                "sources": list(line.sources),
                "bytes_inside": line.bytes_inside,
                "bytes_stored": line.bytes_stored,
                "bytes_new": line.bytes_new,
                "complete": line.complete,
            }
            for line in report.lines
        ],
        "unreadable": sorted(report.unreadable),
    }


def _lines(report: SnapshotReport) -> list[str]:
    if not report.lines:
        return [f"{report.destination} holds no snapshot"]
    rows = [
        (
            line.id,
            f"{line.taken_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            ago(line.taken_at, report.now),
            show_size(line.bytes_inside),
            show_size(line.bytes_stored),
            show_size(line.bytes_new),
            ",".join(line.sources) + ("" if line.complete else " (in part)"),
        )
        for line in report.lines
    ]
    header = ("snapshot", "taken (UTC)", "age", "inside", "stored", "new", "sources")
    return [*table(header, rows, right=(2, 3, 4, 5)), f"{counted(len(rows), 'snapshot')} in {report.destination}"]
