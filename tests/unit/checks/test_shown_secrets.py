"""No secret of a URL or of a container's command is in what checks and `monops targets` tell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monops.checks import all_checks
from monops.checks._healthy import AT, HEALTHY, changed, series, target, with_answers, with_container
from monops.checks.targets_flapping import CHANGES, LONGEST
from monops.cli.show_targets import as_result
from monops.domain.diagnosis import diagnose
from monops.domain.facts import Facts, Target, known
from monops.domain.ports import ScrapeTarget
from monops.domain.probing import Probed, Probing, Verdict
from monops.domain.scrape_cause import root_cause
from monops.ops.probe import ProbedTargets
from monops.ops.targets_explained import explained_by

_SECRET = "hunter2"
_URL = f"http://me:{_SECRET}@api:80/metrics?format=text&token={_SECRET}"


def api(**changes: object) -> Target:
    found = target("api", "api:80", "api:80", url=_URL, last_error=f'Get "{_URL}": no')
    return replace(found, **changes)  # type: ignore[arg-type]


def asked(*targets: Target) -> Facts:
    return replace(HEALTHY, prometheus_targets=(*known(HEALTHY.prometheus_targets), *targets))


def told(check_id: str, facts: Facts) -> str:
    """What a check finds; it must find something."""
    check = next(one for one in all_checks() if one.id == check_id)
    found = diagnose([check], facts).outcomes[0].findings
    assert found
    return repr(found)


def flags(service: str) -> Facts:
    words = (f"--storage_driver_password={_SECRET}", "--web.token", _SECRET, "--enable-feature=agent")
    return with_container(HEALTHY, service, lambda one: changed(one, container={"command": words}))


@pytest.mark.parametrize(
    ("check", "facts"),
    [
        ("targets.up", asked(api(health="down", last_scrape=AT))),
        ("targets.up", asked(api(health="down", last_scrape=AT, last_error="context deadline exceeded"))),
        ("targets.slow", asked(api(last_duration=9.2))),
        ("targets.duplicate", asked(api(), replace(api(), job="web", discovered={"job": "web"}))),
        ("targets.duplicate", asked(api(), replace(api(), url=f"{_URL}&x=1"))),
        (
            "targets.flapping",
            with_answers(
                asked(api()),
                {
                    CHANGES: (series(8, job="api", instance="api:80"),),
                    LONGEST: (series(9.9, job="api", instance="api:80"),),
                },
            ),
        ),
        ("exporters.cadvisor_cost", flags("cadvisor")),
        ("exporters.node_host_view", flags("node-exporter")),
        ("prometheus.flags", flags("prometheus")),
    ],
)
def test_no_finding_shows_a_secret(check: str, facts: Facts) -> None:
    assert _SECRET not in told(check, facts)


@pytest.mark.parametrize("error", ["context deadline exceeded", "EOF", "something new"])
def test_no_cause_shows_a_secret(error: str) -> None:
    assert _SECRET not in repr(root_cause(api(health="down", last_error=error), HEALTHY))


def test_no_secret_is_in_the_document_for_programs() -> None:
    listed = ScrapeTarget(
        job="api", instance="api:80", url=_URL, health="down", last_error=f'Get "{_URL}": EOF', last_scrape=""
    )
    known_ = explained_by([listed], HEALTHY)
    seen = Probed(dns="ok", tcp="ok", http="ok", status=302, location=f"/login?token={_SECRET}", error=f"see {_URL}")
    verdict = Verdict(target=known_.targets[0], probed=seen, answers=False, sentence="it sends elsewhere")
    probed = ProbedTargets(verdicts=(verdict,), probing=Probing(way="namespace", found={_URL: seen}))
    result = as_result(known_, probed, {})
    assert _SECRET not in repr(result)
    assert result["targets"][0]["url"] == "http://me:<removed>@api:80/metrics?format=text&token=<removed>"
