"""Just enough YAML for provisioning files, and just enough to write an export.

True of the real Grafana: provisioning files are YAML, and the provisioning API exports YAML by default.
Source: Grafana documentation, "Provision Grafana" and "Alerting provisioning HTTP API".
Read here: block mappings and sequences, plain and quoted scalars, comments, `[]`, `{}` and flow lists of
scalars. Not read: anchors, block scalars (`|`, `>`), several documents, flow mappings with content.
"""

from __future__ import annotations

import json
import re
from typing import Any

_KEY = re.compile(r"""^("[^"]*"|'[^']*'|[^\s#"'\[\]{},:&*|>][^:#]*?)\s*:(?:\s+(.*))?$""")
_PLAIN = re.compile(r"[A-Za-z_/][\w ./@-]*")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


class YamlError(ValueError):
    """The text is not in the part of YAML that is read here."""


def load(text: str) -> Any:
    """Parse a document. Raises YamlError with the line's text where it stops making sense."""
    lines = []
    for raw in text.splitlines():
        line = _without_comment(raw).rstrip()
        if line.strip() and line.strip() != "---":
            lines.append((len(line) - len(line.lstrip(" ")), line.strip()))
    if not lines:
        return None
    value, rest = _block(lines, lines[0][0])
    if rest:
        raise YamlError(f"unexpected indentation at {rest[0][1]!r}")
    return value


def dump(value: Any, indent: int = 0) -> str:
    """Write mappings, sequences and scalars in block style."""
    pad = " " * indent
    if isinstance(value, dict) and value:
        return "".join(_entry(f"{pad}{key}:", item, indent + 4) for key, item in value.items())
    if isinstance(value, list) and value:
        out = ""
        for item in value:
            body = (
                dump(item, indent + 2) if isinstance(item, dict | list) and item else f"{pad}  {_scalar_text(item)}\n"
            )
            out += f"{pad}- {body[indent + 2 :]}"
        return out
    return f"{pad}{_scalar_text(value)}\n"


_Lines = list[tuple[int, str]]


def _block(lines: _Lines, indent: int) -> tuple[Any, _Lines]:
    if lines[0][1].startswith("- ") or lines[0][1] == "-":
        return _sequence(lines, indent)
    if _KEY.match(lines[0][1]):
        return _mapping(lines, indent)
    return _scalar(lines[0][1]), lines[1:]


def _sequence(lines: _Lines, indent: int) -> tuple[list[Any], _Lines]:
    items: list[Any] = []
    while lines and lines[0][0] == indent and (lines[0][1] == "-" or lines[0][1].startswith("- ")):
        inner = lines[0][1][1:].strip()
        rest = lines[1:]
        if inner:
            depth = indent + len(lines[0][1]) - len(inner)
            item, lines = _block([(depth, inner), *rest], depth)
        elif rest and rest[0][0] > indent:
            item, lines = _block(rest, rest[0][0])
        else:
            item, lines = None, rest
        items.append(item)
    return items, lines


def _mapping(lines: _Lines, indent: int) -> tuple[dict[str, Any], _Lines]:
    found: dict[str, Any] = {}
    while lines and lines[0][0] == indent:
        match = _KEY.match(lines[0][1])
        if match is None:
            raise YamlError(f"expected `key: value`, found {lines[0][1]!r}")
        key, text, rest = str(_scalar(match[1])), match[2] or "", lines[1:]
        if text:
            found[key], lines = _scalar(text), rest
        elif rest and (rest[0][0] > indent or (rest[0][0] == indent and rest[0][1].startswith("- "))):
            found[key], lines = _block(rest, rest[0][0])
        else:
            found[key], lines = None, rest
    return found, lines


def _scalar(text: str) -> Any:
    if text in ("{}", "[]"):
        return {} if text == "{}" else []
    if text[0] == "[" and text[-1] == "]":
        return [_scalar(part.strip()) for part in text[1:-1].split(",")]
    if text[0] in "\"'":
        if len(text) < 2 or text[-1] != text[0]:
            raise YamlError(f"quote not closed in {text!r}")
        return json.loads(text) if text[0] == '"' else text[1:-1].replace("''", "'")
    if text[0] in "{&*|>[":
        raise YamlError(f"not read by the stand-in: {text!r}")
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    return int(text) if re.fullmatch(r"-?\d+", text) else text


def _without_comment(line: str) -> str:
    quote = ""
    for position, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'" and (position == 0 or line[position - 1] in " [,:-"):
            quote = character
        elif character == "#" and (position == 0 or line[position - 1] in " \t"):
            return line[:position]
    return line


def _entry(head: str, item: Any, indent: int) -> str:
    if isinstance(item, dict | list) and item:
        return f"{head}\n{dump(item, indent)}"
    return f"{head} {_scalar_text(item)}\n"


def _scalar_text(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS and value == value.strip():
        return value
    return json.dumps(value)
