"""Every container of the project is in the Compose file.

A container of a service that was renamed or taken out goes on running, holds its ports and its names, and answers in
place of the new one. Two Compose files in one folder get the same project name by themselves: then each takes the
other's containers for orphans, and `--remove-orphans` on one ends the other. Services of profiles that are off are in
the file and so no orphans. Source: the labels that Compose gives its containers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from monops.checks._containers import LABEL, members, services
from monops.checks._healthy import container
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, SeenContainer, Unknown, known
from monops.domain.finding import Finding, Fix, Risk, Severity

_FILES = f"{LABEL}project.config_files"


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each container that is in no Compose file, one for each other Compose file."""
    declared = services(facts)
    texts = {} if isinstance(facts.host_files, Unknown) else facts.host_files
    ours = [one for one in members(facts) if one.service in declared]
    files = Counter(one.container.labels.get(_FILES, "") for one in ours).most_common(1)
    file = files[0][0] if files else ""
    foreign: dict[str, list[SeenContainer]] = {}
    for one in members(facts):
        theirs = one.container.labels.get(_FILES, "")
        if one.service in declared or not one.container.project or (one.container.project != facts.project):
            continue
        if file and theirs and theirs != file:
            foreign.setdefault(theirs, []).append(one)
        elif not any(_names(text, one.service) for path, text in texts.items() if path in theirs.split(",")):
            yield _orphan(one)
    for path, containers in foreign.items():
        yield _other_file(facts.project, path, containers)


def _names(text: str, service: str) -> bool:
    """Whether a Compose file names a service: one of a profile that is off is not in its model."""
    return re.search(rf"""^\s+["']?{re.escape(service)}["']?\s*:""", text, re.MULTILINE) is not None


def _orphan(one: SeenContainer) -> Finding:
    return Finding(
        severity=Severity.WARNING,
        subject=f"container {one.name}",
        cause=f"the Compose file has no service {one.service} any more, and its container is still there",
        evidence=(f"docker inspect: {one.container.state}, made from {one.container.labels.get(_FILES, 'no file')}",),
        fix=Fix(
            say=f"Remove {one.name}; its volumes stay.",
            command=f"docker stop {one.name}; docker rm {one.name}",
            risk=Risk.DESTROYS,
        ),
    )


def _other_file(project: str, path: str, containers: list[SeenContainer]) -> Finding:
    return Finding(
        severity=Severity.WARNING,
        subject=f"project {project}",
        cause=f"another Compose file has the same project name: `up --remove-orphans` on either ends the other's "
        f"{len(containers)} containers",
        evidence=(f"label {_FILES}: {path}", f"its containers: {', '.join(one.name for one in containers)}"),
        fix=Fix(
            say="Give one of the two a name of its own, with `name:` at the top of its Compose file, and never use "
            "--remove-orphans until then.",
            command="docker compose ls --all",
        ),
    )


def _with_other(facts: Facts, path: str) -> Facts:
    one = container("grafana")
    labels = {**one.container.labels, f"{LABEL}service": "old-grafana", _FILES: path}
    other = replace(one.container, id="f" * 64, name="ai-old-grafana", service="old-grafana", labels=labels)
    return replace(facts, containers=(*known(facts.containers), replace(one, container=other)))


CHECK = Check(
    id="stack.orphans",
    well="every container is in the Compose file",
    reads=("containers", "compose_model"),
    looks_at=("host_files",),
    judge=judge,
    sick=(
        Sick(
            what="a service that was taken out",
            facts=lambda facts: _with_other(facts, "/srv/monitoring/docker-compose.monitoring.yml"),
            severity=Severity.WARNING,
            says="no service old-grafana any more",
        ),
        Sick(
            what="two Compose files with one project name",
            facts=lambda facts: _with_other(facts, "/srv/monitoring/docker-compose.yml"),
            severity=Severity.WARNING,
            says="same project name",
        ),
    ),
)
