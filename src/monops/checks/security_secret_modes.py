"""Files with secrets can be read by their service alone.

A secret that Compose mounts from a file keeps the file's owner and mode: where all may read it, every user and every
program of the machine can. Give it to the user that the container runs as, and to nobody else.
Source: stat of what is mounted as /run/secrets or below, and of the folders above it.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._containers import members
from monops.checks._healthy import changed, with_container
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Risk, Severity


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each file."""
    told = set()
    for one in members(facts):
        user = one.container.user.partition(":")[0] or "0"
        for path, mode in one.secret_modes.items():
            if not mode & 0o004 or path in told:
                continue
            told.add(path)
            yield Finding(
                severity=Severity.WARNING,
                subject=f"file {path}",
                cause=f"every user of the machine can read this secret of {one.service}",
                evidence=(f"stat {path}: mode {mode:04o}; a secret of {one.name}",),
                fix=Fix(
                    say=f"Give it to the user of {one.service} alone.",
                    command=f"sudo chown {user} '{path}'; sudo chmod 600 '{path}'",
                    risk=Risk.SAFE,
                ),
            )


def _with_file(facts: Facts) -> Facts:
    path = "/srv/monitoring/secrets/grafana/admin-password"
    return with_container(facts, "grafana", lambda one: changed(one, secret_modes={path: 0o644}))


CHECK = Check(
    id="security.secret_modes",
    well="secrets can be read by their services alone",
    reads=("containers",),
    judge=judge,
    sick=(
        Sick(
            what="a password that all may read",
            facts=_with_file,
            severity=Severity.WARNING,
            says="every user of the machine can read",
        ),
    ),
)
