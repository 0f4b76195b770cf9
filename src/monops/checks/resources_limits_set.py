"""Every container of the stack has a memory and a processor limit.

Without a memory limit one that leaks takes the machine's memory, and the kernel may then kill what the machine is for.
Without a processor limit one heavy query slows everything else down.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._healthy import with_container
from monops.checks._reading import host_config, memory_limit, with_host_config
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, SeenContainer, known
from monops.domain.finding import Finding, Fix, Risk, Severity


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each container that lacks a limit."""
    for one in known(facts.containers):
        has_memory, has_processor = memory_limit(one) > 0, _has_processor_limit(one)
        missing = "cpus" if has_memory else "memory"
        if has_memory and has_processor:
            continue
        config = host_config(one)
        yield Finding(
            severity=Severity.INFO if has_memory else Severity.WARNING,
            subject=f"container {one.name}",
            cause="it has no processor limit: it can slow down everything else on the machine"
            if has_memory
            else "it has no memory limit: it can take all the machine's memory",
            evidence=(f"docker inspect: Memory {config.get('Memory') or 0}, NanoCpus {config.get('NanoCpus') or 0}",),
            fix=Fix(
                say=f"See which {missing} fits {one.service}, and set it: that interrupts nothing.",
                command=f"monops limits recommend {one.service}",
                risk=Risk.SAFE,
            ),
        )


def _has_processor_limit(one: SeenContainer) -> bool:
    config = host_config(one)
    return bool(config.get("NanoCpus") or (config.get("CpuQuota") or 0) > 0 or config.get("CpusetCpus"))


CHECK = Check(
    id="resources.limits_set",
    well="every container has a memory and a processor limit",
    reads=("containers",),
    judge=judge,
    sick=(
        Sick(
            what="a container without any limit",
            facts=lambda facts: with_container(
                facts, "grafana", lambda one: with_host_config(one, Memory=0, NanoCpus=0)
            ),
            severity=Severity.WARNING,
            says="no memory limit",
        ),
        Sick(
            what="a container without a processor limit",
            facts=lambda facts: with_container(facts, "grafana", lambda one: with_host_config(one, NanoCpus=0)),
            severity=Severity.INFO,
            says="no processor limit",
        ),
    ),
)
