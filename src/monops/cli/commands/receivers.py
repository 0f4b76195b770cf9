"""Show and set who hears of alerts: Slack, email, webhooks, and all that Alertmanager knows."""

from __future__ import annotations

import shlex
from contextlib import AbstractContextManager, ExitStack
from datetime import timedelta
from typing import Any

import click

from monops.cli.secret_input import asked_secret, given_secret, typed
from monops.cli.settings import Settings
from monops.cli.show import show_json, show_lines, table
from monops.cli.show_change import DRY_RUN, EPILOG, WAIT, YES, Afterwards, carry_out
from monops.cli.whole_command import whole
from monops.cli.wiring import Wiring
from monops.domain.errors import UsageFault
from monops.domain.exits import Exit
from monops.domain.listen_address import listen_address
from monops.domain.ports.alert_path import Listener
from monops.domain.receivers import (
    SECRET_OF,
    check_addresses,
    check_kind,
    check_matchers,
    check_name,
    check_open_url,
    check_smarthost,
    check_url,
    read_settings,
)
from monops.domain.routing import Routing
from monops.ops.receivers import Asked, Receivers, plan_remove, plan_set, secret_states, see_receivers
from monops.ops.receivers_test import ReceiverTest, try_receiver
from monops.ops.workshop import Workshop

_URL, _PASSWORD = "MONOPS_RECEIVER_URL", "MONOPS_RECEIVER_PASSWORD"


LISTEN = click.option(
    "--listen", metavar="HOST:PORT", help="webhook, with a test: monops listens there, and what arrives is the proof."
)


@click.group("receivers")
def COMMAND() -> None:  # noqa: N802 - the name by which commands are found
    """Show and set who hears of alerts."""


@COMMAND.command("show", epilog="Exit status: 0 shown; 1 Alertmanager does not answer; 10 there is none that runs.")
@click.pass_obj
def show(settings: Settings) -> int:
    """Show the receivers and the routes that lead to them, as Alertmanager itself has them."""
    wiring = Wiring(settings)
    with wiring.progress:
        shop = wiring.workshop("receivers show")
        seen = see_receivers(shop)
        states = secret_states(shop, seen)
    if settings.as_json:
        show_json("receivers show", ok=True, result=_result(seen, states))
        return Exit.DONE
    show_lines(_lines(seen, states))
    if seen.not_in_force:
        click.echo(
            f"warning: {seen.file.path} says otherwise than what is in force: {', '.join(seen.not_in_force)}\n"
            "  try: monops stack up",
            err=True,
        )
    return Exit.DONE


@COMMAND.command("set", epilog=EPILOG)
@click.argument("kind", metavar="TYPE")
@click.option("--name", metavar="NAME", help="The receiver's name.  [default: its type]")
@click.option("--url", metavar="URL", help="webhook: where to post, if the address holds no secret.")
@click.option(
    "--url-file", metavar="FILE", help=f"slack, webhook, …: the file has the address; - is stdin. Or: {_URL}."
)
@click.option("--channel", metavar="NAME", help="slack: the channel, '#alerts'.")
@click.option("--title", metavar="TEMPLATE", help="slack: the message's title.")
@click.option("--text", metavar="TEMPLATE", help="slack: the message's text.")
@click.option("--to", metavar="ADDRESS", help="email: who gets it; several with commas between.")
@click.option("--from", "sender", metavar="ADDRESS", help="email: who sends it.")
@click.option("--smarthost", metavar="HOST:PORT", help="email: the server that takes it.")
@click.option("--user", metavar="NAME", help="email: the name at that server.")
@click.option("--password-file", metavar="FILE", help=f"email: the file has the password; - is stdin. Or: {_PASSWORD}.")
@click.option("--set", "words", multiple=True, metavar="NAME=VALUE", help="Any other setting of this type.")
@click.option("--secret", "secrets", multiple=True, metavar="NAME=FILE", help="Any other secret: the file has it.")
@click.option("--send-resolved/--no-send-resolved", default=None, help="Whether it is told when an alert is over.")
@click.option(
    "--route", "routes", multiple=True, metavar="CONDITION", help="Alerts with these labels: severity=critical."
)
@click.option("--default", "is_default", is_flag=True, help="Alerts that no route takes.")
@click.option("--test", "is_tested", is_flag=True, help="Send a synthetic alert to it afterwards, and to nobody else.")
@LISTEN
@DRY_RUN
@YES
@WAIT
@click.pass_obj
def set_(settings: Settings, /, kind: str, dry_run: bool, yes: bool, seconds: int, **given: Any) -> int:
    """Add a receiver, or change the one of that name: slack, email, webhook, or another type of Alertmanager's.

    What is not named stays. A secret is never an argument: it is asked for, or comes from a file or a variable, and is
    kept in a file that only Alertmanager may read.
    """
    wiring = Wiring(settings)
    with whole(shlex.join(["monops", "receivers", "set", check_kind(kind)])):
        asked = _asked(wiring, kind, given)
    names = {
        "sender": "--from",
        "words": "--set",
        "secrets": "--secret",
        "routes": "--route",
        "is_default": "--default",
        "is_tested": "--test",
    }
    with wiring.progress, ExitStack() as opened:
        shop = wiring.workshop(shlex.join(["receivers", "set", kind, *typed(given, names)]))
        listener: Listener | None = None
        if given["listen"] and given["is_tested"]:
            # Opened before the change: an address that cannot be had is said before anything is touched.
            listener = opened.enter_context(_listening(wiring, given["listen"], f"monops receivers set {kind} --test"))
        return carry_out(
            settings,
            "receivers set",
            shop,
            lambda: plan_set(shop, asked, lambda setting: _ask(kind, setting)),
            dry_run=dry_run,
            yes=yes,
            seconds=seconds,
            after=lambda: _set(wiring, shop, asked.name, listener, is_tested=given["is_tested"]),
        )


