"""Show, set and recommend what containers may use of memory and processors."""

from __future__ import annotations

import shlex
from datetime import timedelta

import click

from monops.cli.settings import Settings
from monops.cli.show import show_json, show_lines
from monops.cli.show_change import DRY_RUN, EPILOG, WAIT, YES, carry_out
from monops.cli.wiring import Wiring
from monops.domain.exits import Exit

_SHOWN = "Exit status: 0 shown; 1 no engine answers; 2 no such service; 10 there is no stack."


@click.group("limits")
def COMMAND() -> None:  # noqa: N802 - the name by which commands are found
    """Show, set and recommend what containers may use of memory and processors."""


@COMMAND.command("show", epilog=_SHOWN)
@click.argument("services", metavar="[SERVICE]...", nargs=-1)
@click.pass_obj
def show(settings: Settings, services: tuple[str, ...]) -> int:
    """Show what is declared, what is in force and what is used, side by side.

    Declared by the Compose file, in force by docker inspect, used by docker stats. Where the first two differ, it says
    "drift". What cannot be found out is "unknown".
    """
    from monops.cli.show_limits import seen_lines, seen_result
    from monops.ops.limits_look import see_limits

    wiring = Wiring(settings)
    with wiring.progress:
        seen = see_limits(wiring.workshop("limits show"), services)
    if settings.as_json:
        show_json("limits show", ok=True, result=seen_result(seen))
    else:
        show_lines(seen_lines(seen))
        for line in seen.unknown:
            click.echo(f"unknown: {line}", err=True)
    return Exit.DONE


@COMMAND.command("set", epilog=EPILOG)
@click.argument("service", metavar="SERVICE")
@click.option("--cpus", metavar="NUMBER", help="Processors: 1, 0.5. Who wants more is slowed down.")
@click.option("--memory", metavar="SIZE", help="2G, 512M, as in a Compose file. Who wants more is killed.")
@click.option("--reserve-memory", metavar="SIZE", help="What it keeps when memory runs out on the machine.")
@click.option("--recreate", is_flag=True, help="Make the container anew instead of docker update: it is interrupted.")
@DRY_RUN
@YES
@WAIT
@click.pass_obj
def set_(
    settings: Settings,
    service: str,
    cpus: str | None,
    memory: str | None,
    reserve_memory: str | None,
    recreate: bool,
    dry_run: bool,
    yes: bool,
    seconds: int,
) -> int:
    """Give SERVICE other limits: in the Compose file, and live by docker update.

    Nothing is interrupted where that can be. Less than it uses now is refused. If it does not live under its new
    limits, the old ones come back by themselves.
    """
    from monops.domain.limits import Wanted
    from monops.ops.limits import plan_limits

    wiring = Wiring(settings)
    wanted = Wanted(cpus=cpus, memory=memory, reserve_memory=reserve_memory)
    words = [word for name, value in wanted for word in (f"--{name.replace('_', '-')}", value)]
    words = ["limits", "set", service, *words, *(["--recreate"] if recreate else [])]
    with wiring.progress:
        shop = wiring.workshop(shlex.join(words))
        return carry_out(
            settings,
            "limits set",
            shop,
            lambda: plan_limits(shop, {service: wanted}, recreate=recreate),
            dry_run=dry_run,
            yes=yes,
            seconds=seconds,
        )


@COMMAND.command("recommend", epilog=EPILOG)
@click.argument("services", metavar="[SERVICE]...", nargs=-1)
@click.option(
    "--days", type=click.IntRange(1, 365), default=7, show_default=True, help="How far back in Prometheus to look."
)
@click.option("--apply", "do", is_flag=True, help="Set those that Prometheus's data tell, all in one change.")
@DRY_RUN
@YES
@WAIT
@click.pass_obj
def recommend_(
    settings: Settings, services: tuple[str, ...], days: int, do: bool, dry_run: bool, yes: bool, seconds: int
) -> int:
    """Say which limits fit what services have used in the last days.

    Memory: the peak and a quarter, or the 99th percentile and a half, whichever is more. Processors: the peak of five
    minutes, or twice the 95th percentile, whichever is less. From cAdvisor's metrics in Prometheus; where it has none,
    from the present, and then no limit is lowered.
    """
    from monops.cli.show_limits import recommended_lines, recommended_result
    from monops.ops.limits import plan_limits
    from monops.ops.limits_recommend import recommend

    wiring = Wiring(settings)
    words = ["limits", "recommend", *services, "--days", str(days), *(["--apply"] if do else [])]
    with wiring.progress:
        shop = wiring.workshop(shlex.join(words))
        found = recommend(shop, services, timedelta(days=days))
        if do and found.applicable:
            if not settings.quiet:
                click.echo("\n".join(recommended_lines(found)), err=True)
            make = lambda: plan_limits(shop, found.applicable)  # noqa: E731 - as `set`
            return carry_out(settings, "limits recommend", shop, make, dry_run=dry_run, yes=yes, seconds=seconds)
    if settings.as_json:
        show_json("limits recommend", ok=True, result=recommended_result(found))
    else:
        show_lines(recommended_lines(found))
        if do:
            click.echo("nothing is set: no limit has to change, as far as Prometheus's data tell", err=True)
    return Exit.DONE
