"""The nearest right name for a wrong one."""

from __future__ import annotations

import pytest

from monops.domain.nearest import did_you_mean, listed, nearest

COMMANDS = ("backup", "restore", "snapshots", "verify")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("bakup", "backup"), ("snapshot", "snapshots"), ("verfy", "verify"), ("zzz", None), ("", None)],
)
def test_the_nearest_name_is_found_if_it_is_near(wrong: str, right: str | None) -> None:
    assert nearest(wrong, COMMANDS) == right


def test_a_question_is_asked_only_when_there_is_a_near_name() -> None:
    assert did_you_mean("bakup", COMMANDS) == " Did you mean 'backup'?"
    assert did_you_mean("zzz", COMMANDS) == ""
    assert did_you_mean("x", ()) == ""


def test_names_are_listed_as_in_a_sentence() -> None:
    assert listed([]) == "none"
    assert listed([], none="nothing") == "nothing"
    assert listed(["a"]) == "a"
    assert listed(("a", "b", "c")) == "a, b and c"
