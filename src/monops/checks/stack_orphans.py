"""Every container of the project is in the Compose file.

A container of a service that was renamed or taken out goes on running, holds its ports and its names, and answers in
place of the new one. Two Compose files in one folder get the same project name by themselves: then each takes the
other's containers for orphans, and `--remove-orphans` on one ends the other. Services of profiles that are off are in
the file and so no orphans. Source: the labels that Compose gives its containers.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from monops.checks._containers import LABEL, members, services
from monops.checks._healthy import container
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, IsUnknown, SeenContainer, Unknown, known
from monops.domain.finding import Finding, Fix, Risk, Severity

_FILES = f"{LABEL}project.config_files"
_INCLUDES = re.compile(r"^[\"']?include[\"']?\s*:", re.MULTILINE)


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each container that is in no Compose file, one for each other Compose file."""
    declared = services(facts)
    ours = [one for one in members(facts) if one.service in declared]
    files = Counter(one.container.labels.get(_FILES, "") for one in ours).most_common(1)
    file = files[0][0] if files else ""
    foreign: dict[str, list[SeenContainer]] = {}
    strays: list[SeenContainer] = []
    for one in members(facts):
        theirs = one.container.labels.get(_FILES, "")
        if one.service in declared or not one.container.project or (one.container.project != facts.project):
            continue
        if file and theirs and theirs != file:
            foreign.setdefault(theirs, []).append(one)
        else:
            strays.append(one)
    for path, containers in foreign.items():
        yield _other_file(facts.project, path, containers)
    for one in strays:
        if not _is_named(one, one.container.labels.get(_FILES, "") or file, facts):
            yield _orphan(one)


def _is_named(one: SeenContainer, files: str, facts: Facts) -> bool:
    """Whether one of the files names the container's service, which then is of a profile that is off.

    Raises IsUnknown where a file was not read, or takes in others: its container is not to be removed on a guess.
    """
    texts = {} if isinstance(facts.host_files, Unknown) else facts.host_files
    paths = [path.strip() for path in files.split(",") if path.strip()]
    if any(_names(texts[path], one.service) for path in paths if path in texts):
        return True
    unread = next((f"{path} was not read" for path in paths if path not in texts), "")
    partial = next((f"{path} includes other files" for path in paths if _INCLUDES.search(texts.get(path, ""))), "")
    why = unread or partial or ("" if paths else "no Compose file is known")
    if why:
        raise IsUnknown(
            Unknown(
                f"whether {one.name} belongs to a profile that is off: {why}",
                f"docker compose --project-name {shlex.quote(facts.project)}{_options(paths)} "
                "--profile '*' config --services",
            )
        )
    return False


def _options(paths: Sequence[str]) -> str:
    return "".join(f" --file {shlex.quote(path)}" for path in paths)


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
    files = {**known(facts.host_files), "/srv/monitoring/docker-compose.monitoring.yml": "services:\n  grafana:\n"}
    return replace(facts, containers=(*known(facts.containers), replace(one, container=other)), host_files=files)


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
