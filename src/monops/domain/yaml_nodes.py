"""YAML as nodes with their places in the text: what editing needs to know of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from io import StringIO
from typing import Any, Self

import yaml

from monops.domain.editing import opened
from monops.domain.errors import ConfigurationError, Refused

MERGE = "tag:yaml.org,2002:merge"
NULL = "tag:yaml.org,2002:null"
#: A tree to compare: mappings as dicts by key, lists as lists, scalars as (tag, text).
Frozen = Any
#: Deeper, or larger once aliases are followed, is no configuration.
_DEEPEST, _LARGEST = 60, 200_000
_PROPERTIES = re.compile(r"(?:[&!][^\s,\[\]{}]*[ \t]*)*")
_TO_DASH = re.compile(r"(?:\s|#[^\n]*\n)*")


class Written(str):
    """A scalar as somebody wrote it, to be copied: YAML 1.1 takes `yes`, `010` and `22:22` for what the programs that
    read the file do not. What is nothing at all is `null`."""

    __slots__ = ("is_plain", "tag")

    tag: str
    #: Without quotes.
    is_plain: bool

    def __new__(cls, text: str, tag: str, *, is_plain: bool) -> Self:
        made = super().__new__(cls, text or "null" if tag == NULL else text)
        made.tag, made.is_plain = tag, is_plain
        return made

    @property
    def is_null(self) -> bool:
        return self.tag == NULL


@lru_cache(maxsize=8)
def root_of(text: str, file: str) -> Any:
    """The text's node, which nobody may change; None for nothing. Raises ConfigurationError with the line.

    The last ones are kept: an edit asks several times for the text before it, and the next one for the text after it.
    """
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        number = mark.line + 1 if mark is not None else 0
        line = f", line {number}" if number else ""
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        if "expected a single document" in str(error):
            problem = "it has several documents"
        raise ConfigurationError(
            f"{file} is not YAML that monops can edit{line}: {problem}", remedy=opened(file, number)
        ) from error
    except RecursionError as error:
        raise ConfigurationError(f"{file} is nested too deeply", remedy=opened(file)) from error


def start_of(node: Any) -> int:
    return int(node.start_mark.index)


def content_start(node: Any, text: str) -> int:
    """Where a node begins behind its anchor and its tag."""
    found = _PROPERTIES.match(text, start_of(node))
    return found.end() if found is not None and found.end() <= int(node.end_mark.index) else start_of(node)


def first_dash(node: Any, text: str) -> int:
    """Where the first dash of a block list stands: behind its anchor."""
    place = _TO_DASH.match(text, content_start(node, text))
    return place.end() if place is not None else content_start(node, text)


def dash_column(node: Any, text: str) -> int:
    """In which column the dashes of a block list stand."""
    at = first_dash(node, text)
    return at - text.rfind("\n", 0, at) - 1


def is_flow(node: Any) -> bool:
    return isinstance(node, yaml.CollectionNode) and bool(node.flow_style)


def end_of(node: Any, text: str) -> int:
    """Where the node's last character ends: a block's own mark is past the comments and empty lines that follow it."""
    if isinstance(node, yaml.ScalarNode):
        if node.style not in ("|", ">"):
            return int(node.end_mark.index)
        return _end_of_block_scalar(node, text)
    if node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    inner = last[1] if isinstance(last, tuple) else last
    if is_alias(node, len(node.value) - 1):
        return end_of_alias(text, start_of(last[0]) if isinstance(last, tuple) else _last_item(node, text))
    return end_of(inner, text)


def is_alias(parent: Any, number: int) -> bool:
    """Whether the value of a collection's pair or item is an alias: then it stands before where it is used."""
    item = parent.value[number]
    if isinstance(item, tuple):
        return start_of(item[1]) < start_of(item[0])
    return start_of(item) < max((start_of(one) + 1 for one in parent.value[:number]), default=start_of(parent))


def last_of(node: Any, text: str) -> int:
    """Where another value in place of the node ends: before the end of its last line, also of a text that keeps it."""
    end = end_of(node, text)
    return end - len("\r\n" if text[:end].endswith("\r\n") else "\n") if text[end - 1 : end] == "\n" else end


def end_of_items(node: Any, count: int, text: str) -> int:
    """Where the first `count` items of a list end."""
    place = start_of(node)
    for number, item in enumerate(node.value[:count]):
        place = end_of_alias(text, place) if is_alias(node, number) else max(place, end_of(item, text))
    return place


def _end_of_block_scalar(node: Any, text: str) -> int:
    """Behind its last line; with `+` the empty lines after it are part of it."""
    start, stop = start_of(node), int(node.end_mark.index)
    head = text[start : text.find("\n", start) if "\n" in text[start:] else len(text)]
    if "+" in head.partition("#")[0]:
        # The mark may stand in the indentation of what follows.
        return text.rfind("\n", start, stop) + 1 if stop < len(text) else stop
    return start + len(text[start:stop].rstrip())


