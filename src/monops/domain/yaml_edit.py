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
    end_of,
    end_of_alias,
    end_of_items,
    frozen,
    is_alias,
    is_flow,
    pair_of,
    plain,
    root_of,
    start_of,
    thawed,
    value_of,
)
from monops.domain.yaml_write import block, flow, key_text, scalar_like

Path = Sequence[str | int]


def value_at(text: str, path: Path, *, file: str) -> Any:
    """The value at a path as Python has it, merged keys and aliases too. Raises KeyError where there is none."""
    node: Any = root_of(text, file)
    for part in path:
        node = value_of(node, part)
        if node is None:
            raise KeyError(part)
    return plain(node)


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
        added = block(_nested(path, value), 0, _eol(text), 2)
        return _proved(text, text + _line_end(text) + added + _eol(text), path, _always(value), file)
    depth = _own_depth(root, path)
    if depth < len(path) and _inherited(root, path[: depth + 1]) is not None:
        # From there on it is another's: what that says is copied, with the change, under an own key.
        inherited = plain(_inherited(root, path[: depth + 1]))
        whole = _with(inherited, path[depth + 1 :], value)
        return _put(text, root, path[: depth + 1], whole, path, value, file)
    if depth < len(path):
        whole = _nested(path[depth + 1 :], value)
        return _put(text, root, path[: depth + 1], whole, path, value, file)
    return _put(text, root, path, value, path, value, file)


def insert_item(text: str, path: Path, value: Any, *, file: str, after: int | None = None) -> str:
    """The list at the path has one item more, behind item `after` or at its end; a list that is not there is made."""
    if not has(text, path, file=file) or not value_at(text, path, file=file):
        return set_value(text, path, [value], file=file)
    root = _checked_root(text, path, file)
    node = _at(root, path)
    if node is None or _is_shared(root, path):
        return set_value(text, path, [*value_at(text, path, file=file), value], file=file)
    if not isinstance(node, yaml.SequenceNode):
        raise Refused(f"{shown(path)} in {file} is not a list", remedy=f"edit {file} by hand")
    eol, count = _eol(text), len(node.value) if after is None else after + 1
    end = end_of_items(node, count, text)
    if is_flow(node):
        new = f"{text[:end]}, {flow(value)}{text[end:]}"
    else:
        place, lead = _line_after(text, end)
        new = text[:place] + lead + block([value], node.start_mark.column, eol, _step(text)) + _tail(text, place, eol)
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
        empty = "{}" if pair is not None else "[]"
        new = _emptied(text, parent, first, last, empty)
    elif is_flow(parent):
        new = _cut_flow(text, start_of(first), end_of(last, text))
    else:
        new = _cut_lines(text, parent, first, last)
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
        items = [item[1] if isinstance(item, tuple) else item for item in node.value]
        number = part if isinstance(part, int) else items.index(inner)
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
        new = _replaced_alias(text, pair[0], parent, whole)
        return _proved(text, new, at, _always(whole), file)
    node = pair[1] if pair is not None else _at(root, at) if at else root
    if node is not None:
        if (
            isinstance(node, yaml.ScalarNode)
            and not isinstance(whole, list | dict)
            and start_of(node) < end_of(node, text)
        ):
            written, stands = scalar_like(node, whole, is_flow(parent) if parent is not None else False)
            new = text[: start_of(node)] + written + text[end_of(node, text) :]
            return _proved(text, new, at, lambda _: stands, file)
        return _proved(text, _replaced(text, node, pair, parent, whole), at, _always(whole), file)
    return _proved(text, _inserted(text, root, parent, at, whole, file), at, _always(whole), file)


def _replaced(text: str, node: Any, pair: Any, parent: Any, whole: Any) -> str:
    """Another kind of value in place of a node: in one line behind its key where it is small, else as a block."""
    eol, start, end = _eol(text), start_of(node), end_of(node, text)
    if (parent is not None and is_flow(parent)) or pair is None or not isinstance(whole, list | dict) or not whole:
        lead = " " if start and text[start - 1 : start] == ":" else ""
        return text[:start] + lead + flow(whole) + text[end:]
    column = pair[0].start_mark.column + (0 if isinstance(whole, list) and _is_indentless(text) else _step(text))
    colon = text.index(":", end_of(pair[0], text)) + 1
    # A comment behind the key stays behind the key.
    line = text.find("\n", colon)
    line = len(text) if line < 0 else line
    rest = text[colon : min(start, line)]
    comment = rest.rstrip() if "#" in rest else ""
    return text[:colon] + comment + eol + block(whole, column, eol, _step(text)) + text[end:]


