"""A flag in a Compose service's command, and a variable in a .env file, however they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monops.domain.compose_command import find_flag, with_flag, with_value
from monops.domain.env_edit import set_variable
from monops.domain.errors import Refused
from monops.domain.yaml_edit import value_at

FLAG = "--storage.tsdb.retention.time"
OTHER = "--storage.tsdb.retention.size"


def compose(command: str) -> str:
    return f"services:\n  p:\n    image: x\n{command}    ports: [1]\n"


FORMS = {
    "list": "    command:\n      - --a=b\n      - --storage.tsdb.retention.time=30d # c\n      - --z\n",
    "quoted": "    command:\n      - '--storage.tsdb.retention.time=30d'\n",
    "double": '    command:\n    - "--storage.tsdb.retention.time=30d"\n    - --z\n',
    "two words": "    command:\n      - --storage.tsdb.retention.time\n      - 30d\n      - --a=b\n",
    "flow": '    command: ["--a=b", "--storage.tsdb.retention.time=30d"]\n',
    "flow, two words": '    command: ["--storage.tsdb.retention.time", "30d", "--a=b"]\n',
    "text": "    command: --a=b --storage.tsdb.retention.time=30d --z\n",
    "quoted text": "    command: '--a=b --storage.tsdb.retention.time=30d'\n",
    "text, two words": '    command: "--a=b --storage.tsdb.retention.time 30d"\n',
    "folded": "    command: >-\n      --a=b\n      --storage.tsdb.retention.time=30d\n      --z\n",
    "entrypoint": '    entrypoint: ["/bin/prometheus", "--a=b", "--storage.tsdb.retention.time=30d"]\n',
}


@pytest.mark.parametrize("form", FORMS)
def test_the_value_is_changed_and_nothing_else(form: str) -> None:
    text = compose(FORMS[form])
    found = find_flag(text, "p", FLAG, file="f")
    assert found is not None
    assert found.value == "30d"
    assert with_value(text, found, FLAG, "7d", file="f") == text.replace("30d", "7d")


@pytest.mark.parametrize("form", [form for form in FORMS if form != "entrypoint"])
def test_another_flag_comes_behind_its_relative(form: str) -> None:
    text = compose(FORMS[form])
    after = with_flag(text, "p", OTHER, "1GB", file="f", running=())
    found = find_flag(after, "p", OTHER, file="f")
    assert found is not None
    assert found.value == "1GB"
    assert find_flag(after, "p", FLAG, file="f") is not None
    # In a text with its value as a word of its own, it comes before it: both mean the same.
    assert after.index("30d") < after.index("1GB") or form == "text, two words"


def test_a_command_that_the_image_has_is_written_out() -> None:
    after = with_flag(compose(""), "p", FLAG, "7d", file="f", running=("--config.file=/x", "--b"))
    assert after == compose("").replace(
        "[1]\n", "[1]\n    command:\n      - --config.file=/x\n      - --b\n      - "
    ) + (f"{FLAG}=7d\n")


@pytest.mark.parametrize("nothing", ["[]", "''", ""])
def test_a_command_of_no_words_gets_its_first(nothing: str) -> None:
    after = with_flag(compose(f"    command: {nothing}\n"), "p", FLAG, "7d", file="f", running=())
    assert value_at(after, ("services", "p"), file="f") == {"image": "x", "command": [f"{FLAG}=7d"], "ports": [1]}


def test_a_flag_that_is_there_twice_is_refused() -> None:
    with pytest.raises(Refused, match="twice"):
        find_flag(compose(f"    command: [{FLAG}=1d, {FLAG}=2d]\n"), "p", FLAG, file="f")


@pytest.mark.parametrize(
    ("value", "name"), [("${X}", "X"), ("${X:-30d}", "X"), ("$X", "X"), ("${X:?is in .env}", "X"), ("3${X}d", None)]
)
def test_a_value_from_a_variable_is_known_as_one(value: str, name: str | None) -> None:
    text = compose(f"    command:\n      - {FLAG}={value}\n")
    found = find_flag(text, "p", FLAG, file="f")
    assert found is not None
    assert found.variable == name
    with pytest.raises(Refused, match="variable"):
        with_value(text, found, FLAG, "7d", file="f")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("A=1\nX=30d\nB=2\n", "A=1\nX=7d\nB=2\n"),
        ("X='30d'  # why\n", "X='7d'  # why\n"),
        ('export X="30d"', 'export X="7d"'),
        ("X = 30d # c\r\nY=1\r\n", "X = 7d # c\r\nY=1\r\n"),
        ("X=\n", "X=7d\n"),
        # As Compose reads them: only a # after a blank begins a comment, and not where the value begins.
        ("X=foo#bar\nY=1\n", "X=7d\nY=1\n"),
        ("X=a b#c  # why\r\n", "X=7d  # why\r\n"),
        ("X=#bar", "X=7d"),
        ("X= # bar\n", "X= 7d\n"),
        ("X=foo\t# bar\nY=1", "X=7d\nY=1"),
        ("X='a#b'#c\n", "X='7d'#c\n"),
        ("A=1", "A=1\nX=7d\n"),
        ("# X=1\nXY=2\r\n", "# X=1\nXY=2\r\nX=7d\r\n"),
        ("", "X=7d\n"),
    ],
)
def test_a_variable_is_set_in_its_own_quotes(before: str, after: str) -> None:
    assert set_variable(before, "X", "7d", file=".env") == after


def test_a_variable_that_is_there_twice_or_has_odd_characters_is_refused() -> None:
    with pytest.raises(Refused, match="2 times"):
        set_variable("X=1\nX=2\n", "X", "7d", file=".env")
    with pytest.raises(Refused, match="cannot be written"):
        set_variable("", "X", "a b\n", file=".env")


@given(
    st.dictionaries(st.sampled_from("ABCD"), st.sampled_from(["1", "two", "'q'", '"d"', ""]), max_size=4),
    st.text("1d", max_size=4),
)
def test_every_other_line_stays(variables: dict[str, str], value: str) -> None:
    text = "".join(f"{name}={old}\n" for name, old in variables.items())
    after = set_variable(text, "A", value, file=".env")
    assert [line for line in after.splitlines() if not line.startswith("A=")] == [
        line for line in text.splitlines() if not line.startswith("A=")
    ]
