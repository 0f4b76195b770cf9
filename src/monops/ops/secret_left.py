"""Secret files that nobody names any more, once a receiver or a remote storage is taken away."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from monops.domain.change import FileEdit, Site
from monops.domain.errors import MonopsError
from monops.domain.ports import Container
from monops.domain.rebuild import without_secret
from monops.domain.receivers import HIDDEN
from monops.domain.scale import LABEL
from monops.domain.settled import flattened, is_secret_setting
from monops.domain.yaml_text import read_yaml
from monops.ops.change_site import ConfigFile, config_file
from monops.ops.secret_files import on_this_machine
from monops.ops.workshop import Workshop

#: Services whose configuration can name a secret file.
_NAMING = ("prometheus", "alertmanager")
#: A list in a configuration -> what one of it is called.
_CALLED = {
    "receivers": "the receiver",
    "remote_write": "the remote write to",
    "remote_read": "the remote read from",
    "scrape_configs": "the job",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What becomes of the secret files of what is taken away."""

    #: Those that go.
    edits: tuple[FileEdit, ...] = ()
    #: For people: those that go, and those that stay, and why.
    said: tuple[str, ...] = ()


def left_secrets(
    shop: Workshop, container: Container, file: ConfigFile, site: Site, gone: Sequence[Any], text: str
) -> Left:
    """`gone` is what the configuration loses, `text` what is left of it.

    Only a file below the stack's own `secrets` goes, and only where nothing names it any more.
    """
    edits, said = [], []
    secrets = shop.files.real(f"{site.folder}/secrets")
    for inside in dict.fromkeys(value for part in gone for value in _secret_files(part)):
        path = on_this_machine(container, _absolute(inside, file))
        if path is None:
            said.append(f"the secret {inside} stays: it is in no folder of this machine")
            continue
        try:
            value = shop.files.read(path)
        except MonopsError as error:
            said.append(f"the secret file {path} stays: {error.message}")
            continue
        if value is None:
            continue
        if not shop.files.real(path).startswith(f"{secrets}/"):
            said.append(f"the secret file {path} stays: it is not in the stack's own folder {secrets}")
        elif user := _user(shop, container, file, text, path):
            said.append(f"the secret file {path} stays: {user} names it too")
        else:
            mode, owner = shop.files.mode_and_owner(path) or (0o600, None)
            edits.append(FileEdit(path=path, before=value, after=None, mode=mode, owner=owner, is_secret=True))
            said.append(f"the secret file {path} goes too, because nothing else names it; monops undo brings it back")
    return Left(edits=tuple(edits), said=tuple(said))


def _secret_files(part: Any) -> Iterator[str]:
    for name, value in flattened(part):
        setting = name.rpartition(".")[2]
        bare = setting.removesuffix("_file")
        if value and bare != setting and (is_secret_setting(bare) or bare in HIDDEN):
            yield value


def _user(shop: Workshop, container: Container, file: ConfigFile, text: str, path: str) -> str:
    """Who names the file still, in words; "" for nobody."""
    for one in shop.stack().containers:
        if any(mount.type == "bind" and posixpath.normpath(mount.source) == path for mount in one.mounts):
            return one.name
        if one.id != container.id and LABEL in one.labels:
            # Made of this one's configuration, it names the file until `monops scale set` has made it anew.
            return f"{one.name}, which is made of {container.name},"
    texts = [(container, file, text)]
    for service in _NAMING:
        # One that does not run, or whose file is elsewhere, names no file of this machine.
        with suppress(MonopsError):
            other = shop.container(service)
            if other.id != container.id:
                found = config_file(shop, other, service)
                texts.append((other, found, shop.files.read(found.path) or ""))
    for of, where, content in texts:
        parsed = read_yaml(content)
        for who, value in _named(parsed):
            if on_this_machine(of, _absolute(value, where)) == path:
                return who
        if of.id == container.id and "scrape_config_files" in parsed:
            return f"one of the scrape_config_files of {where.path} perhaps"
    return ""


def _named(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every value of a configuration, and whose it is."""
    for key, part in content.items():
        for one in part if isinstance(part, list) else [part]:
            name = next((one[k] for k in ("name", "job_name", "url") if one.get(k)), "") if _is_map(one) else ""
            who = f"{_CALLED.get(key, key)} {without_secret(str(name))}".strip()
            for _, value in flattened(one):
                if value:
                    yield who, value


def _is_map(one: Any) -> bool:
    return isinstance(one, Mapping)


def _absolute(inside: str, file: ConfigFile) -> str:
    """Servers read a path from the folder of their configuration on."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(file.inside), inside))
