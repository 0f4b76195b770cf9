"""Every container has the limits that the Compose file gives it.

`docker update` changes memory and processors of a running container and nothing else knows: Compose takes the container
for up to date, and the next time it is made anew the old limits are back. Compose 2.40 and Docker 28 behave so.
Source: HostConfig of `docker inspect`, deploy.resources of the Compose file.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from monops.checks._containers import LABEL, compose_command, host_config, members, services, with_host_config
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, SeenContainer, Unknown
from monops.domain.finding import Finding, Fix, Risk, Severity
from monops.domain.units import parse_size, show_size

_BILLION = 1_000_000_000


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each container; none for one that `stack.drift` tells of."""
    declared = services(facts)
    hashes = {} if isinstance(facts.compose_hashes, Unknown) else facts.compose_hashes
    for one in members(facts):
        service, hash_now = declared.get(one.service), hashes.get(one.service)
        if service is None or (hash_now and hash_now != one.container.labels.get(f"{LABEL}config-hash")):
            continue
        differences = tuple(_differences(one, service))
        if differences:
            yield Finding(
                severity=Severity.WARNING,
                subject=f"container {one.name}",
                cause="somebody changed its limits with docker update: they differ from the Compose file's",
                evidence=differences,
                fix=_back(one, service),
            )


def _limits(service: Mapping[str, Any]) -> tuple[int, int]:
    """Bytes of memory and billionths of a processor; 0 where there is no limit."""
    limits = ((service.get("deploy") or {}).get("resources") or {}).get("limits") or {}
    memory = limits.get("memory") or service.get("mem_limit") or 0
    cpus = limits.get("cpus") or service.get("cpus") or 0
    return parse_size(str(memory)), round(float(cpus) * _BILLION)


def _differences(one: SeenContainer, service: Mapping[str, Any]) -> Iterator[str]:
    memory, cpus = _limits(service)
    host = host_config(one)
    has_memory, has_cpus = int(host.get("Memory") or 0), int(host.get("NanoCpus") or 0)
    if has_memory != memory:
        yield f"memory: docker inspect {_memory(has_memory)}, the Compose file {_memory(memory)}"
    if has_cpus != cpus:
        yield f"processors: docker inspect {_cpus(has_cpus)}, the Compose file {_cpus(cpus)}"


def _memory(size: int) -> str:
    return show_size(size) if size else "no limit"


def _cpus(billionths: int) -> str:
    return f"{billionths / _BILLION:g}" if billionths else "no limit"


def _back(one: SeenContainer, service: Mapping[str, Any]) -> Fix:
    memory, cpus = _limits(service)
    used = one.memory.used if one.memory else 0
    say = f"Put the wanted limits of {one.service} into the Compose file, or give it back those that are there."
    if not memory or not cpus or service.get("memswap_limit"):
        # What has no limit any more cannot be said to docker update.
        command = f"{compose_command(one)} up --detach --force-recreate {shlex.quote(one.service)}"
        return Fix(say=say, command=command, risk=Risk.INTERRUPTS)
    words = f"--memory {memory} --memory-swap {memory * 2} --cpus {_cpus(cpus)}"
    return Fix(
        say=say,
        command=f"docker update {words} {one.name}",
        risk=Risk.INTERRUPTS if used > 0.8 * memory else Risk.SAFE,
    )


CHECK = Check(
    id="stack.limits_drift",
    well="every container has the Compose file's limits",
    reads=("containers", "compose_model"),
    looks_at=("compose_hashes",),
    judge=judge,
    sick=(
        Sick(
            what="more memory by docker update",
            facts=lambda facts: with_host_config(facts, "grafana", Memory=1 << 30),
            severity=Severity.WARNING,
            says="docker update",
        ),
        Sick(
            what="no limit of processors any more",
            facts=lambda facts: with_host_config(facts, "grafana", NanoCpus=0),
            severity=Severity.WARNING,
            says="docker update",
        ),
    ),
)
