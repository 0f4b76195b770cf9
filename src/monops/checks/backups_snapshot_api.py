"""Prometheus can make a snapshot of its data for a backup.

With `--web.enable-admin-api` Prometheus writes a snapshot that is whole by itself. Without, monops copies the data as
they are and Prometheus replays the newest hours when it starts: that works too, and takes longer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Risk, Severity

_FLAG = "web.enable-admin-api"


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding where the admin API is off."""
    flags = known(facts.prometheus_flags)
    if flags.get(_FLAG) != "true":
        yield Finding(
            severity=Severity.INFO,
            subject="prometheus",
            cause="its admin API is off, so backups copy its running data instead of a snapshot",
            evidence=(f"/api/v1/status/flags: {_FLAG} is {flags.get(_FLAG, 'not there')}",),
            fix=Fix(
                say=f"Add --{_FLAG} to its command, and keep its port on 127.0.0.1: it lets callers delete data.",
                command="monops stack up prometheus",
                risk=Risk.INTERRUPTS,
            ),
        )


CHECK = Check(
    id="backups.snapshot_api",
    well="a backup can use a snapshot of Prometheus",
    reads=("prometheus_flags",),
    judge=judge,
    needs=("prometheus",),
    sick=(
        Sick(
            what="a Prometheus without its admin API",
            facts=lambda facts: replace(facts, prometheus_flags={**known(facts.prometheus_flags), _FLAG: "false"}),
            severity=Severity.INFO,
            says="admin API is off",
        ),
    ),
)
