"""One value as YAML has it: it is the same text again, wherever it stands."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from monops.domain.yaml_text import quoted, scalar

#: Without halves of characters, which no file holds.
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(_TEXTS)
def test_a_value_and_a_key_are_the_same_text_again(text: str) -> None:
    assert yaml.safe_load(f"- {scalar(text)}\n") == [text]
    assert yaml.safe_load(f"{scalar(text)}: 1\n") == {text: 1}


@given(_TEXTS)
def test_what_is_quoted_is_yaml_and_json_in_one_line(text: str) -> None:
    assert yaml.safe_load(f"[{quoted(text)}]") == [text]
    assert json.loads(quoted(text)) == text
    assert len(quoted(text).splitlines()) == 1


@pytest.mark.parametrize(
    "text", ["redis://redis:6379", "10.0.0.5:9100", "Ops <ops@example.com>", "browser-worker-1:9090"]
)
def test_what_people_write_has_no_quotes(text: str) -> None:
    assert scalar(text) == text


@pytest.mark.parametrize(
    "text", ["", "yes", "null", "7", "1:30", "2001-01-01", "2001-99-99", "0x_", "#a", "a #b", "a: b"]
)
def test_what_yaml_takes_for_something_else_is_quoted(text: str) -> None:
    assert scalar(text) == f'"{text}"'
