"""Who names a secret file, and under which name a new one is nobody else's."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

from monops.domain.errors import MonopsError
from monops.domain.ports import Container
from monops.domain.rebuild import without_secret
from monops.domain.settled import flattened
from monops.domain.yaml_text import read_yaml
from monops.ops.change_site import ConfigFile, config_file
from monops.ops.secret_files import SecretFile, on_this_machine, secret_edit, secret_file
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
class Configuration:
    """A service's own configuration, as its file says or will say."""

    container: Container
    file: ConfigFile
    text: str


def free_secret_file(
    shop: Workshop, service: str, config: Configuration, name: str, value: str, taken: Collection[str]
) -> SecretFile:
    """Where a new secret goes: a file of this name, or `name-2` and so on where that is another's, or in `taken`, the
    paths that the same change writes.

    A file that is there is taken only if it holds this very secret and nobody names it. Raises Refused.
    """
    for number in count(1):
        found = secret_file(shop, config.container, service, name if number == 1 else f"{name}-{number}")
        edit = secret_edit(shop, found, value)
        holds_another = edit is not None and edit.before is not None
        if found.path not in taken and not holds_another and not named_by(shop, config, found.path):
            break
    return found


def named_by(shop: Workshop, config: Configuration, path: str) -> str:
    """Whose configuration names the file of this machine, in words; "" for nobody."""
    configs = [config]
    for service in _NAMING:
        # One that does not run, or whose file is elsewhere, names no file of this machine.
        with suppress(MonopsError):
            other = shop.container(service)
            if other.id != config.container.id:
                file = config_file(shop, other, service)
                text = shop.files.read(file.path) or ""
                configs.append(Configuration(container=other, file=file, text=text))
    for one in configs:
        for who, value in _named(read_yaml(one.text)):
            if on_this_machine(one.container, absolute(value, one.file)) == path:
                return who
    return ""


def absolute(inside: str, file: ConfigFile) -> str:
    """Servers read a path from the folder of their configuration on."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(file.inside), inside))


def _named(content: Any) -> Iterator[tuple[str, str]]:
    """Every value of a configuration, and whose it is."""
    for key, part in content.items() if isinstance(content, Mapping) else ():
        for one in part if isinstance(part, list) else [part]:
            called = [one[k] for k in ("name", "job_name", "url") if one.get(k)] if isinstance(one, Mapping) else []
            who = f"{_CALLED.get(key, key)} {without_secret(str(called[0])) if called else ''}".strip()
            for _, value in flattened(one):
                if value:
                    yield who, value
