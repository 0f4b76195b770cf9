"""Carrying a plan out: written, taken over, seen to work; or taken back. Every step is on disk before it is made."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from monops.domain.change import Entry, FileEdit, Plan, State, next_id
from monops.domain.errors import EditedMeanwhile, EngineUnreachable, MonopsError, Refused
from monops.domain.ports.changing import Changes
from monops.domain.typed_command import kept
from monops.ops.change_steps import take_over, wait_until_taken
from monops.ops.change_watch import unhealthy
from monops.ops.workshop import Workshop

#: A big write-ahead log takes minutes to replay.
HEALTHY_WITHIN = timedelta(minutes=5)


class TakenBack(MonopsError):
    """The change did not work; all is as it was."""


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a change is taken back, and whether that went well."""

    reason: str
    #: "" where all is as it was.
    trouble: str


def apply(shop: Workshop, plan: Plan, *, within: timedelta = HEALTHY_WITHIN) -> Entry:
    """The entry of the change, which is done.

    Raises TakenBack with the reason where it did not work, Refused where a file was edited meanwhile, Locked.
    """
    changes = shop.bench.changes(plan.site.folder)
    with changes.lock():
        entries = changes.entries()
        if any(entry.state.is_open for entry in entries):
            raise Refused("an earlier change was interrupted just now", remedy="monops history; then run this again")
        steps = tuple(
            msgspec.structs.replace(step, unhealthy=unhealthy(shop, plan.site, step.service)) for step in plan.steps
        )
        entry = Entry(
            id=next_id(entries),
            plan=msgspec.structs.replace(plan, steps=steps),
            state=State.PREPARED,
            who=shop.who,
            host=shop.outside.machine.host,
            command=kept(shop.command),
            started=shop.outside.clock.now().isoformat(timespec="seconds"),
            monops=shop.version,
            within=within.total_seconds(),
        )
        changes.save(entry)
        return carry_on(shop, changes, entry)


def carry_on(shop: Workshop, changes: Changes, entry: Entry) -> Entry:
    """From where the entry stands to done. Raises as `apply`; the lock is held."""
    plan, state = entry.plan, entry.state
    written: list[FileEdit] = []
    try:
        if state in (State.PREPARED, State.WRITTEN):
            # Once more where it was said to be written: a way back whose end could not be noted may have begun.
            for edit in plan.edits:
                if not _goes_last(edit):
                    _write(shop, edit)
                    written.append(edit)
        if state is State.PREPARED:
            changes.save(entry.at(state := State.WRITTEN))
        if state is State.WRITTEN:
            take_over(shop, plan.site, plan.steps)
            for edit in plan.edits:
                if _goes_last(edit):
                    _write(shop, edit)
            changes.save(entry.at(state := State.APPLIED))
        wait_until_taken(shop, plan.site, plan.steps, plan.expected, within=timedelta(seconds=entry.within))
        done = entry.at(State.DONE, ended=_now(shop))
        changes.save(done)
    except MonopsError as error:
        if isinstance(error, EditedMeanwhile) and state is State.PREPARED and not written:
            changes.save(entry.at(State.ROLLED_BACK, reason=error.message, ended=_now(shop)))
            raise TakenBack(f"{error.message}; nothing was changed", remedy=f"{entry.command}") from error
        failed = _tried_to_take_back(shop, changes, entry.at(state), error.message)
        if failed.trouble:
            raise TakenBack(
                f"{failed.reason}. Taking it back did not go well either: {failed.trouble}",
                remedy="monops stack status; monops history",
            ) from error
        remedy = error.remedy if state is State.PREPARED else f"monops history {entry.id}"
        raise TakenBack(f"{failed.reason}; the change was taken back{_lost(plan, state)}", remedy=remedy) from error
    except BaseException:
        # ^C or SIGTERM: a second one leaves an open entry, which the next run finishes.
        shop.outside.progress.say("interrupted: taking the change back; interrupted again, the next run does")
        failed = take_back(shop, changes, entry.at(state), "interrupted")
        trouble = f"; {failed.trouble}" if failed.trouble else ""
        shop.outside.progress.say(f"the change was taken back{_lost(plan, state)}{trouble}")
        raise
    return done


def _tried_to_take_back(shop: Workshop, changes: Changes, entry: Entry, reason: str) -> _Failure:
    """Raises EngineUnreachable that says what is left to do."""
    try:
        return take_back(shop, changes, entry, reason)
    except EngineUnreachable as error:
        raise EngineUnreachable(
            f"{reason}; the old files are back, but the containers could not be brought back: {error.message}",
            remedy=f"{error.remedy}; then, to finish it: monops history",
        ) from error


def take_back(shop: Workshop, changes: Changes, entry: Entry, reason: str) -> _Failure:
    """The old files and the old containers are back, as far as that can be; the entry says so.

    Raises EngineUnreachable, and leaves the entry open then: the next run goes on.
    """
    back, trouble = entry.plan.backwards(), []
    has_stepped = entry.state is not State.PREPARED
    if has_stepped:
        # On a full disk there is no room for notes; the way back needs none.
        with suppress(Refused):
            changes.save(entry.at(State.REVERTING, reason=reason))
    for edit in back.edits:
        try:
            _write(shop, edit)
        except MonopsError as error:
            # Somebody else's edit is not to be lost; and the rest goes back all the same.
            trouble.append(error.message)
    if has_stepped:
        shop.outside.progress.say(f"taking it back: {reason}")
        try:
            take_over(shop, back.site, back.steps)
            wait_until_taken(shop, back.site, back.steps, back.expected, within=timedelta(seconds=entry.within))
        except EngineUnreachable:
            raise
        except MonopsError as error:
            trouble.append(error.message)
    said = "; ".join(trouble)
    full = f"{reason}; and taking it back: {said}" if said else reason
    changes.save(entry.at(State.ROLLED_BACK, reason=full, ended=_now(shop)))
    return _Failure(reason, said)


def _goes_last(edit: FileEdit) -> bool:
    """A secret that goes is used until the service has taken the change over: a queue that ends sends what it has."""
    return edit.is_secret and edit.after is None


def _lost(plan: Plan, state: State) -> str:
    return f", but {plan.loses}" if plan.loses and state is not State.PREPARED else ""


def _write(shop: Workshop, edit: FileEdit) -> None:
    shop.files.replace(
        edit.path,
        edit.after,
        expected=(edit.before, edit.after),
        in_place=edit.in_place,
        mode=edit.mode,
        owner=edit.owner,
    )


def _now(shop: Workshop) -> str:
    return shop.outside.clock.now().isoformat(timespec="seconds")
