"""Editing YAML: nothing changes but the value, whatever the file looks like."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from monops.domain.errors import ConfigurationError, Refused
from monops.domain.yaml_edit import has, insert_item, remove, replace_within, set_value, value_at

FOLDER = Path(__file__).with_name("yaml_corpus")
CORPUS = {path.name: path.read_bytes().decode() for path in sorted(FOLDER.glob("*.yml"))}
FILE = "file.yml"
Where = tuple[str | int, ...]


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """As PyYAML reads it by itself: the judge, which shares nothing with the code but the parser."""


def load(text: str) -> Any:
    return yaml.load(text, Loader=Loader)  # noqa: S506 - derived from the safe one


def places(tree: Any, path: Where = ()) -> list[Where]:
    """Every path of keys and indexes, parents first."""
    found = [path] if path else []
    if isinstance(tree, dict):
        for key, value in tree.items():
            found += places(value, (*path, key)) if isinstance(key, str) else []
    elif isinstance(tree, list):
        for number, value in enumerate(tree):
            found += places(value, (*path, number))
    return found


def at(tree: Any, path: Where) -> Any:
    for part in path:
        tree = tree[part]
    return tree


def with_value(tree: Any, path: Where, value: Any) -> Any:
    """A copy with another value at a path; nothing is shared, as aliases are."""
    if not path:
        return value
    part, rest = path[0], path[1:]
    if isinstance(part, int):
        return [with_value(one, rest, value) if number == part else one for number, one in enumerate(tree)]
    base = tree if isinstance(tree, dict) else {}
    return {**base, part: with_value(base.get(part), rest, value)}


def without(tree: Any, path: Where) -> Any:
    parent = at(tree, path[:-1])
    part = path[-1]
    if isinstance(part, int):
        return with_value(tree, path[:-1], [one for number, one in enumerate(parent) if number != part])
    return with_value(tree, path[:-1], {key: one for key, one in parent.items() if key != part})


def lines_gone(before: str, after: str) -> int:
    """How many lines of the text are there no more."""
    return sum(line.startswith("- ") for line in difflib.ndiff(before.splitlines(True), after.splitlines(True)))


def own_edges(before: str, after: str) -> tuple[str, str]:
    """What was taken out of the middle, and what stands there instead."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return before[start : len(before) - end], after[start : len(after) - end]


files = st.sampled_from(sorted(CORPUS))
scalars = st.one_of(
    st.sampled_from(
        ["7d", "2G", "0.5", "1.0", "true", "no", "null", "~", "", " x", "x ", "a: b", "a #b", "- a", "*x", "50GB"]
    ),
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.integers(-5, 10**9),
    st.booleans(),
)
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b c", "true", "x-y", "7", "ü"]), inner, max_size=3),
    ),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(files, st.data(), trees)
def test_a_value_is_replaced_and_nothing_else(name: str, data: st.DataObject, value: Any) -> None:
    text = CORPUS[name]
    tree = load(text)
    path = data.draw(st.sampled_from(places(tree)))
    try:
        after = set_value(text, path, value, file=FILE)
    except Refused:
        # Only where others share it: everything else can be edited.
        assert "&" in text, (path, value)
        return
    found = load(after)
    kept = at(found, path)
    old = at(tree, path)
    # In the old one's quotes a number becomes a text, as the person wrote it.
    assert kept == value or (isinstance(kept, str) and not isinstance(old, dict | list) and kept == spelled(value))
    assert found == with_value(tree, path, kept)
    if not isinstance(old, dict | list):
        comments(text, after)


def spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def comments(before: str, after: str) -> None:
    """Comments that stand on their own are all there, in their order; the end of the lines is as it was."""
    kept = [line for line in before.splitlines() if line.lstrip().startswith("#") and "a comment first" not in line]
    there = iter(after.splitlines())
    assert all(any(line == one for one in there) for line in kept)
    assert ("\r\n" in before) == ("\r\n" in after)
    assert "\n" not in after.replace("\r\n", "") or "\r\n" not in before


@settings(max_examples=60, deadline=None)
@given(files, st.data(), scalars)
def test_a_scalar_s_edit_touches_only_its_own_characters(name: str, data: st.DataObject, value: Any) -> None:
    text = CORPUS[name]
    tree = load(text)
    path = data.draw(st.sampled_from([one for one in places(tree) if not isinstance(at(tree, one), dict | list)]))
    try:
        after = set_value(text, path, value, file=FILE)
    except Refused:
        assert "&" in text
        return
    taken, _ = own_edges(text, after)
    assert len(taken) <= max(len(str(at(tree, path))) * 2 + 20, 20) or "*" in taken


@settings(max_examples=60, deadline=None)
@given(files, st.data(), trees)
def test_a_key_is_added_and_every_line_stays(name: str, data: st.DataObject, value: Any) -> None:
    text = CORPUS[name]
    tree = load(text)
    parents = [one for one in places(tree) if isinstance(at(tree, one), dict)]
    path = (*data.draw(st.sampled_from(parents)), *data.draw(st.lists(st.sampled_from(["new", "newer"]), min_size=1)))
    try:
        after = set_value(text, path, value, file=FILE)
    except Refused:
        assert "&" in text, (path, value)
        return
    assert load(after) == with_value(tree, path, value)
    comments(text, after)
    if "{" not in text and "*" not in text and not text.endswith("}}"):
        assert lines_gone(text, after) == 0


