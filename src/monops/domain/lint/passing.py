"""Which problems comments let pass, in every kind of file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from monops.domain.lint.comments import Comment, comments, faulty, in_description, names, passes
from monops.domain.lint.dashboard_file import Dashboard
from monops.domain.lint.problem import Problem
from monops.domain.lint.recognise import Recognised
from monops.domain.lint.rules_file import RuleFile


def let_pass(problems: Sequence[Problem], files: Recognised, today: date) -> tuple[list[Problem], int]:
    """(those that stay, with one for each comment that does nothing; how many pass)."""
    passing: set[Problem] = set()
    useless: list[Problem] = []
    for path, lines, said, rules in _commented(files):
        useless += faulty(path, said)
        passing |= {one for one in problems if one.file == path and passes(one, lines, said, _span(rules, one), today)}
    for dashboard in files.dashboards:
        for subject, said in _described(dashboard):
            useless += faulty(dashboard.path, said)
            passing |= {
                one
                for one in problems
                if one.file == dashboard.path and one.subject.endswith(subject) and names(one, said, today)
            }
    return [one for one in [*problems, *useless] if one not in passing], len(passing)


def _commented(files: Recognised) -> Iterator[tuple[str, Sequence[str], tuple[Comment, ...], RuleFile | None]]:
    """(path, lines, comments, its rules where it has any) of every file in YAML."""
    for file in files.rules:
        yield file.path, file.lines, comments(file.lines), file
    for path, text in (*files.prometheus.items(), *files.alertmanager.items()):
        lines = text.splitlines()
        yield path, lines, comments(lines), None


def _described(dashboard: Dashboard) -> Iterator[tuple[str, tuple[Comment, ...]]]:
    """(how the subjects end that they are about, comments) of every description."""
    whole = f" of {dashboard.title}"
    yield whole, in_description(dashboard.description)
    for panel in dashboard.panels:
        yield f"panel {panel.title}{whole}", in_description(panel.description)


def _span(file: RuleFile | None, problem: Problem) -> tuple[int, int]:
    """The lines of the rule in which a problem is."""
    around = [rule for rule in (file.rules if file else ()) if rule.line <= problem.line <= rule.end]
    return (around[0].line, around[0].end) if around else (problem.line, problem.line)
