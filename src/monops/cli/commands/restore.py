"""Restore a snapshot into a folder, or in place into the running stack."""

from __future__ import annotations

import sys

import click

from monops.cli.settings import Settings
from monops.cli.show import show_json, show_lines
from monops.cli.wiring import Wiring
from monops.domain.errors import UsageFault
from monops.domain.exits import Exit
from monops.domain.units import show_size
from monops.ops.catalogue import read_catalogue
from monops.ops.mend import mend
from monops.ops.outside import Outside
from monops.ops.restore_directory import Origin, Restored, chosen_sources, restore_directory
from monops.ops.restore_in_place.apply import restore_in_place
from monops.ops.restore_in_place.commit import Ended, commit, rollback
from monops.ops.restore_in_place.plan import Plan, plan_in_place
from monops.ops.sources import find_sources

_VERBS = ("commit", "rollback")


@click.command(
    "restore",
    epilog="Exit status: 0 restored and well; 1 failed, everything is as it was; 2 not confirmed; 10 no such snapshot; "
    "11 another monops restores there.",
)
@click.argument("snapshot", metavar="SNAPSHOT|latest|commit|rollback")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--to-dir", metavar="DIR", help="Into DIR/SOURCE, which must not be there or be empty.")
@click.option("--in-place", is_flag=True, help="Into the stack's volumes; the data of now are kept until commit.")
@click.option("--from", "origin", metavar="DEST", help="Directory, s3://bucket/prefix, or a configured name.")
@click.option("--identity", metavar="FILE", help="age identity, for encrypted snapshots.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before an in-place restore.")
@click.pass_obj
def COMMAND(  # noqa: N802 - the name by which commands are found
    settings: Settings,
    snapshot: str,
    sources: tuple[str, ...],
    to_dir: str | None,
    in_place: bool,
    origin: str | None,
    identity: str | None,
    dry_run: bool,
    yes: bool,
) -> int:
    """Restore SNAPSHOT (an id, its beginning, or latest), or end an in-place restore.

    \b
    monops restore latest --to-dir DIR           every source into DIR/SOURCE
    monops restore latest grafana --in-place     staged, checked, swapped, started; undone if sick
    monops restore commit [SOURCE]               delete the data from before
    monops restore rollback [SOURCE]             bring the data from before back
    """
    wiring = Wiring(settings)
    if snapshot in _VERBS:
        return _end(settings, wiring, snapshot, sources, is_plain=not (to_dir or in_place or dry_run))
    if (to_dir is None) == (not in_place):
        raise UsageFault(
            "say where to restore to: --to-dir DIR or --in-place" + (", not both" if in_place else ""),
            remedy=f"monops restore {snapshot} --to-dir DIR",
        )
    outside = wiring.outside()
    with wiring.progress:
        if in_place and not dry_run:
            _repair(outside)
        store = wiring.source_store(origin)
        manifest = read_catalogue(store).pick(snapshot)
        picked = Origin(store=store, manifest=manifest, identities=wiring.identities(identity))
        if to_dir is None:
            return _in_place(settings, wiring, outside, picked, sources, dry_run=dry_run, yes=yes)
        if dry_run:
            return _show_directory_plan(settings, picked, sources, to_dir)
        done = restore_directory(picked, sources, to_dir.rstrip("/") or "/", wiring.folders(), outside)
    return _show(settings, done, where=to_dir)


def _in_place(
    settings: Settings,
    wiring: Wiring,
    outside: Outside,
    origin: Origin,
    sources: tuple[str, ...],
    *,
    dry_run: bool,
    yes: bool,
) -> int:
    wanted = sources or tuple(s.name for s in origin.manifest.sources if s.name != "config")
    found = find_sources(outside, wiring.selection(tuple(name for name in wanted if name != "config"), None))
    if sources and found.failed:
        raise next(iter(found.failed.values()))
    plan = plan_in_place(origin, sources, found.targets, outside)
    if dry_run:
        return _show_plan(settings, plan)
    if not settings.quiet or not yes:
        click.echo("\n".join(_plan_lines(plan)), err=True)
    if not yes:
        _confirm(plan)
    done = restore_in_place(origin, plan, outside)
    shown = frozenset(_warnings(plan)) if not (settings.quiet and yes) else frozenset()
    return _show(settings, done, where="", shown=shown)


