"""Ask Prometheus a question in PromQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from monops.cli.settings import Settings
from monops.cli.show import counted, show_json, show_lines, table
from monops.cli.wiring import Wiring
from monops.domain.errors import UsageFault
from monops.domain.exits import Exit
from monops.domain.ports import Answer, Series
from monops.domain.units import parse_duration

_BARS = "▁▂▃▄▅▆▇█"
#: Prometheus refuses more than 11,000 points a series; a terminal shows far fewer.
_POINTS = 60


@click.command(
    "query",
    epilog="Exit status: 0 it was answered, if only with no data; 1 Prometheus could not be asked; 2 no PromQL.",
)
@click.argument("promql", metavar="PROMQL")
@click.option("--range", "span", metavar="TIME", help="Over the last TIME (1h, 3d) instead of now.")
@click.option("--step", metavar="TIME", help="Between two points of a range.  [default: 60 points in all]")
@click.option("--at", metavar="TIME", help="Then instead of now: 2026-11-23T01:02:03Z, or a Unix time.")
@click.pass_obj
def COMMAND(  # noqa: N802 - the name by which commands are found
    settings: Settings, promql: str, span: str | None, step: str | None, at: str | None
) -> int:
    """Ask the stack's Prometheus PROMQL: a table of labels and values, or with --range how they went."""
    wiring = Wiring(settings)
    end = _moment(at) if at else wiring.outside().clock.now().timestamp()
    if step and not span:
        raise UsageFault("--step is for --range", remedy=f"monops query '{promql}' --range 1h --step {step}")
    length = _seconds("--range", span) if span else 0.0
    every = _seconds("--step", step) if step else max(1.0, round(length / _POINTS))
    if span and length / every > 11_000:
        raise UsageFault("Prometheus gives at most 11000 points", remedy=f"--step {round(length / 10_000)}s")
    prometheus = wiring.live().prometheus()
    answer = prometheus.evaluate_range(promql, end - length, end, every) if span else prometheus.evaluate(promql, end)
    for note in answer.notes:
        click.echo(f"warning: {note}", err=True)
    if settings.as_json:
        show_json("query", ok=True, result=_result(promql, answer))
    else:
        show_lines(_lines(answer))
    return Exit.DONE


def _seconds(flag: str, text: str) -> float:
    try:
        found = parse_duration(text).total_seconds()
    except ValueError as error:
        raise UsageFault(f"{flag}: {error}", remedy=f"{flag} 1h") from error
    if not found > 0:
        raise UsageFault(f"{flag} {text} is no time at all", remedy=f"{flag} 1h")
    return found


def _moment(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise UsageFault(f"--at {text!r} is no time", remedy="--at 2026-11-23T01:02:03Z") from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _lines(answer: Answer) -> list[str]:
    if not answer.series:
        return ["no data"]
    if answer.kind in ("scalar", "string"):
        return [answer.series[0].points[0][1]]
    names = _columns(answer)
    if answer.kind == "matrix":
        rows = [(*_labels(one, names), *_course(one)) for one in answer.series]
        lines = table((*names, "first", "last", "min", "max", "course"), rows, right=range(len(names), len(names) + 4))
    else:
        rows = [(*_labels(one, names), _number(one.points[0][1])) for one in answer.series]
        lines = table((*names, "value"), rows, right=(len(names),))
    return [*lines, counted(len(rows), "series").replace("seriess", "series")]


def _columns(answer: Answer) -> tuple[str, ...]:
    """The labels, the metric's name first."""
    names = {name for one in answer.series for name in one.labels}
    return tuple(sorted(names, key=lambda name: (name != "__name__", name)))


def _labels(one: Series, names: tuple[str, ...]) -> tuple[str, ...]:
    labels: Mapping[str, str] = one.labels
    return tuple(labels.get(name, "") for name in names)


def _course(one: Series) -> tuple[str, str, str, str, str]:
    values = [float(value) for _, value in one.points]
    finite = [value for value in values if value - value == 0]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    width = (high - low) or 1.0
    steps = [_BARS[int((v - low) / width * (len(_BARS) - 1))] if v - v == 0 else " " for v in values]
    ends = (_number(one.points[0][1]), _number(one.points[-1][1]))
    return (*ends, _number(str(low)), _number(str(high)), "".join(steps[-_POINTS:]))


def _number(text: str) -> str:
    """Short, but never another number: four digits behind the point are for people, JSON has them all."""
    value = float(text)
    if value != value or value in (float("inf"), float("-inf")):
        return text
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.4g}"


def _result(promql: str, answer: Answer) -> dict[str, Any]:
    return {
        "query": promql,
        "type": answer.kind,
        "series": [
            {"labels": dict(one.labels), "points": [list(point) for point in one.points]} for one in answer.series
        ],
        "notes": list(answer.notes),
    }
