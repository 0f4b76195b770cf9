"""Counters that nobody collects: that none of them grew is not taken for well."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monops.checks import all_checks
from monops.checks._healthy import HEALTHY, series
from monops.checks._prometheus import OWN, started
from monops.checks.alertmanager_notifications_failed import SCRAPED
from monops.domain.diagnosis import Outcome, diagnose
from monops.domain.facts import Facts, known

_COUNTING = {
    "alertmanager.delivery": OWN,
    "alertmanager.notifications_failed": SCRAPED,
    "rules.health": OWN,
    "rules.slow": OWN,
}


def outcome(check_id: str, facts: Facts, **answered: float) -> Outcome:
    """Of a check whose queries have no answer but these."""
    check = next(one for one in all_checks() if one.id == check_id)
    answers = {query: (series(answered[query]),) if query in answered else () for query in check.queries}
    return diagnose([check], replace(facts, answers=answers)).outcomes[0]


@pytest.mark.parametrize("check", _COUNTING)
def test_without_the_counters_it_is_unknown(check: str) -> None:
    assert outcome(check, HEALTHY).unknown is not None


@pytest.mark.parametrize(("check", "there"), _COUNTING.items())
def test_with_counters_of_which_none_grew_it_is_well(check: str, there: str) -> None:
    assert outcome(check, HEALTHY, **{there: 1.0}).is_well


@pytest.mark.parametrize("check", _COUNTING)
def test_a_moment_after_the_start_nothing_is_expected(check: str) -> None:
    assert outcome(check, started(30, HEALTHY)).is_well


def test_without_rules_nothing_is_to_be_counted() -> None:
    facts = replace(HEALTHY, prometheus_rules=())
    assert outcome("rules.health", facts).is_well
    assert outcome("rules.slow", facts).is_well


def test_what_prometheus_says_of_a_rule_is_told_without_the_counters() -> None:
    group = known(HEALTHY.prometheus_rules)[0]
    broken = replace(group, rules=tuple(replace(one, health="err", last_error="x") for one in group.rules))
    slow = replace(group, evaluation=14.0)
    assert outcome("rules.health", replace(HEALTHY, prometheus_rules=(broken,))).findings
    assert outcome("rules.slow", replace(HEALTHY, prometheus_rules=(slow,))).findings
