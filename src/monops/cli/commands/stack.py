"""Start, stop and look at the monitoring stack."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import click

from monops.cli.settings import Settings
from monops.cli.show import show_json, show_lines, table
from monops.cli.wiring import Wiring
from monops.domain.errors import UsageFault
from monops.domain.exits import Exit
from monops.domain.nearest import listed
from monops.domain.units import show_size
from monops.ops.change_recover import recover
from monops.ops.change_undo import home
from monops.ops.stack_status import ServiceState, StackState, declared_services, stack_status
from monops.ops.stack_up import bring_up
from monops.ops.stack_up import restart as restart_services

_WAIT = click.option(
    "--wait",
    "seconds",
    type=click.IntRange(1),
    default=180,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for health.",
)
_SERVICES = click.argument("services", nargs=-1, metavar="[SERVICE]...")


@click.group("stack", context_settings={"max_content_width": 100})
def COMMAND() -> None:  # noqa: N802 - the name by which commands are found
    """Start, stop and look at the monitoring stack: `docker compose` on the files of `monops init`."""


@COMMAND.command("up", epilog="Exit status: 0 every service is healthy; 1 one is not, and why is said.")
@_SERVICES
@_WAIT
@click.pass_obj
def up(settings: Settings, services: tuple[str, ...], seconds: int) -> int:
    """Start the stack and wait until all is healthy.

    Starts what does not run, makes anew what is not as the Compose file says, and has Prometheus and Alertmanager
    read their files again. Images that are not here are pulled.
    """
    wiring = Wiring(settings)
    with wiring.progress:
        wiring.compose_file()
        shop = wiring.workshop("stack up")
        recover(shop, home(shop))
        state = bring_up(wiring.starter(), services, within=timedelta(seconds=seconds))
    return _show(settings, "stack up", state, Exit.FAILED)


@COMMAND.command("restart", epilog="Exit status: 0 every service is healthy; 1 one is not, and why is said.")
@_SERVICES
@_WAIT
@click.pass_obj
def restart(settings: Settings, services: tuple[str, ...], seconds: int) -> int:
    """Restart services and wait until they are healthy.

    Data stay. A changed Compose file or .env is not taken over by this: monops stack up.
    """
    wiring = Wiring(settings)
    with wiring.progress:
        state = restart_services(wiring.starter(), services, within=timedelta(seconds=seconds))
    return _show(settings, "stack restart", state, Exit.FAILED)


@COMMAND.command("status", epilog="Exit status: 0 every service is healthy; 4 one is not.")
@_SERVICES
@click.pass_obj
def status(settings: Settings, services: tuple[str, ...]) -> int:
    """Show the state of every service, with its memory and limit."""
    wiring = Wiring(settings)
    with wiring.progress:
        state = stack_status(wiring.compose(), wiring.outside().engine, services)
    return _show(settings, "stack status", state, Exit.FINDINGS)


@COMMAND.command("down", epilog="Exit status: 0 done; 2 not confirmed.")
@click.option("--volumes", is_flag=True, help="Delete the data too. Wants the stack's name typed.")
@click.option("--confirm", metavar="NAME", help="The stack's name, where nobody is at a terminal to type it.")
@click.pass_obj
def down(settings: Settings, volumes: bool, confirm: str | None) -> int:
    """Stop and remove the containers; the data stay.

    They are in volumes, which only --volumes deletes.
    """
    wiring = Wiring(settings)
    compose = wiring.compose()
    with wiring.progress:
        model = compose.model()
        project = str(model.get("name", ""))
        if volumes:
            _confirm(settings, project, sorted(_volumes(model)), confirm)
        compose.down(volumes=volumes)
        left = sorted(item.name for item in wiring.outside().engine.listed() if item.project == project)
    if settings.as_json:
        result = {"project": project, "volumes_deleted": volumes, "left": left}
        show_json("stack down", ok=True, result=result)
        return Exit.DONE
    lines = [f"{project} is down, " + ("its data are deleted" if volumes else "its data are kept: monops stack up")]
    if left:
        lines += [
            f"not in {compose.file}, and left as they are: {listed(left)}",
            f"  try: docker compose -f {compose.file} down --remove-orphans",
        ]
    show_lines(lines)
    return Exit.DONE


@COMMAND.command("logs", epilog="Exit status: 0 done; 2 no such service.")
@_SERVICES
@click.option("-f", "--follow", is_flag=True, help="Go on as new lines come.")
@click.option("--tail", type=click.IntRange(0), default=100, show_default=True, metavar="N", help="Lines from before.")
@click.pass_obj
def logs(settings: Settings, services: tuple[str, ...], follow: bool, tail: int) -> int:
    """Show what the services print."""
    wiring = Wiring(settings)
    compose, outside = wiring.compose(), wiring.outside()
    chosen = declared_services(compose.model(), services)
    if settings.as_json:
        if follow:
            raise UsageFault(
                "JSON is one document, so it cannot follow", remedy="monops stack logs -f, without --output"
            )
        state = stack_status(compose, outside.engine, services, with_memory=False)
        lines = {one.service: list(outside.engine.logs(one.container, tail)) for one in state.services if one.container}
        show_json("stack logs", ok=True, result={"logs": lines})
        return Exit.DONE
    try:
        compose.logs(chosen if services else (), follow=follow, tail=tail)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED  # the way to end --follow: nothing to report
    return Exit.DONE


@COMMAND.command("pull", epilog="Exit status: 0 done; 1 an image cannot be had.")
@_SERVICES
@click.pass_obj
def pull(settings: Settings, services: tuple[str, ...]) -> int:
    """Fetch the images. Running containers keep theirs until `stack up`."""
    wiring = Wiring(settings)
    compose = wiring.compose()
    with wiring.progress:
        chosen = declared_services(compose.model(), services)
        compose.pull(chosen)
    if settings.as_json:
        show_json("stack pull", ok=True, result={"services": list(chosen)})
    else:
        show_lines(["the images are here; to run them: monops stack up"])
    return Exit.DONE


@COMMAND.command("config", epilog="Exit status: 0 done; 12 the file is wrong.")
@click.pass_obj
def config(settings: Settings) -> int:
    """Show the Compose file with every variable filled in."""
    compose = Wiring(settings).compose()
    if settings.as_json:
        show_json("stack config", ok=True, result=compose.model())
    else:
        show_lines(compose.text().rstrip("\n").split("\n"))
    return Exit.DONE


def _volumes(model: Any) -> list[str]:
    found = (model.get("volumes") or {}).items()
    return [str(volume.get("name") or name) for name, volume in found if not volume.get("external")]


def _confirm(settings: Settings, project: str, volumes: Sequence[str], typed: str | None) -> None:
    """Raises UsageFault unless the stack's name was typed, here or with --confirm."""
    remedy = f"monops stack down --volumes --confirm {project}"
    if typed is None:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise UsageFault(
                f"this deletes the data of {project} ({', '.join(volumes)}), and nobody is at a terminal to confirm it",
                remedy=f"back them up first: monops backup --to DIR; then: {remedy}",
            )
        click.echo(f"This deletes the volumes {', '.join(volumes)}: all metrics, dashboards and silences.", err=True)
        if click.confirm("Back them up first?", default=True, err=True):
            place = click.prompt("Where to (a directory, s3://bucket/prefix, or a configured name)", err=True)
            _back_up(replace(settings, project=project), place)
        typed = click.prompt(f"Type {project} to delete the data", default="", show_default=False, err=True)
    if str(typed).strip() != project:
        raise UsageFault(f"{str(typed).strip()!r} is not the stack's name: nothing was deleted", remedy=remedy)


