"""Alerts that fire whatever happens, and alerts that cannot fire: by the bounds of what an expression can give."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nextafter
from typing import Any

from monops.domain.lint.promql import Expression, children, constant, kind

#: Comparison -> the same with its sides exchanged.
_TURNED = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}
_NOT_NEGATIVE = frozenset(
    ("rate", "irate", "increase", "resets", "changes", "abs", "sqrt", "stddev_over_time", "stdvar_over_time")
)
_ONE_OR_MORE = frozenset(("count_over_time",))
_ONE = frozenset(("absent", "absent_over_time", "present_over_time"))
#: What has series only where there is something to tell.
_CONDITIONS = ("ALERTS", "ALERTS_FOR_STATE")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an expression can give."""

    #: The least and the largest value; least above largest: it gives nothing, ever.
    low: float = -inf
    high: float = inf
    #: Whether it can be without a result though its series are there.
    filters: bool = False

    @property
    def never(self) -> bool:
        return self.low > self.high


_NOTHING = Outcome(inf, -inf, True)


def outcome(expression: Expression) -> Outcome:
    """Of a whole expression."""
    return _of(expression.root)


def _of(node: Any) -> Outcome:
    known = constant(node)
    if known is not None:
        return Outcome(known, known)
    match kind(node):
        case "ParenExpr":
            return _of(node.expr)
        case "UnaryExpr":
            inner = _of(node.expr)
            return inner if inner.never else Outcome(-inner.high, -inner.low, inner.filters)
        case "VectorSelector":
            if node.name in _CONDITIONS:
                return Outcome(filters=True)
            return Outcome(0.0, 1.0) if node.name == "up" else Outcome()
        case "BinaryExpr":
            return _binary(node)
        case "Call":
            return _call(node)
        case "AggregateExpr":
            return _aggregate(node)
        case "SubqueryExpr":
            return _of(node.expr)
    return Outcome()


def _binary(node: Any) -> Outcome:
    left, right = _of(node.lhs), _of(node.rhs)
    op = str(node.op)
    if op == "or":
        if left.never or right.never:
            return right if left.never else left
        return Outcome(min(left.low, right.low), max(left.high, right.high), left.filters and right.filters)
    if left.never or (right.never and op != "unless"):
        return _NOTHING
    if op in ("and", "unless"):
        return Outcome(left.low, left.high, True)
    if op in _TURNED:
        return _compared(node, op, left, right)
    return Outcome(filters=left.filters or right.filters)


def _compared(node: Any, op: str, left: Outcome, right: Outcome) -> Outcome:
    filters = left.filters or right.filters
    if node.modifier is not None and node.modifier.return_bool:
        return Outcome(0.0, 1.0, filters)
    before, after = constant(node.lhs), constant(node.rhs)
    if after is not None:
        return _kept(left, op, after, filters=filters)
    if before is None:
        return Outcome(left.low, left.high, True)
    found = _kept(right, _TURNED[op], before, filters=filters)
    # `0 < x` gives x, and `vector(0) < x` gives 0.
    if found.never or kind(_bare(node.lhs)) == "NumberLiteral":
        return found
    return Outcome(before, before, found.filters)


def _kept(side: Outcome, op: str, bound: float, *, filters: bool) -> Outcome:
    """What a comparison with a number leaves of the values of a side."""
    found = _narrowed(side, op, bound)
    if found.never:
        return _NOTHING
    is_whole = (found.low, found.high) == (side.low, side.high) and not (op == "!=" and side.low <= bound <= side.high)
    # Of what nothing is known NaN may be a value, and no comparison keeps that.
    is_sure = is_whole and (side.low > -inf or side.high < inf)
    return Outcome(found.low, found.high, filters or not is_sure)


def _bare(node: Any) -> Any:
    while kind(node) in ("ParenExpr", "UnaryExpr"):
        node = node.expr
    return node


def _narrowed(side: Outcome, op: str, bound: float) -> Outcome:
    low, high = side.low, side.high
    match op:
        case ">":
            low = max(low, nextafter(bound, inf))
        case ">=":
            low = max(low, bound)
        case "<":
            high = min(high, nextafter(bound, -inf))
        case "<=":
            high = min(high, bound)
        case "==":
            low, high = max(low, bound), min(high, bound)
        case "!=" if low == high == bound:
            return _NOTHING
    return Outcome(low, high, True)


def _call(node: Any) -> Outcome:
    name = node.func.name
    if name in _ONE:
        return Outcome(1.0, 1.0, name != "present_over_time")
    inner = [_of(argument) for argument in children(node)]
    if any(one.never for one in inner):
        return _NOTHING if name not in ("scalar", "vector") else Outcome()
    filters = any(one.filters for one in inner)
    if name in _NOT_NEGATIVE:
        return Outcome(0.0, inf, filters)
    if name in _ONE_OR_MORE:
        return Outcome(1.0, inf, filters)
    return Outcome(filters=filters)


def _aggregate(node: Any) -> Outcome:
    inner = _of(node.expr)
    if inner.never:
        return _NOTHING
    match str(node.op):
        case "count":
            return Outcome(1.0, inf, inner.filters)
        case "group":
            return Outcome(1.0, 1.0, inner.filters)
        case "min" | "max" | "avg" | "topk" | "bottomk" | "quantile" | "limitk":
            return inner
        case "sum":
            return Outcome(0.0 if inner.low >= 0 else -inf, 0.0 if inner.high <= 0 else inf, inner.filters)
    return Outcome(filters=inner.filters)
