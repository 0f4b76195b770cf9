"""Files of scrape targets: adding and removing one without touching anything else in the file.

Source: Prometheus, configuration page, `<file_sd_config>`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from monops.domain.errors import ConfigurationError, NotFound, UsageFault
from monops.domain.nearest import did_you_mean
from monops.domain.yaml_text import quoted, read_yaml, scalar

_NULL = "tag:yaml.org,2002:null"
_Content = Counter[tuple[str, frozenset[tuple[str, str]]]]


def addresses(text: str, file: str) -> tuple[str, ...]:
    """Every target in the file. Raises ConfigurationError for what is no file of targets."""
    return tuple(node.value for _, node in _targets(_root(text, file)))


def fault(text: str, file: str) -> str:
    """Why Prometheus cannot read the file; "" where it can. Quick, for files of thousands of targets too."""
    try:
        found = json.loads(text) if file.endswith(".json") else read_yaml(text)
    except (ValueError, yaml.YAMLError):
        found = None
    if isinstance(found, list) and all(map(_is_group, found)):
        return ""
    try:
        addresses(text, file)  # which is slow, and knows the line
    except ConfigurationError as error:
        return error.message
    return ""


def _is_group(group: object) -> bool:
    if not isinstance(group, dict):
        return False
    inner, labels = group.get("targets"), group.get("labels") or {}
    is_list = isinstance(inner, list) and all(isinstance(one, str) for one in inner)
    return is_list and isinstance(labels, dict) and all(isinstance(one, str) for one in labels.values())


def with_target(text: str, file: str, address: str, labels: Mapping[str, str]) -> str:
    """The text with one target more. Raises UsageFault where it is there already, ConfigurationError as `addresses`."""
    if address in addresses(text, file):
        raise UsageFault(f"{address} is in {file} already", remedy="monops targets")
    wanted = _content(text, file) + _Content([(address, frozenset(labels.items()))])
    return _checked(_added(text, _root(text, file), address, labels), file, wanted)


def without_target(text: str, file: str, address: str) -> str:
    """The text without the target, and without its group where that had no other. Raises NotFound."""
    known = addresses(text, file)
    if address not in known:
        raise NotFound(
            f"there is no target {address} in {file}.{did_you_mean(address, known)}", remedy="monops targets"
        )
    wanted = _Content({pair: count for pair, count in _content(text, file).items() if pair[0] != address})
    for _ in range(known.count(address)):
        root = _root(text, file)
        group, node = next((group, node) for group, node in _targets(root) if node.value == address)
        text = _removed(text, root, group, node)
    return _checked(text, file, wanted)


# --- editing ---------------------------------------------------------------------------------------


def _added(text: str, root: Any, address: str, labels: Mapping[str, str]) -> str:
    eol = "\r\n" if "\r\n" in text else "\n"
    if root is None:
        return text + ("" if not text or text.endswith("\n") else eol) + _group(address, labels, 0, eol) + eol
    if not root.value:
        start, end = root.start_mark.index, root.end_mark.index
        if text[text.rfind("\n", 0, start) + 1 : start].strip(" \ufeff"):
            return text[:start] + eol + _group(address, labels, 0, eol) + text[end:]
        return text[:start] + _group(address, labels, root.start_mark.column, eol) + text[end:]
    if not labels:
        for group in root.value:
            inner = _value(group, "targets")
            if _value(group, "labels") is None and inner is not None and inner.value and not inner.flow_style:
                return _after_line(text, _end(inner), f"{' ' * inner.start_mark.column}- {scalar(address)}", eol)
    if root.flow_style:
        end = _end(root.value[-1])
        return f"{text[:end]}, {_flow_group(address, labels)}{text[end:]}"
    return _after_line(text, _end(root), _group(address, labels, root.start_mark.column, eol, first=True), eol)


def _removed(text: str, root: Any, group: Any, node: Any) -> str:
    inner = _value(group, "targets")
    if len(inner.value) > 1:
        return _cut_item(text, node, flow=bool(inner.flow_style))
    if len(root.value) > 1:
        return _cut_item(text, group, flow=bool(root.flow_style))
    return text[: root.start_mark.index] + "[]" + text[_end(root) :]


def _cut_item(text: str, node: yaml.Node, *, flow: bool) -> str:
    """A list's item with its dash, or with its comma."""
    start, end = node.start_mark.index, _end(node)
    if flow:
        before, after = text[:start].rstrip(), text[end:].lstrip()
        if before.endswith(","):
            return before[:-1] + text[end:]
        return text[:start] + (after[1:].lstrip() if after.startswith(",") else text[end:])
    dash = text.rfind("-", 0, start)
    begin = text.rfind("\n", 0, dash) + 1
    stop = text.find("\n", end)
    if stop < 0:  # the last line, and it has no end: nor has the one before it then
        return text[:begin].removesuffix("\n").removesuffix("\r")
    return text[:begin] + text[stop + 1 :]


