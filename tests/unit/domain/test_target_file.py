"""Files of scrape targets: one target more or less, and not one byte else."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from monops.domain.errors import ConfigurationError, MonopsError, NotFound, UsageFault
from monops.domain.target_file import addresses, fault, with_target, without_target

FILE = "targets/workers.yml"
NEW = "new:9090"


def groups(text: str) -> list[tuple[list[str], dict[str, str]]]:
    """As Prometheus reads it, group by group."""
    found = yaml.safe_load(text) or []
    return [(list(group["targets"] or ()), group.get("labels") or {}) for group in found]


def content(text: str) -> list[tuple[str, dict[str, str]]]:
    """As Prometheus takes it: every target with its labels."""
    return sorted(
        ((target, labels) for targets, labels in groups(text) for target in targets),
        key=lambda pair: (pair[0], sorted(pair[1].items())),
    )


def changed(before: str, after: str) -> tuple[str, str]:
    """What went and what came, between the beginning and the end that both have."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return before[start : len(before) - end], after[start : len(after) - end]


# --- examples --------------------------------------------------------------------------------------

AS_SHIPPED = """\
# Targets of the job browser-workers, as HOST:PORT. Prometheus reads this file again by itself.
# By command: monops targets add browser-workers browser-workers-2:9090
- targets:
    - browser-worker-1:9090
"""
OF_A_PERSON = """\
# east
- targets:
    - "east-1:9090"   # the old one
    - 'east-2:9090'

  # not for ever
  labels:
    zone: east

# west
- labels: {zone: west}
  targets: [west-1:9090, west-2:9090]
# the end
"""


def test_a_target_comes_below_the_last_one_of_the_first_group_without_labels() -> None:
    assert with_target(AS_SHIPPED, FILE, NEW, {}) == AS_SHIPPED + "    - new:9090\n"


def test_a_target_with_labels_gets_a_group_of_its_own() -> None:
    assert with_target(AS_SHIPPED, FILE, NEW, {"zone": "east"}) == AS_SHIPPED + (
        "- targets:\n    - new:9090\n  labels:\n    zone: east\n"
    )


def test_a_target_without_labels_does_not_get_those_of_the_others() -> None:
    after = with_target(OF_A_PERSON, FILE, NEW, {})
    assert after == OF_A_PERSON.replace("# the end\n", "- targets:\n    - new:9090\n# the end\n")
    assert groups(after)[-1] == ([NEW], {})


@pytest.mark.parametrize(
    ("address", "gone"),
    [
        ("east-1:9090", '    - "east-1:9090"   # the old one\n'),
        ("east-2:9090", "    - 'east-2:9090'\n"),
        ("west-1:9090", "west-1:9090, "),
        ("west-2:9090", ", west-2:9090"),
    ],
)
def test_only_the_target_goes_and_the_comment_beside_it(address: str, gone: str) -> None:
    assert OF_A_PERSON.count(gone) == 1
    assert without_target(OF_A_PERSON, FILE, address) == OF_A_PERSON.replace(gone, "")


def test_a_group_goes_with_its_last_target_and_comments_around_it_stay() -> None:
    one_east = without_target(OF_A_PERSON, FILE, "east-1:9090")
    assert without_target(one_east, FILE, "east-2:9090") == (
        "# east\n\n# west\n- labels: {zone: west}\n  targets: [west-1:9090, west-2:9090]\n# the end\n"
    )


