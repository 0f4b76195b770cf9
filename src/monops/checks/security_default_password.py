"""Grafana does not take the password that everybody knows.

A fresh Grafana lets admin in with the password admin. An administrator sees every data source, can ask each anything,
and can run queries against whatever they reach. Source: one attempt to log in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._containers import members, role
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Risk, Severity


def judge(facts: Facts) -> Iterator[Finding]:
    """At most one finding."""
    name = next((one.name for one in members(facts) if role(one) == "grafana"), "grafana")
    if known(facts.grafana_default_password):
        yield Finding(
            severity=Severity.WARNING,
            subject=f"container {name}",
            cause="Grafana lets everybody in as its administrator: its password is still admin",
            evidence=("GET /api/org as admin with the password admin: 200",),
            fix=Fix(
                say="Give admin another password: the command takes it from its input.",
                command=f"docker exec -i {name} grafana cli admin reset-admin-password --password-from-stdin",
                risk=Risk.SAFE,
            ),
        )


CHECK = Check(
    id="security.default_password",
    well="admin has another password than admin",
    reads=("containers", "grafana_default_password"),
    needs=("grafana",),
    judge=judge,
    sick=(
        Sick(
            what="admin with the password admin",
            facts=lambda facts: replace(facts, grafana_default_password=True),
            severity=Severity.WARNING,
            says="still admin",
        ),
    ),
)
