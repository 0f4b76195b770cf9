"""Show the changes of the stack's settings: who, when, what, before, after."""

from __future__ import annotations

from typing import Any

import click

from monops.cli.settings import Settings
from monops.cli.show import show_json, show_lines, table
from monops.cli.wiring import Wiring
from monops.domain.change import Entry
from monops.domain.errors import EngineError, Locked, NotFound
from monops.domain.exits import Exit
from monops.ops.change_recover import recover
from monops.ops.change_undo import history, home


@click.command("history", epilog="Exit status: 0 shown; 10 no such change.")
@click.argument("change", type=click.IntRange(1), required=False, metavar="[ID]")
@click.pass_obj
def COMMAND(settings: Settings, change: int | None) -> int:  # noqa: N802 - the name by which commands are found
    """List the changes that monops made to the stack's settings; with ID one of them, with its diff.

    A change that was interrupted is finished or taken back first, and it says so.
    """
    wiring = Wiring(settings)
    with wiring.progress:
        shop = wiring.workshop("history")
        folder = home(shop)
        try:
            recover(shop, folder)
        except (Locked, EngineError) as error:
            wiring.progress.warn(error.message)
        found = history(shop, folder)
    if change is not None:
        found = tuple(pair for pair in found if pair[0].id == change)
        if not found:
            raise NotFound(f"there is no change {change}", remedy="monops history")
    if settings.as_json:
        show_json("history", ok=True, result={"folder": folder, "changes": [_result(*pair) for pair in found]})
        return Exit.DONE
    show_lines(_details(*found[0]) if change is not None else _lines(found))
    return Exit.DONE


def _state(entry: Entry, is_undone: bool) -> str:
    return "undone" if is_undone else entry.state.value


def _lines(found: tuple[tuple[Entry, bool], ...]) -> list[str]:
    if not found:
        return ["no change has been made with monops"]
    rows = [
        (
            str(entry.id),
            entry.started.replace("T", " ").removesuffix("+00:00"),
            f"{entry.who}@{entry.host}",
            _state(entry, is_undone),
            entry.plan.title,
        )
        for entry, is_undone in found
    ]
    return table(("id", "when (UTC)", "who", "state", "what"), rows, right=(0,))


def _details(entry: Entry, is_undone: bool) -> list[str]:
    lines = [
        f"change {entry.id}: {entry.plan.title}",
        f"  {_state(entry, is_undone)}, {entry.started} to {entry.ended or '-'}, {entry.who}@{entry.host}",
        f"  {entry.command}",
    ]
    lines += [f"  {one.name}: {one.before} → {one.after}" for one in entry.plan.values]
    if entry.reason:
        lines.append(f"  taken back: {entry.reason}")
    return lines + [f"  {line}" for edit in entry.plan.edits for line in edit.diff()]


def _result(entry: Entry, is_undone: bool) -> dict[str, Any]:
    return {
        "id": entry.id,
        "state": _state(entry, is_undone),
        "what": entry.plan.title,
        "values": [{"name": one.name, "before": one.before, "after": one.after} for one in entry.plan.values],
        "who": entry.who,
        "host": entry.host,
        "started": entry.started,
        "ended": entry.ended or None,
        "command": entry.command,
        "edits": [{"path": edit.path, "diff": edit.diff()} for edit in entry.plan.edits],
        "steps": [{"means": step.means.value, "service": step.service} for step in entry.plan.steps],
        "undoes": entry.plan.undoes,
        "reason": entry.reason or None,
    }
