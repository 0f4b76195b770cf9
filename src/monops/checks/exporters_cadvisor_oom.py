"""cAdvisor can count processes that were killed for want of memory.

It learns of them from the kernel's messages, `/dev/kmsg`. Without that device it says so once in its log and goes on:
`container_oom_events_total` stays 0 for ever, and the alert ContainerOutOfMemory never fires.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._healthy import with_container
from monops.checks._reading import host_config, of_service, with_host_config
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Risk, Severity


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each cAdvisor without the kernel's messages."""
    for one in of_service(facts, "cadvisor"):
        config = host_config(one)
        devices = [str(device.get("PathOnHost")) for device in config.get("Devices") or ()]
        # A privileged container has every device of the machine.
        if config.get("Privileged") or "/dev/kmsg" in devices:
            continue
        yield Finding(
            severity=Severity.WARNING,
            subject=f"container {one.name}",
            cause="it cannot read the kernel's messages, so it never counts a process killed for want of memory",
            evidence=(f"docker inspect: not privileged, devices {', '.join(devices) or 'none'}",),
            fix=Fix(
                say="Give it the device /dev/kmsg in the Compose file (devices: [/dev/kmsg]).",
                command=f"monops stack up {one.service}",
                risk=Risk.INTERRUPTS,
            ),
        )


CHECK = Check(
    id="exporters.cadvisor_oom",
    well="cAdvisor sees processes killed for want of memory",
    reads=("containers",),
    judge=judge,
    needs=("cadvisor",),
    sick=(
        Sick(
            what="a cAdvisor without the device",
            facts=lambda facts: with_container(
                facts, "cadvisor", lambda one: with_host_config(one, Privileged=False, Devices=None)
            ),
            severity=Severity.WARNING,
            says="never counts",
        ),
    ),
)
