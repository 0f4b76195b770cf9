"""Take a change of the stack's settings back."""

from __future__ import annotations

import shlex

import click

from monops.cli.backup_first import BACKUP, PLACE, backup_first
from monops.cli.settings import Settings
from monops.cli.show_change import DRY_RUN, EPILOG, WAIT, YES, carry_out
from monops.cli.wiring import Wiring
from monops.ops.change_undo import home, plan_undo


@click.command("undo", epilog=EPILOG + " 10 there is no such change.")
@click.argument("change", type=click.IntRange(1), required=False, metavar="[ID]")
@BACKUP
@PLACE
@DRY_RUN
@YES
@WAIT
@click.pass_obj
def COMMAND(  # noqa: N802 - the name by which commands are found
    settings: Settings,
    change: int | None,
    backup: bool,
    place: str | None,
    dry_run: bool,
    yes: bool,
    seconds: int,
) -> int:
    """Take back the last change, or that of ID (see: monops history).

    It is a change itself: shown, checked, applied, kept. What was edited elsewhere in the file since stays.
    """
    wiring = Wiring(settings)
    with wiring.progress:
        words = [*([] if change is None else [str(change)]), *(["--backup"] if backup else [])]
        shop = wiring.workshop(shlex.join(["undo", *words, *(["--to", place] if place is not None else [])]))
        return carry_out(
            settings,
            "undo",
            shop,
            lambda: plan_undo(shop, home(shop), change),
            dry_run=dry_run,
            yes=yes,
            seconds=seconds,
            first=backup_first(settings, is_wanted=backup, place=place),
        )