def _back_up(settings: Settings, place: str) -> None:
    """Raises UsageFault where it is not whole: then nothing is deleted either."""
    from monops.cli.commands.backup import COMMAND as BACKUP

    context = click.Context(BACKUP, info_name="backup", obj=settings)
    with context:
        code = BACKUP.invoke(BACKUP.make_context("backup", ["--to", place], parent=context))
    if code:
        raise UsageFault("the backup is not whole, so nothing was deleted", remedy=f"monops backup --to {place}")


def _show(settings: Settings, command: str, state: StackState, otherwise: Exit) -> int:
    if settings.as_json:
        show_json(command, ok=state.is_well, result=_result(state))
    else:
        show_lines(_lines(state))
    return Exit.DONE if state.is_well else otherwise


def _lines(state: StackState) -> list[str]:
    rows = [
        (one.service, one.state, one.health or "-", ", ".join(one.ports) or "-", one.image or "-", _memory(one))
        for one in state.services
    ]
    lines = table(("service", "state", "health", "ports", "image", "memory"), rows)
    unwell = [one for one in state.services if not one.is_well]
    missing = [one.service for one in unwell if not one.container]
    for one in unwell:
        if one.container:
            lines.append(f"{one.service}: {one.reason or f'it is {one.health or one.state}'}")
            if not (one.state == "running" and one.health == "starting"):
                lines.append(f"  try: monops stack logs {one.service}")
    if missing:
        lines.append(f"{listed(missing)}: no container")
        lines.append(
            "  try: monops stack up" + ("" if len(missing) == len(state.services) else " " + " ".join(missing))
        )
    if state.undeclared:
        lines.append(f"not in {state.file}, and there all the same: {listed(state.undeclared)}")
        lines.append(f"  try: docker compose -f {state.file} up -d --remove-orphans")
    count = len(state.services)
    well = f"{count - len(unwell)} of {count}" if unwell else "all" if count == 1 else f"all {count}"
    lines.append(f"{state.project}: {well} services well")
    return lines


def _memory(one: ServiceState) -> str:
    if one.memory is None:
        return "-"
    used, limit = one.memory.used, one.memory.limit
    return f"{show_size(used)} of {show_size(limit)} ({100 * used / limit:.0f} %)" if limit else show_size(used)


def _result(state: StackState) -> dict[str, Any]:
    return {
        "project": state.project,
        "file": state.file,
        "well": state.is_well,
        "services": [
            {
                "service": one.service,
                "container": one.container or None,
                "state": one.state,
                "health": one.health or None,
                "ports": list(one.ports),
                "image": one.image or None,
                "memory_bytes": one.memory.used if one.memory else None,
                "memory_limit_bytes": one.memory.limit if one.memory else None,
                "restarts": one.restarts,
                "started": one.started or None,
                "reason": one.reason or None,
            }
            for one in state.services
        ],
        "undeclared": list(state.undeclared),
    }
