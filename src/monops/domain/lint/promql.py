"""An expression: its selectors with their ranges, found by walking what a real parser made of it.

Source: prometheus.io/docs/prometheus/latest/querying/basics.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

#: Stands where Grafana puts in what a person chose: nothing can be said about it.
ANY = "monops_any_value"
#: A variable of Grafana: `$name`, `${name}`, `${name:regex}`, `[[name]]`.
_VARIABLE = re.compile(r"\$\{(\w+)(?:\.[^}:]*)?(?::[^}]*)?\}|\$(\w+)|\[\[(\w+)(?::\w+)?\]\]")
#: Names that need no quotes.
_PLAIN_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_PLAIN_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_EMPTY = timedelta()


class NotPromql(Exception):
    """An expression that the parser refuses, and why."""


@dataclass(frozen=True, slots=True)
class Match:
    """One condition of a selector."""

    name: str
    #: `=`, `!=`, `=~` or `!~`.
    op: str
    value: str

    def __str__(self) -> str:
        return f"{label_text(self.name)}{self.op}{_quoted(self.value)}"

    @property
    def wants_label(self) -> bool:
        """Whether a series without the label does not match."""
        if self.op == "=":
            return self.value != ""
        if self.op == "!=":
            return self.value == ""
        return self.op == "=~" and not _matches_empty(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """`name{label="value"}` somewhere in an expression."""

    name: str
    matches: tuple[Match, ...]
    #: The seconds before the evaluation that it reads: its own range, or that of a subquery around it; 0 for neither.
    reach: float = 0.0
    #: The range in its own brackets, in seconds.
    window: float | None = None
    #: How far it looks back, in seconds.
    offset: float = 0.0
    #: Why it may be empty: "" where it may not.
    may_be_empty: str = ""
    #: Which of the selectors with the same text it is, from 0.
    place: int = 0
    #: Whether all of it is known: no name made of a variable, no alternatives between labels.
    is_plain: bool = True

    @property
    def text(self) -> str:
        """As one would write it."""
        return selector_text(self.name, self.matches)


def label_text(name: str) -> str:
    """A label's name as one would write it. Source: prometheus.io/docs/guides/utf8."""
    return name if _PLAIN_LABEL.fullmatch(name) else _quoted(name)


def selector_text(name: str, matches: Iterable[Match]) -> str:
    """A selector as one would write it: a name that needs quotes stands among the conditions."""
    inside = [str(one) for one in matches]
    if name and not _PLAIN_NAME.fullmatch(name):
        return "{" + ", ".join([_quoted(name), *inside]) + "}"
    return f"{name}{{{', '.join(inside)}}}" if inside or not name else name


@dataclass(frozen=True, slots=True)
class Expression:
    """What the parser made of a text."""

    text: str
    root: Any
    selectors: tuple[Selector, ...]


def parsed(text: str) -> Expression:
    """Raises NotPromql."""
    import promql_parser

    try:
        root = promql_parser.parse(text)
    except ValueError as error:
        raise NotPromql(str(error)) from error
    return Expression(text, root, tuple(_numbered(_selectors(root, _Around()))))


def with_variables(text: str) -> Expression | None:
    """An expression of a dashboard. None where nothing can be said, for the variables in it.

    Raises NotPromql for what is none whatever the variables stand for.
    """
    if not has_variables(text):
        return parsed(text)
    for stand_in in (ANY, "1", "5m"):
        try:
            return parsed(_filled(text, stand_in))
        except NotPromql:
            continue
    if any(_outside_strings(text, found.start()) and not _is_duration(text, found) for found in _variables(text)):
        return None
    raise _refusal(text)


def has_variables(text: str) -> bool:
    """Whether a query is one only when Grafana has filled it in."""
    return _VARIABLE.search(text) is not None


def _refusal(text: str) -> NotPromql:
    try:
        parsed(_filled(text, ANY))
    except NotPromql as error:
        return error
    return NotPromql("")


def _variables(text: str) -> Iterator[re.Match[str]]:
    return _VARIABLE.finditer(text)


def _filled(text: str, stand_in: str) -> str:
    def fill(found: re.Match[str]) -> str:
        name = next(group for group in found.groups() if group)
        if not _outside_strings(text, found.start()):
            return ANY
        if _is_duration(text, found):
            return "5m"
        if name.startswith("__") and name.endswith(("_ms", "_s", "from", "to")):
            return "1"
        return stand_in

    return _VARIABLE.sub(fill, text)


def _is_duration(text: str, found: re.Match[str]) -> bool:
    before = text[: found.start()].rstrip()
    return before.endswith(("[", "offset", "offset -")) or (before.endswith(":") and "[" in before)


def _outside_strings(text: str, place: int) -> bool:
    quote = ""
    escaped = False
    for letter in text[:place]:
        if escaped:
            escaped = False
        elif quote:
            escaped = letter == "\\" and quote != "`"
            quote = "" if letter == quote else quote
        elif letter in "\"'`":
            quote = letter
    return not quote


# --- the walk --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Around:
    """What stands around a part of an expression."""

    reach: float = 0.0
    offset: float = 0.0
    may_be_empty: str = ""


def kind(node: Any) -> str:
    """The name of a node's class."""
    return type(node).__name__


