"""The machine has what the containers' limits promise, and its kernel can enforce them.

Limits that add up to more than the machine's memory protect nobody: the kernel then ends some process, not the one
that took too much. A limit above the machine's memory is none at all. Limits of processors may well add up to more
than there are. What the kernel cannot do, the engine says itself. Source: Docker Engine API, `/info`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from monops.checks._containers import host_config, members, with_host_config
from monops.domain.check import Check, Sick
from monops.domain.facts import EngineInfo, Facts, known
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.units import show_size

#: Words of the engine's warnings -> what that means. It warns of much else that matters less.
_UNABLE: Mapping[str, str] = {
    "no memory limit support": "no container's memory limit has any effect",
    "no cpu cfs": "no container's processor limit has any effect",
    "no pids limit": "no container's limit of processes has any effect",
}


def judge(facts: Facts) -> Iterator[Finding]:
    """For the sum, for a limit that is none, for each thing that the kernel cannot do."""
    engine = known(facts.engine)
    limits = {one.name: int(host_config(one).get("Memory") or 0) for one in members(facts) if one.is_running}
    has = f"docker info: {show_size(engine.memory_bytes)} of memory"
    too_high = {name: limit for name, limit in limits.items() if limit > engine.memory_bytes > 0}
    for name, limit in too_high.items():
        yield Finding(
            severity=Severity.WARNING,
            subject=f"container {name}",
            cause="its memory limit is above what the machine has, which is as good as none",
            evidence=(f"docker inspect: a limit of {show_size(limit)}", has),
            fix=Fix(say=f"Lower the memory limit of {name} in the Compose file.", command="docker stats --no-stream"),
        )
    total = sum(limits.values())
    if not too_high and total > engine.memory_bytes > 0:
        yield Finding(
            severity=Severity.WARNING,
            subject="the machine's memory",
            cause="the containers' limits add up to more than there is, so that the kernel may end a process at random",
            evidence=(f"docker inspect: limits of {show_size(total)} in {len(limits)} containers", has),
            fix=Fix(
                say="Lower the limits of those that use little, or give the machine more memory.",
                command="docker stats --no-stream",
            ),
        )
    yield from _unable(engine)


def _unable(engine: EngineInfo) -> Iterator[Finding]:
    for warning in engine.warnings:
        meaning = next((text for words, text in _UNABLE.items() if words in warning.lower()), "")
        if meaning:
            yield Finding(
                severity=Severity.WARNING,
                subject="the machine's kernel",
                cause=f"it cannot enforce a limit: {meaning}",
                evidence=(f"docker info: {warning}",),
                fix=Fix(
                    say="Switch the kernel's control group on, at its boot parameters or with another kernel.",
                    command="docker info --format '{{json .Warnings}}'",
                ),
            )


CHECK = Check(
    id="engine.resources",
    well="the machine has what the containers' limits promise",
    reads=("engine", "containers"),
    judge=judge,
    sick=(
        Sick(
            what="a machine of 3 GiB",
            facts=lambda facts: replace(facts, engine=replace(known(facts.engine), memory_bytes=3 << 30)),
            severity=Severity.WARNING,
            says="add up to more",
        ),
        Sick(
            what="a limit above the machine's memory",
            facts=lambda facts: with_host_config(facts, "grafana", Memory=64 << 30),
            severity=Severity.WARNING,
            says="as good as none",
        ),
        Sick(
            what="a kernel without limits of memory",
            facts=lambda facts: replace(
                facts, engine=replace(known(facts.engine), warnings=("WARNING: No memory limit support",))
            ),
            severity=Severity.WARNING,
            says="no container's memory limit has any effect",
        ),
    ),
)