def _confirm(plan: Plan) -> None:
    """Raises UsageFault unless a person at a terminal types `yes`."""
    names = " ".join(one.source.name for one in plan.sources)
    remedy = f"monops restore {plan.snapshot} {names} --in-place --yes"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageFault("an in-place restore wants to be confirmed, and nobody is at a terminal", remedy=remedy)
    if click.prompt("Type yes to do it", default="no", show_default=False, err=True).strip().lower() != "yes":
        raise UsageFault("not confirmed: nothing was changed", remedy=remedy)


def _end(settings: Settings, wiring: Wiring, verb: str, sources: tuple[str, ...], *, is_plain: bool) -> int:
    if not is_plain:
        raise UsageFault(f"restore {verb} takes sources only", remedy=f"monops restore {verb}")
    outside = wiring.outside()
    with wiring.progress:
        outside.engine.clear_leftovers()
        found = find_sources(outside, wiring.selection(sources, None))
        targets = [target for target in found.targets if target.name != "config"]
        ended = commit(targets, outside) if verb == "commit" else rollback(targets, outside)
    return _show_end(settings, ended)


def _repair(outside: Outside) -> None:
    """Nothing of an earlier run is half done. Its helpers go first: one might still be renaming."""
    outside.engine.clear_leftovers()
    mend(outside)


def _show(settings: Settings, done: Restored, *, where: str, shown: frozenset[str] = frozenset()) -> int:
    if settings.as_json:
        result = {
            "snapshot": done.snapshot,
            "sources": list(done.sources),
            "bytes": done.bytes,
            "seconds": done.seconds,
            "restored": [
                {"name": one.name, "path": one.path, "objects": one.objects, "files": one.files, "bytes": one.bytes}
                for one in done.restored
            ],
            "warnings": list(done.warnings),
        }
        show_json("restore", ok=True, result=result)
        return Exit.DONE
    show_lines(
        [
            *(f"{one.name}: {show_size(one.bytes)}, {one.files} files in {one.path}" for one in done.restored),
            f"restored {done.snapshot} in {done.seconds:.1f} s",
        ]
    )
    for warning in done.warnings:
        if warning not in shown:
            click.echo(f"warning: {warning}", err=True)
    if not where:
        click.echo("The data from before are kept: monops restore commit, or monops restore rollback", err=True)
    return Exit.DONE


def _show_end(settings: Settings, ended: Ended) -> int:
    if settings.as_json:
        result = {"verb": ended.verb, "sources": list(ended.sources), "seconds": ended.seconds}
        show_json("restore", ok=True, result=result)
    else:
        what = "deleted the data from before" if ended.verb == "commit" else "the data from before are back"
        show_lines([f"{name}: {what}" for name in ended.sources])
    return Exit.DONE


def _plan_lines(plan: Plan) -> list[str]:
    steps = [line for one in plan.sources for line in one.lines]
    return [f"plan for {plan.snapshot}:", *(f"  {s}" for s in steps), *(f"warning: {w}" for w in _warnings(plan))]


def _warnings(plan: Plan) -> list[str]:
    return [*plan.warnings, *(warning for one in plan.sources for warning in one.warnings)]


def _show_plan(settings: Settings, plan: Plan) -> int:
    if settings.as_json:
        sources = [
            {
                "name": one.source.name,
                "place": one.place.name,
                "stops": list(one.stops),
                "bytes_needed": one.bytes_needed,
                "bytes_free": one.free_bytes,
                "blocks_deleted_by_retention": list(one.doomed),
                "warnings": list(one.warnings),
            }
            for one in plan.sources
        ]
        result = {"snapshot": plan.snapshot, "dry_run": True, "sources": sources, "warnings": list(plan.warnings)}
        show_json("restore", ok=True, result=result)
    else:
        show_lines(_plan_lines(plan))
    return Exit.DONE


def _show_directory_plan(settings: Settings, origin: Origin, names: tuple[str, ...], to_dir: str) -> int:
    sources = [source.name for source in chosen_sources(origin.manifest, names)]
    if settings.as_json:
        result = {"snapshot": origin.manifest.id, "dry_run": True, "sources": sources, "to_dir": to_dir}
        show_json("restore", ok=True, result=result)
    else:
        show_lines([f"would restore {name} of {origin.manifest.id} into {to_dir}/{name}" for name in sources])
    return Exit.DONE
