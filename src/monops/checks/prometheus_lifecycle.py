"""Prometheus can be told over HTTP to read its configuration again.

Without `--web.enable-lifecycle` a reload needs a signal to the process, and `monops` and the shipped stack's own
instructions, which ask over HTTP, are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._prometheus import SUBJECT, with_flag
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Severity


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding where it is off."""
    if known(facts.prometheus_flags).get("web.enable-lifecycle") == "true":
        return
    yield Finding(
        severity=Severity.WARNING,
        subject=SUBJECT,
        cause="it refuses reloads over HTTP: an edited configuration waits for the next start",
        evidence=("/api/v1/status/flags: web.enable-lifecycle is not true",),
        fix=with_flag(
            "Add --web.enable-lifecycle to its command in the Compose file, and publish it on 127.0.0.1 only."
        ),
    )


CHECK = Check(
    id="prometheus.lifecycle",
    well="it can be told to reload",
    reads=("prometheus_flags",),
    judge=judge,
    needs=("prometheus",),
    sick=(
        Sick(
            what="a Prometheus without the flag",
            facts=lambda facts: replace(facts, prometheus_flags={"web.enable-lifecycle": "false"}),
            severity=Severity.WARNING,
            says="refuses reloads",
        ),
    ),
)
