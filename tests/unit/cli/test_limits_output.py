"""Limits as text: what is true of many services is said once, and who knows what is in force is named."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monops.cli.settings import Settings
from monops.cli.show_change import Afterwards, _done
from monops.cli.show_limits import recommended_lines
from monops.domain.change import Entry, Expected, Plan, Site, State
from monops.domain.limits import Limits
from monops.domain.limits_advice import Advice, Usage
from monops.ops.limits_recommend import Recommendations, Recommended

USAGE = Usage(memory_peak=1, memory_p99=1, memory_p95=1, cpus_peak=None, cpus_p95=None, over=timedelta())


def advised(service: str, *notes: str) -> Recommended:
    advice = Advice(limits=Limits(), notes=notes)
    return Recommended(service=service, now=Limits(), usage=USAGE, advice=advice)


def test_what_is_true_of_many_services_is_said_once() -> None:
    services = (advised("a", "only the present", "stays"), advised("b", "only the present"),
                advised("c", "only the present", "stays"))  # fmt: skip
    lines = recommended_lines(Recommendations(services=services, over=timedelta(days=7), unknown=""))
    assert [line for line in lines if ": " in line] == ["every service: only the present", "a, c: stays"]


def test_one_service_keeps_its_name() -> None:
    found = Recommendations(services=(advised("a", "stays"),), over=timedelta(days=7), unknown="")
    assert "a: stays" in recommended_lines(found)


@pytest.mark.parametrize(
    ("reader", "says"), [("limits", "as the engine reports"), ("retention", "as redis reports itself")]
)
def test_it_is_the_engine_that_reports_limits(reader: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan(
        site=Site(project="p", folder="/s", files=()),
        title="t",
        values=(),
        edits=(),
        steps=(),
        expected=(Expected(reader=reader, service="redis", wanted={"a": "1"}, before={}),),
    )
    entry = Entry(id=1, plan=plan, state=State.DONE, who="w", host="h", command="c", started="")
    _done(Settings(), "limits set", entry, (), (), Afterwards())
    assert capsys.readouterr().out.splitlines()[0] == f"t: done, {says}"
