"""Make several Prometheus of one, and one of several."""

from __future__ import annotations

from typing import Any

import click

from monops.cli.settings import Settings
from monops.cli.show import show_json, show_lines, table
from monops.cli.show_change import DRY_RUN, EPILOG, WAIT, YES, carry_out
from monops.cli.wiring import Wiring
from monops.domain.exits import Exit
from monops.domain.nearest import listed
from monops.domain.scale import LAYER, MOST_REPLICAS, MOST_SHARDS, RULES, Scale, times
from monops.ops.scale import plan_scale
from monops.ops.scale_look import SERVICE, Seen, layout, see_scale

#: What stands in the column of targets.
_ROLES = {LAYER: "is the query layer", RULES: "evaluates rules there"}


#: States out of which `docker start` leads.
_STARTED = ("exited", "created", "dead")
#: Targets that are named.
_MOST = 10


@click.group("scale")
def COMMAND() -> None:  # noqa: N802 - the name by which commands are found
    """Make several Prometheus of one, and one of several."""


@COMMAND.command(
    "show",
    epilog="Exit status: 0 every target is scraped as often as there are replicas; 4 it is not, or one does not run; "
    "10 there is no Prometheus.",
)
@click.pass_obj
def show(settings: Settings) -> int:
    """Show every Prometheus, what each scrapes, and whether together they scrape every target as often as wanted.

    By what they say themselves (/api/v1/targets), not by the files.
    """
    wiring = Wiring(settings)
    with wiring.progress:
        shop = wiring.workshop("scale show")
        seen = see_scale(shop, shop.found(SERVICE))
    if settings.as_json:
        show_json("scale show", ok=seen.is_right, result=_result(seen))
    else:
        show_lines(lines_of(seen))
    return Exit.DONE if seen.is_right else Exit.FINDINGS


@COMMAND.command("set", epilog=EPILOG)
@click.option(
    "--shards", required=True, type=click.IntRange(1, MOST_SHARDS), help="Into how many parts targets are divided."
)
@click.option(
    "--replicas", required=True, type=click.IntRange(1, MOST_REPLICAS), help="How many Prometheus scrape each part."
)
@click.option(
    "--first-port",
    type=click.IntRange(1, 65000),
    metavar="PORT",
    help="Where the new ones begin to listen.  [default: Prometheus's own and 101]",
)
@DRY_RUN
@YES
@WAIT
@click.pass_obj
def set_(
    settings: Settings, shards: int, replicas: int, first_port: int | None, dry_run: bool, yes: bool, seconds: int
) -> int:
    """Run --shards times --replicas Prometheus; --shards 1 --replicas 1 makes one of them again.

    The configuration of each is made from prometheus.yml; after an edit of that, ask for the same again. Back to one,
    what the others hold is brought into the first one's storage. No volume is ever deleted.
    """
    wiring = Wiring(settings)
    words = f"scale set --shards {shards} --replicas {replicas}" + (f" --first-port {first_port}" if first_port else "")
    with wiring.progress:
        shop = wiring.workshop(words)
        return carry_out(
            settings,
            "scale set",
            shop,
            lambda: plan_scale(shop, layout(shop), Scale(shards, replicas), first_port=first_port),
            dry_run=dry_run,
            yes=yes,
            seconds=seconds,
        )


def lines_of(seen: Seen) -> list[str]:
    """What a person reads: every Prometheus, then what is not right."""
    rows = [
        (
            one.container,
            str(one.instance.shard),
            one.instance.replica,
            one.state,
            "-" if one.targets is None else str(len(one.targets)),
        )
        for one in seen.instances
    ]
    rows += [(one.container, "-", "-", one.state, _ROLES.get(one.role, one.role)) for one in seen.layer]
    lines = [str(seen.scale), *table(("container", "shard", "replica", "state", "targets"), rows)]
    found, wanted = seen.coverage, times(seen.scale.replicas)
    missing = sorted({one.words for one in seen.scale.instances} - {one.instance.words for one in seen.instances})
    lines += [f"there is no container of {words}: monops stack up" for words in missing]
    for one in seen.silent:
        lines.append(f"{one.container} does not scrape ({one.why}): {_remedy(one.container, one.state)}")
    for other in seen.unwell_layer:
        lines.append(f"{other.container} is {other.state}: {_remedy(other.container, other.state)}")
    if found.is_right:
        return [*lines, f"each of {found.targets} targets is scraped {wanted}"]
    count = f"{len(found.wrong)} of {found.targets} targets are not scraped {wanted}"
    if seen.silent or missing:
        # Which ones is no news then.
        return [*lines, count]
    lines += [
        f"  {instance} of {job} is scraped {times(len(by))}, by {listed(by)}"
        for job, instance, by in found.wrong[:_MOST]
    ]
    lines += [f"  and {len(found.wrong) - _MOST} more"] if len(found.wrong) > _MOST else []
    return [*lines, f"{count}: monops doctor"]


def _remedy(container: str, state: str) -> str:
    return f"docker start {container}" if state in _STARTED else f"docker logs --tail 20 {container}"


def _result(seen: Seen) -> dict[str, Any]:
    found = seen.coverage
    return {
        "shards": seen.scale.shards,
        "replicas": seen.scale.replicas,
        "instances": [
            {
                "container": one.container,
                "service": one.service,
                "shard": one.instance.shard,
                "replica": one.instance.replica,
                "state": one.state,
                "targets": None if one.targets is None else len(one.targets),
                "unknown": one.unknown,
            }
            for one in seen.instances
        ],
        "layer": {one.container: one.state for one in seen.layer},
        "targets": found.targets,
        "wrong": [{"job": job, "instance": instance, "scraped_by": list(by)} for job, instance, by in found.wrong],
    }
