"""Find out what does not work, why, and the one thing to do."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import click

from monops import __version__
from monops.checks._pages import page_of
from monops.cli.settings import Settings
from monops.cli.show import counted, show_json, show_lines, table, wants_colour
from monops.cli.show_reports import Level, Report, Result, Rule, Unanswered, written
from monops.cli.wiring import Wiring
from monops.domain.check import GROUPS
from monops.domain.diagnosis import Diagnosis, Outcome
from monops.domain.errors import UsageFault
from monops.domain.exits import Exit
from monops.domain.finding import Finding, Severity
from monops.domain.units import parse_duration
from monops.ops.doctor import chosen_checks, examine

_MARKS = {Severity.ERROR: "✗", Severity.WARNING: "!", Severity.INFO: "•"}
_LEVELS: dict[Severity, Level] = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_COLOURS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.INFO: "36"}


@click.command(
    "doctor",
    epilog="Exit status: 0 healthy; 1 nothing could be looked at; 2 no such check; 3 healthy as far as could be seen; "
    "4 findings at or above --fail-on.",
)
@click.option("--only", multiple=True, metavar="CHECK", help="Only this check or group, or a pattern: targets.*")
@click.option("--skip", multiple=True, metavar="CHECK", help="Not this check or group; repeat for more.")
@click.option(
    "--fail-on",
    type=click.Choice([severity.value for severity in Severity]),
    default="error",
    show_default=True,
    help="From which severity on the exit status is 4.",
)
@click.option(
    "--timeout", default="10s", show_default=True, metavar="TIME", help="What is not read by then is unknown."
)
@click.option("--list", "list_", is_flag=True, help="List the checks instead.")
@click.pass_obj
def COMMAND(  # noqa: N802 - the name by which commands are found
    settings: Settings, only: tuple[str, ...], skip: tuple[str, ...], fail_on: str, timeout: str, list_: bool
) -> int:
    """Ask every check about the running stack: what is wrong, why, and what to do. Changes nothing.

    With -v what is well is shown too.
    """
    checks = chosen_checks(only, skip)
    if list_ and settings.report_form:
        raise UsageFault(f"--list has no report as {settings.report_form}", remedy="monops doctor --list --output json")
    if list_:
        if settings.as_json:
            show_json("doctor", ok=True, result={"checks": [{"id": c.id, "well": c.well} for c in checks]})
        else:
            show_lines(table(("check", "well where"), [(check.id, check.well) for check in checks]))
        return Exit.DONE
    try:
        within = parse_duration(timeout)
    except ValueError as error:
        raise UsageFault(f"--timeout: {error}", remedy="monops doctor --timeout 30s") from error
    wiring = Wiring(settings)
    clock = wiring.outside().clock
    began = clock.monotonic()
    inspectors, project = wiring.inspectors(within)
    left = within - timedelta(seconds=clock.monotonic() - began)
    found = examine(checks, inspectors, clock, project=project, within=left)
    code = _exit(found, Severity(fail_on))
    if settings.as_json:
        show_json("doctor", ok=code is Exit.DONE, result=as_result(found))
    elif settings.report_form:
        sys.stdout.write(written(as_report(found, Severity(fail_on)), settings.report_form))
    else:
        show_lines(_lines(found, settings))
    return code


def _exit(found: Diagnosis, fail_on: Severity) -> Exit:
    if found.at_least(fail_on):
        return Exit.FINDINGS
    asked = [one for one in found.outcomes if not one.skipped]
    if asked and all(one.unknown is not None or one.crash for one in asked):
        return Exit.FAILED
    return Exit.PARTLY if found.unknown else Exit.DONE


def as_result(found: Diagnosis) -> dict[str, Any]:
    """`result` of the JSON document."""
    return {
        "findings": [
            {
                "check": check.id,
                "group": check.group,
                "severity": finding.severity.value,
                "subject": finding.subject,
                "cause": finding.cause,
                "evidence": list(finding.evidence),
                "fix": None
                if finding.fix is None
                else {"say": finding.fix.say, "command": finding.fix.command, "risk": finding.fix.risk.value},
            }
            for check, finding in found.findings
        ],
        "unknown": [
            {
                "check": one.check.id,
                "reason": one.crash or (one.unknown.reason if one.unknown else ""),
                "crashed": bool(one.crash),
                "remedy": one.unknown.remedy if one.unknown else "",
            }
            for one in found.unknown
        ],
        "skipped": [{"check": one.check.id, "reason": one.skipped} for one in found.outcomes if one.skipped],
        "checks_run": len([one for one in found.outcomes if not one.skipped]),
    }


def as_report(found: Diagnosis, fail_on: Severity) -> Report:
    """The same for other programs. A finding below `fail_on` fails nothing."""
    pages = [(one.check, page_of(one.check)) for one in found.outcomes]
    return Report(
        tool="monops doctor",
        version=__version__,
        subject=f"the stack {found.facts.project}" if found.facts.project else "the stack",
        rules=tuple(
            Rule(id=check.id, title=page.statement, help=page.explanation, page=page.address) for check, page in pages
        ),
        results=tuple(
            Result(
                rule=check.id,
                level=_LEVELS[finding.severity],
                message=finding.cause,
                subject=finding.subject,
                fails=finding.severity.rank >= fail_on.rank,
                evidence=finding.evidence,
                fix=finding.fix.say if finding.fix else "",
                command=finding.fix.command if finding.fix else "",
            )
            for check, finding in found.findings
        ),
        unanswered=tuple(
            Unanswered(
                rule=one.check.id,
                reason=one.crash or (one.unknown.reason if one.unknown else ""),
                crashed=bool(one.crash),
            )
            for one in found.unknown
        ),
        skipped={one.check.id: one.skipped for one in found.outcomes if one.skipped},
    )


def _lines(found: Diagnosis, settings: Settings) -> list[str]:
    lines: list[str] = []
    colour = wants_colour(settings) and sys.stdout.isatty()
    for group in GROUPS:
        outcomes = [one for one in found.outcomes if one.check.group == group]
        shown = [line for one in outcomes for line in _outcome(one, settings, colour=colour)]
        if shown:
            lines += [group, *shown, ""]
    return [*lines, _verdict(found)]


def _outcome(one: Outcome, settings: Settings, *, colour: bool) -> list[str]:
    if one.crash:
        return [f"  ? {one.check.id}: this check crashed, which is a bug of monops: {one.crash}"]
    if one.unknown is not None:
        line = f"  ? {one.check.id}: unknown, {one.unknown.reason}"
        return [line, f"      try: {one.unknown.remedy}"] if one.unknown.remedy and settings.verbose else [line]
    if one.skipped:
        return [f"  - {one.check.id}: skipped, {one.skipped}"] if settings.verbose else []
    if not one.findings:
        return [f"  ✓ {one.check.well} ({one.check.id})"] if settings.verbose else []
    return [line for finding in one.findings for line in _finding(one.check.id, finding, colour=colour)]


def _finding(check: str, finding: Finding, *, colour: bool) -> list[str]:
    mark = _MARKS[finding.severity]
    if colour:
        mark = f"\x1b[{_COLOURS[finding.severity]}m{mark}\x1b[0m"
    lines = [f"  {mark} {finding.subject}: {finding.cause} ({check})"]
    lines += [f"      {line}" for line in finding.evidence]
    if finding.fix is not None:
        lines.append(f"      fix: {finding.fix.say}")
        if finding.fix.command:
            lines.append(f"        {finding.fix.command}")
    return lines


def _verdict(found: Diagnosis) -> str:
    counts = [
        (counted(sum(one.severity is severity for _, one in found.findings), severity.value))
        for severity in reversed(Severity)
        if any(one.severity is severity for _, one in found.findings)
    ]
    asked = len([one for one in found.outcomes if not one.skipped])
    said = ", ".join(counts) if counts else "nothing found"
    if found.unknown:
        said += f", {counted(len(found.unknown), 'check')} could not be answered"
    return f"{asked} checks of {found.facts.project or 'the stack'}: {said}"
