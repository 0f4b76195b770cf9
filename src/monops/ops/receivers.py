"""Showing and planning receivers of Alertmanager, and the routes that lead to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from monops.domain.change import Expected, FileEdit, Means, Plan, Step, Value
from monops.domain.errors import Refused
from monops.domain.ports import Container
from monops.domain.receiver_edit import (
    hearing,
    inheriting,
    keeps_mail_global,
    sample,
    with_default,
    with_globals,
    with_route,
    with_settings,
    without_receiver,
)
from monops.domain.receivers import GLOBAL_EMAIL, HIDDEN, KINDS, SECRET_OF, readings, routing_of, unknown_kind
from monops.domain.routing import Routing
from monops.domain.settled import differences, flattened, those_of
from monops.ops.change_site import ConfigFile, config_file, find_site
from monops.ops.effective.receivers import read
from monops.ops.secret_files import SecretFile, check_secret_files, known_secret_file, secret_edit
from monops.ops.secret_left import left_secrets
from monops.ops.secret_names import Configuration, free_secret_file
from monops.ops.workshop import Workshop

SERVICE = "alertmanager"
#: The end of a secret file's name.
_SHORT = {"api_url": "url", "url": "url", "webhook_url": "url", "auth_password": "password"}
_INTERRUPTS = "nothing: notifications that wait are sent all the same"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person asked to be set."""

    kind: str
    name: str
    #: Path below the integration -> value, none of them a secret.
    settings: Mapping[tuple[str, ...], Any] = field(default_factory=dict)
    #: Setting without `_file` -> the secret itself.
    secrets: Mapping[str, str] = field(default_factory=dict)
    #: Conditions of routes that shall lead to it.
    routes: tuple[str, ...] = ()
    is_default: bool = False


#: Asks a person for the secret of a setting; raises UsageFault where nobody is there.
Ask = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receivers:
    """How it is now."""

    container: Container
    file: ConfigFile
    text: str
    #: In force, by Alertmanager's own words.
    routing: Routing
    #: What the file says otherwise than what is in force.
    not_in_force: tuple[str, ...]


def see_receivers(shop: Workshop) -> Receivers:
    """Raises NotFound where no Alertmanager runs, ServiceUnreachable, Refused where its file is not here."""
    container = shop.container(SERVICE)
    config = shop.outside.services.alertmanager(container).config()
    file = config_file(shop, container, SERVICE)
    text = shop.files.read(file.path) or ""
    routing_of(text, file.path)
    in_force = readings(config)
    own = readings(text)
    waiting = differences({name: in_force.get(name, "") for name in own}, own, hidden=HIDDEN)
    return Receivers(
        container=container,
        file=file,
        text=text,
        routing=routing_of(config, f"the configuration of {container.name}"),
        not_in_force=tuple(waiting),
    )


def plan_set(shop: Workshop, asked: Asked, ask: Ask) -> Plan:
    """Raises UsageFault for what cannot be, Refused where it cannot be written."""
    seen = see_receivers(shop)
    _check_known(shop, asked.kind, seen)
    is_global = asked.kind == "email" and keeps_mail_global(seen.text, asked.name, file=seen.file.path)
    settings = dict(asked.settings)
    now = _current(seen, asked, is_global)
    secrets = {**_asked_secret(shop, seen, asked, now, ask), **asked.secrets}
    config = Configuration(container=seen.container, file=seen.file, text=seen.text)
    files: dict[str, SecretFile] = {}
    edits: list[FileEdit] = []
    for name, value in secrets.items():
        known = known_secret_file(seen.container, str(now[f"{name}_file"])) if now.get(f"{name}_file") else None
        files[name] = known or free_secret_file(
            shop, SERVICE, config, f"{asked.name}-{_SHORT.get(name, name)}", value, [one.path for one in files.values()]
        )
        settings[(*name.split(".")[:-1], f"{name.rpartition('.')[2]}_file")] = files[name].inside
        edit = secret_edit(shop, files[name], value)
        edits += [edit] if edit is not None else []
    names = {".".join(path): str(value) for path, value in settings.items()}
    # A secret is there either itself or as a file.
    dropped = [other for name in names if (other := _other_form(name)) in now and other not in names]
    file = seen.file.path
    text = _with(seen.text, asked, settings, dropped, is_global, file)
    for conditions in asked.routes:
        text = with_route(text, asked.name, conditions, file=file)
    if asked.is_default:
        text = with_default(text, asked.name, file=file)
    check_secret_files(shop, seen.container, names, {one.inside for one in files.values()})
    title = f"receiver {asked.name} ({asked.kind})"
    asked_for = _asked_for(text, asked, settings, is_global)
    return _plan(shop, seen, text, edits, title, _unheard(text, asked.name, file), asked_for=asked_for)


