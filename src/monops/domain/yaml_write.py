"""New pieces of YAML, to be put into a text that a person wrote."""

from __future__ import annotations

import re
from typing import Any

import yaml

from monops.domain.yaml_nodes import Written, frozen

#: What needs no quotes outside braces and brackets, unless YAML takes it for something else.
_PLAIN = re.compile(r"[A-Za-z0-9_./$-][A-Za-z0-9_./:@%+=$~^() -]*", re.ASCII)
_STRING = "tag:yaml.org,2002:str"
_OWN_TAGS = "tag:yaml.org,2002:"
#: What other readers than PyYAML take for something else than text: Go's for Prometheus, vmalert and Compose.
_NO_TEXT_ELSEWHERE = re.compile(r"[yYnN]|[-+]?0o[0-7_]+|[-+]?\.?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?")


def scalar_like(node: Any, value: Any, in_flow: bool) -> tuple[str, tuple[str, str]]:
    """A value in the quotes of the scalar that it replaces, and what it stands for: (tag, text)."""
    text = _text(value)
    if node.style == "'" and text.isprintable():
        return "'" + text.replace("'", "''") + "'", (_STRING, text)
    if node.style in ("'", '"'):
        return quoted(text), (_STRING, text)
    written = scalar(value, in_flow=in_flow)
    stands = frozen(value)
    return written, (stands[0], stands[1])


def scalar(value: Any, *, in_flow: bool = False) -> str:
    """As YAML writes it: plain where that is the same value again."""
    if isinstance(value, Written):
        return _as_written(value, in_flow)
    text = _text(value)
    if not isinstance(value, str):
        return text
    if _is_plain(text, in_flow):
        return text
    return quoted(text)


def _is_plain(text: str, in_flow: bool) -> bool:
    if not _PLAIN.fullmatch(text) or text.endswith((" ", ":")) or ": " in text or text.startswith("- "):
        return False
    if in_flow and any(char in text for char in ",[]{}:"):
        return False
    try:
        return bool(yaml.safe_load(text) == text) and not _NO_TEXT_ELSEWHERE.fullmatch(text)
    except (yaml.YAMLError, ValueError):  # ValueError: the form of a date or a number, and none: 2001-99-99
        return False


def _as_written(value: Written, in_flow: bool) -> str:
    """Without quotes where it had none, with its tag where nothing else says what it is."""
    text = quoted(value)
    if value.is_plain and _reads_as(value, value, in_flow):
        return str(value)
    if value.tag == _STRING:
        return text
    tag = f"!!{value.tag.removeprefix(_OWN_TAGS)}" if value.tag.startswith(_OWN_TAGS) else value.tag
    return f"{tag} {text}"


def _reads_as(text: str, value: Written, in_flow: bool) -> bool:
    try:
        found = yaml.compose(f"[{text}]" if in_flow else f"- {text}", Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return False
    items = found.value if isinstance(found, yaml.SequenceNode) else []
    return len(items) == 1 and items[0].tag == value.tag and items[0].value == value


def quoted(text: str) -> str:
    return '"' + "".join(map(_escaped, text)) + '"'


def key_text(key: Any) -> str:
    return scalar(key, in_flow=True)


def flow(value: Any) -> str:
    """In one line, as in `[a, b]` and `{a: b}`."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key_text(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value, in_flow=True)


def block(value: Any, column: int, eol: str, step: int) -> str:
    """As lines that begin at a column, without the last one's end."""
    return eol.join(" " * column + line for line in _lines(value, step))


def _lines(value: Any, step: int) -> list[str]:
    found: list[str] = []
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, dict | list) and inner:
                found.append(f"{key_text(key)}:")
                found += [" " * step + line for line in _lines(inner, step)]
            else:
                found.append(f"{key_text(key)}: {_short(inner)}")
        return found
    for inner in value:
        if isinstance(inner, dict | list) and inner:
            lines = _lines(inner, step)
            found += [f"- {lines[0]}", *(f"  {line}" for line in lines[1:])]
        else:
            found.append(f"- {_short(inner)}")
    return found


def _short(value: Any) -> str:
    return flow(value) if isinstance(value, dict | list | tuple) else scalar(value)


def _text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _escaped(char: str) -> str:
    if char in '\\"':
        return "\\" + char
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
