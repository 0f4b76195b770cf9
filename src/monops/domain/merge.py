"""Three texts to one: what one person changed and what another changed, where they do not touch."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

_Hunk = tuple[int, int, list[str]]


def merged(base: str, one: str, other: str) -> str | None:
    """`base` with the changes of both; None where they touch: the same lines, or neighbours."""
    if base == one:
        return other
    if base in (other,) or one == other:
        return one
    lines = base.splitlines(keepends=True)
    mine, theirs = _hunks(lines, one), _hunks(lines, other)
    for start, stop, text in mine:
        for begin, end, their_text in theirs:
            if start <= end and begin <= stop and (start, stop, text) != (begin, end, their_text):
                return None
    found: list[str] = []
    place = 0
    for start, stop, text in sorted([*mine, *(hunk for hunk in theirs if hunk not in mine)], key=lambda hunk: hunk[:2]):
        found += [*lines[place:start], *text]
        place = stop
    return "".join([*found, *lines[place:]])


def _hunks(base: Sequence[str], text: str) -> list[_Hunk]:
    other = text.splitlines(keepends=True)
    matcher = SequenceMatcher(None, list(base), other, autojunk=False)
    found = (code[1:] for code in matcher.get_opcodes() if code[0] != "equal")
    return [(start, stop, other[begin:end]) for start, stop, begin, end in found]
