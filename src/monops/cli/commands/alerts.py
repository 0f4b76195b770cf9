"""What fires, who hears of it, and whether an alert arrives."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import click

from monops.cli.settings import Settings
from monops.cli.show import ago, counted, show_json, show_lines, table
from monops.cli.whole_command import whole
from monops.cli.wiring import Wiring
from monops.domain.exits import Exit
from monops.ops.alerts_list import STATES, AlertLine, AlertList, list_alerts
from monops.ops.alerts_routes import routes_for
from monops.ops.alerts_test import clear_left_behind, through_alertmanager, through_prometheus


@click.group("alerts")
def COMMAND() -> None:  # noqa: N802 - the name by which commands are found
    """What fires, who hears of it, and whether an alert arrives."""


@COMMAND.command("list", epilog="Exit status: 0 done; 1 nobody could be asked; 3 one of the two could not be asked.")
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="Only these; repeat for more.")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="Only alerts with this label.")
@click.pass_obj
def list_(settings: Settings, states: tuple[str, ...], labels: tuple[str, ...]) -> int:
    """What is firing, pending, silenced or inhibited, the worst first."""
    wiring = Wiring(settings)
    with whole("monops alerts list"):
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


@COMMAND.command(
    "routes", epilog="Exit status: 0 done; 1 Alertmanager could not be asked; 12 its configuration is wrong."
)
@click.option(
    "--labels", "words", multiple=True, metavar="NAME=VALUE", help="The alert's labels; repeat, or use commas."
)
@click.pass_obj
def routes(settings: Settings, words: tuple[str, ...]) -> int:
    """Who would hear of an alert with these labels, by the configuration in force."""
    wiring = Wiring(settings)
    pairs = [pair for word in words for pair in word.split(",") if pair]
    with whole("monops alerts routes"):
        labels = dict(wiring.pairs("--labels", pairs))
    taken = routes_for(wiring.alert_path().routing(), labels)
    if settings.as_json:
        result = [{name: getattr(one, name) for name in one.__dataclass_fields__} for one in taken]
        show_json("alerts routes", ok=True, result={"labels": labels, "routes": result})
        return Exit.DONE
    rows = [
        (
            one.receiver,
            ", ".join(one.kinds) or "tells nobody",
            " > ".join(one.conditions),
            f"{one.group_wait}, {one.group_interval}, {one.repeat_interval}",
        )
        for one in taken
    ]
    show_lines(table(("receiver", "tells by", "because of", "wait, interval, repeat"), rows))
    return Exit.DONE


@COMMAND.command(
    "test", epilog="Exit status: 0 firing and resolved both arrived; 1 there is no test route; 4 the alert was lost."
)
@click.option("--severity", default="info", show_default=True, metavar="NAME", help="The alert's severity.")
@click.option(
    "--from-prometheus", is_flag=True, help="Begin at a rule in Prometheus: a file in rules/, for the moment."
)
@click.option("--listen", metavar="HOST:PORT", help="Where monops listens.  [default: the Docker bridge, port 9096]")
@click.option(
    "--wait", "seconds", type=click.IntRange(1), default=30, show_default=True, metavar="SECONDS", help="A link."
)
@click.pass_obj
def test(settings: Settings, severity: str, from_prometheus: bool, listen: str | None, seconds: int) -> int:
    """Send a synthetic alert the whole way to monops's own listener, firing and resolved.

    It takes the route of the label monops_test="true"; where there is none it refuses, and says what to add.
    """
    wiring = Wiring(settings)
    trial = wiring.alert_trial(severity, listen, timedelta(seconds=seconds))
    with wiring.progress:
        if from_prometheus:
            folder = wiring.own_folder()
            clear_left_behind(folder, trial.path, trial.clock.now())
            done = through_prometheus(trial, folder)
        else:
            done = through_alertmanager(trial)
    if settings.as_json:
        links = [{"link": link.name, "held": link.held, "said": link.said} for link in done.links]
        result = {"run": done.run, "receiver": done.receiver, "seconds": round(done.seconds, 3), "links": links}
        show_json("alerts test", ok=done.passed, result={**result, "passed": done.passed})
        return Exit.DONE if done.passed else Exit.FINDINGS
    lines = [f"{'✓' if link.held else '✗'} {link.name}: {link.said}" for link in done.links]
    lost = done.lost_at
    verdict = f"arrived and resolved in {done.seconds:.1f} s" if lost is None else f"lost at: {lost.name}"
    show_lines([*lines, f"run {done.run} to {done.receiver}: {verdict}"])
    return Exit.DONE if done.passed else Exit.FINDINGS
