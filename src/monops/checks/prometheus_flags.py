"""No flag of Prometheus is on its way out.

Flags that a new version no longer knows keep it from starting after an upgrade; features that became the standard are
named in vain; the retention flags are deprecated since 3.8 in favour of the configuration file, which from 3.11 on can
take them over without a restart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._healthy import changed, with_container
from monops.checks._prometheus import SUBJECT, with_flag
from monops.domain.check import Check, Sick
from monops.domain.facts import Build, Facts, SeenContainer, known
from monops.domain.finding import Finding, Severity
from monops.domain.nearest import listed
from monops.domain.rebuild import words_without_secrets
from monops.domain.scrape_scene import prometheus_of

#: Source: prometheus.io, "Prometheus 3.0 migration guide".
_GONE_IN_3 = ("--storage.tsdb.retention", "--alertmanager.timeout", "--storage.tsdb.allow-overlapping-blocks")
_FEATURES_GONE_IN_3 = (
    "promql-at-modifier", "promql-negative-offset", "new-service-discovery-manager", "expand-external-labels",
    "no-default-scrape-port", "agent", "remote-write-receiver", "auto-gomemlimit", "auto-gomaxprocs",
)  # fmt: skip
_RETENTION = ("--storage.tsdb.retention.time", "--storage.tsdb.retention.size")


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each kind of flag."""
    one = prometheus_of(known(facts.containers))
    build = known(facts.prometheus_build)
    if one is None or not build.number:
        return
    words = {word.partition("=")[0]: word for word in one.container.command}
    gone = [name for name in _GONE_IN_3 if name in words]
    features = words.get("--enable-feature", "").partition("=")[2].split(",")
    idle = [name for name in features if name in _FEATURES_GONE_IN_3]
    if gone and build.number < (3,):
        yield _found(
            Severity.WARNING,
            f"after an upgrade to version 3 it will not start: {listed(gone)} {'is' if len(gone) == 1 else 'are'} gone",
            one,
            build,
            f"Remove {listed(gone)} from its command in the Compose file.",
        )
    if idle and build.number >= (3,):
        yield _found(
            Severity.INFO,
            f"it is asked for features that are gone or standard in version 3: {listed(idle)}",
            one,
            build,
            f"Remove {listed(idle)} from --enable-feature in the Compose file.",
        )
    old = [name for name in _RETENTION if name in words]
    # Between 3.8 and 3.11 the file's own setting is wrong by a factor of a million.
    if old and build.number >= (3, 11):
        yield _found(
            Severity.INFO,
            f"{listed(old)} {'is' if len(old) == 1 else 'are'} deprecated since 3.8",
            one,
            build,
            "Move the retention to storage.tsdb.retention in prometheus.yml.",
        )


def _found(severity: Severity, cause: str, one: SeenContainer, build: Build, say: str) -> Finding:
    return Finding(
        severity=severity,
        subject=SUBJECT,
        cause=cause,
        evidence=(
            f"docker inspect {one.name}: {' '.join(words_without_secrets(one.container.command))}",
            f"version {build.version}",
        ),
        fix=with_flag(say),
    )


def _told(what: str, version: str, flag: str, severity: Severity, says: str) -> Sick:
    def facts_of(facts: Facts) -> Facts:
        facts = replace(facts, prometheus_build=Build(version=version))
        return with_container(
            facts, "prometheus", lambda one: changed(one, container={"command": (*one.container.command, flag)})
        )

    return Sick(what=what, facts=facts_of, severity=severity, says=says)


CHECK = Check(
    id="prometheus.flags",
    well="no flag of it is on its way out",
    reads=("containers", "prometheus_build"),
    judge=judge,
    needs=("prometheus",),
    sick=(
        _told("a flag that 3 lacks", "2.53.4", "--alertmanager.timeout=10s", Severity.WARNING, "will not start"),
        _told(
            "a feature that is standard",
            "3.5.3",
            "--enable-feature=auto-gomemlimit,x",
            Severity.INFO,
            "auto-gomemlimit",
        ),
        _told("retention by flags", "3.14.0", "--web.enable-lifecycle", Severity.INFO, "deprecated since 3.8"),
    ),
)