@settings(max_examples=60, deadline=None)
@given(files, st.data(), trees)
def test_an_item_is_added(name: str, data: st.DataObject, value: Any) -> None:
    text = CORPUS[name]
    tree = load(text)
    lists = [one for one in places(tree) if isinstance(at(tree, one), list)]
    if not lists:
        return
    path = data.draw(st.sampled_from(lists))
    after_item = data.draw(st.one_of(st.none(), st.integers(0, max(0, len(at(tree, path)) - 1))))
    if not at(tree, path):
        after_item = None
    try:
        after = insert_item(text, path, value, file=FILE, after=after_item)
    except Refused:
        assert "&" in text, (path, value)
        return
    items = list(at(tree, path))
    items.insert(len(items) if after_item is None else after_item + 1, value)
    assert load(after) == with_value(tree, path, items)
    comments(text, after)


@settings(max_examples=60, deadline=None)
@given(files, st.data())
def test_a_key_or_item_is_removed(name: str, data: st.DataObject) -> None:
    text = CORPUS[name]
    tree = load(text)
    path = data.draw(st.sampled_from(places(tree)))
    try:
        after = remove(text, path, file=FILE)
    except Refused:
        assert "&" in text or len(path) == 1, path
        return
    assert load(after) == without(tree, path)


@settings(max_examples=60, deadline=None)
@given(files, st.data(), scalars)
def test_setting_and_setting_back_gives_the_same_bytes(name: str, data: st.DataObject, value: Any) -> None:
    text = CORPUS[name]
    tree = load(text)
    path = data.draw(st.sampled_from([one for one in places(tree) if isinstance(at(tree, one), str) and at(tree, one)]))
    try:
        after = set_value(text, path, value, file=FILE)
        back = set_value(after, path, at(tree, path), file=FILE)
    except Refused:
        assert "&" in text
        return
    assert load(back) == tree


def test_the_corpus_is_varied() -> None:
    everything = "".join(CORPUS.values())
    assert len(CORPUS) >= 10
    for mark in ("&", "*", "<<:", "|", ">", "{", "[", "'", '"', "\r\n", "%YAML", "~"):
        assert mark in everything


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\n---\nb: 2\n", "several documents"),
        ("a:\n\tb: 1\n", "line 2"),
        ("a: [1, 2\n", "line"),
        ("a: *nobody\n", "undefined alias"),
    ],
)
def test_what_is_no_yaml_is_said_with_its_line(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        set_value(text, ("a",), "x", file=FILE)
    assert says in error.value.message
    assert error.value.remedy


def test_a_key_that_is_there_twice_is_refused() -> None:
    with pytest.raises(Refused, match=r"a is in file\.yml twice, in lines 1 and 3"):
        set_value("a: 1\nb: 2\na: 3\n", ("a",), "x", file=FILE)


def test_what_others_share_is_refused() -> None:
    text = "a: &x\n  b: 1\nc: *x\n"
    with pytest.raises(Refused, match="shared by an anchor"):
        set_value(text, ("a", "b"), "2", file=FILE)
    # The one that only refers gets its own.
    assert set_value(text, ("c", "b"), 2, file=FILE) == "a: &x\n  b: 1\nc:\n  b: 2\n"


def test_a_merged_key_gets_an_own_one() -> None:
    text = "x: &x {restart: always, log: {driver: a, size: 1}}\ns:\n  <<: *x\n  image: i\n"
    assert set_value(text, ("s", "restart"), "no", file=FILE) == text + '  restart: "no"\n'
    added = "  log:\n    driver: b\n    size: 1\n"
    assert set_value(text, ("s", "log", "driver"), "b", file=FILE) == text + added


def test_a_part_of_a_folded_text_is_replaced() -> None:
    text = CORPUS["four_spaces.yml"]
    path = ("services", "prometheus", "command")
    after = replace_within(text, path, "retention.time=15d", "retention.time=7d", file=FILE)
    assert own_edges(text, after) == ("15", "7")
    with pytest.raises(Refused):
        replace_within(text, path, "--", "-", file=FILE)


def test_has_and_value_follow_aliases_and_merges() -> None:
    text = CORPUS["anchors.yml"]
    assert value_at(text, ("services", "grafana", "logging", "options", "max-file"), file=FILE) == "3"
    assert value_at(text, ("services", "renderer", "environment", "GF_QUOTED"), file=FILE) == "it's"
    assert has(text, ("volumes", "prometheus-data"), file=FILE)
    assert not has(text, ("services", "nobody"), file=FILE)


def test_an_empty_file_gets_what_it_lacks() -> None:
    assert set_value("", ("a", "b"), 1, file=FILE) == "a:\n  b: 1\n"
    assert set_value("# only words", ("a",), [1], file=FILE) == "# only words\na:\n  - 1\n"


def test_a_bomb_of_aliases_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(Refused, match="too large"):
        set_value("\n".join(lines), ("new",), "x", file=FILE)
