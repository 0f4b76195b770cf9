"""What the text of rule files alone tells, and how often there are samples."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from monops.domain.finding import Severity
from monops.domain.lint.firing import outcome
from monops.domain.lint.problem import Problem, Shown
from monops.domain.lint.promql import Expression, Selector, span_of
from monops.domain.lint.rules_file import Group, Rule, RuleFile, Text, seconds
from monops.domain.lint.server import Intervals
from monops.domain.units import show_duration
from monops.domain.watchdog import names_a_watchdog

_VALUE = re.compile(r"\{\{[^}]*(\$value\b|\.Value\b)[^}]*\}\}")
#: Ranges over which nothing is computed between two samples.
_ONE_SAMPLE = frozenset(("last_over_time", "present_over_time", "absent_over_time", "count_over_time"))


def at(file: RuleFile, line: int, text: str = "") -> Shown | None:
    """A line of a file, with a text in it marked."""
    if not 1 <= line <= len(file.lines):
        return None
    shown = file.lines[line - 1]
    start = shown.find(text) if text else -1
    return Shown(line=line, text=shown, start=max(0, start), end=start + len(text) if start >= 0 else 0)


def selector_at(file: RuleFile, expr: Text, selector: Selector) -> Shown | None:
    """Where a selector of an expression stands in the file."""
    ahead = 0
    for number in range(expr.line, expr.end + 1):
        line = file.lines[number - 1] if number <= len(file.lines) else ""
        body = _value_of(line) if number == expr.line else 0
        found = span_of(selector, line[body:])
        if found is not None:
            return Shown(line=number, text=line, start=found[0] + body, end=found[1] + body)
        ahead += len(line)
    return at(file, expr.line)


def _value_of(line: str) -> int:
    """Where the value begins on the line of `expr:`."""
    place = line.find("expr:")
    return place + 5 if place >= 0 else 0


def problem(
    id_: str,
    severity: Severity,
    file: RuleFile,
    rule: Rule,
    message: str,
    fix: str,
    shown: Shown | None = None,
) -> Problem:
    """One of a rule, where it stands."""
    shown = shown or at(file, rule.line)
    return Problem(
        id=id_,
        severity=severity,
        file=file.path,
        line=shown.line if shown else rule.line,
        subject=rule.subject,
        message=message,
        fix=fix,
        shown=shown,
    )


def unexplained(file: RuleFile, rule: Rule) -> Iterator[Problem]:
    """Alerts that do not say how bad it is, what is wrong, and what to do."""
    if rule.kind != "alert":
        return
    found = "rules/annotations"
    shown = at(file, rule.line, rule.name)
    if not _has(rule.labels, "severity"):
        message = "It has no label severity, so routes by severity pass it over."
        yield problem(found, Severity.WARNING, file, rule, message, "Add labels: {severity: …}.", shown)
    lacking = [name for name in ("summary", "description") if not _has(rule.annotations, name)]
    if lacking and not _has(rule.annotations, "message"):
        message = f"It has no {' and no '.join(lacking)}, so whoever is told does not learn what is wrong."
        severity = Severity.WARNING if len(lacking) == 2 else Severity.INFO
        yield problem(found, severity, file, rule, message, f"Add the annotation {' and '.join(lacking)}.", shown)
    if not _has(rule.annotations, "runbook_url"):
        message = "It has no runbook_url, so whoever is told does not learn what to do."
        yield problem(found, Severity.INFO, file, rule, message, "Write a page and name it in runbook_url.", shown)


def _has(texts: Mapping[str, Text], name: str) -> bool:
    return name in texts and bool(texts[name].value.strip())


def value_in_label(file: RuleFile, rule: Rule) -> Iterator[Problem]:
    """Labels with the value in them."""
    for name, text in rule.labels.items():
        if rule.kind == "alert" and _VALUE.search(text.value):
            effect = "its for may never be reached" if rule.holds_for else "each value is told as a new alert"
            yield problem(
                "rules/value-in-label",
                Severity.WARNING,
                file,
                rule,
                f"The label {name} has the value in it, so it is another alert at each value, and {effect}.",
                f"Move the template from the label {name} into an annotation.",
                at(file, text.line, text.value),
            )


def duplicates(files: Sequence[RuleFile]) -> Iterator[Problem]:
    """Rules that are there more than once, in any file: told where the later one stands."""
    first: dict[tuple[object, ...], str] = {}
    for file in files:
        for rule in file.rules:
            is_alert = rule.kind == "alert"
            key = (rule.kind, rule.name, rule.labels_only, " ".join(rule.expr.value.split()) if is_alert else "")
            place = first.setdefault(key, f"{file.path}:{rule.line}")
            if place != f"{file.path}:{rule.line}" and rule.name:
                does = "so it is evaluated twice" if is_alert else "and both write the same series"
                what = "with the same labels and expression" if is_alert else "with the same labels"
                yield problem(
                    "rules/duplicate",
                    Severity.WARNING,
                    file,
                    rule,
                    f"It stands in {place} already {what}, {does}.",
                    "Keep one of them.",
                    at(file, rule.line, rule.name),
                )


def firing(file: RuleFile, rule: Rule, expression: Expression) -> Iterator[Problem]:
    """Alerts without a condition, and with one that cannot be."""
    if rule.kind != "alert":
        return
    found = outcome(expression)
    shown = at(file, rule.expr.line, rule.expr.value.strip())
    if found.never:
        yield problem(
            "rules/never-fires",
            Severity.ERROR,
            file,
            rule,
            "It can never fire: no value that the expression can have meets its condition.",
            "Correct the condition; where a series is missing is asked with absent().",
            shown,
        )
    elif not found.filters and not names_a_watchdog(rule.name):
        yield problem(
            "rules/always-fires",
            Severity.ERROR,
            file,
            rule,
            "It fires as long as its series are there, whatever their values: there is no condition in it.",
            "Compare it with a threshold: … > 0; or name it Watchdog if it is meant to fire always.",
            shown,
        )


def hold(file: RuleFile, group: Group, rule: Rule, intervals: Intervals) -> Iterator[Problem]:
    """A `for` shorter than the interval at which it is evaluated."""
    interval = group.interval or intervals.evaluation
    held = seconds(rule.holds_for.value) if rule.holds_for else None
    if rule.holds_for and held and interval and held < interval:
        yield problem(
            "rules/for-shorter-than-interval",
            Severity.INFO,
            file,
            rule,
            f"for: {rule.holds_for.value} cannot be kept: the group is evaluated every {_shown(interval)}, so it fires"
            " at the second evaluation at the earliest.",
            f"Write for: {_written(interval)} or longer, or give the group a shorter interval.",
            at(file, rule.holds_for.line, rule.holds_for.value),
        )


def ranges(
    file: RuleFile, rule: Rule, expression: Expression, intervals: Intervals, retention: float | None
) -> Iterator[Problem]:
    """Ranges in which there are too few samples, or none any more."""
    for selector in expression.selectors:
        job = next((one.value for one in selector.matches if (one.name, one.op) == ("job", "=")), None)
        interval = intervals.shortest(job)
        if selector.window and interval and selector.window < 2 * interval and selector.reach == selector.window:
            yield problem(
                "rules/range-window",
                Severity.WARNING,
                file,
                rule,
                f"[{_written(selector.window)}] is shorter than two scrapes ({_shown(interval)} apart), so rate() and"
                " its like find fewer than two samples and give nothing.",
                f"Make it four scrapes: [{_written(4 * interval)}].",
                selector_at(file, rule.expr, selector),
            )
        if retention and selector.reach + selector.offset > retention:
            yield problem(
                "rules/range-beyond-retention",
                Severity.WARNING,
                file,
                rule,
                f"It reads {_shown(selector.reach + selector.offset)} back, and the server keeps {_shown(retention)}.",
                "Shorten the range, or raise --storage.tsdb.retention.time.",
                selector_at(file, rule.expr, selector),
            )


def _shown(length: float) -> str:
    return show_duration(timedelta(seconds=length))


def _written(length: float) -> str:
    """As Prometheus writes it."""
    whole = round(length)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if whole >= size and whole % size == 0:
            return f"{whole // size}{unit}"
    return f"{whole}s"
