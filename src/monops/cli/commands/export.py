"""Write one source of a snapshot as one plain tarball."""

from __future__ import annotations

from pathlib import Path

import click

from monops.cli.settings import Settings
from monops.cli.show import show_json, show_lines
from monops.cli.wiring import Wiring
from monops.domain.errors import UsageFault
from monops.domain.exits import Exit
from monops.domain.units import show_size
from monops.ops.catalogue import read_catalogue
from monops.ops.export import Exported, export, packing_for
from monops.ops.restore_directory import Origin


@click.command("export", epilog="Exit status: 0 written whole; 1 nothing written; 10 no such snapshot or source.")
@click.argument("snapshot")
@click.argument("source")
@click.option("-o", "--output-file", "file", metavar="FILE|-", required=True, help=".tar, .tar.gz, .tgz or .tar.zst.")
@click.option("--from", "origin", metavar="DEST", help="Directory, s3://bucket/prefix, or a configured name.")
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@click.option("--identity", metavar="FILE", help="age identity, for encrypted snapshots.")
@click.pass_obj
def COMMAND(  # noqa: N802 - the name by which commands are found
    settings: Settings, snapshot: str, source: str, file: str, origin: str | None, force: bool, identity: str | None
) -> int:
    """Write SOURCE of SNAPSHOT (an id, its beginning, or latest) to one tarball; `-` is stdout, uncompressed."""
    wiring = Wiring(settings)
    outside = wiring.outside()
    with wiring.progress:
        packing = packing_for("-.tar" if file == "-" else file, threads=outside.machine.cpus)
        if file != "-" and Path(file).exists() and not force:
            raise UsageFault(f"{file} is already there", remedy=f"name another file, or add --force: -o {file} --force")
        store = wiring.source_store(origin)
        picked = Origin(
            store=store, manifest=read_catalogue(store).pick(snapshot), identities=wiring.identities(identity)
        )
        if file == "-":
            export(picked, source, wiring.stdout(), packing, outside)
            return Exit.DONE
        with wiring.folders().write_file(file) as sink:
            done = export(picked, source, sink, packing, outside)
    _show(settings, done, file)
    return Exit.DONE


def _show(settings: Settings, done: Exported, file: str) -> None:
    if settings.as_json:
        result = {
            "snapshot": done.snapshot,
            "source": done.source,
            "file": file,
            "bytes": done.bytes,
            "seconds": done.seconds,
        }
        show_json("export", ok=True, result=result)
    else:
        show_lines([f"{file}: {done.source} of {done.snapshot}, {show_size(done.bytes)} in {done.seconds:.1f} s"])
