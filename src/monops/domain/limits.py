"""What a container may use: as it is declared, as it is in force, and what of it can be.

Pure. Memory is in bytes, processors in billionths as Docker has them; 0 is no limit.
Source: docs.docker.com/reference/compose-file/deploy#resources and /services; Docker API, HostConfig.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from monops.domain.errors import UsageFault
from monops.domain.units import parse_size, show_size

BILLION = 1_000_000_000
#: Docker takes no less. Source: moby, daemon/daemon_unix.go, linuxMinMemory.
LEAST_MEMORY = 6 << 20
#: Docker takes no less. Source: moby, daemon/daemon_unix.go.
LEAST_CPUS = 10_000_000
#: As Compose reads it. Source: docker/go-units, RAMInBytes.
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*([bkmgtp]?)(i?b)?", re.IGNORECASE)
#: The settings, and their names in HostConfig.
NAMES = {"memory": "Memory", "cpus": "NanoCpus", "reserve_memory": "MemoryReservation"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one container may use."""

    memory: int = 0
    cpus: int = 0
    reserve_memory: int = 0

    def of(self, setting: str) -> int:
        found: int = getattr(self, setting)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a person asks for, as it is to be written; None stays as it is."""

    memory: str | None = None
    cpus: str | None = None
    reserve_memory: str | None = None

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for setting in NAMES:
            if (text := getattr(self, setting)) is not None:
                yield setting, text


def declared(service: Mapping[str, Any]) -> Limits:
    """Of a service in Compose's model."""
    resources = (service.get("deploy") or {}).get("resources") or {}
    limits, reservations = resources.get("limits") or {}, resources.get("reservations") or {}
    return Limits(
        memory=parse_size(str(limits.get("memory") or service.get("mem_limit") or 0)),
        cpus=billionths(float(limits.get("cpus") or service.get("cpus") or 0)),
        reserve_memory=parse_size(str(reservations.get("memory") or service.get("mem_reservation") or 0)),
    )


def billionths(processors: float) -> int:
    """As Compose gives them to Docker, which keeps whole ones: it has them in single precision.

    Source: compose-spec/compose-go, types.NanoCPUs; docker/compose, pkg/compose/create.go.
    """
    return int(_single(_single(processors) * BILLION))


def _single(number: float) -> float:
    found: float = struct.unpack("f", struct.pack("f", number))[0]
    return found


def in_force(host_config: Mapping[str, Any]) -> Limits:
    """Of `HostConfig` of `docker inspect`."""
    quota, period = _number(host_config, "CpuQuota"), _number(host_config, "CpuPeriod") or 100_000
    return Limits(
        memory=_number(host_config, "Memory"),
        # `cpu_quota` is the same, said in another way.
        cpus=_number(host_config, "NanoCpus") or quota * BILLION // period,
        reserve_memory=_number(host_config, "MemoryReservation"),
    )


def _number(host_config: Mapping[str, Any], name: str) -> int:
    # A reservation that was taken away by `docker update` is -1.
    return max(0, int(host_config.get(name) or 0))


def drift(declared_: Limits, running: Limits) -> tuple[str, ...]:
    """What differs, in words."""
    return tuple(
        f"{shown_name(name)}: running {shown(name, running.of(name))}, declared {shown(name, declared_.of(name))}"
        for name in NAMES
        if declared_.of(name) != running.of(name)
    )


def check(wanted: Wanted, *, service: str, processors: int, memory: int) -> dict[str, int]:
    """Setting -> its value. Raises UsageFault for what cannot be on a machine with so much."""
    command, found = f"monops limits set {service}", {}
    for setting, text in wanted:
        if setting == "cpus":
            found[setting] = _check_cpus(text, processors, command)
        else:
            found[setting] = _check_memory(text, setting, memory, command)
    return found


def normal(setting: str, text: str) -> str:
    """As it is written into a file, of what `check` has let pass: `0.1` for 1e-1, `64M` for 64 M."""
    if setting == "cpus":
        return f"{Decimal(text).quantize(Decimal(1) / BILLION).normalize():f}"
    size = parse_size(text)
    for unit, letter in ((1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")):
        if size % unit == 0:
            return f"{size // unit}{letter}"
    return f"{size}b"


def check_reservation(service: str, reserve: int, limit: int) -> None:
    """Raises UsageFault where more is kept free than may be used: Docker refuses that."""
    if limit and reserve > limit:
        raise UsageFault(
            f"a reservation of {show_size(reserve)} is more than the limit of {show_size(limit)}",
            remedy=f"monops limits set {service} --memory {compose_size(limit)} --reserve-memory "
            f"{compose_size(limit // 2)}",
        )


def _check_cpus(text: str, processors: int, command: str) -> int:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise UsageFault(f"{text!r} is not a number of processors", remedy=f"{command} --cpus 0.5")
    if value * BILLION < LEAST_CPUS:
        raise UsageFault(f"--cpus {text} is less than Docker takes, which is 0.01", remedy=f"{command} --cpus 0.5")
    if value > processors:
        raise UsageFault(
            f"--cpus {text} is more than the machine has, which is {processors}",
            remedy=f"{command} --cpus {processors}",
        )
    return billionths(float(value))


def _check_memory(text: str, setting: str, machine: int, command: str) -> int:
    option = f"--{setting.replace('_', '-')}"
    if not _MEMORY.fullmatch(text.strip()):
        raise UsageFault(f"{text!r} is not an amount of memory", remedy=f"{command} {option} 512M")
    found = parse_size(text)
    if found < LEAST_MEMORY:
        raise UsageFault(
            f"{option} {text} is {show_size(found)}, and Docker takes no less than {show_size(LEAST_MEMORY)}",
            remedy=f"{command} {option} 64M",
        )
    if machine and found > machine:
        raise UsageFault(
            f"{option} {text} is more than the machine's memory, which is {show_size(machine)}",
            remedy=f"{command} {option} {compose_size(machine // 2)}",
        )
    return found


def check_swap(service: str, memory: int, swap: int) -> None:
    """Raises UsageFault where `memswap_limit`, which is memory and swap together, is less than the memory."""
    if swap > 0 and swap < memory:
        raise UsageFault(
            f"{service} has memswap_limit {show_size(swap)}, memory and swap together, and that is less than "
            f"{show_size(memory)}",
            remedy=f"raise memswap_limit of {service} in the Compose file, or take it out; then run this again",
        )


def swap_for(memory: int, running_swap: int, declared_swap: int, *, has_limit: bool) -> int:
    """Memory and swap together, beside a new memory limit: as Compose and Docker would make the container.

    Without `memswap_limit` Docker gives twice the memory. -1, no limit, stays; and where the kernel does not count swap
    (`has_limit`), Docker gives that to everyone. Source: moby, daemon/daemon_unix.go, verifyPlatformContainerResources.
    """
    if not has_limit:
        return -1
    return declared_swap or (-1 if running_swap == -1 else memory * 2)


def shown_name(setting: str) -> str:
    return {"cpus": "processors", "reserve_memory": "reserved memory"}.get(setting, setting)


def shown(setting: str, value: int | None) -> str:
    if value is None:
        return "unknown"
    if not value:
        return "none"
    return shown_cpus(value) if setting == "cpus" else show_size(value)


def shown_cpus(billionths: float) -> str:
    return f"{billionths / BILLION:.3g}"


def compose_size(size: int) -> str:
    """As a person writes it in a Compose file: `512M`, `2G`; rounded down to whole MiB."""
    whole = max(1, size >> 20)
    return f"{whole >> 10}G" if whole % 1024 == 0 else f"{whole}M"