def _after_line(text: str, index: int, added: str, eol: str) -> str:
    """`added` as lines of its own below the line of `index`."""
    end = text.find("\n", index)
    if end < 0:
        end = len(text)
    elif text[end - 1] == "\r":
        end -= 1
    return text[:end] + eol + added + text[end:]


def _end(node: Any) -> int:
    """Where the node's last word ends: a block's own end is past the comments and empty lines that follow."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return max(map(_end, last)) if isinstance(last, tuple) else _end(last)


def _group(address: str, labels: Mapping[str, str], column: int, eol: str, *, first: bool = False) -> str:
    """A group's lines, without the last one's end; what is left of the first is there already, unless `first`."""
    lines = ["- targets:", f"    - {scalar(address)}"]
    if labels:
        lines += ["  labels:", *(f"    {scalar(name)}: {scalar(value)}" for name, value in labels.items())]
    return (" " * column if first else "") + (eol + " " * column).join(lines)


def _flow_group(address: str, labels: Mapping[str, str]) -> str:
    """As JSON has it."""
    shown = ", ".join(f"{quoted(name)}: {quoted(value)}" for name, value in labels.items())
    return f'{{"targets": [{quoted(address)}]' + (f', "labels": {{{shown}}}}}' if labels else "}")


def _checked(text: str, file: str, wanted: _Content) -> str:
    """The text, if it says what it shall. Raises ConfigurationError where the file is written in too odd a way."""
    try:
        is_right = _content(text, file) == wanted
    except ConfigurationError:
        is_right = False
    if not is_right:
        raise ConfigurationError(f"{file} is written in a way that monops cannot edit", remedy=f"edit {file} by hand")
    return text


# --- reading ---------------------------------------------------------------------------------------


def _content(text: str, file: str) -> _Content:
    return _Content((node.value, _labels(group)) for group, node in _targets(_root(text, file)))


def _root(text: str, file: str) -> Any:
    """The list of groups; None for a file with nothing in it, and a node without a value for an empty list."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where is not None else ""
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise ConfigurationError(f"{file} is not YAML{line}: {problem}", remedy=f"mend {file}") from error
    if root is None:
        return None
    if isinstance(root, yaml.ScalarNode) and root.tag == _NULL:
        return yaml.SequenceNode(_NULL, [], root.start_mark, root.end_mark, flow_style=True)
    if not isinstance(root, yaml.SequenceNode):
        raise _not_targets(file, root, "not a list of target groups")
    for group in root.value:
        _check_group(group, file)
    return root


def _check_group(group: Any, file: str) -> None:
    if not isinstance(group, yaml.MappingNode):
        raise _not_targets(file, group, "not a group of targets")
    inner, labels = _value(group, "targets"), _value(group, "labels")
    if inner is not None and not (
        isinstance(inner, yaml.SequenceNode) and all(isinstance(one, yaml.ScalarNode) for one in inner.value)
    ):
        raise _not_targets(file, inner, "not a list of targets")
    if labels is not None and not (
        isinstance(labels, yaml.MappingNode) and all(isinstance(pair[1], yaml.ScalarNode) for pair in labels.value)
    ):
        raise _not_targets(file, labels, "no labels")


def _not_targets(file: str, node: Any, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"{file}, line {node.start_mark.line + 1}: this is {what}",
        remedy=f"write it as: - targets: [host:9090]; or empty the file: echo '[]' > {file}",
    )


def _targets(root: Any) -> Iterator[tuple[Any, Any]]:
    for group in root.value if root is not None else ():
        inner = _value(group, "targets")
        for node in inner.value if inner is not None else ():
            yield group, node


def _labels(group: Any) -> frozenset[tuple[str, str]]:
    labels = _value(group, "labels")
    return frozenset((key.value, value.value) for key, value in labels.value) if labels is not None else frozenset()


def _value(group: Any, name: str) -> Any:
    """What a group says under this name; None for nothing."""
    found = next((value for key, value in group.value if key.value == name), None)
    return None if found is not None and found.tag == _NULL else found
