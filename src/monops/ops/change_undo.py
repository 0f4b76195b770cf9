"""The history of a stack's changes, and the plan that takes one back."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import msgspec

from monops.domain.change import Entry, Expected, FileEdit, Plan, State, Step, undone
from monops.domain.errors import EngineUnreachable, NotFound, Refused, ServiceUnreachable, UsageFault
from monops.domain.merge import merged
from monops.domain.nearest import listed
from monops.ops.change_site import folder_of
from monops.ops.change_steps import effective
from monops.ops.change_watch import as_it_runs
from monops.ops.limits_room import check_room
from monops.ops.workshop import Workshop


def home(shop: Workshop) -> str:
    """The folder beside whose files the history is: that of the stack, else that of the Compose file here.

    They differ where a stack was started from several files, or with --project-directory. Raises NotFound, and without
    a Compose file here UsageFault and EngineUnreachable.
    """
    if shop.own_file is None:
        folder = folder_of(shop)
        if folder is None:
            raise NotFound("there is no stack here, and none runs", remedy="go to the stack's folder; or: monops init")
        return folder
    with suppress(NotFound, UsageFault, EngineUnreachable):
        return folder_of(shop) or shop.own_file.rpartition("/")[0]
    return shop.own_file.rpartition("/")[0]


def history(shop: Workshop, folder: str) -> tuple[tuple[Entry, bool], ...]:
    """Every change that is kept, oldest first, and whether it was taken back since."""
    entries = shop.bench.changes(folder).entries()
    gone = undone(entries)
    return tuple((entry, entry.id in gone) for entry in entries)


def plan_undo(shop: Workshop, folder: str, id_: int | None) -> Plan:
    """What takes a change back: the last that stands, or the one of that number.

    Raises NotFound where there is none, Refused where a file was edited since in the same place, and where a service
    uses more memory now than it would have again.
    """
    entries = shop.bench.changes(folder).entries()
    entry = _chosen(entries, id_)
    back = entry.plan.backwards()
    edits, warnings = [], []
    for edit in back.edits:
        now = shop.files.read(edit.path)
        if now == edit.before:
            edits.append(edit)
            continue
        edits.append(_merged(edit, now))
        warnings.append(f"{edit.path} was edited since; that edit stays")
    # An undo that is undone is done again.
    title = back.title.replace("undo: undo: ", "redo: ", 1).replace("undo: redo: ", "undo: ", 1)
    room = [said for step in back.steps for said in _room(shop, back, step)]
    gone = [said for one in back.expected for said in _losses(shop, back, one)]
    return msgspec.structs.replace(
        back,
        edits=tuple(edits),
        steps=tuple(as_it_runs(shop, back.site, step) for step in back.steps),
        warnings=(*warnings, *room, *gone),
        title=title,
        undoes=entry.id,
        loses="what was deleted does not come back" if gone else "",
    )


def _room(shop: Workshop, back: Plan, step: Step) -> tuple[str, ...]:
    memory = step.limits.get("Memory", 0)
    if not memory:
        return ()
    return check_room(shop, step.service, shop.in_site(back.site, step.service), memory)


def _losses(shop: Workshop, back: Plan, expected: Expected) -> tuple[str, ...]:
    """What goes for good with the values of before, where the reader knows of such."""
    loses = getattr(effective(expected.reader), "loses", None)
    if loses is None:
        return ()
    try:
        found = [
            said for one in shop.in_site(back.site, expected.service) for said in loses(shop, one, expected.wanted)
        ]
    except (ServiceUnreachable, NotFound) as error:
        return (f"what would be deleted for good could not be found out: {error.message}",)
    return tuple(found)


def _merged(edit: FileEdit, now: str | None) -> FileEdit:
    if now is None or edit.before is None or edit.after is None:
        what = "is gone" if now is None else "was changed"
        raise Refused(f"{edit.path} {what} since", remedy="monops history; bring it back by hand")
    # From what the change had written, two ways lead on: back, and to what is there now.
    found = merged(edit.before, now, edit.after)
    if found is None:
        raise Refused(
            f"{edit.path} was edited since in the same place, so undoing would lose that edit",
            remedy=f"edit {edit.path} by hand; what it was: monops history --output json",
        )
    return msgspec.structs.replace(edit, before=now, after=found)


def _chosen(entries: Sequence[Entry], id_: int | None) -> Entry:
    gone = undone(entries)
    standing = [one for one in entries if one.state is State.DONE and one.id not in gone]
    if id_ is None:
        changes = [one for one in standing if one.plan.undoes is None]
        if not changes:
            raise NotFound("there is no change to undo", remedy="monops history")
        return changes[-1]
    for one in standing:
        if one.id == id_:
            return one
    found = next((one for one in entries if one.id == id_), None)
    if found is None:
        known = listed([str(one.id) for one in standing]) if standing else "none"
        raise NotFound(f"there is no change {id_} (there are: {known})", remedy="monops history")
    state = "was undone already" if id_ in gone else f"is {found.state.value}, so there is nothing to undo"
    raise NotFound(f"change {id_} {state}", remedy="monops history")
