"""Whether Go's regular expressions mean here what they mean to Prometheus and Alertmanager."""

from __future__ import annotations

import pytest

from monops.domain.go_expression import NotTranslated, go_expression


@pytest.mark.parametrize(
    ("text", "matches", "matches_not"),
    [
        ("a(?i)b", ("ab", "aB"), ("AB",)),
        ("a(?i)b|c", ("aB", "C"), ("AB",)),
        ("(a(?i)b)c", ("aBc",), ("aBC",)),
        ("(?i)a(?-i)b", ("Ab",), ("AB",)),
        ("(?i:a)b", ("Ab",), ("AB",)),
        (r"foo\z", ("foo",), ("foo ",)),
        (r"\x{41}\x42", ("AB",), ("41B",)),
        (r"\Qa.b\E.", ("a.bc",), ("axbc",)),
        ("[[:alpha:]_]+", ("ab_",), ("a1", ":")),
        ("[]a]+", ("]a",), ("b",)),
        (r"[^\x{41}]", ("B",), ("A",)),
        ("[a&&b]+", ("a&b",), ("c",)),
        ("(?<name>a)(?P<other>b)", ("ab",), ("a",)),
        (r"\(x\)|y\|", ("(x)", "y|"), ("x",)),
    ],
)
def test_an_expression_matches_what_it_matches_in_go(
    text: str, matches: tuple[str, ...], matches_not: tuple[str, ...]
) -> None:
    pattern = go_expression(text)
    assert [word for word in matches if pattern.fullmatch(word) is None] == []
    assert [word for word in matches_not if pattern.fullmatch(word) is not None] == []


@pytest.mark.parametrize("text", [r"\pL+", r"[\p{Greek}]", "(?U)a+", "[[:cntrl:]]", r"\x{FFFFFF}", "(a", "a)", "["])
def test_what_cannot_be_evaluated_is_never_guessed(text: str) -> None:
    with pytest.raises(NotTranslated):
        go_expression(text)