def _last_item(node: Any, text: str) -> int:
    """Where the last item of a list stands, which is an alias."""
    return text.index("*", end_of_items(node, len(node.value) - 1, text))


def end_of_alias(text: str, start: int) -> int:
    place = text.index("*", start)
    while place < len(text) and not text[place].isspace() and text[place] not in ",]}":
        place += 1
    return place


def pair_of(node: Any, key: str | int) -> tuple[Any, Any] | None:
    """An own key of a mapping, with its value; the last of several."""
    if not isinstance(node, yaml.MappingNode):
        return None
    found = [pair for pair in node.value if isinstance(pair[0], yaml.ScalarNode) and pair[0].value == str(key)]
    return found[-1] if found else None


def value_of(node: Any, part: str | int) -> Any:
    """What a mapping has under a key, own or merged, or a list at an index; None where there is nothing."""
    if isinstance(node, yaml.SequenceNode):
        return node.value[part] if isinstance(part, int) and 0 <= part < len(node.value) else None
    own = pair_of(node, part)
    if own is not None:
        return own[1]
    for source in _merged(node):
        found = value_of(source, part)
        if found is not None:
            return found
    return None


def _merged(node: Any) -> list[Any]:
    """What a mapping merges in, what wins first. Source: yaml.org/type/merge.html."""
    if not isinstance(node, yaml.MappingNode):
        return []
    found: list[Any] = []
    for key, value in node.value:
        if key.tag == MERGE:
            found += value.value if isinstance(value, yaml.SequenceNode) else [value]
    return found


def check_unique(root: Any, path: Sequence[str | int], file: str) -> None:
    """Raises Refused where a key on the way is there twice: which of them counts depends on who reads it."""
    node = root
    for part in path:
        if isinstance(node, yaml.MappingNode):
            keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value == str(part)]
            lines = [key.start_mark.line + 1 for key in keys]
            if len(lines) > 1:
                said = " and ".join(map(str, lines))
                raise Refused(f"{part} is in {file} twice, in lines {said}", remedy=opened(file, lines[-1]))
        node = value_of(node, part)
        if node is None:
            return


def plain(node: Any) -> Any:
    """A node as Python values, merges done, aliases followed. Unknown tags are passed over."""
    return _values(node, _scalar)


def written(node: Any) -> Any:
    """The same with every key and scalar as it is written, for a copy that is read as the original is."""
    return _values(node, _written)


def _values(node: Any, scalar: Callable[[Any], Any]) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return [_values(item, scalar) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        found: dict[Any, Any] = {}
        for source in reversed(_merged(node)):
            found.update(_values(source, scalar))
        found.update({scalar(key): _values(value, scalar) for key, value in node.value if key.tag != MERGE})
        return found
    return scalar(node)


def _scalar(node: Any) -> Any:
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (yaml.YAMLError, ValueError):  # ValueError: the form of a date or a number, and none: 2001-99-99
        return getattr(node, "value", None)


def items_of(found: Any) -> list[Any]:
    """The items of a list; none of what is none, be it null."""
    return found if isinstance(found, list) else []


def _written(node: Any) -> Any:
    if not isinstance(node, yaml.ScalarNode):
        return getattr(node, "value", None)
    return Written(node.value, node.tag, is_plain=node.style is None)


def thawed(root: Any) -> Frozen:
    """A node as a tree to compare: keys in any order, tags and texts of scalars exactly. Raises Refused."""
    count = [0]

    def tree(node: Any, depth: int) -> Any:
        count[0] += 1
        if depth > _DEEPEST or count[0] > _LARGEST:
            raise Refused("the file is too deep or too large to be edited", remedy="edit it by hand")
        if isinstance(node, yaml.SequenceNode):
            return [tree(item, depth + 1) for item in node.value]
        if isinstance(node, yaml.MappingNode):
            pairs: dict[Any, Any] = {}
            for number, (key, value) in enumerate(node.value):
                name = key.value if isinstance(key, yaml.ScalarNode) else ("odd key", number)
                # One that is there twice is kept twice.
                pairs[name if name not in pairs else (name, number)] = tree(value, depth + 1)
            return pairs
        return (node.tag, node.value)

    return tree(root, 0) if root is not None else {}


def frozen(value: Any) -> Frozen:
    """Python values as such a tree."""
    if isinstance(value, dict):
        return {str(key): frozen(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [frozen(inner) for inner in value]
    if isinstance(value, Written):
        return (value.tag, str(value))
    node = yaml.SafeDumper(StringIO()).represent_data(value)
    return (node.tag, node.value)
