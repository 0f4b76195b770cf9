"""Secret files that nobody names any more, once a receiver or a remote storage is taken away."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from monops.domain.change import FileEdit, Site
from monops.domain.errors import MonopsError
from monops.domain.ports import Container
from monops.domain.receivers import HIDDEN
from monops.domain.scale import LABEL
from monops.domain.settled import flattened, is_secret_setting
from monops.domain.yaml_text import read_yaml
from monops.ops.change_site import ConfigFile
from monops.ops.secret_files import on_this_machine
from monops.ops.secret_names import Configuration, absolute, named_by
from monops.ops.workshop import Workshop


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
        path = on_this_machine(container, absolute(inside, file))
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
    who = named_by(shop, Configuration(container=container, file=file, text=text), path)
    if not who and "scrape_config_files" in (read_yaml(text) or {}):
        return f"one of the scrape_config_files of {file.path} perhaps"
    return who
