"""Files of scrape targets: adding and removing one without touching anything else in the file.

Source: Prometheus, configuration page, `<file_sd_config>`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from monops.domain.errors import ConfigurationError, NotFound, UsageFault
from monops.domain.nearest import did_you_mean


def addresses(text: str, file: str) -> tuple[str, ...]:
    """Every target in the file. Raises ConfigurationError for what is no file of targets."""
    return tuple(node.value for _, node in _targets(_groups(text, file)))


def with_target(text: str, file: str, address: str, labels: Mapping[str, str]) -> str:
    """The text with one target more. Raises UsageFault where it is there already, ConfigurationError as `addresses`."""
    if address in addresses(text, file):
        raise UsageFault(f"{address} is in {file} already", remedy="monops targets")
    root = _root(text, file)
    if root is None:
        return text.rstrip() + "\n" + _group(address, labels) if text.strip() else _group(address, labels)
    if not root.value:
        return text[: root.start_mark.index] + _group(address, labels) + text[root.end_mark.index :].lstrip("\n")
    if not labels:
        for group in root.value:
            inner = _value(group, "targets")
            is_plain = _value(group, "labels") is None and inner is not None and not inner.flow_style and inner.value
            if is_plain and inner is not None:
                last = inner.value[-1]
                end = text.find("\n", last.end_mark.index)
                end = len(text) if end < 0 else end
                return f"{text[:end]}\n{' ' * inner.start_mark.column}- {_quoted(address)}{text[end:]}"
    if root.flow_style:
        raise ConfigurationError(
            f"{file} is one line of JSON-like YAML, which monops does not edit", remedy=f"write the target into {file}"
        )
    return text.rstrip("\n") + "\n" + _group(address, labels)


def without_target(text: str, file: str, address: str) -> str:
    """The text without the target, and without its group where that had no other. Raises NotFound."""
    root = _root(text, file)
    for group, node in _targets(_groups(text, file)):
        if node.value != address:
            continue
        inner = _value(group, "targets")
        if len(inner.value) > 1:
            return _cut_item(text, node, flow=bool(inner.flow_style))
        if len(root.value) > 1:
            return _cut_item(text, group, flow=bool(root.flow_style))
        start = root.start_mark.index
        return text[:start] + "[]\n" + text[root.end_mark.index :].lstrip("\n")
    known = addresses(text, file)
    raise NotFound(f"there is no target {address} in {file}.{did_you_mean(address, known)}", remedy="monops targets")


def _cut_item(text: str, node: yaml.Node, *, flow: bool) -> str:
    """A list's item with its dash, or with its comma."""
    start, end = node.start_mark.index, node.end_mark.index
    if flow:
        following = text[end:].lstrip()
        if following.startswith(","):
            return text[:start] + following[1:].lstrip()
        return text[:start].rstrip().rstrip(",") + text[end:]
    begin = text.rfind("\n", 0, start) + 1
    stop = text.find("\n", max(start, end - 1) if text[end - 1 : end] == "\n" else end)
    return text[:begin] + (text[stop + 1 :] if stop >= 0 else "")


def _group(address: str, labels: Mapping[str, str]) -> str:
    lines = ["- targets:", f"    - {_quoted(address)}"]
    if labels:
        lines += ["  labels:", *(f"    {name}: {_quoted(value)}" for name, value in labels.items())]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """As YAML writes it: plain where that is the same text again."""
    try:
        is_plain = yaml.safe_load(text) == text and ": " not in text and " #" not in text
    except yaml.YAMLError:
        is_plain = False
    return text if is_plain else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _root(text: str, file: str) -> Any:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where is not None else ""
        raise ConfigurationError(
            f"{file} is not YAML{line}: {getattr(error, 'problem', error)}", remedy=f"mend {file}"
        ) from error
    if root is not None and not isinstance(root, yaml.SequenceNode):
        raise ConfigurationError(
            f"{file} is not a list of target groups", remedy="see the examples: monops init --dry-run"
        )
    return root


def _groups(text: str, file: str) -> list[Any]:
    root = _root(text, file)
    return list(root.value) if root is not None else []


def _targets(groups: list[Any]) -> Iterator[tuple[Any, Any]]:
    for group in groups:
        inner = _value(group, "targets")
        for node in inner.value if inner is not None else ():
            yield group, node


def _value(group: Any, name: str) -> Any:
    if not isinstance(group, yaml.MappingNode):
        return None
    return next((value for key, value in group.value if key.value == name), None)
