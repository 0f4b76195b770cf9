"""Just enough of PromQL to ask which metrics an expression selects, how, and inside of what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TEXT = r'"(?:\\.|[^"\\])*"'
_TOKEN = re.compile(
    rf"(?P<space>\s+)|(?P<text>{_TEXT})|(?P<braces>\{{(?:[^{{}}\"]|{_TEXT})*\}})|(?P<window>\[[^\[\]]+\])"
    r"|(?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?)|(?P<name>[A-Za-z_:][A-Za-z0-9_:]*)|(?P<operator>[-+*/%^]|[<>]=?|[=!]=)"
    r"|(?P<sign>[(),])"
)
_LISTS = {"by", "without", "on", "ignoring", "group_left", "group_right"}
_WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}
AGGREGATIONS = {"sum", "avg", "min", "max", "count", "topk", "bottomk", "quantile", "group", "stddev", "count_values"}


@dataclass(frozen=True, slots=True)
class Selector:
    """One metric that an expression asks for."""

    name: str
    #: What is between the braces.
    matchers: str
    #: What is between the brackets; "" is the value at a moment.
    window: str
    #: The functions and aggregations around it, the innermost last.
    inside: tuple[str, ...]


def selectors(expr: str) -> list[Selector]:
    """Every metric in the expression. Raises ValueError where the expression cannot be right."""
    found: list[Selector] = []
    around: list[str] = []
    tokens = list(_tokens(expr))
    caller = ""
    place = 0
    while place < len(tokens):
        kind, text = tokens[place]
        after = tokens[place + 1] if place + 1 < len(tokens) else ("", "")
        place += 1
        if kind == "name" and text in _LISTS:
            place = _past_list(tokens, place, expr) if after[1] == "(" else place
        elif kind == "name" and (after[1] == "(" or after[1] in {"by", "without"}) and text.lower() not in _WORDS:
            caller = text
        elif kind == "name" and text.lower() not in _WORDS:
            selector, place = _selector(tokens, place, text, tuple(around))
            found.append(selector)
        elif text == "(":
            around.append(caller)
            caller = ""
        elif text == ")":
            if not around:
                raise ValueError(f"a parenthesis too many: {expr}")
            around.pop()
        elif kind == "braces":
            raise ValueError(f"a selector without a name: {expr}")
    if around:
        raise ValueError(f"a parenthesis is not closed: {expr}")
    if not tokens or tokens[-1][0] == "operator" or tokens[-1][1].lower() in _WORDS:
        raise ValueError(f"ends too early: {expr}")
    return found


def _tokens(expr: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(expr):
        found = _TOKEN.match(expr, place)
        if not found or not found.lastgroup:
            raise ValueError(f"cannot be read from {expr[place:]!r} on: {expr}")
        place = found.end()
        if found.lastgroup != "space":
            yield found.lastgroup, found[0]


def _past_list(tokens: list[tuple[str, str]], place: int, expr: str) -> int:
    """Behind the labels in parentheses that begin at `place`."""
    while tokens[place][1] != ")":
        if tokens[place][0] not in {"name", "sign"}:
            raise ValueError(f"no list of labels: {expr}")
        place += 1
        if place == len(tokens):
            raise ValueError(f"a list of labels is not closed: {expr}")
    return place + 1


def _selector(tokens: list[tuple[str, str]], place: int, name: str, inside: tuple[str, ...]) -> tuple[Selector, int]:
    parts = {"braces": "", "window": ""}
    for kind in parts:
        if place < len(tokens) and tokens[place][0] == kind:
            parts[kind] = tokens[place][1][1:-1]
            place += 1
    return Selector(name, parts["braces"], parts["window"], inside), place
