"""Scrape targets: their state; add or remove one without a restart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import click

from monops.cli.settings import Settings
from monops.cli.show import counted, show_json, show_lines, table
from monops.cli.wiring import Wiring
from monops.domain.exits import Exit
from monops.domain.ports import ScrapeTarget
from monops.ops.targets import TargetChange, add_target, list_targets, remove_target

_WAIT = click.option(
    "--wait",
    "seconds",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    metavar="SECONDS",
    help="For Prometheus to take it over.",
)


@click.group("targets", invoke_without_command=True, epilog="Exit status: 0 every target is up; 4 one is not.")
@click.pass_context
def COMMAND(ctx: click.Context) -> int | None:  # noqa: N802 - the name by which commands are found
    """What Prometheus scrapes, and how it goes; add or remove a target without a restart."""
    if ctx.invoked_subcommand is not None:
        return None
    settings: Settings = ctx.obj
    found = list_targets(Wiring(settings).live())
    down = [one for one in found if one.health == "down"]
    if settings.as_json:
        show_json("targets", ok=not down, result={"targets": [_target(one) for one in found]})
    else:
        show_lines(_lines(found))
    return Exit.FINDINGS if down else Exit.DONE


@COMMAND.command("add", epilog="Exit status: 0 Prometheus scrapes it; 2 no such job, no such form; 3 it is not up yet.")
@click.argument("job")
@click.argument("address")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="A label of its series; repeat for more.")
@_WAIT
@click.pass_obj
def add(settings: Settings, job: str, address: str, labels: tuple[str, ...], seconds: int) -> int:
    """Scrape ADDRESS as part of JOB: into targets/JOB.yml, which Prometheus reads by itself."""
    wiring = Wiring(settings)
    chosen = dict(wiring.pairs("--label", labels))
    within = timedelta(seconds=seconds)
    with wiring.progress:
        done = add_target(wiring.own_folder(), wiring.live(), wiring.progress, job, address, chosen, within=within)
    is_up = done.seen is not None and done.seen.health == "up"
    if settings.as_json:
        show_json("targets add", ok=is_up, result=_change(done))
        return Exit.DONE if is_up else Exit.PARTLY
    lines = [f"{address} is in {done.file}"]
    if done.unknown is not None:
        lines.append(f"Prometheus could not be asked: {done.unknown.message}")
    elif done.seen is None:
        lines.append("Prometheus does not list it yet: monops targets")
    else:
        lines.append(_seen(done.seen))
    show_lines(lines)
    return Exit.DONE if is_up else Exit.PARTLY


@COMMAND.command(
    "remove", epilog="Exit status: 0 it is gone; 2 no such job; 3 Prometheus still has it; 10 no such target."
)
@click.argument("job")
@click.argument("address")
@_WAIT
@click.pass_obj
def remove(settings: Settings, job: str, address: str, seconds: int) -> int:
    """Scrape ADDRESS no more as part of JOB. What was collected stays."""
    wiring = Wiring(settings)
    within = timedelta(seconds=seconds)
    with wiring.progress:
        done = remove_target(wiring.own_folder(), wiring.live(), wiring.progress, job, address, within=within)
    is_gone = done.seen is None and done.unknown is None
    if settings.as_json:
        show_json("targets remove", ok=is_gone, result=_change(done))
        return Exit.DONE if is_gone else Exit.PARTLY
    lines = [f"{address} is no longer in {done.file}"]
    if done.unknown is not None:
        lines.append(f"Prometheus could not be asked: {done.unknown.message}")
    elif done.seen is not None:
        lines.append("Prometheus still scrapes it: monops targets")
    show_lines(lines)
    return Exit.DONE if is_gone else Exit.PARTLY


def _seen(target: ScrapeTarget) -> str:
    if target.health == "unknown":
        return "Prometheus knows it, and has not scraped it yet: monops targets"
    return f"Prometheus scrapes it: {target.health}" + (f", {target.last_error}" if target.last_error else "")


def _lines(found: Sequence[ScrapeTarget]) -> list[str]:
    if not found:
        return ["Prometheus has no targets"]
    rows = [(one.job, one.instance, one.health, one.last_error or "-") for one in found]
    counts = [(health, sum(one.health == health for one in found)) for health in ("up", "down", "unknown")]
    said = ", ".join(f"{count} {health}" for health, count in counts if count)
    return [*table(("job", "instance", "state", "last error"), rows), f"{counted(len(found), 'target')}: {said}"]


def _target(one: ScrapeTarget) -> dict[str, Any]:
    return {
        "job": one.job,
        "instance": one.instance,
        "url": one.url,
        "health": one.health,
        "last_error": one.last_error or None,
        "last_scrape": one.last_scrape or None,
    }


def _change(done: TargetChange) -> dict[str, Any]:
    return {
        "job": done.job,
        "address": done.address,
        "file": done.file,
        "target": _target(done.seen) if done.seen else None,
        "unknown": done.unknown.message if done.unknown else None,
    }
