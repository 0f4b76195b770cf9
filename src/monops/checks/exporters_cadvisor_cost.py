"""cAdvisor runs with the options that keep it cheap.

Left to itself it looks at every container each second, at every control group of the machine, and turns each label of
a container into a label of its series. That costs a good part of a processor, and Prometheus many series that nobody
asks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._healthy import with_container
from monops.checks._reading import flag, of_service
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, SeenContainer
from monops.domain.finding import Finding, Fix, Risk, Severity
from monops.domain.rebuild import words_without_secrets
from monops.domain.units import parse_duration

#: Looking more often than Prometheus asks is for nothing. In seconds.
_OFTEN = 5.0


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each option that is missing."""
    for one in of_service(facts, "cadvisor"):
        words = " ".join(words_without_secrets(one.container.command))
        for option, severity, cause in _costs(one):
            yield Finding(
                severity=severity,
                subject=f"container {one.name}",
                cause=cause,
                evidence=(f"command: {words or '(the image has its own)'}",),
                fix=Fix(
                    say=f"Add {option} to its command in the Compose file.",
                    command=f"monops stack up {one.service}",
                    risk=Risk.INTERRUPTS,
                ),
            )


def _costs(one: SeenContainer) -> Iterator[tuple[str, Severity, str]]:
    if _seconds(flag(one, "housekeeping_interval") or "1s") < _OFTEN:
        yield (
            "--housekeeping_interval=15s",
            Severity.WARNING,
            "it looks at every container several times between two scrapes, which costs processor time for nothing",
        )
    if flag(one, "store_container_labels") not in ("false", "0"):
        yield (
            "--store_container_labels=false",
            Severity.WARNING,
            "it makes each label of a container a label of its series, which are many and new with each deployment",
        )
    if flag(one, "docker_only") in (None, "false", "0"):
        yield (
            "--docker_only=true",
            Severity.INFO,
            "it also reports every control group of the machine, which no dashboard shows",
        )


def _seconds(text: str) -> float:
    try:
        return parse_duration(text).total_seconds()
    except ValueError:
        return _OFTEN


def _without(facts: Facts, option: str) -> Facts:
    def change(one: SeenContainer) -> SeenContainer:
        words = tuple(word for word in one.container.command if option not in word)
        return replace(one, container=replace(one.container, command=words))

    return with_container(facts, "cadvisor", change)


CHECK = Check(
    id="exporters.cadvisor_cost",
    well="cAdvisor runs with the options that keep it cheap",
    reads=("containers",),
    judge=judge,
    needs=("cadvisor",),
    sick=(
        Sick(
            what="a look each second",
            facts=lambda facts: _without(facts, "housekeeping_interval"),
            severity=Severity.WARNING,
            says="between two scrapes",
        ),
        Sick(
            what="labels of containers as labels of series",
            facts=lambda facts: _without(facts, "store_container_labels"),
            severity=Severity.WARNING,
            says="label of its series",
        ),
        Sick(
            what="control groups that are no containers",
            facts=lambda facts: _without(facts, "docker_only"),
            severity=Severity.INFO,
            says="every control group",
        ),
    ),
)
