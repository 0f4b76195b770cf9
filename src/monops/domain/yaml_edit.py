"""Editing one value of a YAML text so that every byte that is not part of it stays.

The new text is spliced in at the marks of PyYAML's node tree, read again, and compared: nothing may differ but the
value at the path. A path is keys and list indexes: `("services", "prometheus", "command", 3)`. Every function raises
ConfigurationError for what is no YAML that can be edited, and Refused where the edit would change something else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import yaml

from monops.domain.errors import Refused
from monops.domain.yaml_nodes import (
    Frozen,
    check_unique,
    content_start,
    dash_column,
    end_of,
    end_of_items,
    first_dash,
    frozen,
    is_alias,
    is_flow,
    last_of,
    pair_of,
    plain,
    root_of,
    start_of,
    thawed,
    value_of,
    written,
)
from monops.domain.yaml_splice import (
    alias_replaced,
    cut_flow,
    cut_lines,
    indent_step,
    line_after,
    line_ending,
    missing_line_end,
    replaced,
    rest_after,
)
from monops.domain.yaml_write import block, flow, key_text, scalar_like

Path = Sequence[str | int]


def value_at(text: str, path: Path, *, file: str) -> Any:
    """The value at a path as Python has it, merged keys and aliases too. Raises KeyError where there is none."""
    return plain(_node_at(text, path, file))


def written_at(text: str, path: Path, *, file: str) -> Any:
    """The same as it is written, every scalar a `Written`: for copies. Raises as `value_at`."""
    return written(_node_at(text, path, file))


def _node_at(text: str, path: Path, file: str) -> Any:
    node: Any = root_of(text, file)
    for part in path:
        node = value_of(node, part)
        if node is None:
            raise KeyError(part)
    return node


def has(text: str, path: Path, *, file: str) -> bool:
    """Whether there is something at a path, be it null."""
    try:
        value_at(text, path, file=file)
    except KeyError:
        return False
    return True


def set_value(text: str, path: Path, value: Any, *, file: str) -> str:
    """The value at the path is `value`: replaced in its own style of quotes, or inserted with the parents it needs.

    What comes from an anchor, by alias or merge, gets an own key with its own copy.
    """
    root = _checked_root(text, path, file)
    if root is None:
        added = block(_nested(path, value), 0, line_ending(text), 2)
        return _proved(text, text + missing_line_end(text) + added + line_ending(text), path, _always(value), file)
    depth = _own_depth(root, path)
    if depth < len(path) and _inherited(root, path[: depth + 1]) is not None:
        # From there on it is another's: what that says is copied, with the change, under an own key.
        inherited = written(_inherited(root, path[: depth + 1]))
        whole = _with(inherited, path[depth + 1 :], value)
        return _put(text, root, path[: depth + 1], whole, path, value, file)
    if depth < len(path):
        whole = _nested(path[depth + 1 :], value)
        return _put(text, root, path[: depth + 1], whole, path, value, file)
    return _put(text, root, path, value, path, value, file)


def insert_item(text: str, path: Path, value: Any, *, file: str, after: int | None = None) -> str:
    """The list at the path has one item more, behind item `after` or at its end; a list that is not there is made.

    With -1 as `after` it is the first.
    """
    if not has(text, path, file=file) or not value_at(text, path, file=file):
        return set_value(text, path, [value], file=file)
    root = _checked_root(text, path, file)
    node = _at(root, path)
    if node is None or _is_shared(root, path):
        items = list(written_at(text, path, file=file))
        items.insert(len(items) if after is None else after + 1, value)
        return set_value(text, path, items, file=file)
    if not isinstance(node, yaml.SequenceNode):
        raise Refused(f"{shown(path)} in {file} is not a list", remedy=f"edit {file} by hand")
    eol, count = line_ending(text), len(node.value) if after is None else after + 1
    end = end_of_items(node, count, text)
    if is_flow(node):
        first = text.index("[", start_of(node)) + 1
        new = f"{text[:end]}, {flow(value)}{text[end:]}" if count else f"{text[:first]}{flow(value)}, {text[first:]}"
    elif count == 0:
        place = text.rfind("\n", 0, first_dash(node, text)) + 1
        new = text[:place] + block([value], dash_column(node, text), eol, indent_step(text)) + eol + text[place:]
    else:
        place, lead = line_after(text, end)
        new = (
            text[:place]
            + lead
            + block([value], dash_column(node, text), eol, indent_step(text))
            + rest_after(text, place, eol)
        )
    return _proved(text, new, path, lambda before: [*before[:count], frozen(value), *before[count:]], file)


def remove(text: str, path: Path, *, file: str) -> str:
    """The key or item at the path is gone, with its own line. Raises KeyError where there is none.

    A list or mapping that it leaves empty is written as such.
    """
    root = _checked_root(text, path, file)
    if not has(text, path, file=file):
        raise KeyError(path[-1])
    parent = _at(root, path[:-1])
    node = _at(root, path)
    if parent is None or node is None or _is_shared(root, path[:-1]):
        raise Refused(
            f"{shown(path)} in {file} comes from an anchor that others may use", remedy=f"edit {file} by hand"
        )
    pair = pair_of(parent, path[-1])
    first = pair[0] if pair is not None else node
    last = pair[1] if pair is not None else node
    if len(parent.value) == 1:
        above = _at(root, path[:-2]) if len(path) > 1 else None
        own = pair_of(above, path[-2]) if above is not None else None
        new = replaced(text, parent, own, above, {} if pair is not None else [])
    elif is_flow(parent):
        new = cut_flow(text, start_of(first), end_of(last, text))
    else:
        new = cut_lines(text, parent, first, last)
    return _proved(text, new, path, _gone, file)


def replace_within(text: str, path: Path, old: str, new: str, *, file: str) -> str:
    """A part of the scalar at the path is another; the rest of it keeps its style, be it folded over many lines.

    Raises Refused where `old` is not there exactly once.
    """
    root = _checked_root(text, path, file)
    node = _at(root, path)
    if not isinstance(node, yaml.ScalarNode) or _is_shared(root, path):
        raise Refused(f"{shown(path)} in {file} is not a text of its own", remedy=f"edit {file} by hand")
    start, end = start_of(node), end_of(node, text)
    raw, wanted = text[start:end], str(node.value)
    if raw.count(old) != 1 or wanted.count(old) != 1:
        raise Refused(f"{shown(path)} in {file} is written in a way that monops cannot edit", remedy=f"edit {file}")
    changed = text[:start] + raw.replace(old, new) + text[end:]
    value = wanted.replace(old, new)
    return _proved(text, changed, path, lambda _: (node.tag, value), file)


def shown(path: Path) -> str:
    """`services.prometheus.command[3]`."""
    words = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return words.removeprefix(".")


# --- finding the place -----------------------------------------------------------------------------


def _checked_root(text: str, path: Path, file: str) -> Any:
    root = root_of(text, file)
    if root is not None:
        check_unique(root, path, file)
    return root


def _at(root: Any, path: Path) -> Any:
    """The node at a path of own keys; None where it is not there or inherited."""
    node = root
    for part in path:
        pair = pair_of(node, part)
        if pair is not None:
            node = pair[1]
        elif isinstance(part, int) and isinstance(node, yaml.SequenceNode) and 0 <= part < len(node.value):
            node = node.value[part]
        else:
            return None
    return node


def _own_depth(root: Any, path: Path) -> int:
    """How many parts of the path are there as own keys, not behind an alias."""
    node = root
    for depth, part in enumerate(path):
        inner = _at(node, (part,))
        if inner is None:
            return depth
        # By its key: an alias is the very node of its anchor.
        pair = pair_of(node, part)
        number = node.value.index(pair) if pair is not None else int(part)
        if is_alias(node, number):
            return depth
        node = inner
    return len(path)


def _is_shared(root: Any, path: Path) -> bool:
    """Whether the way to the path goes through an alias or a merged key."""
    return _own_depth(root, path) < len(path)


def _inherited(root: Any, path: Path) -> Any:
    """The node at a path, through aliases and merged keys; None where there is none."""
    node = root
    for part in path:
        node = value_of(node, part)
        if node is None:
            return None
    return node


# --- putting it in ---------------------------------------------------------------------------------


def _put(text: str, root: Any, at: Path, whole: Any, path: Path, value: Any, file: str) -> str:
    """`whole` at the own path `at`, or as a new key of its parent."""
    parent, pair = _at(root, at[:-1]), None
    if parent is not None:
        pair = pair_of(parent, at[-1])
    if pair is not None and start_of(pair[1]) < start_of(pair[0]):
        new = alias_replaced(text, pair[0], parent, whole)
        return _proved(text, new, at, _always(whole), file)
    node = pair[1] if pair is not None else _at(root, at) if at else root
    if node is not None:
        if (
            isinstance(node, yaml.ScalarNode)
            and not isinstance(whole, list | dict)
            and content_start(node, text) < end_of(node, text)
        ):
            written, stands = scalar_like(node, whole, is_flow(parent) if parent is not None else False)
            new = text[: content_start(node, text)] + written + text[last_of(node, text) :]
            return _proved(text, new, at, lambda _: stands, file)
        return _proved(text, replaced(text, node, pair, parent, whole), at, _always(whole), file)
    return _proved(text, _inserted(text, root, parent, at, whole, file), at, _always(whole), file)


def _inserted(text: str, root: Any, parent: Any, at: Path, whole: Any, file: str) -> str:
    if isinstance(parent, yaml.ScalarNode) and parent.value in ("", "~", "null") and len(at) > 1:
        # `deploy:` with nothing behind it.
        pair = pair_of(_at(root, at[:-2]), at[-2])
        return replaced(text, parent, pair, _at(root, at[:-2]), {at[-1]: whole})
    if not isinstance(parent, yaml.MappingNode) or isinstance(at[-1], int):
        raise Refused(f"{shown(at[:-1])} in {file} is not a mapping", remedy=f"edit {file} by hand")
    eol = line_ending(text)
    if is_flow(parent):
        added = f"{key_text(at[-1])}: {flow(whole)}"
        if not parent.value:
            start = text.index("{", start_of(parent)) + 1
            return text[:start] + added + text[end_of(parent, text) - 1 :]
        end = end_of(parent.value[-1][1], text)
        return f"{text[:end]}, {added}{text[end:]}"
    column = parent.value[0][0].start_mark.column
    place, lead = line_after(text, end_of(parent, text))
    return text[:place] + lead + block({at[-1]: whole}, column, eol, indent_step(text)) + rest_after(text, place, eol)


# --- proving ---------------------------------------------------------------------------------------


def _proved(before: str, after: str, path: Path, change: Callable[[Frozen], Frozen], file: str) -> str:
    """`after`, if it reads as `before` does but for the path. Raises Refused."""
    cannot = Refused(
        f"{shown(path)} in {file} is written in a way that monops cannot edit, or shared by an anchor",
        remedy=f"edit {file} by hand",
    )
    try:
        found = root_of(after, file)
    except Exception as error:
        raise cannot from error
    wanted = _changed(thawed(root_of(before, file)), list(path), change)
    if found is None or wanted != thawed(found):
        raise cannot
    return after


def _changed(tree: Any, path: list[str | int], change: Callable[[Any], Any]) -> Any:
    """The tree with a change at the path; parents that are not there are made. _gone takes away."""
    if not path:
        return change(tree)
    part, rest = path[0], path[1:]
    if isinstance(part, int):
        if not isinstance(tree, list) or not 0 <= part < len(tree):
            return None
        inner = _changed(tree[part], rest, change)
        kept = [] if inner is _NOTHING else [inner]
        return [*tree[:part], *kept, *tree[part + 1 :]]
    pairs = dict(tree) if isinstance(tree, dict) else {}
    inner = _changed(pairs.get(part), rest, change)
    if inner is _NOTHING:
        del pairs[part]
    else:
        pairs[part] = inner
    return pairs


_NOTHING = object()


def _gone(_: Any) -> Any:
    return _NOTHING


def _always(value: Any) -> Callable[[Any], Any]:
    return lambda _: frozen(value)


def _nested(path: Path, value: Any) -> Any:
    for part in reversed(path):
        if isinstance(part, int):
            raise KeyError(part)
        value = {part: value}
    return value


def _with(tree: Any, path: Path, value: Any) -> Any:
    """A copy of values with another at the path."""
    if not path:
        return value
    part, rest = path[0], path[1:]
    if isinstance(part, int):
        items = list(tree)
        items[part] = _with(items[part], rest, value)
        return items
    pairs = dict(tree) if isinstance(tree, dict) else {}
    pairs[part] = _with(pairs.get(part), rest, value)
    return pairs