def children(node: Any) -> tuple[Any, ...]:
    """In the order in which they are written."""
    match kind(node):
        case "BinaryExpr":
            return (node.lhs, node.rhs)
        case "Call":
            return tuple(node.args)
        case "AggregateExpr":
            return (node.expr,) if node.param is None else (node.param, node.expr)
        case "ParenExpr" | "UnaryExpr" | "SubqueryExpr":
            return (node.expr,)
        case "MatrixSelector":
            return (node.vector_selector,)
    return ()


def _selectors(node: Any, around: _Around) -> Iterator[Selector]:
    match kind(node):
        case "VectorSelector":
            yield _selector(node, around, None)
            return
        case "MatrixSelector":
            window = node.range.total_seconds()
            yield _selector(node.vector_selector, replace(around, reach=around.reach + window), window)
            return
        case "SubqueryExpr":
            reach = (node.range or _EMPTY).total_seconds()
            back = (node.offset or _EMPTY).total_seconds()
            around = replace(around, reach=around.reach + reach, offset=around.offset + back)
        case "Call" if node.func.name in ("absent", "absent_over_time"):
            around = replace(around, may_be_empty=f"{node.func.name}() asks for its being empty")
        case "BinaryExpr" if str(node.op) == "or" and constant(node.rhs) is not None:
            yield from _selectors(node.lhs, replace(around, may_be_empty="a constant stands in for it"))
            return
        case "BinaryExpr" if str(node.op) == "unless":
            yield from _selectors(node.lhs, around)
            yield from _selectors(node.rhs, replace(around, may_be_empty="right of unless, where empty is usual"))
            return
    for child in children(node):
        yield from _selectors(child, around)


def _selector(node: Any, around: _Around, window: float | None) -> Selector:
    matches = tuple(Match(one.name, _op(one.op), one.value) for one in node.matchers.matchers)
    name = node.name or next((one.value for one in matches if (one.name, one.op) == ("__name__", "=")), "")
    matches = tuple(one for one in matches if (one.name, one.op) != ("__name__", "="))
    return Selector(
        name=name,
        matches=matches,
        reach=around.reach,
        window=window,
        offset=max(0.0, around.offset + (node.offset or _EMPTY).total_seconds()),
        may_be_empty=around.may_be_empty,
        is_plain=ANY not in name
        and not any(ANY in one.name for one in matches)
        and not node.matchers.or_matchers
        and node.at is None,
    )


def _numbered(found: Iterator[Selector]) -> Iterator[Selector]:
    seen: dict[str, int] = {}
    for one in found:
        place = seen.get(one.text, 0)
        seen[one.text] = place + 1
        yield replace(one, place=place)


def _op(op: Any) -> str:
    return {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}[str(op).rpartition(".")[2]]


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _matches_empty(pattern: str) -> bool:
    try:
        return re.fullmatch(pattern, "") is not None
    except re.error:  # Go's and Python's expressions differ: then nothing is claimed
        return True


# --- constants -------------------------------------------------------------------------------------


def constant(node: Any) -> float | None:
    """The number that a part of an expression always is; None where it is none, or a filter makes it nothing."""
    match kind(node):
        case "NumberLiteral":
            return float(node.val)
        case "ParenExpr":
            return constant(node.expr)
        case "UnaryExpr":
            inner = constant(node.expr)
            return None if inner is None else -inner
        case "Call" if node.func.name in ("vector", "scalar"):
            return constant(node.args[0])
        case "BinaryExpr" if str(node.op) in _ARITHMETIC:
            left, right = constant(node.lhs), constant(node.rhs)
            if left is None or right is None:
                return None
            try:
                return float(_ARITHMETIC[str(node.op)](left, right))
            except (ZeroDivisionError, OverflowError):
                return None
    return None


_ARITHMETIC = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


# --- where it stands -------------------------------------------------------------------------------


def span_of(selector: Selector, text: str) -> tuple[int, int] | None:
    """Where a selector stands in a text: found by its name, and by the parser taking what stands there for it."""
    if not selector.name:
        return None
    places = [found for found in _names(selector.name, text) if _outside_strings(text, found)]
    alike = [span for place in places if (span := _span(selector, text, place)) is not None]
    if len(alike) > selector.place:
        return alike[selector.place]
    return (places[0], places[0] + len(selector.name)) if places else None


def _names(name: str, text: str) -> Iterator[int]:
    place = text.find(name)
    while place >= 0:
        around = text[place - 1 : place] + text[place + len(name) : place + len(name) + 1]
        if not any(letter.isalnum() or letter in "_:" for letter in around):
            yield place
        place = text.find(name, place + 1)


def _span(selector: Selector, text: str, place: int) -> tuple[int, int] | None:
    end = place + len(selector.name)
    brace = len(text) - len(text[end:].lstrip())
    ends = [end]
    if text[brace : brace + 1] == "{":
        closing = next((at for at in range(brace, len(text)) if text[at] == "}" and _outside_strings(text, at)), None)
        ends = [closing + 1] if closing is not None else []
    for last in ends:
        try:
            found = parsed(_filled(text[place:last], ANY)).selectors
        except NotPromql:
            continue
        if len(found) == 1 and found[0].text == selector.text:
            return (place, last)
    return None
