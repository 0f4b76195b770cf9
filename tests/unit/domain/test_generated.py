"""What becomes of a generated file when it is written again: ours is kept new, a person's is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monops.domain.generated import Action, FileChange, as_bytes, as_text, decide, digest

PATHS = ("a.yml", "b.yml", "rules/c.yml")
#: Few texts, so that those on the disk, those written before and those wanted now often are the same.
TEXTS = st.sampled_from(("", "one\n", "two\n", "three\n"))
FILES = st.dictionaries(st.sampled_from(PATHS), TEXTS)
CHOSEN = st.sets(st.sampled_from(PATHS))


def digests(files: Mapping[str, str]) -> dict[str, str]:
    return {path: digest(text) for path, text in files.items()}


def one(
    *, there: str | None, last: str | None, wanted: str | None, replace: Iterable[str] = ()
) -> tuple[FileChange, ...]:
    """What is decided of a single file: its text on the disk, the text written last, the text wanted now."""
    return decide(
        {} if wanted is None else {"f": wanted},
        {"f": there},
        {} if last is None else {"f": digest(last)},
        replace,
    )


def applied(
    changes: Iterable[FileChange], there: Mapping[str, str], written: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """The disk and the memory after what `changes` say."""
    disk, memory = dict(there), dict(written)
    for change in changes:
        if change.changes and change.after is None:
            disk.pop(change.path)
            memory.pop(change.path)
        elif change.changes and change.after is not None:
            disk[change.path] = change.after
        if change.after is not None:
            memory[change.path] = digest(change.after)
    return disk, memory


@pytest.mark.parametrize(
    ("there", "last", "wanted", "action"),
    [
        (None, None, "new", Action.CREATE),
        ("new", None, "new", Action.SAME),
        ("hers", None, "new", Action.CONFLICT),
        ("old", "old", "old", Action.SAME),
        ("old", "old", "new", Action.UPDATE),
        ("hers", "old", "old", Action.EDITED),
        ("hers", "old", "new", Action.CONFLICT),
        ("new", "old", "new", Action.SAME),
        (None, "old", "old", Action.DELETED),
        (None, "old", "new", Action.DELETED),
        ("old", "old", None, Action.REMOVE),
        ("hers", "old", None, Action.EDITED),
    ],
)
def test_every_case_has_its_action(there: str | None, last: str | None, wanted: str | None, action: Action) -> None:
    assert [change.action for change in one(there=there, last=last, wanted=wanted)] == [action]


def test_a_file_that_is_gone_and_no_longer_wanted_is_not_mentioned() -> None:
    assert one(there=None, last="old", wanted=None) == ()


@pytest.mark.parametrize(
    ("there", "wanted", "action"),
    [
        ("hers", "new", Action.REPLACE),
        ("hers", "old", Action.REPLACE),
        (None, "new", Action.CREATE),
        ("hers", None, Action.REMOVE),
        ("old", "new", Action.UPDATE),
        ("new", "new", Action.SAME),
    ],
)
def test_a_file_that_is_named_becomes_the_new_one(there: str | None, wanted: str | None, action: Action) -> None:
    (change,) = one(there=there, last="old", wanted=wanted, replace=["f"])
    assert change.action is action


@given(wanted=FILES, there=FILES, before=FILES, chosen=CHOSEN)
def test_what_a_person_changed_is_written_or_removed_only_where_it_is_named(
    wanted: dict[str, str], there: dict[str, str], before: dict[str, str], chosen: set[str]
) -> None:
    written = digests(before)
    for change in decide(wanted, there, written, chosen):
        is_hers = change.before is not None and written.get(change.path) != digest(change.before)
        if is_hers and change.path not in chosen:
            assert not change.changes


@given(wanted=FILES, there=FILES, before=FILES, chosen=CHOSEN)
def test_once_applied_there_is_nothing_left_to_do(
    wanted: dict[str, str], there: dict[str, str], before: dict[str, str], chosen: set[str]
) -> None:
    disk, memory = applied(decide(wanted, there, digests(before), chosen), there, digests(before))
    again = decide(wanted, disk, memory, ())
    assert {change.action for change in again} <= {Action.SAME, Action.EDITED, Action.DELETED}


@given(wanted=FILES, there=FILES, before=FILES)
def test_every_file_that_is_wanted_is_decided_on_and_what_is_the_same_is_left(
    wanted: dict[str, str], there: dict[str, str], before: dict[str, str]
) -> None:
    changes = {change.path: change for change in decide(wanted, there, digests(before), ())}
    assert set(wanted) <= set(changes)
    assert list(changes) == sorted(changes)
    assert {path for path, change in changes.items() if change.action is Action.SAME} == {
        path for path in wanted if there.get(path) == wanted[path]
    }


@given(wanted=FILES, there=FILES, before=FILES)
def test_naming_every_file_gives_exactly_what_is_wanted(
    wanted: dict[str, str], there: dict[str, str], before: dict[str, str]
) -> None:
    chosen = {*wanted, *before}
    disk, _ = applied(decide(wanted, there, digests(before), chosen), there, digests(before))
    assert disk == {**{path: text for path, text in there.items() if path not in before}, **wanted}


@given(first=FILES, second=FILES)
def test_leaving_files_out_and_asking_for_them_again_brings_them_back(
    first: dict[str, str], second: dict[str, str]
) -> None:
    disk, memory = applied(decide(first, {}, {}, ()), {}, {})
    disk, memory = applied(decide({}, disk, memory, ()), disk, memory)
    assert (disk, memory) == ({}, {})
    disk, _ = applied(decide(second, disk, memory, ()), disk, memory)
    assert disk == second


@given(st.binary())
def test_bytes_that_are_no_text_come_back_as_they_were_and_can_be_compared(data: bytes) -> None:
    assert as_bytes(as_text(data)) == data
    (change,) = one(there=as_text(data), last=as_text(data), wanted="new")
    assert change.action is (Action.SAME if data == b"new" else Action.UPDATE)
    "\n".join(change.diff()).encode()  # can be printed


def test_the_difference_says_which_side_is_which() -> None:
    (change,) = one(there="a: 1\nb: 2\n", last="old", wanted="a: 1\nb: 3\n")
    assert change.diff() == ["--- f (now)", "+++ f (new)", "@@ -1,2 +1,2 @@", " a: 1", "-b: 2", "+b: 3"]
