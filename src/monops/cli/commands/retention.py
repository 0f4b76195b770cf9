"""Show and set how long, and how much, Prometheus keeps."""

from __future__ import annotations

import shlex
from typing import Any

import click

from monops.cli.backup_first import BACKUP, PLACE, backup_first
from monops.cli.settings import Settings
from monops.cli.show import show_json, show_lines, table
from monops.cli.show_change import DRY_RUN, EPILOG, WAIT, YES, carry_out
from monops.cli.wiring import Wiring
from monops.domain.exits import Exit
from monops.domain.retention import (
    ASSUMED_BYTES_A_SAMPLE,
    canonical,
    full_in,
    shown_bytes,
    shown_full,
    shown_time,
    wanted_bytes,
)
from monops.domain.units import show_size
from monops.ops.retention import Retention, plan_retention, see_retention


@click.group("retention")
def COMMAND() -> None:  # noqa: N802 - the name by which commands are found
    """Show and set how long, and how much, Prometheus keeps."""


@COMMAND.command("show", epilog="Exit status: 0 shown; 1 Prometheus does not answer; 10 there is none that runs.")
@click.pass_obj
def show(settings: Settings) -> int:
    """Show what is in force, what it takes on disk, and when the disk is full.

    From Prometheus itself, not from the files. What cannot be found out is said to be unknown.
    """
    wiring = Wiring(settings)
    with wiring.progress:
        seen = see_retention(wiring.workshop("retention show"))
    if settings.as_json:
        show_json("retention show", ok=True, result=_result(seen))
    else:
        show_lines(_lines(seen))
        for line in seen.look.unknown:
            click.echo(f"unknown: {line}", err=True)
    return Exit.DONE


@COMMAND.command("set", epilog=EPILOG)
@click.option("--time", metavar="DURATION", help="As Prometheus writes it: 30d, 12h, 1y.")
@click.option("--size", metavar="SIZE", help="50GB, 512MB: B to EB, powers of 1024, as Prometheus reads it.")
@BACKUP
@PLACE
@DRY_RUN
@YES
@WAIT
@click.pass_obj
def set_(
    settings: Settings,
    time: str | None,
    size: str | None,
    backup: bool,
    place: str | None,
    dry_run: bool,
    yes: bool,
    seconds: int,
) -> int:
    """Keep data as long as --time, and as much as --size; whichever is reached first.

    Written where it is set today: its command in the Compose file, a variable in .env, or its configuration file.
    If Prometheus does not come up with it, the old setting comes back by itself.
    """
    wiring = Wiring(settings)
    options = [("--time", time), ("--size", size), ("--to", place)]
    words = [word for name, value in options if value is not None for word in (name, value)]
    with wiring.progress:
        shop = wiring.workshop(shlex.join(["retention", "set", *words, *(["--backup"] if backup or place else [])]))
        return carry_out(
            settings,
            "retention set",
            shop,
            lambda: plan_retention(shop, see_retention(shop), time=time, size=size),
            dry_run=dry_run,
            yes=yes,
            seconds=seconds,
            first=backup_first(settings, is_wanted=backup, place=place),
        )


def _lines(seen: Retention) -> list[str]:
    usage, kept = seen.look.usage, seen.kept
    rows = [
        ("time", shown_time(kept["time"]), seen.set_in.get("time", "nowhere: Prometheus's own")),
        ("size", shown_bytes(kept["size"]), seen.set_in.get("size", "nowhere")),
    ]
    wanted = wanted_bytes(usage, kept)
    rate, each = usage.samples_a_second, usage.bytes_a_sample
    grows = "unknown" if usage.daily is None else f"{show_size(usage.daily)} a day"
    if rate is not None:
        what = f"{each:.2f} bytes each" if each else f"{ASSUMED_BYTES_A_SAMPLE:g} bytes each, not measured yet"
        grows += f" ({rate:,.0f} samples a second, {what})"
    return [
        *table(("limit", "in force", "set in"), rows),
        f"on disk now: {_size(usage.used)} (blocks {_size(usage.blocks)}, log and head {_size(usage.log)})",
        f"grows by: {grows}",
        f"what is kept will take: {_size(wanted)}",
        f"free on its volume: {_size(usage.free)}" + (f" of {show_size(usage.total)}" if usage.total else ""),
        f"the disk will be full: {shown_full(usage, kept)}",
    ]


def _size(value: float | None) -> str:
    return "unknown" if value is None else show_size(value)


def _result(seen: Retention) -> dict[str, Any]:
    usage, kept = seen.look.usage, canonical(seen.effective)
    word, span = full_in(usage, kept)
    return {
        "version": seen.version,
        "effective": seen.effective,
        "time_seconds": int(kept["time"]) if kept["time"].isdigit() else None,
        "size_bytes": int(kept["size"]) if kept["size"] else None,
        "set_in": dict(seen.set_in),
        "blocks_bytes": usage.blocks,
        "log_bytes": usage.log,
        "samples_per_second": usage.samples_a_second,
        "bytes_per_sample": usage.bytes_a_sample,
        "bytes_per_day": usage.daily,
        "kept_bytes": wanted_bytes(usage, kept),
        "free_bytes": usage.free,
        "volume_bytes": usage.total,
        "full": word,
        "full_in_seconds": None if span is None else span.total_seconds(),
        "unknown": list(seen.look.unknown),
    }
