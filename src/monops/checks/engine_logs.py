"""Every container's log has a largest size.

With the driver json-file, the usual one, Docker keeps everything that a container ever prints, and one chatty
container fills the disk in time. `max-size` (and `max-file`) in the Compose file or in the engine's daemon.json make
it begin anew; a container has to be made again to take that over. The driver local has a limit by itself.
Source: docs.docker.com/engine/logging/drivers/json-file.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._containers import host_config, members, together, with_host_config
from monops.checks._healthy import changed, with_container
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, SeenContainer
from monops.domain.finding import Finding, Fix, Risk, Severity
from monops.domain.units import show_size

_GIB = 1 << 30


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for all whose logs have no largest size, one for each log that is very large all the same."""
    endless = []
    for one in members(facts):
        config = host_config(one).get("LogConfig") or {}
        size = (config.get("Config") or {}).get("max-size")
        if (config.get("Type") == "json-file" and not size) or (config.get("Type") == "local" and size == "-1"):
            endless.append(one)
        elif (one.log_bytes or 0) > 5 * _GIB:
            yield _finding([one], "the largest size of its log is very large", f"max-size {size}")
    if endless:
        cause = "what they print is kept for ever" if len(endless) > 1 else "what it prints is kept for ever"
        yield _finding(endless, f"{cause}, and can fill the disk", "json-file without max-size")


def _finding(found: list[SeenContainer], cause: str, driver: str) -> Finding:
    services = sorted({one.service for one in found})
    largest = max(found, key=lambda one: one.log_bytes or 0)
    size = () if largest.log_bytes is None else (f"log file of {largest.name}: {show_size(largest.log_bytes)} so far",)
    return Finding(
        severity=Severity.WARNING,
        subject=together([one.name for one in found]),
        cause=cause,
        evidence=(f"docker inspect: log driver {driver}", *size),
        fix=Fix(
            say=f"Give {', '.join(services)} logging.options max-size: 10m and max-file: 3 in the Compose file, then "
            "make them anew.",
            command=f"monops stack up {' '.join(services)}",
            risk=Risk.INTERRUPTS,
        ),
    )


CHECK = Check(
    id="engine.logs",
    well="every container's log has a largest size",
    reads=("containers",),
    judge=judge,
    sick=(
        Sick(
            what="a log without a largest size",
            facts=lambda facts: with_host_config(facts, "grafana", LogConfig={"Type": "json-file", "Config": {}}),
            severity=Severity.WARNING,
            says="kept for ever",
        ),
        Sick(
            what="a log of many gigabytes",
            facts=lambda facts: with_container(facts, "grafana", lambda one: changed(one, log_bytes=20 * _GIB)),
            severity=Severity.WARNING,
            says="very large",
        ),
    ),
)
