"""Write the monitoring stack's files; asked again, show what changed and keep your edits."""

from __future__ import annotations

import ipaddress
import os
import shlex
import sys
from collections.abc import Sequence
from typing import Any

import click
from click.core import ParameterSource

from monops.cli.settings import Settings
from monops.cli.show import counted, show_json, show_lines
from monops.cli.wiring import Wiring
from monops.domain.errors import UsageFault
from monops.domain.exits import Exit
from monops.domain.generated import Action, FileChange
from monops.ops.init_choices import Choices, chosen
from monops.ops.initialise import Initialised, InitPlan, apply_init, plan_init, remembered

_SAID = {
    Action.CREATE: "new",
    Action.UPDATE: "update",
    Action.REMOVE: "remove",
    Action.REPLACE: "replace your edit",
    Action.EDITED: "keep your edit",
    Action.CONFLICT: "keep your edit, though there is something new",
    Action.DELETED: "stays deleted",
}

_WITH_DIFF = (Action.UPDATE, Action.CONFLICT, Action.REPLACE, Action.EDITED)
#: Files that nobody edits by hand: their differences say nothing to a person.
_MADE_WHOLE = ("runbooks/", "grafana/dashboards/", "grafana-dashboard.json", "sample-app/")
_LONGEST_DIFF = 60
_MATCHES = "every file is as this version writes it"


@click.command(
    "init",
    context_settings={"max_content_width": 100},
    epilog="Exit status: 0 done, or all files match; 2 a choice that cannot be, or not confirmed; "
    "4 with --check: files differ.",
)
@click.argument("directory", metavar="[DIR]", default=".")
@click.option("--network", metavar="NAME", help="Docker network of the main system, to reach it; none: leave it.")
@click.option(
    "--without", multiple=True, metavar="SERVICE", help="Leave a service out: grafana, cadvisor, …; nothing: none."
)
@click.option("--port", "ports", multiple=True, metavar="SERVICE=N", help="Another port on this machine.")
@click.option("--bind", "bind_address", metavar="ADDRESS", help="Where the ports listen.  [default: 127.0.0.1]")
@click.option("--retention-time", metavar="TIME", help="How long Prometheus keeps data.  [default: 30d]")
@click.option("--retention-size", metavar="SIZE", help="How much it keeps at most.  [default: 50GB]")
@click.option("--cpus", multiple=True, metavar="SERVICE=N", help="Processors that a container may use.")
@click.option("--memory", multiple=True, metavar="SERVICE=SIZE", help="Memory that a container may use: 2G, 512M.")
@click.option("--target", "targets", multiple=True, metavar="JOB=ADDRESS", help="What a job scrapes; repeat for more.")
@click.option("--image", "images", multiple=True, metavar="NAME_IMAGE=IMAGE", help="Another image, as named in .env.")
@click.option(
    "--receiver", "receivers", multiple=True, metavar="NAME", help="Who hears of alerts: slack, email, webhook; nobody."
)
@click.option("--slack-channel", metavar="CHANNEL", help="Channel for --receiver slack.")
@click.option("--email-to", metavar="ADDRESS", help="Address for --receiver email.")
@click.option("--email-from", metavar="ADDRESS", help="Sender for --receiver email.")
@click.option("--smtp", metavar="HOST:PORT", help="Mail server for --receiver email.")
@click.option("--smtp-user", metavar="NAME", help="User there; password: secrets/alertmanager/smtp-password.")
@click.option("--grafana-password-file", metavar="FILE", help="Grafana's first password; one is made otherwise.")
@click.option("--sample-app/--no-sample-app", default=None, help="Add an application to watch, to try the stack out.")
@click.option("--name", "project", metavar="NAME", help="The Compose project.  [default: monitoring]")
@click.option("--prefix", metavar="NAME", help="Container names begin with it.  [default: ai]")
@click.option("--time-scale", type=float, metavar="FACTOR", help="Shorten all durations of alerts, to rehearse: 0.05.")
@click.option(
    "--replace", multiple=True, metavar="FILE", help="Take the new FILE in place of your edit; all for every one."
)
@click.option("--check", is_flag=True, help="Only say whether the files are as this version would write them.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before changing files that are there.")
@click.pass_obj
def COMMAND(  # noqa: N802 - the name by which commands are found
    settings: Settings,
    /,
    directory: str,
    replace: tuple[str, ...],
    grafana_password_file: str | None,
    check: bool,
    dry_run: bool,
    yes: bool,
    **choices: Any,
) -> int:
    """Write DIR/monitoring: Compose file, scrape configuration, rules, dashboards, alert routing.

    Choices are remembered, so asked again it needs only those that change.
    """
    context = click.get_current_context()
    wiring = Wiring(settings)
    folder = wiring.stack_folder(directory)
    before, _ = remembered(folder)
    options = chosen(Choices(**choices), before, wiring.host_facts() if before is None else None)
    plan = plan_init(folder, options, replace)
    if check:
        return _show_check(settings, plan, directory)
    if dry_run:
        return _show_plan(settings, plan, directory)
    if not settings.quiet and not (plan.is_first and not plan.of(Action.CONFLICT)):
        click.echo("\n".join(_plan_lines(plan, directory)), err=True)
    if plan.needs_consent and not yes:
        _confirm(f"{_same_command(context)} --yes")
    outside = wiring.outside()
    done = apply_init(
        plan,
        folder,
        outside.machine,
        outside.progress,
        stamp=f"{outside.clock.now():%Y%m%dT%H%M%SZ}",
        password=wiring.secret_file(grafana_password_file),
    )
    return _show_done(settings, done, directory)