def test_the_last_target_of_all_leaves_an_empty_list_which_takes_the_next_one() -> None:
    empty = without_target(AS_SHIPPED, FILE, "browser-worker-1:9090")
    assert empty.splitlines()[2:] == ["[]"]
    assert with_target(empty, FILE, "browser-worker-1:9090", {}) == AS_SHIPPED


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "- targets:\n    - new:9090\n"),
        ("[]\n", "- targets:\n    - new:9090\n"),
        ("[]", "- targets:\n    - new:9090"),
        ("# none yet\n[]  # here\n# end\n", "# none yet\n- targets:\n    - new:9090  # here\n# end\n"),
        ("# nothing but this\n", "# nothing but this\n- targets:\n    - new:9090\n"),
        ("# nothing but this", "# nothing but this\n- targets:\n    - new:9090\n"),
        ("---\n", "---\n- targets:\n    - new:9090"),
        ("--- []\n", "--- \n- targets:\n    - new:9090\n"),
        ("null\n", "- targets:\n    - new:9090\n"),
        ("# one\r\n[]\r\n", "# one\r\n- targets:\r\n    - new:9090\r\n"),
    ],
)
def test_a_file_without_targets_takes_one(before: str, after: str) -> None:
    assert with_target(before, FILE, NEW, {}) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # the end of lines, and of the file
        ("- targets:\r\n    - a:1\r\n", "- targets:\r\n    - a:1\r\n    - new:9090\r\n"),
        ("- targets:\n    - a:1", "- targets:\n    - a:1\n    - new:9090"),
        ("---\n- targets: [a:1]\n...\n", "---\n- targets: [a:1]\n- targets:\n    - new:9090\n...\n"),
        ("\ufeff- targets: [a:1]\n", "\ufeff- targets: [a:1]\n- targets:\n    - new:9090\n"),
        # indentation
        ("- targets:\n  - a:1\n", "- targets:\n  - a:1\n  - new:9090\n"),
        ("  - targets: [a:1]\n", "  - targets: [a:1]\n  - targets:\n      - new:9090\n"),
        ("-\n  targets:\n  - a:1\n", "-\n  targets:\n  - a:1\n  - new:9090\n"),
        # comments
        ("- targets:\n    - a:1 # x\n\n# y\n", "- targets:\n    - a:1 # x\n    - new:9090\n\n# y\n"),
        # flow style and JSON
        ('[{"targets": ["a:1"]}]', '[{"targets": ["a:1"]}, {"targets": ["new:9090"]}]'),
        ("[\n  {targets: [a:1]},  # x\n]\n", '[\n  {targets: [a:1]}, {"targets": ["new:9090"]},  # x\n]\n'),
        # a group that has none
        ("- targets: []\n", "- targets: []\n- targets:\n    - new:9090\n"),
        ("- targets:\n", "- targets:\n- targets:\n    - new:9090\n"),
    ],
)
def test_a_target_is_added_in_the_way_the_file_is_written_and_removed_again(before: str, after: str) -> None:
    assert with_target(before, FILE, NEW, {}) == after
    assert without_target(after, FILE, NEW) == before


def test_json_stays_json() -> None:
    before = json.dumps([{"targets": ["a:1", "b:1"], "labels": {"zone": "east"}}, {"targets": ["c:1"]}], indent=2)
    after = with_target(before, FILE, NEW, {"zone": 'the "west"'})
    assert json.loads(after)[-1] == {"targets": [NEW], "labels": {"zone": 'the "west"'}}
    assert json.loads(without_target(after, FILE, "b:1"))[0]["targets"] == ["a:1"]
    assert json.loads(without_target(after, FILE, "c:1")) == [json.loads(after)[0], json.loads(after)[2]]


@pytest.mark.parametrize(
    "value", ["yes", "null", "10", "a: b", "a #b", "", " ", "[x", "*x", "-", 'q"\\', "\u2028", "ü", "1:30"]
)
def test_a_label_keeps_its_value_whatever_yaml_would_make_of_it(value: str) -> None:
    for before in (AS_SHIPPED, "[{targets: [a:1]}]"):
        assert groups(with_target(before, FILE, NEW, {"no": value}))[-1] == ([NEW], {"no": value})


def test_ipv6_and_redis_addresses_are_taken_as_they_are() -> None:
    for address in ("[2001:db8::1]:9090", "redis://redis:6379", "rediss://r:6379/1"):
        assert addresses(with_target("[]\n", FILE, address, {}), FILE) == (address,)


