"""Planning where Prometheus writes its samples to, besides its own disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from monops.domain.change import Expected, FileEdit, Means, Plan, Step, Value
from monops.domain.ports import Container
from monops.domain.remote_write import (
    label,
    named,
    position,
    readings,
    readings_of_entries,
    remotes,
    with_remote,
    without_remote,
)
from monops.domain.settled import differences, flattened, those_of
from monops.ops.change_site import ConfigFile, config_file, find_site
from monops.ops.secret_files import check_secret_files, known_secret_file, secret_edit
from monops.ops.secret_left import left_secrets
from monops.ops.secret_names import Configuration, free_secret_file
from monops.ops.workshop import Workshop

SERVICE = "prometheus"
#: What of an entry is a secret -> the end of its file's name.
PASSWORD, TOKEN = ("basic_auth", "password"), ("authorization", "credentials")
_SHORT = {PASSWORD: "password", TOKEN: "token"}
_INTERRUPTS = "nothing: scraping goes on; a queue that ends and cannot send delays the reload by up to 2 minutes"

#: Asks a person for a secret; raises UsageFault where nobody is there.
Ask = Callable[[tuple[str, str]], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person asked to be set."""

    url: str
    name: str | None = None
    #: Path -> value, none of them a secret.
    settings: Mapping[tuple[str, ...], Any] = field(default_factory=dict)
    secrets: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """How it is now."""

    container: Container
    file: ConfigFile
    text: str
    #: The configuration in force, by Prometheus's own words.
    config: str


def see(shop: Workshop) -> Written:
    """Raises NotFound where no Prometheus runs, ServiceUnreachable, Refused where its file is not here."""
    container = shop.container(SERVICE)
    config = shop.outside.services.prometheus(container).status().config
    file = config_file(shop, container, SERVICE)
    return Written(container=container, file=file, text=shop.files.read(file.path) or "", config=config)


def plan_set(shop: Workshop, asked: Asked, ask: Ask) -> Plan:
    """Raises UsageFault for what cannot be, Refused where it cannot be written."""
    seen = see(shop)
    number = position(seen.text, url=asked.url, name=asked.name, file=seen.file.path)
    now = dict(flattened(remotes(seen.text)[number])) if number is not None else {}
    settings: dict[tuple[str, ...], Any] = {("url",): asked.url, **({("name",): asked.name} if asked.name else {})}
    settings.update(asked.settings)
    secrets = dict(asked.secrets)
    is_given = PASSWORD in secrets or ("basic_auth", "password_file") in settings
    if ("basic_auth", "username") in settings and not is_given and not _is_known(shop, seen, now):
        secrets[PASSWORD] = ask(PASSWORD)
    config = Configuration(container=seen.container, file=seen.file, text=seen.text)
    edits: list[FileEdit] = []
    writing: set[str] = set()
    for path, value in secrets.items():
        inside = now.get(f"{path[0]}.{path[1]}_file")
        where = asked.name or now.get("name") or urlsplit(asked.url).netloc
        file = known_secret_file(seen.container, inside) if inside else None
        file = file or free_secret_file(shop, SERVICE, config, f"remote-write-{where}-{_SHORT[path]}", value, ())
        settings[(path[0], f"{path[1]}_file")] = file.inside
        writing.add(file.inside)
        edit = secret_edit(shop, file, value)
        edits += [edit] if edit is not None else []
    text = with_remote(seen.text, number, settings, file=seen.file.path)
    names = {".".join(path): str(value) for path, value in settings.items()}
    check_secret_files(shop, seen.container, names, writing)
    own = readings_of_entries(text)[-1 if number is None else number]
    found = readings(text)
    asked_for = {own: found[own], **those_of(found, [f"{own}: {name}" for name in names])}
    return _plan(shop, seen, text, edits, f"remote write to {asked.name or asked.url}", [], asked_for=asked_for)


def plan_remove(shop: Workshop, what: str | None) -> Plan:
    """Raises NotFound, UsageFault where several could be meant."""
    seen = see(shop)
    number = named(seen.text, what, file=seen.file.path)
    title = f"remote write to {label(remotes(seen.text)[number])} removed"
    text = without_remote(seen.text, number, file=seen.file.path)
    site = find_site(shop, seen.container)
    left = left_secrets(shop, seen.container, seen.file, site, [remotes(seen.text)[number]], text)
    said = ["what has not been sent there yet stays on Prometheus's own disk only", *left.said]
    return _plan(shop, seen, text, [], title, said, left.edits, asked_for={})


def _is_known(shop: Workshop, seen: Written, now: Mapping[str, str]) -> bool:
    """Whether the entry has its password already."""
    if now.get("basic_auth.password"):
        return True
    inside = now.get("basic_auth.password_file")
    file = known_secret_file(seen.container, inside) if inside else None
    return file is not None and shop.files.read(file.path) is not None


def _plan(
    shop: Workshop,
    seen: Written,
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
    before, in_force = readings(seen.text), readings(seen.config)
    wanted = differences(before, readings(text))
    waiting = differences({name: in_force.get(name, "") for name in asked_for}, asked_for)
    if any(before.get(name, "") == value for name, value in waiting.items()):
        warnings.append(f"{seen.file.path} was edited since Prometheus read it: the reload takes all of that over")
    wanted |= waiting
    edits = list(secrets)
    if text != seen.text:
        edits.append(FileEdit(path=seen.file.path, before=seen.text, after=text, in_place=seen.file.in_place))
    edits += gone
    service = seen.container.service
    return Plan(
        site=find_site(shop, seen.container),
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
        steps=(Step(means=Means.RELOAD, service=service, interrupts=_INTERRUPTS),) if edits or waiting else (),
        expected=(
            Expected(
                reader="remote_write",
                service=service,
                wanted=wanted,
                # The way back has the file of before read, also where that was not in force.
                before={name: before.get(name, in_force.get(name, "")) for name in wanted},
            ),
        ),
        warnings=tuple(warnings) if edits or waiting else (),
    )
