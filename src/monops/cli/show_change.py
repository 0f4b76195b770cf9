"""A change, from the plan that a command made to the end: shown, confirmed, carried out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import click

from monops.cli.settings import Settings
from monops.cli.show import show_json, show_lines
from monops.domain.change import Entry, Plan
from monops.domain.errors import MonopsError, UsageFault
from monops.domain.exits import Exit
from monops.domain.nearest import listed
from monops.ops.change import apply
from monops.ops.change_check import check
from monops.ops.change_recover import recover
from monops.ops.change_undo import home
from monops.ops.workshop import Workshop

WAIT = click.option(
    "--wait",
    "seconds",
    type=click.IntRange(1),
    default=300,
    show_default=True,
    metavar="SECONDS",
    help="How long a service may take to be healthy again; then the change is taken back.",
)
DRY_RUN = click.option("--dry-run", is_flag=True, help="Show the plan and the diff, change nothing.")
YES = click.option("--yes", is_flag=True, help="Do not ask.")
#: For the help of every command that changes something.
EPILOG = (
    "Exit status: 0 done, or so already; 1 it did not work, and all is as it was; 2 not confirmed; "
    "3 done, but what came of it could not be seen; 11 another change is being made; 12 a file is not right."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Afterwards:
    """What a command shows behind the change itself: what came of it."""

    lines: Sequence[str] = ()
    #: Joins the result in JSON.
    result: Mapping[str, Any] = field(default_factory=dict)
    code: int = Exit.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """What is done before the change, once the person has agreed."""

    #: In the plan, behind "first: ".
    say: str
    #: Stops everything by raising.
    do: Callable[[], None]


def carry_out(
    settings: Settings,
    command: str,
    shop: Workshop,
    make: Callable[[], Plan],
    *,
    dry_run: bool,
    yes: bool,
    seconds: int = 300,
    first: First | None = None,
    after: Callable[[], Afterwards] | None = None,
) -> int:
    """The exit code. `make` makes the plan, once nothing of an earlier run is half done; `after` is done once all is as
    the plan says, also where it was so."""
    recovered = () if dry_run else recover(shop, home(shop))
    plan = make()
    if plan.is_empty:
        return _nothing(settings, command, plan, recovered, after() if after is not None else Afterwards())
    warnings = (*plan.warnings, *check(shop, plan))
    if dry_run:
        if settings.as_json:
            result = {"dry_run": True, "changed": False, "plan": plan_result(plan, warnings, first)}
            show_json(command, ok=True, result={**result, "recovered": list(recovered)})
        else:
            show_lines(plan_lines(plan, warnings, first))
        return Exit.DONE
    if not (settings.quiet and yes):
        click.echo("\n".join(plan_lines(plan, warnings, first)), err=True)
    if not yes:
        _confirm(shop)
    if first is not None:
        first.do()
    entry = apply(shop, plan, within=timedelta(seconds=seconds))
    return _done(settings, command, entry, warnings, recovered, _seen(after))


def _seen(after: Callable[[], Afterwards] | None) -> Afterwards:
    """What came of a change that is made. That this could not be seen does not unmake it."""
    try:
        return after() if after is not None else Afterwards()
    except MonopsError as error:
        lines = (f"what came of it could not be seen: {error.message}", f"  try: {error.remedy}")
        return Afterwards(lines=lines, result={"error": error.message, "remedy": error.remedy}, code=Exit.PARTLY)


def plan_lines(plan: Plan, warnings: Sequence[str], first: First | None = None) -> list[str]:
    """What a person reads before agreeing."""
    lines = [f"plan: {plan.title}", *([f"  first: {first.say}"] if first is not None else [])]
    lines += [f"  {step.means.value} {step.service}; interrupts {step.interrupts}" for step in plan.steps]
    for edit in plan.edits:
        lines += [f"  {line}" for line in edit.diff(whole=False)]
    return [*lines, *(f"warning: {warning}" for warning in warnings)]


def plan_result(plan: Plan, warnings: Sequence[str], first: First | None = None) -> dict[str, Any]:
    """The same for a program."""
    return {
        "title": plan.title,
        "first": None if first is None else first.say,
        "project": plan.site.project,
        "values": [{"name": one.name, "before": one.before, "after": one.after} for one in plan.values],
        "edits": [{"path": edit.path, "diff": edit.diff()} for edit in plan.edits],
        "steps": [
            {"means": step.means.value, "service": step.service, "interrupts": step.interrupts} for step in plan.steps
        ],
        "expected": [{"service": one.service, **one.wanted} for one in plan.expected],
        "warnings": list(warnings),
        "undoes": plan.undoes,
    }


def _nothing(settings: Settings, command: str, plan: Plan, recovered: Sequence[str], after: Afterwards) -> int:
    if settings.as_json:
        result = {"changed": False, "plan": plan_result(plan, plan.warnings), "recovered": list(recovered)}
        show_json(command, ok=after.code == Exit.DONE, result={**result, **after.result})
    else:
        show_lines([f"{plan.title}: nothing to change", *after.lines])
    return after.code


def _done(
    settings: Settings,
    command: str,
    entry: Entry,
    warnings: Sequence[str],
    recovered: Sequence[str],
    after: Afterwards,
) -> int:
    if settings.as_json:
        result = {"changed": True, "id": entry.id, "plan": plan_result(entry.plan, warnings)}
        result = {**result, "recovered": list(recovered), **after.result}
        show_json(command, ok=after.code == Exit.DONE, result=result)
        return after.code
    reading = [one for one in entry.plan.expected if one.wanted]
    read_back = list(dict.fromkeys(one.service for one in reading))
    reports = "reports itself" if len(read_back) == 1 else "report themselves"
    # Of limits it is the engine that knows what is in force.
    is_engine = bool(reading) and all(one.reader == "limits" for one in reading)
    who = "the engine reports" if is_engine else f"{listed(read_back)} {reports}"
    seen = f", as {who}" if read_back else ""
    show_lines(
        [
            f"{entry.plan.title}: done{seen}",
            f"change {entry.id}; to take it back: monops undo" + ("" if entry.plan.undoes is None else f" {entry.id}"),
            *after.lines,
        ]
    )
    return after.code


def _confirm(shop: Workshop) -> None:
    """Raises UsageFault unless a person at a terminal says yes."""
    remedy = f"{shop.command} --yes"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageFault("a change wants to be confirmed, and nobody is at a terminal: nothing changed", remedy=remedy)
    if not click.confirm("Do it?", default=False, err=True):
        raise UsageFault("not confirmed: nothing was changed", remedy=remedy)
