"""What fires: alerts from Prometheus and Alertmanager."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from monops.cli.settings import Settings
from monops.cli.show import ago, counted, show_json, show_lines, table
from monops.cli.wiring import Wiring
from monops.domain.exits import Exit
from monops.ops.alerts_list import STATES, AlertLine, AlertList, list_alerts


@click.group("alerts")
def COMMAND() -> None:  # noqa: N802 - the name by which commands are found
    """What fires."""


@COMMAND.command("list", epilog="Exit status: 0 done; 1 nobody could be asked; 3 one of the two could not be asked.")
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="Only these; repeat for more.")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="Only alerts with this label.")
@click.pass_obj
def list_(settings: Settings, states: tuple[str, ...], labels: tuple[str, ...]) -> int:
    """What is firing, pending, silenced or inhibited, the worst first."""
    wiring = Wiring(settings)
    wanted = set(wiring.pairs("--label", labels))
    found = list_alerts(wiring.live())
    lines = tuple(
        line for line in found.lines if (not states or line.state in states) and wanted <= line.all_labels.items()
    )
    shown = AlertList(lines=lines, unknown=found.unknown)
    if settings.as_json:
        show_json("alerts list", ok=not found.unknown, result=_result(shown))
    else:
        show_lines(_lines(shown, wiring.outside().clock.now()))
    for service, error in found.unknown.items():
        click.echo(f"warning: {service} could not be asked: {error.message}\n  try: {error.remedy}", err=True)
    return Exit.PARTLY if found.unknown else Exit.DONE


def _lines(found: AlertList, now: datetime) -> list[str]:
    if not found.lines:
        return ["no alert" if not found.unknown else "no alert known"]
    rows = []
    for line in found.lines:
        labels = ((name, value) for name, value in line.labels.items() if name not in ("team", "monitor"))
        where = ", ".join(f"{name}={value}" for name, value in labels) or "-"
        rows.append((line.state, line.severity or "-", line.name, _age(line.since, now), where, _to(line, found)))
    lines = table(("state", "severity", "alert", "since", "labels", "goes to"), rows)
    counts = [f"{sum(one.state == state for one in found.lines)} {state}" for state in STATES]
    return [*lines, f"{counted(len(found.lines), 'alert')}: " + ", ".join(c for c in counts if not c.startswith("0 "))]


def _to(line: AlertLine, found: AlertList) -> str:
    if "alertmanager" in found.unknown:
        return "unknown"
    if line.state == "pending":
        return "-"
    if line.state == "silenced":
        return f"nobody: silence {', '.join(line.muted_by)}"
    if line.state == "inhibited":
        return "nobody: another alert says it"
    if "alertmanager" not in line.seen_by:
        return "not at Alertmanager yet"
    return ", ".join(line.receivers)


def _age(since: str, now: datetime) -> str:
    try:
        return ago(datetime.fromisoformat(since), now)
    except ValueError:
        return "-"


def _result(found: AlertList) -> dict[str, Any]:
    return {
        "alerts": [
            {
                "alert": line.name,
                "severity": line.severity,
                "state": line.state,
                "since": line.since,
                "labels": dict(line.labels),
                "annotations": dict(line.annotations),
                "value": line.value or None,
                "receivers": list(line.receivers),
                "seen_by": list(line.seen_by),
                "muted_by": list(line.muted_by),
            }
            for line in found.lines
        ],
        "unknown": {service: error.message for service, error in found.unknown.items()},
    }
