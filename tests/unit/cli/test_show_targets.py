"""What `monops targets` says to scripts of targets that are up and of no use."""

from __future__ import annotations

import pytest

from monops.checks._healthy import HEALTHY, target
from monops.cli import show_targets
from monops.domain.exits import Exit
from monops.domain.finding import Fix
from monops.ops.targets_explained import ExplainedTargets, UpBut


def vanishing(who: str) -> ExplainedTargets:
    lost = UpBut(kind="samples.none", who=who, sentence="it gives none", evidence=(), fix=Fix(say="See."))
    return ExplainedTargets(targets=(target("api", "api:80", "api:80"),), up_but=(lost,), facts=HEALTHY)


@pytest.mark.parametrize(
    ("who", "jobs", "code"),
    [
        ("api/api:80", (), Exit.FINDINGS),
        ("some target", (), Exit.FINDINGS),
        ("api/api:80", ("api",), Exit.FINDINGS),
        ("web/web:80", ("api",), Exit.DONE),
        ("some target", ("api",), Exit.DONE),
    ],
)
def test_samples_that_vanish_of_what_was_asked_for_are_findings(who: str, jobs: tuple[str, ...], code: Exit) -> None:
    assert show_targets.exit_of(vanishing(who), None, jobs) is code
