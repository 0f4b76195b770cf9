"""Whose container it is: nobody's only where every Compose file was read and none has its service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from monops.checks._healthy import HEALTHY, container
from monops.checks.stack_orphans import CHECK
from monops.domain.diagnosis import Outcome, diagnose
from monops.domain.facts import Facts, Unknown, known

_FILES = "com.docker.compose.project.config_files"
_HERE = "/srv/monitoring/docker-compose.monitoring.yml"
_PROFILE = "services:\n  browser:\n    profiles: [browser]\n"


def one_more(files: str, texts: Mapping[str, str]) -> Facts:
    """A stack whose containers are all of `files`, one of them of a service that the model does not have."""
    first = container("grafana")
    labels = {"com.docker.compose.project": "monitoring", "com.docker.compose.service": "browser"}
    browser = replace(first.container, id="f" * 64, name="browser-1", service="browser", labels=labels)
    everybody = tuple(
        replace(one, container=replace(one.container, labels={**one.container.labels, _FILES: files}))
        for one in (*known(HEALTHY.containers), replace(first, container=browser))
    )
    return replace(HEALTHY, containers=everybody, host_files=texts)


def outcome(facts: Facts) -> Outcome:
    return diagnose([CHECK], facts).outcomes[0]


def test_a_service_of_a_profile_that_is_off_is_nobodys_orphan() -> None:
    assert outcome(one_more(_HERE, {_HERE: _PROFILE})).is_well


def test_a_service_that_a_further_file_names_is_nobodys_orphan() -> None:
    files = {"/srv/a.yml": "services:\n  grafana: {}\n", "/srv/b.yml": _PROFILE}
    assert outcome(one_more("/srv/a.yml,/srv/b.yml", files)).is_well


def test_a_service_that_no_file_names_is_an_orphan() -> None:
    assert [one.subject for one in outcome(one_more(_HERE, {_HERE: "services: {}\n"})).findings] == [
        "container browser-1"
    ]


def test_a_container_without_the_label_is_judged_by_the_files_of_the_others() -> None:
    facts = one_more(_HERE, {_HERE: "services: {}\n"})
    last = known(facts.containers)[-1]
    labels = {name: value for name, value in last.container.labels.items() if name != _FILES}
    bare = replace(last, container=replace(last.container, labels=labels))
    assert len(outcome(replace(facts, containers=(*known(facts.containers)[:-1], bare))).findings) == 1


def test_nobody_is_accused_where_a_compose_file_was_not_read() -> None:
    found = outcome(one_more("/srv/a.yml,/srv/b.yml", {"/srv/a.yml": "services: {}\n"}))
    assert found.unknown == Unknown(
        "whether browser-1 belongs to a profile that is off: /srv/b.yml was not read",
        "docker compose --project-name monitoring --file /srv/a.yml --file /srv/b.yml --profile '*' config --services",
    )


def test_nobody_is_accused_where_a_compose_file_includes_others() -> None:
    found = outcome(one_more(_HERE, {_HERE: "include:\n- browser.yml\nservices: {}\n"}))
    assert found.unknown is not None
    assert "includes other files" in found.unknown.reason
