"""Docker Compose can read the stack's file.

Without Compose v2, or with a file that it cannot read, the stack goes on running and can no longer be changed: the next
`up` fails. Compose v1 (`docker-compose`) does not know what the file says; before 2.20 `start_interval` and `include`
are missing. Source: docs.docker.com/compose/releases/release-notes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, IsUnknown, Unknown
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.rebuild import without_secret

#: The first that knows everything in the shipped file.
OLDEST = (2, 20)
#: What the reader of the file says where the file is at fault. It says other things where it found none.
_BAD_FILE = re.compile(r"is not a Compose file|the variable (?P<name>\w+) is not set|docker compose failed")


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for the program, one for the file."""
    version = facts.compose_version
    if isinstance(version, Unknown):
        if "Compose v2" not in version.reason:
            raise IsUnknown(version)
        yield Finding(
            severity=Severity.ERROR,
            subject="docker compose",
            cause="Docker's Compose plug-in is not installed",
            evidence=(f"docker compose version: {version.reason}",),
            fix=Fix(say="Install Docker's Compose plug-in.", command="docker compose version"),
        )
        return
    if (number := _number(version)) and number < OLDEST:
        yield Finding(
            severity=Severity.WARNING,
            subject=f"docker compose {version}",
            cause="it is so old that it does not know everything that a Compose file may say today",
            evidence=(f"docker compose version: {version}, needed is {OLDEST[0]}.{OLDEST[1]}",),
            fix=Fix(say="Update Docker's Compose plug-in.", command="docker compose version"),
        )
    yield from _file(facts.compose_model)


def _file(model: object) -> Iterator[Finding]:
    if not isinstance(model, Unknown):
        return
    found = _BAD_FILE.search(model.reason)
    if found is None:
        raise IsUnknown(model)
    fix = Fix(say="Correct the line that Compose names.", command="docker compose config --quiet")
    cause = "Compose cannot read it, so that nothing in the stack can be changed"
    if found["name"]:
        cause = f"it needs the variable {found['name']}, which is not set"
        fix = Fix(say=f"Set {found['name']} in the .env file beside the Compose file.", command="monops init --check")
    yield Finding(
        severity=Severity.ERROR,
        subject="the Compose file",
        cause=cause,
        evidence=(f"docker compose config: {without_secret(model.reason)}",),
        fix=fix,
    )


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


CHECK = Check(
    id="engine.compose",
    well="the Compose file can be read",
    reads=(),
    looks_at=("compose_version", "compose_model"),
    judge=judge,
    sick=(
        Sick(
            what="a docker command without Compose",
            facts=lambda facts: replace(
                facts, compose_version=Unknown("there is no docker command with Compose v2 in PATH")
            ),
            severity=Severity.ERROR,
            says="not installed",
        ),
        Sick(
            what="an old Compose",
            facts=lambda facts: replace(facts, compose_version="2.5.0"),
            severity=Severity.WARNING,
            says="so old",
        ),
        Sick(
            what="a file with a wrong key",
            facts=lambda facts: replace(
                facts, compose_model=Unknown("docker-compose.yml is not a Compose file: validating: services.x")
            ),
            severity=Severity.ERROR,
            says="cannot read",
        ),
        Sick(
            what="a variable that is not set",
            facts=lambda facts: replace(
                facts, compose_model=Unknown("the variable GRAFANA_PORT is not set: docker-compose.yml takes it from …")
            ),
            severity=Severity.ERROR,
            says="GRAFANA_PORT",
        ),
    ),
)
