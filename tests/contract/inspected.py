"""A stack for the tests of what is read from one."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from tests.integration.fixtures import engine_problem
from tests.integration.support import Stack, running_stack, wait_until
from tests.integration.web import fetch

from monops.domain.facts import Facts, SeenContainer, known
from monops.edges.clock import SystemClock
from monops.edges.inspectors import AllInspectors
from monops.ops.gather import gather

EVERYTHING = [field.name for field in dataclasses.fields(Facts) if field.name not in ("now", "project", "answers")]
SERVICES = ("prometheus", "grafana", "alertmanager", "redis")
WITHIN = timedelta(seconds=60)


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of its own: the tests stop and pause its services, and leave it as it was."""
    if problem := engine_problem():
        pytest.skip(problem)
    with running_stack(tmp_path_factory.mktemp("watched") / "stack", *SERVICES) as started:
        url = started.prometheus
        wait_until(lambda: bool(fetch(f"{url}/api/v1/alertmanagers")["data"]["activeAlertmanagers"]), "an Alertmanager")
        wait_until(lambda: all(one["lastScrape"] > "0002" for one in targets_of(url)), "a scrape of every target")
        yield started


def targets_of(url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = fetch(f"{url}/api/v1/targets?state=active")["data"]["activeTargets"]
    return found


def inspectors_of(stack: Stack, environment: Mapping[str, str] | None = None, **changes: Any) -> AllInspectors:
    own = {k: v for k, v in os.environ.items() if not k.startswith("MONOPS_")}
    given: dict[str, Any] = {
        "project": stack.project,
        "named": {},
        "urls": {},
        "compose_file": None,
        "is_named": False,
        **changes,
    }
    return AllInspectors({**own, **stack.environment, **(environment or {})}, **given)


def facts_of(
    stack: Stack,
    *names: str,
    queries: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
    within: timedelta = WITHIN,
    **changes: Any,
) -> Facts:
    found = inspectors_of(stack, environment, **changes)
    return gather(
        found, SystemClock(), project=stack.project, names=names or EVERYTHING, queries=queries, within=within
    )


def one(facts: Facts, service: str) -> SeenContainer:
    return next(seen for seen in known(facts.containers) if seen.service == service)
