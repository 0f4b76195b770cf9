"""Prove that the stored bytes are the ones that were backed up."""

from __future__ import annotations

import click

from monops.cli.settings import Settings
from monops.cli.show import counted, show_json, show_lines
from monops.cli.wiring import Wiring
from monops.domain.exits import Exit
from monops.domain.units import show_size
from monops.ops.verify import LEVELS, VerifyReport, verify


@click.command("verify", epilog="Exit status: 0 sound; 4 faults found; 1 could not look; 10 no such snapshot.")
@click.argument("snapshot", required=False)
@click.option("--from", "source", metavar="DEST", help="Directory, s3://bucket/prefix, or a configured name.")
@click.option(
    "--level",
    type=click.Choice(LEVELS),
    default="read",
    show_default=True,
    help="stored: every object is there with its size; read: every byte is read and hashed.",
)
@click.pass_obj
def COMMAND(settings: Settings, snapshot: str | None, source: str | None, level: str) -> int:  # noqa: N802
    """Verify one SNAPSHOT (an id, its beginning, or latest), or all of a destination."""
    wiring = Wiring(settings)
    with wiring.progress:
        report = verify(wiring.outside(), wiring.source_store(source), snapshot, level)
    if settings.as_json:
        show_json("verify", ok=not report.faults, result=_result(report))
    else:
        show_lines(_lines(report))
    return Exit.FINDINGS if report.faults else Exit.DONE


def _result(report: VerifyReport) -> dict[str, object]:
    return {
        "destination": report.destination,
        "level": report.level,
        "snapshots": list(report.snapshots),
        "objects": report.objects,
        "bytes_read": report.bytes_read,
        "seconds": round(report.seconds, 3),
        "faults": [
            {"snapshot": f.snapshot, "object": f.object, "kind": f.kind, "detail": f.detail} for f in report.faults
        ],
    }


def _lines(report: VerifyReport) -> list[str]:
    lines = [f"{f.snapshot}: {f.object or 'manifest'}: {f.kind}: {f.detail}" for f in report.faults]
    looked = f"{counted(len(report.snapshots), 'snapshot')}, {counted(report.objects, 'object')}"
    if report.level == "read":
        looked += f", {show_size(report.bytes_read)} read in {report.seconds:.1f} s"
    if not report.faults:
        return [f"sound: {looked} in {report.destination}"]
    broken = sorted({fault.snapshot for fault in report.faults})
    found = f"{counted(len(report.faults), 'fault')} in {counted(len(broken), 'snapshot')}"
    return [*lines, f"{found} ({looked} in {report.destination})"]