def plan_remove(shop: Workshop, name: str, *, and_routes: bool, default: str | None) -> Plan:
    """Raises NotFound, and Refused where alerts would have nowhere to go."""
    seen = see_receivers(shop)
    file = seen.file.path
    text = without_receiver(seen.text, name, file=file, and_routes=and_routes, default=default)
    before, after = routing_of(seen.text, file), routing_of(text, file)
    warnings = []
    for labels in _samples(before):
        lost = [one for one in hearing(before, labels) if one == name]
        if lost and not hearing(after, labels):
            words = ", ".join(f"{key}={value}" for key, value in labels.items()) or "no labels of its own"
            warnings.append(f"nobody hears any more of an alert with {words}")
    warnings += inheriting(seen.text, name, file=file, default=default)
    gone = [settings for _, settings in before.receivers[name].integrations]
    left = left_secrets(shop, seen.container, seen.file, find_site(shop, seen.container), gone, text)
    title = f"receiver {name} removed"
    return _plan(shop, seen, text, [], title, [*warnings, *left.said], left.edits, asked_for={})


def _plan(
    shop: Workshop,
    seen: Receivers,
    text: str,
    secrets: list[FileEdit],
    title: str,
    warnings: list[str],
    gone: Sequence[FileEdit] = (),
    *,
    asked_for: Mapping[str, str],
) -> Plan:
    """`secrets` are written before the configuration that names them, `gone` are taken away after it. `asked_for` is
    what a person wants to be so: it is put in force also where the file says it already."""
    site, file = find_site(shop, seen.container), seen.file
    before, in_force = readings(seen.text), read(shop, seen.container)
    wanted = differences(before, readings(text), hidden=HIDDEN)
    waiting = differences({name: in_force.get(name, "") for name in asked_for}, asked_for, hidden=HIDDEN)
    wanted |= waiting
    edits = list(secrets)
    if text != seen.text:
        edits.append(FileEdit(path=file.path, before=seen.text, after=text, in_place=file.in_place))
    edits += gone
    is_step = bool(edits or waiting)
    if seen.not_in_force and is_step:
        warnings.append(
            f"{file.path} was edited since Alertmanager read it: the reload takes that over too "
            f"({', '.join(seen.not_in_force[:3])}{' …' if len(seen.not_in_force) > 3 else ''})"
        )
    service = seen.container.service
    return Plan(
        site=site,
        title=title,
        values=(
            *(
                Value(name, (in_force if name in waiting else before).get(name, ""), value)
                for name, value in wanted.items()
            ),
            *(Value(edit.path, "(a secret)" if edit.before else "", "(a secret)") for edit in secrets),
            *(Value(edit.path, "(a secret)", "") for edit in gone),
        ),
        edits=tuple(edits),
        steps=(Step(means=Means.RELOAD, service=service, interrupts=_INTERRUPTS),) if is_step else (),
        expected=(
            Expected(
                reader="receivers",
                service=service,
                wanted=wanted,
                # The way back has the file of before read, also where that was not in force.
                before={name: before.get(name, in_force.get(name, "")) for name in wanted},
            ),
        ),
        warnings=tuple(warnings),
    )


def _asked_for(text: str, asked: Asked, settings: Mapping[tuple[str, ...], Any], is_global: bool) -> dict[str, str]:
    """What Alertmanager must say of what was asked for, as `readings` of the configuration that is to be."""
    own, found = f"receiver {asked.name}", readings(text)
    names = []
    for path in settings:
        if is_global and path[0] in GLOBAL_EMAIL:
            names.append(f"global {GLOBAL_EMAIL[path[0]]}")
        else:
            names.append(f"{own}: {asked.kind}_configs[0].{'.'.join(path)}")
    leads = bool(asked.routes) or asked.is_default
    routes = {
        name: value
        for name, value in found.items()
        if leads and name.startswith("route ") and value.partition(", and goes on")[0] == asked.name
    }
    return {own: found[own], **those_of(found, names), **routes}


