"""Show and set where Prometheus writes its samples to besides its own disk, and how that fares."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import Any

import click

from monops.cli.secret_input import asked_secret, given_secret, typed
from monops.cli.settings import Settings
from monops.cli.show import show_json, show_lines, table
from monops.cli.show_change import DRY_RUN, EPILOG, WAIT, YES, Afterwards, carry_out
from monops.cli.wiring import Wiring
from monops.domain.change import Plan
from monops.domain.errors import UsageFault
from monops.domain.exits import Exit
from monops.domain.receivers import read_settings
from monops.domain.remote_write import Queue, check_url, label, remotes
from monops.ops.change_undo import home, plan_undo
from monops.ops.remote_write import PASSWORD, TOKEN, Asked, plan_remove, plan_set
from monops.ops.remote_write_health import Fare, counts, look, wait_for_samples
from monops.ops.workshop import Workshop

_PASSWORD, _TOKEN = "MONOPS_REMOTE_WRITE_PASSWORD", "MONOPS_REMOTE_WRITE_TOKEN"


@click.group("remote-write")
def COMMAND() -> None:  # noqa: N802 - the name by which commands are found
    """Show and set where Prometheus writes its samples to."""


@COMMAND.command(
    "show",
    epilog="Exit status: 0 shown; 1 Prometheus does not answer; 4 one of them fails; 10 there is none that runs.",
)
@click.pass_obj
def show(settings: Settings) -> int:
    """Show each remote storage and how its queue fares, from Prometheus's own metrics and log."""
    wiring = Wiring(settings)
    with wiring.progress:
        shop = wiring.workshop("remote-write show")
        container = shop.container("prometheus")
        config = shop.outside.services.prometheus(container).status().config
        found = look(shop, container) if remotes(config) else ()
    code = Exit.FINDINGS if any(one.error for one in found) else Exit.DONE
    if settings.as_json:
        show_json("remote-write show", ok=code == Exit.DONE, result={"remotes": list(map(_result, found))})
    else:
        show_lines(_lines(found) if found else ["Prometheus writes to no remote storage"])
    return code


@COMMAND.command("set", epilog=f"{EPILOG[:-1]}; 4 it is set, and the receiver does not take what is sent.")
@click.argument("url")
@click.option("--name", metavar="NAME", help="Its name, in metrics and here.")
@click.option("--basic-auth-user", "user", metavar="NAME", help="Who Prometheus is there.")
@click.option("--password-file", metavar="FILE", help=f"The file has the password; - is stdin. Or: {_PASSWORD}.")
@click.option("--bearer-token-file", "token_file", metavar="FILE", help=f"The file has a token. Or: {_TOKEN}.")
@click.option("--send-exemplars/--no-send-exemplars", default=None, help="Whether exemplars are sent too.")
@click.option(
    "--set", "words", multiple=True, metavar="NAME=VALUE", help="Any other setting: queue_config.max_shards=10."
)
@DRY_RUN
@YES
@WAIT
@click.pass_obj
def set_(settings: Settings, /, url: str, dry_run: bool, yes: bool, seconds: int, **given: Any) -> int:
    """Write all samples to URL too, from now on; or change the entry of that name or address.

    A secret is never an argument: it is asked for, or comes from a file or a variable, and is kept in a file that only
    Prometheus may read. Afterwards monops waits until the first samples have arrived, or says why they have not.
    """
    wiring = Wiring(settings)
    asked = _asked(wiring, check_url(url), given)
    names = {"user": "--basic-auth-user", "token_file": "--bearer-token-file", "words": "--set"}
    with wiring.progress:
        shop = wiring.workshop(shlex.join(["remote-write", "set", url, *typed(given, names)]))
        before: dict[tuple[str, str], Queue] = {}
        since = shop.outside.clock.now()

        def make() -> Plan:
            before.update(counts(shop, shop.container("prometheus")))
            return plan_set(shop, asked, _ask)

        code = carry_out(
            settings,
            "remote-write set",
            shop,
            make,
            dry_run=dry_run,
            yes=yes,
            seconds=seconds,
            after=lambda: _first_samples(wait_for_samples(shop, url, asked.name, before, since)),
        )
        is_asked = code == Exit.FINDINGS and sys.stdin.isatty() and sys.stderr.isatty() and not settings.as_json
        if is_asked and not yes and click.confirm("Take it back?", default=False, err=True):
            undo = wiring.workshop("undo")
            return carry_out(
                settings,
                "undo",
                undo,
                lambda: plan_undo(undo, home(undo), None),
                dry_run=False,
                yes=True,
                seconds=seconds,
            )
        return code


