"""The Docker engine answers.

Everything that monops knows of containers, networks and volumes comes from the engine. Where it does not answer, most
other checks cannot be told: either the daemon is down, or this user may not talk to its socket, or DOCKER_HOST names
another machine. Engines before API 1.41 (Docker 20.10) leave out some of what the checks read.
Source: Docker Engine API, `/_ping` and `/version`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.domain.check import Check, Sick
from monops.domain.facts import EngineInfo, Facts, Unknown, known
from monops.domain.finding import Finding, Fix, Risk, Severity
from monops.domain.rebuild import without_secret

#: The oldest API that has every field which is read.
OLDEST = (1, 41)


def judge(facts: Facts) -> Iterator[Finding]:
    """At most one finding."""
    engine = facts.engine
    if isinstance(engine, Unknown):
        yield _silent(engine)
    elif _number(engine) and _number(engine) < OLDEST:
        yield Finding(
            severity=Severity.WARNING,
            subject=f"Docker engine {engine.version}",
            cause="it is so old that it does not tell everything that the checks read",
            evidence=(f"docker version: API {engine.api_version}, needed is {OLDEST[0]}.{OLDEST[1]}",),
            fix=Fix(say="Update Docker to 20.10 or later.", command="docker version"),
        )


def _silent(engine: Unknown) -> Finding:
    reason = engine.reason
    cause = "it does not answer as it should"
    fix = Fix(say="See what the engine says.", command="docker info")
    if "not allowed" in reason or "ermission denied" in reason:
        cause = "this user may not talk to its socket"
        fix = Fix(
            say="Run monops as root, or join the group docker and log in again.",
            command="sudo usermod -aG docker $USER",
            risk=Risk.SAFE,
        )
    elif "no Docker engine answers" in reason or "annot connect" in reason:
        cause = "no engine listens at the address that DOCKER_HOST or the default socket names"
        fix = Fix(say="Start the engine.", command="sudo systemctl start docker", risk=Risk.SAFE)
    elif "in time" in reason:
        cause = "it takes requests and does not answer them in time"
        fix = Fix(say="See in its log what it waits for.", command="sudo journalctl -u docker --since -15min")
    return Finding(
        severity=Severity.ERROR,
        subject="the Docker engine",
        cause=cause,
        evidence=(f"docker info: {without_secret(reason)}",),
        fix=fix,
    )


def _number(engine: EngineInfo) -> tuple[int, ...]:
    parts = engine.api_version.split(".")
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()


def _without(reason: str) -> Sick:
    return Sick(
        what=reason,
        facts=lambda facts: replace(facts, engine=Unknown(reason)),
        severity=Severity.ERROR,
        says="",
    )


CHECK = Check(
    id="engine.reachable",
    well="the Docker engine answers",
    reads=(),
    looks_at=("engine",),
    judge=judge,
    sick=(
        replace(_without("no Docker engine answers at unix:///var/run/docker.sock"), says="no engine listens"),
        replace(_without("not allowed to talk to Docker at unix:///var/run/docker.sock"), says="may not talk"),
        replace(_without("it was not read in time"), says="in time"),
        replace(_without("the answer was not understood"), says="as it should"),
        Sick(
            what="an engine of 2019",
            facts=lambda facts: replace(
                facts, engine=replace(known(facts.engine), version="19.03.5", api_version="1.40")
            ),
            severity=Severity.WARNING,
            says="so old",
        ),
    ),
)
