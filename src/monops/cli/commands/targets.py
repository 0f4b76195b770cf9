"""Scrape targets: their state; add or remove one without a restart."""

from __future__ import annotations

import shlex
from datetime import timedelta
from typing import Any

import click

from monops.cli.settings import Settings
from monops.cli.show import show_json, show_lines
from monops.cli.show_targets import TargetsGroup, jobs_of, show_targets
from monops.cli.whole_command import whole
from monops.cli.wiring import Wiring
from monops.domain.exits import Exit
from monops.domain.ports import ScrapeTarget
from monops.domain.rebuild import without_secret
from monops.ops.targets import TargetChange, add_target, remove_target

_WAIT = click.option(
    "--wait",
    "seconds",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    metavar="SECONDS",
    help="For Prometheus to take it over.",
)


@click.group(
    "targets",
    cls=TargetsGroup,
    invoke_without_command=True,
    epilog="Exit status: 0 every target is up; 3 one was not scraped yet or could not be asked, or there is none; "
    "4 one is down, does not answer, or is up and its samples vanish.",
)
@click.option(
    "--probe", is_flag=True, help="Ask the targets themselves, or those of the JOBs named, as Prometheus does."
)
@click.pass_context
def COMMAND(ctx: click.Context, probe: bool) -> int | None:  # noqa: N802 - the name by which commands are found
    """What Prometheus scrapes, how it goes, and why not; add or remove a target without a restart.

    With --probe DNS, TCP and HTTP of each are tested now, from inside Prometheus's own network.
    """
    return None if ctx.invoked_subcommand is not None else show_targets(ctx.obj, jobs_of(ctx) if probe else None)


@COMMAND.command("add", epilog="Exit status: 0 Prometheus scrapes it; 2 no such job, no such form; 3 it is not up yet.")
@click.argument("job")
@click.argument("address")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="A label of its series; repeat for more.")
@_WAIT
@click.pass_obj
def add(settings: Settings, job: str, address: str, labels: tuple[str, ...], seconds: int) -> int:
    """Scrape ADDRESS as part of JOB: into targets/JOB.yml, which Prometheus reads by itself."""
    wiring = Wiring(settings)
    within = timedelta(seconds=seconds)
    with whole(shlex.join(["monops", "targets", "add", job, address])), wiring.progress:
        chosen = dict(wiring.pairs("--label", labels))
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
    return f"Prometheus scrapes it: {target.health}" + (
        f", {without_secret(target.last_error)}" if target.last_error else ""
    )


def _target(one: ScrapeTarget) -> dict[str, Any]:
    return {
        "job": one.job,
        "instance": one.instance,
        "url": without_secret(one.url),
        "health": one.health,
        "last_error": without_secret(one.last_error) or None,
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
