"""A server's configuration as names and values, in one way of writing: what a file says, against what is in force.

A server shows its configuration with its own defaults filled in, durations its own way, and `<secret>` for secrets.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from monops.domain.rebuild import without_url_password
from monops.domain.units import parse_duration

_DURATION = re.compile(r"(?:\d+(?:ms|[smhdwy]))+")
_NUMBERS = re.compile(r"(?:\[\d+\])+$")
#: Names of settings whose value is a secret, which a server never shows.
_SECRET = re.compile(
    r"(?:^|_)(?:keys?|token|token_id|secrets?|password|credentials)$|^(?:api_url|webhook_url|slack_api_url)$"
)


def is_secret_setting(name: str) -> bool:
    """Whether the value of a setting is a secret by its name: `password`, and not `password_file`."""
    return _SECRET.search(name) is not None


def flattened(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """`basic_auth.username` -> `monops`, …; lists by number."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flattened(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for number, inner in enumerate(value):
            yield from flattened(inner, f"{name}[{number}]")
    else:
        yield name, settled(value)


def settled(value: Any) -> str:
    """One way of writing: `true`, `60000ms` for 1m, `http://user:xxxxx@host` as Go's `URL.Redacted` has it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if _DURATION.fullmatch(text):
        return f"{parse_duration(text).total_seconds() * 1000:.0f}ms"
    return without_url_password(text, "xxxxx")


def differences(
    before: Mapping[str, str], after: Mapping[str, str], *, hidden: frozenset[str] = frozenset()
) -> dict[str, str]:
    """What a server must say after a change of its file: name -> value, "" for what goes.

    Secrets are left out, for it does not show them; so are names that end with one of `hidden`.
    """
    names = [*after, *(name for name in before if name not in after)]
    return {
        name: after.get(name, "")
        for name in names
        if before.get(name, "") != after.get(name, "") and not _is_hidden(name, hidden)
    }


def those_of(found: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """Of names and values those of these names, and what is below them, as `queue.wait` and `list[0]` are."""
    return {
        name: value
        for name, value in found.items()
        if any(name == one or name.startswith((f"{one}.", f"{one}[")) for one in names)
    }


def last_part(name: str) -> str:
    """`secrets` of `http_headers.X.secrets[0]`."""
    return _NUMBERS.sub("", name.rpartition(".")[2])


def _is_hidden(name: str, hidden: frozenset[str]) -> bool:
    last = last_part(name)
    return is_secret_setting(last) or last in hidden