@COMMAND.command(
    "test", epilog="Exit status: 0 it was taken; 1 it could not be tried; 4 it failed; 10 there is none of that name."
)
@click.argument("name")
@LISTEN
@click.option("--within", type=click.IntRange(1), default=30, show_default=True, metavar="SECONDS", help="How long.")
@click.pass_obj
def test(settings: Settings, name: str, listen: str | None, within: int) -> int:
    """Send a synthetic alert to this receiver, and to nobody else.

    An Alertmanager of the same image is started beside the running one for some seconds, in its network and with its
    secrets, which knows this receiver alone: no route is taken, nobody else is paged.
    """
    wiring = Wiring(settings)
    with wiring.progress, ExitStack() as opened:
        listener: Listener | None = None
        if listen:
            command = shlex.join(["monops", "receivers", "test", name])
            listener = opened.enter_context(_listening(wiring, listen, command))
        done = _tried(wiring, wiring.workshop("receivers test"), name, listener, timedelta(seconds=within))
    code = Exit.DONE if done.passed else Exit.FINDINGS
    if settings.as_json:
        show_json("receivers test", ok=done.passed, result=_test_result(done))
    else:
        show_lines(_test_lines(done))
    return code


@COMMAND.command("remove", epilog=EPILOG)
@click.argument("name")
@click.option("--and-routes", is_flag=True, help="With the routes that lead to it.")
@click.option("--default", "default", metavar="NAME", help="Who takes its place for alerts that no route takes.")
@DRY_RUN
@YES
@WAIT
@click.pass_obj
def remove(
    settings: Settings, name: str, and_routes: bool, default: str | None, dry_run: bool, yes: bool, seconds: int
) -> int:
    """Take a receiver away, and its secret files where nothing else names them; `monops undo` brings them back.

    With --and-routes, a route that sets more than its conditions stays, and leads where the one above it does.
    """
    wiring = Wiring(settings)
    words = [name, *(["--and-routes"] if and_routes else []), *(["--default", default] if default else [])]
    with wiring.progress:
        shop = wiring.workshop(shlex.join(["receivers", "remove", *words]))
        return carry_out(
            settings,
            "receivers remove",
            shop,
            lambda: plan_remove(shop, name, and_routes=and_routes, default=default),
            dry_run=dry_run,
            yes=yes,
            seconds=seconds,
            after=lambda: _afterwards(shop),
        )


def _asked(wiring: Wiring, kind: str, given: dict[str, Any]) -> Asked:
    """Raises UsageFault for an option that this type has not, or a value that cannot be."""
    allowed = {
        "slack": {"url_file", "channel", "title", "text"},
        "webhook": {"url", "url_file"},
        "email": {"to", "sender", "smarthost", "user", "password_file"},
    }.get(kind, {"url_file"} if kind in SECRET_OF else set())
    for name in ("url", "url_file", "channel", "title", "text", "to", "sender", "smarthost", "user", "password_file"):
        if given[name] is not None and name not in allowed:
            flag = "--from" if name == "sender" else "--" + name.replace("_", "-")
            remedy = "monops receivers set --help"
            if flag == "--url" and "url_file" in allowed:
                remedy = "--url-file FILE"
            is_secret = ", because its address is a secret" if remedy == "--url-file FILE" else ""
            raise UsageFault(f"a receiver of type {kind} has no {flag}{is_secret}", remedy=remedy)
    checks = {"to": check_addresses, "smarthost": check_smarthost, "url": check_open_url}
    names = {"sender": "from", "user": "auth_username"}
    settings: dict[tuple[str, ...], Any] = {}
    for name in ("url", "channel", "title", "text", "to", "sender", "smarthost", "user"):
        if (value := given[name]) is not None:
            settings[(names.get(name, name),)] = checks[name](value) if name in checks else value
    settings.update(read_settings(given["words"]))
    if given["send_resolved"] is not None:
        settings[("send_resolved",)] = given["send_resolved"]
    return Asked(
        kind=kind,
        name=check_name(given["name"] or kind),
        settings=settings,
        secrets=_secrets(wiring, kind, given),
        routes=tuple(map(check_matchers, given["routes"])),
        is_default=given["is_default"],
    )