def _same_command(context: click.Context) -> str:
    """What was typed, as a command to paste: choices that were not confirmed are not remembered."""
    words = ["monops", "init"]
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if context.get_parameter_source(parameter.name or "") is not ParameterSource.COMMANDLINE:
            continue
        if isinstance(parameter, click.Argument):
            words.append(str(value))
        elif isinstance(value, bool):
            words.append((parameter.opts if value else parameter.secondary_opts)[0])
        else:
            for item in value if isinstance(value, tuple) else (value,):
                words += [parameter.opts[0], str(item)]
    return shlex.join(words)


def _confirm(remedy: str) -> None:
    """Raises UsageFault where nobody agrees."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageFault("files that are there would change, and nobody is at a terminal to be asked", remedy=remedy)
    if not click.confirm("Change these files? The ones of now are kept in .monops/before", default=False, err=True):
        raise UsageFault("not confirmed: nothing was changed", remedy=remedy)


def _plan_lines(plan: InitPlan, directory: str) -> list[str]:
    lines: list[str] = []
    for change in plan.changes:
        if change.action is Action.SAME or (change.action is Action.CREATE and plan.is_first):
            continue
        lines.append(f"{change.path}: {_SAID[change.action]}")
        if change.action in _WITH_DIFF:
            lines += _diff_lines(change)
    conflicts = plan.of(Action.CONFLICT)
    if conflicts:
        again = shlex.join(["monops", "init", *([directory] if directory != "." else []), "--replace"])
        lines.append(f"to take the new one instead of your edit: {again} {conflicts[0].path}")
    return lines


def _diff_lines(change: FileChange) -> list[str]:
    """The difference, for files that people write; of pages and dashboards only its size."""
    diff = change.diff()
    if change.path.startswith(_MADE_WHOLE) and change.action is Action.UPDATE:
        return [f"  {counted(sum(line.startswith(('+', '-')) for line in diff[2:]), 'line')} changed"]
    left = len(diff) - _LONGEST_DIFF
    return [f"  {line}" for line in diff[:_LONGEST_DIFF]] + ([f"  … {left} more lines"] if left > 0 else [])


def _show_plan(settings: Settings, plan: InitPlan, directory: str) -> int:
    if settings.as_json:
        show_json("init", ok=True, result={"dry_run": True, **_result(plan)})
    else:
        new = plan.of(Action.CREATE) if plan.is_first else ()
        lines = [*(f"{change.path}: {_SAID[change.action]}" for change in new), *_plan_lines(plan, directory)]
        show_lines(lines or [_MATCHES])
    return Exit.DONE


def _show_check(settings: Settings, plan: InitPlan, directory: str) -> int:
    if settings.as_json:
        show_json("init", ok=plan.matches, result={"matches": plan.matches, **_result(plan)})
    elif plan.is_first:
        show_lines([f"{plan.folder} holds no stack that monops init wrote"])
    else:
        show_lines(_plan_lines(plan, directory) or [_MATCHES])
    return Exit.DONE if plan.matches else Exit.FINDINGS


def _show_done(settings: Settings, done: Initialised, directory: str) -> int:
    plan = done.plan
    if settings.as_json:
        extra = {"secrets_made": list(done.secrets_made), "secrets_missing": list(done.secrets_missing)}
        show_json("init", ok=True, result={**_result(plan), **extra})
        return Exit.DONE
    changed = len(plan.changing)
    place = "here" if plan.folder == "." else plan.folder
    lines = [f"{place}: {counted(changed, 'file')} written, {len(plan.changes) - changed} left as they are"]
    lines += [_password_line(plan, path) for path in done.secrets_made]
    lines += [f"still to be written by you: {plan.folder}/{path}" for path in done.secrets_missing]
    again = shlex.join(["monops", "init", *([directory] if directory != "." else [])])
    if not plan.options.receivers and "alertmanager" in plan.options.services:
        lines.append(f"nobody hears of alerts yet: {again} --receiver slack, email or webhook")
    if plan.is_first and plan.options.network is None and not plan.options.sample_app:
        lines.append(f"the main system is not watched yet: {again} --network NAME (docker network ls)")
    if not ipaddress.ip_address(plan.options.bind_address.strip("[]")).is_loopback:
        lines.append(
            f"whoever reaches {plan.options.bind_address} can read and delete metrics: only Grafana asks for a password"
        )
    lines.append("next: monops stack up" + ("" if plan.is_first else _to_restart(plan.changing)))
    show_lines(lines)
    return Exit.DONE


def _password_line(plan: InitPlan, path: str) -> str:
    """Root can read the file at once; for others it is the service's from `stack up` on."""
    if os.geteuid() == 0:
        return f"Grafana's password (user admin): cat {shlex.quote(f'{plan.folder}/{path}')}"
    container = f"{plan.options.prefix}-grafana"
    return f"Grafana's password (user admin), once it runs: docker exec {container} cat /run/secrets/admin-password"


def _to_restart(changing: Sequence[FileChange]) -> str:
    """What reads its files only when it starts."""
    services = {
        service
        for service, folder in (("grafana", "grafana/provisioning/"), ("sample-app", "sample-app/"))
        if any(change.path.startswith(folder) and change.action is Action.UPDATE for change in changing)
    }
    return f"; monops stack restart {' '.join(sorted(services))}" if services else ""


def _result(plan: InitPlan) -> dict[str, Any]:
    return {
        "folder": plan.folder,
        "files": [
            {
                "path": change.path,
                "action": change.action.value,
                **({"diff": change.diff()} if change.action in _WITH_DIFF else {}),
            }
            for change in plan.changes
        ],
    }
