"""Ask Prometheus a question in PromQL."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click

from monops.cli.settings import Settings
from monops.cli.show import show_json, show_lines, table
from monops.cli.wiring import Wiring
from monops.domain.errors import UsageFault
from monops.domain.exits import Exit
from monops.domain.ports import Answer, Series
from monops.domain.units import parse_duration

_BARS = "▁▂▃▄▅▆▇█"
#: How wide a course may be, and how many points are asked for without --step.
_POINTS = 60
#: Of one series; Prometheus refuses more.
_MOST_POINTS = 11_000


@dataclass(frozen=True, slots=True)
class _Span:
    """What was asked for, in Unix time; `every` is 0 for a moment."""

    start: float
    end: float
    every: float


@click.command(
    "query",
    epilog="Exit status: 0 it was answered, if only with no data; 1 Prometheus could not be asked; 2 no PromQL.",
)
@click.argument("promql", metavar="PROMQL")
@click.option("--range", "length", metavar="TIME", help="Over the last TIME (1h, 3d) instead of now.")
@click.option("--step", metavar="TIME", help="Between two points of a range.  [default: 60 points in all]")
@click.option("--at", metavar="TIME", help="Then instead of now: 2026-11-23T01:02:03Z, or a Unix time.")
@click.pass_obj
def COMMAND(  # noqa: N802 - the name by which commands are found
    settings: Settings, promql: str, length: str | None, step: str | None, at: str | None
) -> int:
    """Ask the stack's Prometheus PROMQL: a table of labels and values, or with --range how they went."""
    wiring = Wiring(settings)
    end = wiring.outside().clock.now().timestamp() if at is None else _moment(at)
    span = _span(promql, length, step, end)
    prometheus = wiring.live().layer()
    if span.every:
        answer = prometheus.evaluate_range(promql, span.start, span.end, span.every)
    else:
        answer = prometheus.evaluate(promql, span.end)
    for note in answer.notes:
        click.echo(f"warning: {note}", err=True)
    if settings.as_json:
        show_json("query", ok=True, result=_result(promql, answer))
    else:
        show_lines(_lines(answer, span))
    return Exit.DONE


def _span(promql: str, length: str | None, step: str | None, end: float) -> _Span:
    if length is None:
        if step is not None:
            raise UsageFault(
                "--step is for --range", remedy=f"monops query {shlex.quote(promql)} --range 1h --step {step}"
            )
        return _Span(end, end, 0.0)
    seconds = _seconds("--range", length, "1h")
    every = max(1.0, round(seconds / _POINTS)) if step is None else _seconds("--step", step, "1m")
    if seconds / every > _MOST_POINTS:
        raise UsageFault(
            f"--range {length} with --step {step} is more than the {_MOST_POINTS} points that Prometheus gives",
            remedy=f"--step {math.ceil(seconds / _MOST_POINTS)}s",
        )
    return _Span(end - seconds, end, every)


def _seconds(flag: str, text: str, example: str) -> float:
    try:
        found = parse_duration(text).total_seconds()
    except ValueError as error:
        raise UsageFault(f"{flag}: {error}", remedy=f"{flag} {example}") from error
    if not found > 0:
        raise UsageFault(f"{flag} {text} is no time at all", remedy=f"{flag} {example}")
    return found


def _moment(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            found = math.nan
        else:
            found = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not math.isfinite(found):
        raise UsageFault(f"--at {text!r} is no time", remedy="--at 2026-11-23T01:02:03Z")
    return found


# --- for people ------------------------------------------------------------------------------------


def _lines(answer: Answer, span: _Span) -> list[str]:
    if not answer.series:
        return ["no data"]
    if answer.kind in ("scalar", "string"):
        value = answer.series[0].points[0][1]
        return [value if answer.kind == "string" else _number(value)]
    names = _columns(answer)
    count = f"{len(answer.series)} series"
    if answer.kind != "matrix":
        rows = [(*_labels(one, names), _number(one.points[0][1])) for one in answer.series]
        return [*table((*names, "value"), rows, right=(len(names),)), count]
    if not span.every:  # a range inside the query: up[5m]
        times = [at for one in answer.series for at, _ in one.points]
        longest = max(len(one.points) for one in answer.series)
        span = _Span(min(times), max(times), (max(times) - min(times)) / max(1, longest - 1))
    else:
        count += f", {_shown(span.start)} to {_shown(span.end)}, every {span.every:g}s"
    rows = [(*_labels(one, names), *_course(one, span)) for one in answer.series]
    header = (*names, "first", "last", "min", "max", "course")
    return [*table(header, rows, right=range(len(names), len(names) + 4)), count]


def _shown(at: float) -> str:
    """As --at takes it."""
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):  # a year that no calendar has
        return f"{at:.0f}"


def _columns(answer: Answer) -> tuple[str, ...]:
    """The labels, the metric's name first."""
    names = {name for one in answer.series for name in one.labels}
    return tuple(sorted(names, key=lambda name: (name != "__name__", name)))


def _labels(one: Series, names: tuple[str, ...]) -> tuple[str, ...]:
    """A label can hold anything, also what would break the table or drive the terminal."""
    values = (one.labels.get(name, "") for name in names)
    return tuple(value if value.isprintable() else value.encode("unicode_escape").decode() for value in values)


def _course(one: Series, span: _Span) -> tuple[str, str, str, str, str]:
    numbers = [(at, float(value)) for at, value in one.points]
    finite = [(at, value) for at, value in numbers if math.isfinite(value)]
    ends = (_number(one.points[0][1]), _number(one.points[-1][1]))
    if not finite:
        return (*ends, "-", "-", "")
    low, high = min(value for _, value in finite), max(value for _, value in finite)
    return (*ends, _number(str(low)), _number(str(high)), _bars(finite, low, high, span))


def _bars(points: Sequence[tuple[float, float]], low: float, high: float, span: _Span) -> str:
    """One bar for each step, or the highest of several where there are more steps than room; a gap stays one."""
    length = span.end - span.start
    steps = round(length / span.every) + 1 if span.every else 1
    highest: list[float | None] = [None] * min(steps, _POINTS)
    for at, value in points:
        column = int((at - span.start) / length * len(highest)) if length else 0
        column = min(max(column, 0), len(highest) - 1)
        before = highest[column]
        highest[column] = value if before is None else max(before, value)
    return "".join(" " if value is None else _bar(value, low, high) for value in highest)


def _bar(value: float, low: float, high: float) -> str:
    if low == high:  # always the same: what is always 0 looks like it
        return _BARS[len(_BARS) // 2 - 1] if value else _BARS[0]
    # Halves, because the difference of two numbers may be more than a number can be.
    return _BARS[round((value / 2 - low / 2) / (high / 2 - low / 2) * (len(_BARS) - 1))]


def _number(text: str) -> str:
    """Short: four significant digits, and never fewer than stand before the point. JSON has them all."""
    value = float(text)
    if not math.isfinite(value):
        return text
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value)}"
    return f"{value:.1f}" if 1000 <= abs(value) < 1e15 else f"{value:.4g}"


# --- for programs ----------------------------------------------------------------------------------


def _result(promql: str, answer: Answer) -> dict[str, Any]:
    return {
        "query": promql,
        "type": answer.kind,
        "series": [
            {"labels": dict(one.labels), "points": [list(point) for point in one.points]} for one in answer.series
        ],
        "notes": list(answer.notes),
    }
