"""YAML as values: each text is read once, by libyaml where it is there. And one value as YAML has it.

Many checks look at the same configuration, and reading it takes ten times as long as all they do with it.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

import yaml

#: The same rules as yaml.SafeLoader, in C. Not every build of PyYAML has it.
FastLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: What needs no quotes, unless YAML takes it for something else.
_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./:@%+<> -]*", re.ASCII)


@lru_cache(maxsize=64)
def read_yaml(text: str) -> Any:
    """The value of a text; nobody may change it. Raises yaml.YAMLError."""
    return yaml.load(text, Loader=FastLoader)  # noqa: S506 - a safe loader


def scalar(text: str) -> str:
    """The text as a value or a key: plain where that is the same text again, else quoted."""
    return text if _PLAIN.fullmatch(text) and _is_itself(text) else quoted(text)


def quoted(text: str) -> str:
    """The text in double quotes, which YAML and JSON both read."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _is_itself(text: str) -> bool:
    try:
        return bool(yaml.safe_load(text) == text)
    except (yaml.YAMLError, ValueError):  # ValueError: the form of a date or a number, and none: 2001-99-99
        return False


def _escaped(char: str) -> str:
    # Above U+FFFF the two have no escape in common, and both take the character itself.
    if (char.isprintable() and char not in '\\"') or char > "\uffff":
        return char
    return json.dumps(char)[1:-1]