@COMMAND.command("remove", epilog=EPILOG)
@click.argument("what", metavar="[NAME|URL]", required=False)
@DRY_RUN
@YES
@WAIT
@click.pass_obj
def remove(settings: Settings, what: str | None, dry_run: bool, yes: bool, seconds: int) -> int:
    """Write there no longer. What is there stays there; the secret's file stays, for `monops undo`."""
    wiring = Wiring(settings)
    with wiring.progress:
        shop = wiring.workshop(shlex.join(["remote-write", "remove", *([what] if what else [])]))
        return carry_out(
            settings,
            "remote-write remove",
            shop,
            lambda: plan_remove(shop, what),
            dry_run=dry_run,
            yes=yes,
            seconds=seconds,
            after=lambda: _left(shop),
        )


def _asked(wiring: Wiring, url: str, given: dict[str, Any]) -> Asked:
    """Raises UsageFault for what cannot go together."""
    settings: dict[tuple[str, ...], Any] = {}
    secrets: dict[tuple[str, str], str] = {}
    token = given_secret(wiring, given["token_file"], "" if given["user"] else _TOKEN)
    if given["user"] and token is not None:
        raise UsageFault("a user with a password, and a token: one of them", remedy="leave --bearer-token-file out")
    if given["user"]:
        settings[("basic_auth", "username")] = given["user"]
        password = given_secret(wiring, given["password_file"], _PASSWORD)
        if password is not None:
            secrets[PASSWORD] = password
    elif given["password_file"]:
        raise UsageFault("a password, and nobody whose it is", remedy="--basic-auth-user NAME --password-file FILE")
    if token is not None:
        secrets[TOKEN] = token
    if given["send_exemplars"] is not None:
        settings[("send_exemplars",)] = given["send_exemplars"]
    settings.update(read_settings(given["words"]))
    return Asked(url=url, name=given["name"], settings=settings, secrets=secrets)


def _ask(_: tuple[str, str]) -> str:
    return asked_secret("the password at the remote storage", f"--password-file FILE; or set the variable {_PASSWORD}")


# --- showing ---------------------------------------------------------------------------------------


def _first_samples(fare: Fare) -> Afterwards:
    if not fare.error:
        line = f"{fare.queue.taken:,.0f} samples have arrived at {fare.queue.name}"
        return Afterwards(lines=[line, *_lines([fare])], result={"remote": _result(fare)})
    lines = [f"nothing arrives at {fare.queue.url}: {fare.error}", "it stays set, and Prometheus tries on"]
    lines.append("to take it back: monops undo; to look again: monops remote-write show")
    return Afterwards(lines=lines, result={"remote": _result(fare)}, code=Exit.FINDINGS)


def _left(shop: Workshop) -> Afterwards:
    config = shop.outside.services.prometheus(shop.container("prometheus")).status().config
    names = [label(one) for one in remotes(config)]
    line = (
        f"Prometheus still writes to {', '.join(names)}" if names else "Prometheus writes to no remote storage any more"
    )
    return Afterwards(lines=[line], result={"remotes": names})


def _lines(found: Sequence[Fare]) -> list[str]:
    rows = []
    for queue, state in ((one.queue, one.state) for one in found):
        lag = "-" if queue.lag is None else f"{queue.lag:.0f} s"
        counted = [f"{count:,.0f}" for count in (queue.pending, queue.failed, queue.dropped)]
        rows.append((queue.name, queue.url, state, lag, *counted, f"{queue.shards:.0f} of {queue.shards_max:.0f}"))
    lines = table(
        ("name", "address", "state", "lag", "pending", "failed", "dropped", "shards"), rows, right=(3, 4, 5, 6)
    )
    return [*lines, *(f"{one.queue.name}: {one.error}" for one in found if one.error)]


def _result(one: Fare) -> dict[str, Any]:
    queue = one.queue
    return {
        "name": queue.name,
        "url": queue.url,
        "state": one.state,
        "error": one.error or None,
        "lag_seconds": queue.lag,
        "arrived": queue.taken,
        "pending": queue.pending,
        "retried": queue.retried,
        "failed": queue.failed,
        "dropped": queue.dropped,
        "shards": queue.shards,
        "shards_max": queue.shards_max,
    }
