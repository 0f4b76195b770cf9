"""Changes as data: diffs without secrets, the way back, what was undone, torn writes."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from monops.domain.change import Entry, Expected, FileEdit, Means, Plan, Site, State, Step, Value, is_torn, undone
from monops.domain.merge import merged

SITE = Site(project="p", folder="/s", files=("/s/c.yml",))


def entry(number: int, *, undoes: int | None = None, state: State = State.DONE) -> Entry:
    plan = Plan(site=SITE, title=f"change {number}", values=(), edits=(), steps=(), undoes=undoes)
    return Entry(id=number, plan=plan, state=state, who="w", host="h", command="c", started="")


def test_a_diff_shows_the_change_and_no_secret() -> None:
    before = (
        "user: me\npassword: hunter2\nurl: http://a:hunter2@b/\napi_url: https://hooks.slack.com/services/T/B/hunter2\n"
    )
    after = before.replace("user: me", "user: you") + "  - bearer_token: 'hunter2'\nTOKEN=hunter2\n"
    lines = FileEdit(path="f.yml", before=before, after=after).diff()
    assert "-user: me" in lines
    assert "+user: you" in lines
    assert "hunter2" not in "\n".join(lines)
    shown = FileEdit(path="f", before=None, after="hunter2", is_secret=True).diff()
    assert "hunter2" not in "\n".join(shown)


def test_files_that_hold_secrets_are_no_secrets() -> None:
    edit = FileEdit(path="f", before="", after="password_file: /run/secrets/p\nbasic_auth_password: /run/x\n")
    assert "+password_file: /run/secrets/p" in edit.diff()


def test_the_way_back_is_the_plan_mirrored() -> None:
    one = Step(means=Means.UPDATE, service="a", interrupts="nothing", limits={"Memory": 2}, limits_before={"Memory": 1})
    two = Step(means=Means.RELOAD, service="b", interrupts="nothing")
    plan = Plan(
        site=SITE,
        title="t",
        values=(Value("v", "1", "2"),),
        edits=(FileEdit(path="x", before=None, after="new"), FileEdit(path="y", before="1", after="2")),
        steps=(one, two),
        expected=(Expected(reader="r", service="a", wanted={"v": "2"}, before={"v": "1"}),),
    )
    back = plan.backwards()
    assert back.edits == (FileEdit(path="y", before="2", after="1"), FileEdit(path="x", before="new", after=None))
    assert [step.service for step in back.steps] == ["b", "a"]
    assert back.steps[1].limits == {"Memory": 1}
    assert back.expected[0].wanted == {"v": "1"}
    assert back.backwards().edits == plan.edits


def test_what_an_undo_took_back_a_redo_brings_back() -> None:
    entries = [entry(1), entry(2)]
    assert undone(entries) == frozenset()
    entries.append(entry(3, undoes=1))
    assert undone(entries) == {1}
    entries.append(entry(4, undoes=3))
    assert undone(entries) == {3}
    entries.append(entry(5, undoes=1))
    assert undone(entries) == {3, 1}
    assert undone([entry(1), entry(2, undoes=1, state=State.ROLLED_BACK)]) == frozenset()


@given(st.text(), st.text())
def test_an_entry_survives_the_disk(before: str, after: str) -> None:
    plan = Plan(site=SITE, title=before, values=(), edits=(FileEdit(path="x", before=before, after=after),), steps=())
    one = Entry(id=1, plan=plan, state=State.WRITTEN, who="w", host="h", command="c", started="")
    assert msgspec.json.decode(msgspec.json.encode(one), type=Entry) == one


texts = st.text("ab\n", max_size=12).map(str.encode)


@given(texts, texts, st.integers(0, 12))
def test_a_write_that_was_cut_short_is_recognised(before: bytes, after: bytes, cut: int) -> None:
    torn = after[:cut] + before[cut:] if cut < len(after) else after[:cut] + before[len(after) :]
    assert is_torn(torn, before, after)
    assert is_torn(before, before, after)
    assert is_torn(after, before, after)


@given(texts, texts, st.integers(0, 12))
def test_a_write_whose_end_is_nothing_yet_is_recognised(before: bytes, after: bytes, cut: int) -> None:
    """As long as it should be, and the bytes that never came are NUL."""
    written = after[:cut] + before[cut : len(after)]
    assert is_torn(written.ljust(len(after), b"\0"), before, after)
    assert is_torn(after[:cut].ljust(len(after), b"\0"), before, after)


def test_something_else_is_not_taken_for_a_torn_write() -> None:
    assert not is_torn(b"mine", b"before it", b"after it")
    assert not is_torn(b"af\0\0mine", b"before it", b"after it")
    assert not is_torn(b"after\0\0\0\0\0\0", b"before it", b"after it")


# --- three texts to one ----------------------------------------------------------------------------

BASE = "a\nb\nc\nd\ne\nf\n"


def test_changes_that_do_not_touch_are_both_kept() -> None:
    assert merged(BASE, BASE.replace("a", "A"), BASE.replace("e", "E")) == "A\nb\nc\nd\nE\nf\n"
    assert merged(BASE, "0\n" + BASE, BASE.replace("f\n", "")) == "0\na\nb\nc\nd\ne\n"
    assert merged(BASE, BASE, "x") == "x"
    assert merged(BASE, "x", BASE) == "x"
    assert merged(BASE, "x", "x") == "x"


def test_changes_of_the_same_or_of_neighbouring_lines_are_nobodys_to_merge() -> None:
    assert merged(BASE, BASE.replace("c", "X"), BASE.replace("c", "Y")) is None
    assert merged(BASE, BASE.replace("c", "X"), BASE.replace("d", "Y")) is None
    assert merged(BASE, BASE + "X\n", BASE + "Y\n") is None


lines = st.lists(st.sampled_from("abcdef"), max_size=8).map(lambda words: "".join(f"{word}\n" for word in words))


@given(lines, lines, lines)
def test_a_merge_is_the_same_from_both_sides(base: str, one: str, other: str) -> None:
    assert merged(base, one, other) == merged(base, other, one)
    assert merged(base, one, base) == one
