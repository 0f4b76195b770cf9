"""A backup of Prometheus before a change that deletes data of it."""

from __future__ import annotations

from contextlib import redirect_stdout
from sys import stderr

import click

from monops.cli.settings import Settings
from monops.cli.show_change import First
from monops.cli.wiring import Wiring
from monops.domain.errors import Refused

BACKUP = click.option(
    "--backup", is_flag=True, help="Back Prometheus up first (to the configured destination, or --to)."
)
PLACE = click.option("--to", "place", metavar="DEST", help="Where --backup goes.")


def backup_first(settings: Settings, *, is_wanted: bool, place: str | None) -> First | None:
    """What comes before the change; None where no backup is asked for.

    Raises UsageFault at once where it could go nowhere. `do` raises Refused where the backup is not whole.
    """
    if not is_wanted and place is None:
        return None
    to = (place,) if place is not None else ()
    urls = ", ".join(store.url for store in Wiring(settings).stores(to))

    def do() -> None:
        from monops.cli.commands.backup import COMMAND as BACKUP_COMMAND

        words = ["prometheus", *(["--to", place] if place is not None else [])]
        # Its result is not this command's.
        with click.Context(BACKUP_COMMAND, info_name="backup", obj=settings) as context, redirect_stdout(stderr):
            code = BACKUP_COMMAND.invoke(BACKUP_COMMAND.make_context("backup", words, parent=context))
        if code:
            raise Refused("the backup is not whole, so nothing was changed", remedy=f"monops backup {' '.join(words)}")

    return First(say=f"back up prometheus to {urls}", do=do)
