"""Diffs of configuration files as they may be shown: what is a secret, or sounds like one, is removed.

What is YAML is read as such, so that it does not matter how a value is written: in braces, over many lines, by an
anchor. What is none, and comments, are looked at line by line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import yaml

from monops.domain.rebuild import sounds_secret, without_secret_value
from monops.domain.settled import is_secret_setting
from monops.domain.yaml_text import FastLoader

_REMOVED = "<removed>"
_KEYED = re.compile(r"""(?P<head>\s*(?:#\s*)?(?:-\s+)?["']?(?P<name>[\w.-]+)["']?\s*:\s+)(?P<value>[^\s#].*)""")
_IN_BRACES = re.compile(
    r"""(?P<head>[{,]\s*["']?(?P<name>[\w.-]+)["']?\s*:\s+)(?P<value>"[^"]*"|'[^']*'|[^\s,{}\[\]]+)"""
)
#: A line of `.env`, or an item of a Compose service's `environment`.
_ASSIGNED = re.compile(r"""(?P<head>\s*(?:#\s*)?(?:-\s+)?["']?(?:export\s+)?(?P<name>\w+)=)(?P<value>.+)""")
#: The addresses of a receiver are secrets of their own: Alertmanager shows none either.
_RECEIVERS, _ADDRESSES = "receivers", ("url", "api_url", "webhook_url")


@dataclass(frozen=True, slots=True, order=True)
class _Span:
    """A value that is not shown; line and column of its begin and its end, from 0."""

    begin: tuple[int, int]
    end: tuple[int, int]
    shown: str


def shown_diff(path: str, before: str, after: str) -> list[str]:
    """A unified diff. A line whose secret alone is another is there as well, once with each sign."""
    old, new = before.splitlines(), after.splitlines()
    old_shown, new_shown = shown_lines(before), shown_lines(after)
    lines = []
    for group in SequenceMatcher(None, old, new).get_grouped_opcodes():
        first, last = group[0], group[-1]
        lines.append(f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@")
        for tag, start, end, new_start, new_end in group:
            if tag == "equal":
                lines += [f" {line}" for line in new_shown[new_start:new_end]]
                continue
            lines += [f"-{line}" for line in old_shown[start:end]]
            lines += [f"+{line}" for line in new_shown[new_start:new_end]]
    return [f"--- {path}", f"+++ {path}", *lines] if lines else []


@lru_cache(maxsize=64)
def shown_lines(text: str) -> tuple[str, ...]:
    """The lines of a file, as many as it has, without its secrets."""
    lines = text.splitlines()
    for span in sorted(_spans(text), reverse=True):
        (line, column), (last, end) = span.begin, span.end
        rest = lines[line][end:] if line == last else ""
        lines[line] = lines[line][:column] + span.shown + rest
        # The end of a block of text stands in the line behind it.
        has_last = last < len(lines) and bool(lines[last][:end].strip())
        for number in range(line + 1, last + 1 if has_last else min(last, len(lines))):
            blank = len(lines[number]) - len(lines[number].lstrip())
            lines[number] = lines[number][:blank] + (_REMOVED if lines[number].strip() else "")
    return tuple(map(_shown, lines))


def _range(start: int, stop: int) -> str:
    """As unified diffs count: from 1, the length only where it is not 1."""
    length = stop - start
    return f"{start + 1}" if length == 1 else f"{start + 1 if length else start},{length}"


# --- YAML ------------------------------------------------------------------------------------------


def _spans(text: str) -> list[_Span]:
    try:
        roots = list(yaml.compose_all(text, Loader=FastLoader))
    except (yaml.YAMLError, RecursionError):
        return []
    found: set[_Span] = set()
    # An alias leads to the node of its anchor: under another name it may be a secret there.
    seen: set[tuple[int, str, bool]] = set()
    todo: list[tuple[Any, str, bool]] = [(root, "", False) for root in roots]
    while todo:
        node, name, is_receiver = todo.pop()
        if (id(node), name, is_receiver) in seen:
            continue
        seen.add((id(node), name, is_receiver))
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                inner = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
                todo.append((value, inner, is_receiver or inner == _RECEIVERS))
        elif isinstance(node, yaml.SequenceNode):
            of_items = name if is_secret_setting(name.lower()) else ""
            todo += [(item, of_items, is_receiver) for item in node.value]
        elif node is not None and (shown := _instead(name, str(node.value), is_receiver)) is not None:
            begin, end = node.start_mark, node.end_mark
            found.add(_Span((begin.line, begin.column), (end.line, end.column), shown))
    return list(found)


def _instead(name: str, value: str, is_receiver: bool) -> str | None:
    """What is shown in place of a value; None where it may be seen."""
    if not value:
        return None
    if is_receiver and name in _ADDRESSES:
        return _host_of(value)
    if _is_secret(name, value):
        return _REMOVED
    assigned = _ASSIGNED.fullmatch(value)
    if assigned is not None and _is_secret(assigned["name"], assigned["value"]):
        return f"{assigned['head']}{_REMOVED}"
    return None


def _host_of(address: str) -> str | None:
    """Where it leads, and no more; None where there is no more."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return _REMOVED
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return _REMOVED
    host = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/"
    return None if address.rstrip("/") == host.rstrip("/") else host + _REMOVED


def _is_secret(name: str, value: str) -> bool:
    return bool(name) and (is_secret_setting(name.lower()) or sounds_secret(name, value))


# --- lines -----------------------------------------------------------------------------------------


def _shown(line: str) -> str:
    for form in (_KEYED, _ASSIGNED):
        found = form.fullmatch(line)
        if found is not None and _is_secret(found["name"], found["value"]):
            return found["head"] + _REMOVED
        if found is not None and "#" in found["head"] and found["name"] in _ADDRESSES:
            return found["head"] + (_host_of(found["value"].strip("\"'")) or found["value"])
    line = _IN_BRACES.sub(_shown_pair, line)
    return without_secret_value("", line, "")


def _shown_pair(found: re.Match[str]) -> str:
    return found["head"] + _REMOVED if _is_secret(found["name"], found["value"]) else found[0]
