"""Pieces of YAML put into a text, in place of others, or taken out of it: at the marks of the nodes."""

from __future__ import annotations

import itertools
from typing import Any

import yaml

from monops.domain.yaml_nodes import content_start, end_of, end_of_alias, is_flow, last_of, start_of
from monops.domain.yaml_write import block, flow


def replaced(text: str, node: Any, pair: Any, parent: Any, whole: Any) -> str:
    """Another kind of value in place of a node: in one line where it is small or in braces, else as a block."""
    eol, start, end, step = line_ending(text), content_start(node, text), last_of(node, text), indent_step(text)
    is_block = isinstance(whole, list | dict) and bool(whole) and not (parent is not None and is_flow(parent))
    if pair is None:
        column = start - text.rfind("\n", 0, start) - 1
        if is_block and text[start - 1 : start] in ("", "\n", " "):
            return text[:start] + block(whole, column, eol, step).lstrip(" ") + text[end:]
        return (
            text[:start]
            + ("" if text[start - 1 : start] in ("", "\n", " ", "[", ",") else " ")
            + flow(whole)
            + text[end:]
        )
    colon = text.index(":", end_of(pair[0], text)) + 1
    between = text[colon:start]
    # A comment or an anchor behind the key stays behind the key.
    behind = between.partition("\n")[0].rstrip()
    if is_block:
        column = pair[0].start_mark.column + (0 if isinstance(whole, list) and _is_indentless(text) else step)
        return text[:colon] + behind + eol + block(whole, column, eol, step) + text[end:]
    if "\n" not in between:
        return text[:start] + ("" if between.endswith(" ") else " ") + flow(whole) + text[end:]
    if behind.lstrip().startswith("#"):
        return text[:colon] + " " + flow(whole) + " " + behind.lstrip() + text[end:]
    return text[:colon] + behind + " " + flow(whole) + text[end:]


def alias_replaced(text: str, key: Any, parent: Any, whole: Any) -> str:
    """`key: *anchor` becomes a copy of its own."""
    colon = text.index(":", end_of(key, text)) + 1
    star = text.index("*", colon)
    end = end_of_alias(text, colon)
    if is_flow(parent) or not isinstance(whole, list | dict) or not whole:
        return text[:star] + flow(whole) + text[end:]
    eol, step = line_ending(text), indent_step(text)
    return text[:colon] + eol + block(whole, key.start_mark.column + step, eol, step) + text[end:]


def cut_flow(text: str, start: int, end: int) -> str:
    after, before = text[end:].lstrip(), text[:start].rstrip()
    if after.startswith(","):
        return text[:start] + after[1:].lstrip(" ")
    return before.removesuffix(",") + text[end:]


def cut_lines(text: str, parent: Any, first: Any, last: Any) -> str:
    """Whole lines; where the first line is shared, as in `- name: x`, the next key moves up to it."""
    start = start_of(first)
    if isinstance(parent, yaml.SequenceNode):
        start = text.rfind("-", 0, start)
    line = text.rfind("\n", 0, start) + 1
    end = end_of(last, text)
    stop = text.find("\n", end)
    # The end of a text that keeps its empty lines is the begin of a line.
    stop = end if text[end - 1 : end] == "\n" else len(text) if stop < 0 else stop + 1
    if not text[line:start].strip():
        if stop == len(text) and not text.endswith("\n"):
            return text[:line].removesuffix("\n").removesuffix("\r")
        return text[:line] + text[stop:]
    following = text[stop:]
    return text[:start] + following[len(following) - len(following.lstrip(" ")) :]


def line_ending(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def missing_line_end(text: str) -> str:
    return "" if not text or text.endswith("\n") else line_ending(text)


def line_after(text: str, index: int) -> tuple[int, str]:
    """Where lines can be put in below the line of `index`, and what must stand before them."""
    if index and text[index - 1 : index] == "\n":
        return index, ""
    end = text.find("\n", index)
    return (end + 1, "") if end >= 0 else (len(text), line_ending(text))


def rest_after(text: str, place: int, eol: str) -> str:
    """The rest behind inserted lines; a text without a last line's end stays one."""
    return eol + text[place:] if place < len(text) or text.endswith("\n") else ""


def indent_step(text: str) -> int:
    """How far the text indents: as its first indented line does."""
    for line in text.splitlines():
        bare = line.lstrip(" ")
        if bare and not bare.startswith(("#", "-")) and line != bare:
            return len(line) - len(bare)
    return 2


def _is_indentless(text: str) -> bool:
    """Whether its lists stand below their key without being indented."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for above, below in itertools.pairwise(lines):
        if above.rstrip().endswith(":") and below.lstrip(" ").startswith("- "):
            return len(below) - len(below.lstrip(" ")) == len(above) - len(above.lstrip(" "))
    return False
