"""Nobody can command the Docker engine from elsewhere without a certificate.

An engine that listens on a TCP port without TLS, or without asking for the client's certificate, is root on the machine
for whoever reaches the port. The engine warns of it itself; use `DOCKER_HOST=ssh://…` instead.
Source: Docker Engine API, `/info`, Warnings; docs.docker.com/engine/security/protect-access.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Severity

_OPEN = re.compile(r"API is accessible on (?P<url>https?://(?P<host>\[[^\]]*\]|[^:/\s]*)\S*) without (?P<what>[\w ]+)")
_HERE = ("127.0.0.1", "localhost", "[::1]")


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each address."""
    for warning in known(facts.engine).warnings:
        found = _OPEN.search(warning)
        if found and found["host"] not in _HERE:
            yield Finding(
                severity=Severity.WARNING,
                subject="the Docker engine",
                cause=f"whoever reaches its port is root on the machine: it listens without {found['what'].strip()}",
                evidence=(f"docker info: API is accessible on {found['url']}",),
                fix=Fix(
                    say='Take the tcp:// address from "hosts" in /etc/docker/daemon.json or from dockerd\'s flags, and '
                    "use ssh:// to reach it.",
                    command="ps -o args= -C dockerd; cat /etc/docker/daemon.json",
                ),
            )


CHECK = Check(
    id="security.engine_api",
    well="nobody can command the engine from elsewhere",
    reads=("engine",),
    judge=judge,
    sick=(
        Sick(
            what="an engine on a port without TLS",
            facts=lambda facts: replace(
                facts,
                engine=replace(
                    known(facts.engine),
                    warnings=(
                        "[DEPRECATION NOTICE]: API is accessible on http://0.0.0.0:2375 without encryption.\n   More",
                    ),
                ),
            ),
            severity=Severity.WARNING,
            says="root on the machine",
        ),
    ),
)
