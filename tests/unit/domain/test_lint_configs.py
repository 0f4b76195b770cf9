"""What promtool and amtool say becomes problems of the right file, in whatever order their two streams arrive."""

from __future__ import annotations

import pytest

from monops.domain.lint.configs import of_output

FAULTS = (
    "  FAILED:\na.yml: yaml: unmarshal errors:\n  line 5: field bogus not found in type rulefmt.Rule\n",
    '  FAILED:\nb.yml: 7:11: group "g", rule 1, "B": could not parse expression: 1:11: parse error\n',
)


@pytest.mark.parametrize(
    "text",
    [
        f"Checking a.yml\n{FAULTS[0]}Checking b.yml\n{FAULTS[1]}",
        f"Checking a.yml\nChecking b.yml\n{FAULTS[0]}{FAULTS[1]}",
        f"Checking a.yml\n{FAULTS[0]}{FAULTS[1]}Checking b.yml\n",
        f"Checking a.yml\n\nChecking b.yml\n\nChecking c.yml\n  SUCCESS: 1 rules found\n{FAULTS[0]}{FAULTS[1]}",
    ],
)
def test_a_fault_is_of_the_file_that_it_names(text: str) -> None:
    found = [(one.file, one.line) for one in of_output("rules/rejected", text, lambda name: f"rules/{name}", "x")]
    assert found == [("rules/a.yml", 5), ("rules/b.yml", 7)]


def test_a_configuration_and_the_rules_that_it_names_are_told_apart() -> None:
    text = (
        "Checking prometheus.yml\nChecking rules/a.yml\n  SUCCESS: 3 rules found\n"
        "  FAILED: parsing YAML file prometheus.yml: yaml: unmarshal errors:\n  line 3: field static_config not found\n"
    )
    (one,) = of_output("config/prometheus", text, lambda name: name, "prometheus.yml")
    assert (one.file, one.line) == ("prometheus.yml", 3)


def test_amtool_says_it_in_one_line() -> None:
    text = "Checking 'am.yml'  FAILED: yaml: line 4: did not find expected key\namtool: error: failed to validate 1\n"
    (one,) = of_output("config/alertmanager", text, lambda name: f"here/{name}", "x")
    assert (one.file, one.line) == ("here/am.yml", 4)
    assert "did not find expected key" in one.message


def test_a_refusal_without_a_word_is_a_problem_all_the_same() -> None:
    (one,) = of_output("rules/rejected", "", lambda name: name, "x.yml")
    assert (one.file, one.message) == ("x.yml", "promtool refuses it: it is refused without a word")
