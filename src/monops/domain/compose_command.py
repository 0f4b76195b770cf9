"""A flag in the command of a Compose service, however it is written.

As a list or a text; `--flag=value` or two words; quoted or not; its value written there or taken from a variable.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from monops.domain.editing import opened
from monops.domain.errors import Refused
from monops.domain.yaml_edit import Path, has, insert_item, replace_within, set_value, value_at

#: A value that is nothing but a variable: `${NAME}`, `${NAME:-30d}`, `$NAME`.
_VARIABLE = re.compile(
    r"\$(?:\{(?P<name>[A-Za-z_]\w*)(?:(?P<sign>:?[-?+])(?P<other>[^{}]*))?\}|(?P<bare>[A-Za-z_]\w*))"
)
#: The keys whose words are the container's command.
KEYS = ("command", "entrypoint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """Where a flag stands in a Compose file."""

    #: Of the command: `services.prometheus.command`.
    path: tuple[str | int, ...]
    #: The item that holds the value; None where the command is one text.
    item: int | None
    #: The word before the value that is joined to it: `--flag=`, or "".
    joined: str
    #: As it is written.
    value: str

    @property
    def variable(self) -> str | None:
        """The variable that is the whole value."""
        found = _VARIABLE.fullmatch(self.value)
        return None if found is None else found["name"] or found["bare"]


def find_flag(text: str, service: str, flag: str, *, file: str) -> Flag | None:
    """Raises Refused where it is there twice: the server would refuse to start."""
    found = []
    for key in KEYS:
        path = ("services", service, key)
        if not has(text, path, file=file):
            continue
        command = value_at(text, path, file=file)
        words = _words(command, path, file)
        for number, word in enumerate(words):
            name, equals, value = word.partition("=")
            if name != flag:
                continue
            is_list = isinstance(command, list)
            if equals:
                found.append(Flag(path=path, item=number if is_list else None, joined=f"{flag}=", value=value))
            elif number + 1 < len(words):
                following = words[number + 1]
                found.append(Flag(path=path, item=number + 1 if is_list else None, joined="", value=following))
    if len(found) > 1:
        raise Refused(f"{flag} is in the command of {service} twice, in {file}", remedy=opened(file))
    return found[0] if found else None


def with_value(text: str, found: Flag, flag: str, value: str, *, file: str) -> str:
    """The same text with another value of the flag. Raises Refused where a variable is part of the value."""
    if "$" in found.value.replace("$$", ""):
        raise Refused(f"{flag} in {file} is put together from a variable: {found.value}", remedy=f"edit {file} by hand")
    if found.item is not None:
        return set_value(text, (*found.path, found.item), f"{found.joined}{value}", file=file)
    if found.joined:
        return replace_within(text, found.path, found.joined + found.value, found.joined + value, file=file)
    whole = value_at(text, found.path, file=file)
    spaced = re.search(rf"{re.escape(flag)}\s+{re.escape(found.value)}", whole)
    old = spaced[0] if spaced else ""
    return replace_within(text, found.path, old, old[: len(old) - len(found.value)] + value, file=file)


def with_flag(text: str, service: str, flag: str, value: str, *, file: str, running: Sequence[str]) -> str:
    """The same text with a flag that was not there, behind its relatives. `running` is the command of now, for a
    service whose file leaves it to the image."""
    path = ("services", service, "command")
    added = f"{flag}={value}"
    if not has(text, path, file=file) or value_at(text, path, file=file) is None:
        return set_value(text, path, [*running, added], file=file)
    command = value_at(text, path, file=file)
    words = _words(command, path, file)
    if not words:
        return set_value(text, path, [added], file=file)
    group = flag.rpartition(".")[0]
    relatives = [number for number, word in enumerate(words) if word.startswith(group)] if group else []
    relatives = relatives or [n for n, word in enumerate(words) if word.startswith("--storage.")]
    if isinstance(command, list):
        last = relatives[-1] if relatives else len(words) - 1
        if "=" not in words[last] and last + 1 < len(words) and not words[last + 1].startswith("-"):
            last += 1  # its value is a word of its own
        return insert_item(text, path, added, file=file, after=last)
    for word in [*(words[n] for n in reversed(relatives)), *reversed(words)]:
        if "=" in word and command.count(word) == 1:
            return replace_within(text, path, word, f"{word} {added}", file=file)
    raise Refused(f"the command of {service} in {file} is written too oddly to be edited", remedy=f"edit {file}")


def _words(command: object, path: Path, file: str) -> list[str]:
    if isinstance(command, list):
        return [str(word) for word in command]
    if isinstance(command, str):
        try:
            return shlex.split(command)
        except ValueError as error:
            raise Refused(f"{path[-1]} of {path[-2]} in {file}: {error}", remedy=f"edit {file} by hand") from error
    return []