def _secrets(wiring: Wiring, kind: str, given: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    own = SECRET_OF.get(kind)
    if own is not None and given["url"] is None:
        is_mail = kind == "email"
        path = given["password_file"] if is_mail else given["url_file"]
        value = given_secret(wiring, path, _PASSWORD if is_mail else _URL)
        if value is not None:
            found[own] = value if is_mail else check_url(value, f"what stands in {path or _URL}")
    elif given["url"] is not None and given["url_file"] is not None:
        raise UsageFault("--url and --url-file are the same thing twice", remedy="--url-file FILE")
    for name, path in wiring.pairs("--secret", given["secrets"]):
        value = given_secret(wiring, path, "")
        found[name.removesuffix("_file")] = value or ""
    return found


def _ask(kind: str, setting: str) -> str:
    is_mail = setting == "auth_password"
    what = "the password at the server of mail" if is_mail else f"the address (URL) of {kind}"
    flag, variable = ("--password-file", _PASSWORD) if is_mail else ("--url-file", _URL)
    value = asked_secret(what, f"monops receivers set {kind} {flag} FILE; or set the variable {variable}")
    return value if is_mail else check_url(value, "what was typed")


# --- showing ---------------------------------------------------------------------------------------


def _afterwards(shop: Workshop) -> Afterwards:
    seen = see_receivers(shop)
    return Afterwards(
        lines=["routes, as Alertmanager has them:", *tree(seen.routing)], result={"routes": _routes(seen)}
    )


def _set(wiring: Wiring, shop: Workshop, name: str, listener: Listener | None, *, is_tested: bool) -> Afterwards:
    shown = _afterwards(shop)
    if not is_tested:
        return shown
    done = _tried(wiring, shop, name, listener, timedelta(seconds=30))
    return Afterwards(
        lines=[*shown.lines, *_test_lines(done), *([] if done.passed else ["to take the change back: monops undo"])],
        result={**shown.result, "test": _test_result(done)},
        code=Exit.DONE if done.passed else Exit.FINDINGS,
    )


def _listening(wiring: Wiring, listen: str, command: str) -> AbstractContextManager[Listener]:
    host, port = listen_address(listen, command=command)
    return wiring.alert_path().listen(host, port)


def _tried(wiring: Wiring, shop: Workshop, name: str, listener: Listener | None, within: timedelta) -> ReceiverTest:
    trials, run = wiring.receiver_trials(), shop.outside.machine.token(8)
    return try_receiver(shop, trials, name, run, within=within, listener=listener)


def _test_lines(done: ReceiverTest) -> list[str]:
    lines = [f"{'✓' if one.passed else '✗'} {one.kind}: {one.said}" for one in done.tried]
    return [f"test of {done.receiver} (run {done.run}):", *lines]


def _test_result(done: ReceiverTest) -> dict[str, Any]:
    tried = [
        {"kind": one.kind, "where": one.where or None, "passed": one.passed, "said": one.said} for one in done.tried
    ]
    return {"receiver": done.receiver, "run": done.run, "passed": done.passed, "integrations": tried}


def tree(routing: Routing) -> list[str]:
    """The routes, each below the one it belongs to."""
    lines = []
    for path in routing.root.walk():
        route, told = path[-1], routing.receivers.get(path[-1].receiver)
        who = f"{route.receiver} ({', '.join(told.kinds) if told is not None and told.kinds else 'tells nobody'})"
        if route.routes:
            who = f"those below, else {who}"
        lines.append(f"{'  ' * len(path)}{route} → {who}{', and goes on' if route.goes_on else ''}")
    return lines


def _routes(seen: Receivers) -> list[dict[str, Any]]:
    return [
        {"conditions": [str(one) for one in path[1:]], "receiver": path[-1].receiver, "continue": path[-1].goes_on}
        for path in seen.routing.root.walk()
    ]


def _lines(seen: Receivers, states: dict[str, str]) -> list[str]:
    rows = [
        (one.name, ", ".join(one.kinds) or "nobody", _where(one.integrations) or "-", states.get(one.name) or "-")
        for one in seen.routing.receivers.values()
    ]
    return [*table(("receiver", "tells by", "where", "secrets in"), rows), "routes:", *tree(seen.routing)]


def _where(integrations: Any) -> str:
    found = []
    for _, settings in integrations:
        found += [str(settings[name]) for name in ("channel", "to", "url", "room", "chat_id") if settings.get(name)]
    return ", ".join(one for one in found if one != "<secret>")


def _result(seen: Receivers, states: dict[str, str]) -> dict[str, Any]:
    return {
        "file": seen.file.path,
        "receivers": [
            {"name": one.name, "kinds": list(one.kinds), "where": _where(one.integrations) or None,
             "secrets": states.get(one.name) or None}
            for one in seen.routing.receivers.values()
        ],
        "default": seen.routing.root.receiver,
        "routes": _routes(seen),
        "not_in_force": list(seen.not_in_force),
    }  # fmt: skip