def _with(
    text: str, asked: Asked, settings: Mapping[tuple[str, ...], Any], dropped: list[str], is_global: bool, file: str
) -> str:
    if not is_global:
        return with_settings(text, asked.name, asked.kind, settings, dropped, file=file)
    common = {GLOBAL_EMAIL[path[0]]: value for path, value in settings.items() if path[0] in GLOBAL_EMAIL}
    own = {path: value for path, value in settings.items() if path[0] not in GLOBAL_EMAIL}
    text = with_globals(text, common, [GLOBAL_EMAIL[name] for name in dropped if name in GLOBAL_EMAIL], file=file)
    dropped = [name for name in dropped if name not in GLOBAL_EMAIL]
    return with_settings(text, asked.name, asked.kind, own, dropped, file=file) if own else text


def _other_form(name: str) -> str:
    """`password` of `password_file`, and the other way round."""
    bare = name.removesuffix("_file")
    return bare if bare != name else f"{name}_file"


def _current(seen: Receivers, asked: Asked, is_global: bool) -> dict[str, Any]:
    """Its settings as the file has them; those for all receivers, where those of mail are there."""
    routing = routing_of(seen.text, seen.file.path)
    found: dict[str, Any] = {}
    if is_global:
        found = {own: routing.settings[name] for own, name in GLOBAL_EMAIL.items() if name in routing.settings}
    receiver = routing.receivers.get(asked.name)
    for kind, settings in receiver.integrations if receiver is not None else ():
        if kind == asked.kind:
            found.update(flattened(settings))
            return found
    return found


def _asked_secret(shop: Workshop, seen: Receivers, asked: Asked, now: Mapping[str, Any], ask: Ask) -> dict[str, str]:
    """The one secret that its kind cannot do without, where neither the person nor the file has it."""
    name = SECRET_OF.get(asked.kind)
    if name is None or name in asked.secrets or any(path[0] in (name, f"{name}_file") for path in asked.settings):
        return {}
    if asked.kind == "email" and ("auth_username",) not in asked.settings:
        return {}
    common = routing_of(seen.text, seen.file.path).settings
    if asked.kind == "slack" and (
        any(path[0].startswith("app_token") for path in asked.settings)
        or common.get("slack_api_url")
        or common.get("slack_api_url_file")
    ):
        return {}
    if now.get(name):
        return {}
    file = known_secret_file(seen.container, str(now[f"{name}_file"])) if now.get(f"{name}_file") else None
    if file is not None and shop.files.read(file.path) is not None:
        return {}
    return {name: ask(name)}


def _check_known(shop: Workshop, kind: str, seen: Receivers) -> None:
    """A kind that monops does not know may be new. Raises UsageFault where Alertmanager does not know it either."""
    if kind in KINDS:
        return
    text = f"route: {{receiver: probe}}\nreceivers:\n  - name: probe\n    {kind}_configs: []\n"
    said = shop.tools.apart(SERVICE, {"probe.yml": text.encode()}, ("amtool", "check-config", "probe.yml"))
    if said.exit_code != 0:
        raise unknown_kind(kind, seen.container.image.rpartition("/")[2].replace(":v", " "))


def _unheard(text: str, name: str, file: str) -> list[str]:
    """A receiver to which no route leads tells nobody anything, and Alertmanager does not say so."""
    if any(path[-1].receiver == name for path in routing_of(text, file).root.walk()):
        return []
    return [f"no route leads to {name} yet: add --route severity=critical, or --default"]


def _samples(routing: Routing) -> list[dict[str, str]]:
    """Labels of an alert for each route, as far as they can be told; and of one that no route takes."""
    found: list[dict[str, str]] = [{}]
    for path in routing.root.walk():
        labels = sample([matcher for route in path for matcher in route.matchers])
        if labels and labels not in found:
            found.append(labels)
    return found


def secret_states(shop: Workshop, seen: Receivers) -> dict[str, str]:
    """receiver -> its secret files, in words."""
    found: dict[str, str] = {}
    for receiver in seen.routing.receivers.values():
        words = []
        for _, settings in receiver.integrations:
            for name, value in flattened(settings):
                if name.endswith("_file") and value:
                    words.append(value + _state(shop, seen.container, value))
        found[receiver.name] = ", ".join(dict.fromkeys(words))
    return found


def _state(shop: Workshop, container: Container, inside: str) -> str:
    file = known_secret_file(container, inside)
    if file is None:
        return ""
    try:
        return " (missing)" if shop.files.read(file.path) is None else ""
    except Refused:
        return ""
