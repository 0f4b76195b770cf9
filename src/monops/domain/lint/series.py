"""Selectors that match nothing: never there, vanished, or asked for a label that is not theirs.

The ladder of questions is pint's (cloudflare.github.io/pint/checks/promql/series.html). Each question is yielded, and
the answer is sent in: who asks, and how many at once, is not decided here.
"""

from __future__ import annotations

from collections.abc import Collection, Generator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from monops.domain.finding import Severity
from monops.domain.lint.promql import ANY, Match, Selector, label_text, selector_text
from monops.domain.lint.server import STEP, Points, Question, Reply, Server, clock

Cause = Literal["alive", "never", "vanished", "sometimes", "label", "value", "together"]
#: What Prometheus makes itself, and has only where there is something to tell.
_OWN = ("ALERTS", "ALERTS_FOR_STATE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a selector fares."""

    cause: Cause
    match: Match | None = None
    #: Unix time.
    last_seen: float | None = None
    #: How often it was there for a while.
    times: int = 0
    #: Values that the label has.
    values: tuple[str, ...] = ()


Ladder = Generator[Question, Reply, Verdict]


def worth_asking(selector: Selector, recorded: Collection[str]) -> bool:
    """Whether its being empty would say anything."""
    return (
        selector.is_plain
        and not selector.may_be_empty
        and selector.name not in _OWN
        and selector.name not in recorded
        and bool(selector.name or selector.matches)
    )


def fixed(selector: Selector) -> Selector:
    """Without the conditions in which a person's choice stands."""
    return replace(selector, matches=tuple(one for one in selector.matches if ANY not in one.value))


def ladder(selector: Selector, server: Server) -> Ladder:
    """Questions, one after the other, and at last the verdict."""
    now = yield Question(f"count({selector.text})")
    if now.points:
        return Verdict(cause="alive")
    seen = (yield Question(f"count({selector.text})", over_window=True)).points
    if seen:
        last = max(at for at, _ in seen)
        if server.now - last <= selector.reach + selector.offset:
            return Verdict(cause="alive")
        times = _times(seen)
        return Verdict(cause="sometimes" if times > 2 else "vanished", last_seen=last, times=times)
    if not selector.name:
        return Verdict(cause="never")
    if selector.matches:
        metric = (yield Question(f"count({selector_text(selector.name, ())})", over_window=True)).points
        if metric:
            return (yield from _which_label(selector))
    return Verdict(cause="never")


def _which_label(selector: Selector) -> Ladder:
    for match in selector.matches:
        if match.wants_label:
            has_it = selector_text(selector.name, (Match(match.name, "!=", ""),))
            there = yield Question(f"count({has_it})", over_window=True)
            if not there.points:
                return Verdict(cause="label", match=match)
    for match in selector.matches:
        there = yield Question(f"count({selector_text(selector.name, (match,))})", over_window=True)
        if not there.points:
            metric = selector_text(selector.name, ())
            values = yield Question(f"count by ({label_text(match.name)}) ({metric})")
            known = tuple(sorted({one.get(match.name, "") for one in values.labels} - {""}))
            return Verdict(cause="value", match=match, values=known)
    return Verdict(cause="together")


def _times(points: Points) -> int:
    """How many stretches without a gap."""
    times = sorted(at for at, _ in points)
    return 1 + sum(after - before > 1.5 * STEP for before, after in pairwise(times))


def told(selector: Selector, verdict: Verdict, server: Server) -> tuple[Severity, str, str]:
    """Severity, message and fix."""
    name, label = selector.name or selector.text, verdict.match.name if verdict.match else ""
    match verdict.cause:
        case "label":
            return (
                Severity.WARNING,
                f"{server.name} has `{name}`, but never with the label `{label}` {server.window}.",
                f"Take the label {label} out of the selector, or let what exports the metric set it.",
            )
        case "value":
            has = f" It has: {_few(verdict.values)}." if verdict.values else ""
            return (
                Severity.WARNING,
                f"{server.name} has `{name}`, but none that matches `{verdict.match}` {server.window}.{has}",
                f"Correct the value of {label}, or start what should have it.",
            )
        case "together":
            return (
                Severity.WARNING,
                f"{server.name} has `{name}` for each of these labels, but never for all at once {server.window}.",
                "Take out the label that does not belong to the others.",
            )
        case "vanished" | "sometimes":
            seen = f"it was last there about {clock(verdict.last_seen or 0.0)}"
            if verdict.cause == "sometimes":
                return (
                    Severity.INFO,
                    f"{server.name} has no series of `{selector.text}` now; it came {verdict.times} times, {seen}.",
                    "Add `or vector(0)` where nothing is meant to be 0.",
                )
            return (
                Severity.WARNING,
                f"{server.name} has no series of `{selector.text}` any more: {seen}.",
                f"Find out what exported `{name}` until then: monops targets.",
            )
    return (
        Severity.WARNING,
        f"{server.name} had no series of `{name}` {server.window}.",
        "Correct the name, or start what exports it; if it comes only with its first event: `or vector(0)`.",
    )


def _few(values: tuple[str, ...]) -> str:
    shown = ", ".join(f"`{value}`" for value in values[:5])
    return f"{shown} and {len(values) - 5} more" if len(values) > 5 else shown