def _replaced_alias(text: str, key: Any, parent: Any, whole: Any) -> str:
    """`key: *anchor` becomes a copy of its own."""
    colon = text.index(":", end_of(key, text)) + 1
    star = text.index("*", colon)
    end = end_of_alias(text, colon)
    if is_flow(parent) or not isinstance(whole, list | dict) or not whole:
        return text[:star] + flow(whole) + text[end:]
    eol, step = _eol(text), _step(text)
    return text[:colon] + eol + block(whole, key.start_mark.column + step, eol, step) + text[end:]


def _inserted(text: str, root: Any, parent: Any, at: Path, whole: Any, file: str) -> str:
    if isinstance(parent, yaml.ScalarNode) and parent.value in ("", "~", "null") and len(at) > 1:
        # `deploy:` with nothing behind it.
        pair = pair_of(_at(root, at[:-2]), at[-2])
        return _replaced(text, parent, pair, _at(root, at[:-2]), {at[-1]: whole})
    if not isinstance(parent, yaml.MappingNode) or isinstance(at[-1], int):
        raise Refused(f"{shown(at[:-1])} in {file} is not a mapping", remedy=f"edit {file} by hand")
    eol = _eol(text)
    if is_flow(parent):
        added = f"{key_text(at[-1])}: {flow(whole)}"
        if not parent.value:
            start = text.index("{", start_of(parent)) + 1
            return text[:start] + added + text[end_of(parent, text) - 1 :]
        end = end_of(parent.value[-1][1], text)
        return f"{text[:end]}, {added}{text[end:]}"
    column = parent.value[0][0].start_mark.column
    place, lead = _line_after(text, end_of(parent, text))
    return text[:place] + lead + block({at[-1]: whole}, column, eol, _step(text)) + _tail(text, place, eol)


# --- taking it out ---------------------------------------------------------------------------------


def _emptied(text: str, parent: Any, first: Any, last: Any, empty: str) -> str:
    if is_flow(parent):
        inside = start_of(parent) + text[start_of(parent) :].index(empty[0]) + 1
        return text[:inside] + text[end_of(parent, text) - 1 :]
    start = start_of(first)
    dash = text.rfind("-", 0, start) if empty == "[]" else start
    return text[:dash] + empty + text[end_of(last, text) :]


def _cut_flow(text: str, start: int, end: int) -> str:
    after, before = text[end:].lstrip(), text[:start].rstrip()
    if after.startswith(","):
        return text[:start] + after[1:].lstrip(" ")
    return before.removesuffix(",") + text[end:]


def _cut_lines(text: str, parent: Any, first: Any, last: Any) -> str:
    """Whole lines; where the first line is shared, as in `- name: x`, the next key moves up to it."""
    start = start_of(first)
    if isinstance(parent, yaml.SequenceNode):
        start = text.rfind("-", 0, start)
    line = text.rfind("\n", 0, start) + 1
    end = end_of(last, text)
    stop = text.find("\n", end)
    stop = len(text) if stop < 0 else stop + 1
    if not text[line:start].strip():
        if stop == len(text) and not text.endswith("\n"):
            return text[:line].removesuffix("\n").removesuffix("\r")
        return text[:line] + text[stop:]
    following = text[stop:]
    return text[:start] + following[len(following) - len(following.lstrip(" ")) :]


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


# --- small things ----------------------------------------------------------------------------------


def _nested(path: Path, value: Any) -> Any:
    for part in reversed(path):
        if isinstance(part, int):
            raise KeyError(part)
        value = {part: value}
    return value


def _with(tree: Any, path: Path, value: Any) -> Any:
    """A copy of plain values with another at the path."""
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


def _eol(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _line_end(text: str) -> str:
    return "" if not text or text.endswith("\n") else _eol(text)


def _line_after(text: str, index: int) -> tuple[int, str]:
    """Where lines can be put in below the line of `index`, and what must stand before them."""
    if index and text[index - 1 : index] == "\n":
        return index, ""
    end = text.find("\n", index)
    return (end + 1, "") if end >= 0 else (len(text), _eol(text))


def _tail(text: str, place: int, eol: str) -> str:
    """The rest behind inserted lines; a text without a last line's end stays one."""
    return eol + text[place:] if place < len(text) or text.endswith("\n") else ""


def _step(text: str) -> int:
    """How far the text indents: as its first indented line does."""
    for line in text.splitlines():
        bare = line.lstrip(" ")
        if bare and not bare.startswith(("#", "-")) and line != bare:
            return len(line) - len(bare)
    return 2


def _is_indentless(text: str) -> bool:
    """Whether its lists stand below their key without being indented."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for above, below in zip(lines, lines[1:], strict=False):
        if above.rstrip().endswith(":") and below.lstrip(" ").startswith("- "):
            return len(below) - len(below.lstrip(" ")) == len(above) - len(above.lstrip(" "))
    return False
