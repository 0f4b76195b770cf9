"""Comments let problems pass in configurations, and descriptions do in dashboards."""

from __future__ import annotations

import json
from datetime import date

import pytest

from monops.domain.finding import Severity
from monops.domain.lint.passing import let_pass
from monops.domain.lint.problem import Problem
from monops.domain.lint.recognise import recognised

TODAY = date(2026, 1, 1)
CONFIG = "global: {}\nscrape_configs:\n  - job_name: one\n    scheme: x\n  - job_name: two\n    scheme: x\n"


def problem(id_: str, file: str, line: int, subject: str = "job") -> Problem:
    return Problem(id=id_, severity=Severity.ERROR, file=file, line=line, subject=subject, message="wrong")


def dashboard(*, whole: str = "", panel: str = "") -> str:
    panels = [
        {"title": "Requests", "description": panel, "targets": [{"expr": "a"}]},
        {"title": "Errors", "targets": [{"expr": "b"}]},
    ]
    return json.dumps({"title": "Board", "description": whole, "panels": panels})


def left(name: str, text: str, *problems: Problem, today: date = TODAY) -> list[Problem]:
    kept, passed = let_pass(problems, recognised([(name, text, True)]), today)
    assert passed == len([one for one in problems if one not in kept])
    return kept


def test_a_comment_in_a_configuration_lets_its_own_line_or_the_next_pass() -> None:
    first, second = problem("config/prometheus", "p.yml", 4), problem("config/prometheus", "p.yml", 6)
    beside = CONFIG.replace("scheme: x", "scheme: x # monops lint disable config/prometheus", 1)
    assert left("p.yml", beside, first, second) == [second]
    above = CONFIG.replace("    scheme: x", "    # monops lint disable config\n    scheme: x", 1)
    moved = problem("config/prometheus", "p.yml", 5), problem("config/prometheus", "p.yml", 7)
    assert left("p.yml", above, *moved) == [moved[1]]


def test_a_comment_for_a_whole_configuration_of_alertmanager() -> None:
    text = "# monops lint file/snooze 2026-06-01 config\nroute: {receiver: a}\nreceivers: [{name: a}]\n"
    one = problem("config/alertmanager", "a.yml", 3)
    assert left("a.yml", text, one) == []
    assert left("a.yml", text, one, today=date(2026, 6, 2)) == [one]


@pytest.mark.parametrize("sign", ["", "# "])
def test_a_panel_s_description_lets_its_own_problems_pass(sign: str) -> None:
    requests = problem("dashboard/dead-panel", "d.json", 1, "panel Requests of Board")
    errors = problem("dashboard/dead-panel", "d.json", 1, "panel Errors of Board")
    said = f"How many there are.\n\n{sign}monops lint disable dashboard/dead-panel"
    assert left("d.json", dashboard(panel=said), requests, errors) == [errors]
    assert left("d.json", dashboard(whole=said), requests, errors) == []


def test_a_description_that_does_nothing_is_told() -> None:
    (told,) = left("d.json", dashboard(panel="monops lint disable dashboard/dead-pannel"))
    assert (told.id, told.file) == ("lint/comment", "d.json")
