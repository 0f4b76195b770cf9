"""Why targets are down, as `monops targets` tells it."""

from __future__ import annotations

import pytest

from monops.checks._healthy import HEALTHY
from monops.domain.cause import Cause
from monops.domain.facts import Facts, Target
from monops.domain.finding import Fix
from monops.domain.ports import ScrapeTarget
from monops.ops import targets_explained


def down(job: str, error: str) -> ScrapeTarget:
    url = f"http://{job}:80/metrics"
    return ScrapeTarget(job=job, instance=f"{job}:80", url=url, health="down", last_error=error, last_scrape="")


def test_one_whose_cause_cannot_be_found_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(target: Target, facts: Facts) -> Cause:
        if target.job == "odd":
            raise ValueError("no port: password=hunter2")
        return Cause(kind="other", about="web", sentence="it is off", evidence=(), fix=Fix(say="Start it."))

    monkeypatch.setattr(targets_explained, "root_cause", told)
    known = targets_explained.explained_by([down("odd", "refused"), down("web", "refused")], HEALTHY)
    sentences = [cause.sentence for target in known.targets if (cause := known.cause(target))]
    assert sentences == ["why is unknown: ValueError: no port: password=<removed>", "it is off"]
