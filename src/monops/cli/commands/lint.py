"""Look for faults in rules, dashboards and configurations, and for selectors that match nothing."""

from __future__ import annotations

import sys
from typing import Any

import click

from monops import __version__
from monops.cli.settings import Settings
from monops.cli.show import counted, show_json, show_lines, table, wants_colour
from monops.cli.show_reports import Level, Report, Result, Rule, Unanswered, written
from monops.cli.wiring import Wiring
from monops.domain.errors import UsageFault
from monops.domain.exits import Exit
from monops.domain.finding import Severity
from monops.domain.lint.problem import RULES, Problem
from monops.ops.lint import Linted, chosen_rules, lint

_LEVELS: dict[Severity, Level] = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_COLOURS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.INFO: "36"}


@click.command(
    "lint",
    epilog="Exit status: 0 nothing found; 2 no such rule; 3 nothing found as far as could be told; "
    "4 problems at or above --fail-on; 10 nothing to look at.",
)
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@click.option("--offline", is_flag=True, help="Ask no server and run no container: what the text alone tells.")
@click.option("--only", multiple=True, metavar="RULE", help="Only this rule or family, or a pattern: series/*")
@click.option("--skip", multiple=True, metavar="RULE", help="Not this rule or family; repeat for more.")
@click.option(
    "--fail-on",
    type=click.Choice([severity.value for severity in Severity]),
    default="error",
    show_default=True,
    help="From which severity on the exit status is 4.",
)
@click.option("--list", "list_", is_flag=True, help="List the rules instead.")
@click.pass_obj
def COMMAND(  # noqa: N802 - the name by which commands are found
    settings: Settings,
    paths: tuple[str, ...],
    offline: bool,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    fail_on: str,
    list_: bool,
) -> int:
    """Look for faults in PATH: rule files, dashboards, prometheus.yml, alertmanager.yml, or folders of them.

    Without PATH the stack's own. The running Prometheus says which selectors match nothing. Changes nothing.

    A comment lets a rule of a file pass: "# monops lint disable series/dead", "# monops lint snooze 2026-12-31
    series/dead", and for the whole file "# monops lint file/disable series/dead".
    """
    chosen = chosen_rules(only, skip)
    if list_:
        return _list(settings)
    threshold = Severity(fail_on)
    found = lint(Wiring(settings).bench(paths, offline=offline), chosen)
    code = _exit(found, threshold)
    if settings.as_json:
        show_json("lint", ok=code is Exit.DONE, result=as_result(found))
    elif settings.report_form:
        sys.stdout.write(written(as_report(found, threshold), settings.report_form))
    else:
        show_lines(_lines(found, colour=wants_colour(settings) and sys.stdout.isatty()))
    return code


def _list(settings: Settings) -> int:
    if settings.report_form:
        raise UsageFault(f"--list has no report as {settings.report_form}", remedy="monops lint --list --output json")
    if settings.as_json:
        show_json("lint", ok=True, result={"rules": [{"id": one.id, "well": one.well} for one in RULES.values()]})
    else:
        show_lines(table(("rule", "well where"), [(one.id, one.well) for one in RULES.values()]))
    return Exit.DONE


def _exit(found: Linted, fail_on: Severity) -> Exit:
    if any(one.severity.rank >= fail_on.rank for one in found.problems):
        return Exit.FINDINGS
    return Exit.PARTLY if found.unanswered else Exit.DONE


def as_result(found: Linted) -> dict[str, Any]:
    """`result` of the JSON document."""
    return {
        "problems": [
            {
                "rule": one.id,
                "severity": one.severity.value,
                "file": one.file,
                "line": one.line,
                "subject": one.subject,
                "message": one.message,
                "fix": one.fix,
            }
            for one in found.problems
        ],
        "inconclusive": [{"rule": rule, "reason": reason} for rule, reason in found.unanswered.items()],
        "skipped": [{"rule": rule, "reason": reason} for rule, reason in found.skipped.items()],
        "files": found.files.count,
        "selectors": found.selectors,
        "passed": found.passed,
        "server": found.server.url if found.server else None,
    }


def as_report(found: Linted, fail_on: Severity) -> Report:
    """The same for other programs."""
    return Report(
        tool="monops lint",
        version=__version__,
        subject=counted(found.files.count, "file"),
        rules=tuple(Rule(id=one.id, title=one.well, page="docs/how-to/lint.md") for one in RULES.values()),
        results=tuple(
            Result(
                rule=one.id,
                level=_LEVELS[one.severity],
                message=one.message,
                subject=one.subject,
                fails=one.severity.rank >= fail_on.rank,
                evidence=(one.shown.text.strip(),) if one.shown else (),
                fix=one.fix,
                file=one.file,
                line=one.line,
            )
            for one in found.problems
        ),
        unanswered=tuple(Unanswered(rule=rule, reason=reason) for rule, reason in found.unanswered.items()),
        skipped=found.skipped,
    )


def _lines(found: Linted, *, colour: bool) -> list[str]:
    lines: list[str] = []
    for one in found.problems:
        lines += [*_problem(one, colour=colour), ""]
    reasons: dict[str, list[str]] = {}
    for rule, reason in found.unanswered.items():
        reasons.setdefault(reason, []).append(rule)
    for reason, rules in reasons.items():
        lines += [f"inconclusive: {', '.join(rules)}", f"  {reason}", ""]
    return [*lines, _verdict(found)]


def _problem(one: Problem, *, colour: bool) -> list[str]:
    head = f"{one.severity.value}:"
    if colour:
        head = f"\x1b[{_COLOURS[one.severity]}m{head}\x1b[0m"
    lines = [f"{head} {one.id}", f"  {one.file}:{one.line} → {one.subject}"]
    if one.shown is not None:
        shown = one.shown
        number = f"  {shown.line} | "
        # The common indentation says nothing.
        cut = len(shown.text) - len(shown.text.lstrip())
        lines.append(number + shown.text[cut:])
        if shown.end > shown.start:
            lines.append(" " * (len(number) + shown.start - cut) + "^" * (shown.end - shown.start))
    lines.append(f"  {one.message}")
    if one.fix:
        lines.append(f"  fix: {one.fix}")
    return lines


def _verdict(found: Linted) -> str:
    counts = [
        counted(number, severity.value)
        for severity in reversed(Severity)
        if (number := sum(one.severity is severity for one in found.problems))
    ]
    files = found.files
    looked = [
        counted(len(files.rules), "rule file"),
        counted(len(files.dashboards), "dashboard"),
        counted(len(files.prometheus) + len(files.alertmanager), "configuration"),
    ]
    said = ", ".join(counts) if counts else "nothing found"
    if found.passed:
        said += f", {found.passed} let pass by comments"
    if found.unanswered:
        said += f", {counted(len(found.unanswered), 'rule')} inconclusive"
    return f"{', '.join(one for one in looked if not one.startswith('0 '))}: {said}"