def test_a_target_that_is_there_twice_goes_twice() -> None:
    before = "- targets: [a:1, b:1, a:1]\n- targets:\n    - a:1\n  labels: {x: y}\n"
    assert groups(without_target(before, FILE, "a:1")) == [(["b:1"], {})]


def test_a_target_that_is_there_already_is_said_so() -> None:
    with pytest.raises(UsageFault, match=r"browser-worker-1:9090 is in targets/workers\.yml already"):
        with_target(AS_SHIPPED, FILE, "browser-worker-1:9090", {"zone": "east"})


def test_a_target_that_is_not_there_is_answered_with_the_nearest() -> None:
    with pytest.raises(NotFound, match=r"no target east-3:9090 in targets/workers\.yml\. Did you mean 'east-2:9090'"):
        without_target(OF_A_PERSON, FILE, "east-3:9090")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- targets: [a:1\n", "is not YAML, line 2: "),
        ("\x00", "is not YAML: unacceptable character #x0000"),
        ("- targets: [a:1]\n---\n- targets: [b:1]\n", "is not YAML, line 2: but found another document"),
        ("targets: [a:1]\n", "line 1: this is not a list of target groups"),
        ("a:1\n", "line 1: this is not a list of target groups"),
        ("# x\n- targets: [a:1]\n- a:1\n", "line 3: this is not a group of targets"),
        ("- targets: a:1\n", "line 1: this is not a list of targets"),
        ("- targets: [{a: b}]\n", "line 1: this is not a list of targets"),
        ("- targets: [a:1]\n  labels: [x]\n", "line 2: this is no labels"),
    ],
)
def test_what_is_no_file_of_targets_is_left_alone_and_the_line_is_named(text: str, said: str) -> None:
    for act in (
        lambda: addresses(text, FILE),
        lambda: with_target(text, FILE, NEW, {}),
        lambda: without_target(text, FILE, "a:1"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            act()
        assert said in caught.value.message
        assert caught.value.message.startswith(FILE)
        assert caught.value.remedy


def test_a_file_too_odd_to_edit_is_refused_rather_than_broken() -> None:
    aliases = "- targets: &all\n    - a:1\n    - b:1\n- targets: *all\n  labels: {x: y}\n"
    with pytest.raises(ConfigurationError, match="written in a way that monops cannot edit"):
        with_target(aliases, FILE, NEW, {})


# --- properties ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Style:
    """How somebody writes such a file."""

    eol: str
    last_eol: bool
    indent: int
    inner: int
    quote: str
    comments: bool
    flow_root: bool
    flow_lists: bool


STYLES = st.builds(
    Style,
    eol=st.sampled_from(["\n", "\r\n"]),
    last_eol=st.booleans(),
    indent=st.integers(0, 3),
    inner=st.integers(2, 6),
    quote=st.sampled_from(["", '"', "'"]),
    comments=st.booleans(),
    flow_root=st.booleans(),
    flow_lists=st.booleans(),
)
HOSTS = st.from_regex(r"[a-z][a-z0-9.-]{0,5}[a-z0-9]:[1-9][0-9]{3}", fullmatch=True)
LABELS = st.dictionaries(
    st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True),
    st.text(st.characters(exclude_categories=["Cs"])),
    max_size=2,
)
GROUPS = st.lists(st.tuples(st.lists(HOSTS, max_size=3, unique=True), LABELS), max_size=3)


def as_written(found: list[tuple[list[str], dict[str, str]]], style: Style) -> str:
    """A file of targets in this style."""

    def quoted(word: str) -> str:
        return f"{style.quote}{word}{style.quote}"

    def comment(number: int) -> list[str]:
        return [f"{' ' * style.indent}# about {number}, and more: - [x]", ""] if style.comments else []

    if style.flow_root or not found:
        documents = [{"targets": targets, **({"labels": labels} if labels else {})} for targets, labels in found]
        lines = [*comment(0), json.dumps(documents, indent=style.inner)]
        return style.eol.join(lines).replace("\n", style.eol).replace("\r\r", "\r") + style.eol * style.last_eol
    lines = []
    for number, (targets, labels) in enumerate(found):
        lines += comment(number)
        space = " " * style.indent
        if style.flow_lists or not targets:
            lines.append(f"{space}- targets: [{', '.join(map(quoted, targets))}]")
        else:
            lines.append(f"{space}- targets:")
            lines += [f"{space}{' ' * style.inner}- {quoted(target)}" for target in targets]
            lines[-1] += "  # here" * style.comments
        if labels:
            lines.append(f"{space}  labels: {json.dumps(labels)}")
    lines += comment(len(found))
    return style.eol.join(lines) + style.eol * style.last_eol


FILES = st.builds(as_written, GROUPS, STYLES)


@settings(deadline=None)
@given(FILES, LABELS)
def test_adding_inserts_one_target_and_removing_it_gives_the_same_bytes(text: str, labels: dict[str, str]) -> None:
    after = with_target(text, FILE, NEW, labels)
    gone, came = changed(text, after)
    assert gone in "[]"
    assert NEW in came
    assert content(after) == sorted([*content(text), (NEW, labels)], key=lambda p: (p[0], sorted(p[1].items())))
    assert without_target(after, FILE, NEW) == text


@settings(deadline=None)
@given(FILES, st.data())
def test_removing_takes_out_one_stretch_and_leaves_every_other_target(text: str, data: st.DataObject) -> None:
    known = addresses(text, FILE)
    assume(known)
    address = data.draw(st.sampled_from(known))
    after = without_target(text, FILE, address)
    assert content(after) == [pair for pair in content(text) if pair[0] != address]
    if known.count(address) == 1:
        _, came = changed(text, after)
        assert came in "[]"
    comments = [line for line in text.splitlines() if line.lstrip().startswith("#")]
    assert [line for line in after.splitlines() if line.lstrip().startswith("#")] == comments


@settings(deadline=None)
@given(FILES, st.lists(HOSTS, max_size=4, unique=True))
def test_whatever_is_added_one_by_one_and_taken_out_in_any_order_leaves_the_rest(text: str, more: list[str]) -> None:
    before = content(text)
    more = [host for host in more if host not in addresses(text, FILE)]
    for host in more:
        text = with_target(text, FILE, host, {})
    assert content(text) == sorted(
        [*before, *((host, {}) for host in more)], key=lambda pair: (pair[0], sorted(pair[1].items()))
    )
    for host in more:
        text = without_target(text, FILE, host)
    assert content(text) == before


@settings(deadline=None)
@given(st.one_of(st.text(), st.text(alphabet="-: []{}#&*!|>'\"%@`,?\n\r\tab1")), LABELS)
def test_any_text_is_edited_rightly_or_refused(text: str, labels: dict[str, str]) -> None:
    try:
        before = addresses(text, FILE)
        after = with_target(text, FILE, NEW, labels)
    except MonopsError:
        return
    assert sorted(addresses(after, FILE)) == sorted([*before, NEW])
    assert sorted(addresses(without_target(after, FILE, NEW), FILE)) == sorted(before)


@pytest.mark.parametrize("text", ["[]", "- targets: [a:1]\n  labels: {job: x}\n", "- targets: [a:1]\n- {}\n", ""])
def test_a_file_of_targets_has_no_fault(text: str) -> None:
    assert fault(text, "targets.yml") == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [("- targets: [", "not YAML, line 1"), ("targets: [a:1]", "not a list of target groups"), ("- a:1", "line 1")],
)
def test_the_fault_of_a_file_of_targets_is_named_with_its_line(text: str, says: str) -> None:
    assert says in fault(text, "targets.yml")


def test_targets_in_json_are_json() -> None:
    assert fault('[{"targets": ["a:1"], "labels": {"job": "x"}}]', "targets.json") == ""
    assert fault('[{"targets": ["a:1"]', "targets.json")
