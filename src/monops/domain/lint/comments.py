"""What comments in a file tell lint to pass over.

`# monops lint disable series/dead`: in the next rule, or the one it stands in; in a configuration, in its own line or
the next; in a dashboard, which has no comments, as a line of the panel's or the dashboard's description, without `#`;
`# monops lint file/disable rules/annotations`: in the whole file;
`# monops lint snooze 2026-12-31 series/dead`: until that day, and `file/snooze` for the whole file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from monops.domain.finding import Severity
from monops.domain.lint.problem import Problem, matching

_BEGIN = "monops lint "


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """One such comment."""

    line: int
    whole_file: bool
    ids: tuple[str, ...]
    #: The last day on which it holds; None for ever.
    until: date | None = None
    #: What is wrong with it.
    fault: str = ""


def comments(lines: Sequence[str]) -> tuple[Comment, ...]:
    """Those in a file, from 1."""
    found = []
    for number, line in enumerate(lines, start=1):
        _, sign, said = line.partition("#")
        words = said.strip()
        if sign and words.startswith(_BEGIN):
            found.append(_comment(number, words.removeprefix(_BEGIN).split()))
    return tuple(found)


def in_description(text: str) -> tuple[Comment, ...]:
    """Those in what a person wrote of a panel."""
    return comments([f"#{line.lstrip('# ')}" for line in text.splitlines()])


def _comment(line: int, words: list[str]) -> Comment:
    verb = words[0] if words else ""
    whole = verb.startswith("file/")
    rest = words[1:]
    until = None
    if verb.removeprefix("file/") == "snooze":
        try:
            until = date.fromisoformat(rest[0] if rest else "")
        except ValueError:
            return Comment(line=line, whole_file=whole, ids=(), fault="snooze wants a day: snooze 2026-12-31 ID")
        rest = rest[1:]
    elif verb.removeprefix("file/") != "disable":
        return Comment(line=line, whole_file=whole, ids=(), fault=f"{verb!r} is neither disable nor snooze")
    unknown = [word for word in rest if not matching(word)]
    if unknown or not rest:
        fault = f"there is no lint rule {unknown[0]!r}" if unknown else "it names no lint rule"
        return Comment(line=line, whole_file=whole, ids=(), fault=fault)
    ids = tuple(name for word in rest for name in matching(word))
    return Comment(line=line, whole_file=whole, ids=ids, until=until)


def passes(problem: Problem, lines: Sequence[str], said: Sequence[Comment], span: tuple[int, int], today: date) -> bool:
    """Whether a comment lets a problem pass. `span`: the lines of the rule in which it is."""
    first = span[0]
    while first > 1 and lines[first - 2].strip().startswith("#"):
        first -= 1
    near = [one for one in said if one.whole_file or first <= one.line <= span[1]]
    return names(problem, near, today)


def names(problem: Problem, said: Sequence[Comment], today: date) -> bool:
    """Whether one of the comments is about such a problem, and holds today."""
    return any(problem.id in one.ids and (one.until is None or today <= one.until) for one in said)


def faulty(path: str, said: Sequence[Comment]) -> list[Problem]:
    """Comments that do nothing."""
    return [
        Problem(
            id="lint/comment",
            severity=Severity.WARNING,
            file=path,
            line=one.line,
            subject="comment",
            message=f"this comment does nothing: {one.fault}",
            fix="Mend it or take it away; monops lint --list names the rules.",
        )
        for one in said
        if one.fault
    ]
