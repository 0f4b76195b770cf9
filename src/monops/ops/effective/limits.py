"""What a container may use, as the engine has it."""

from __future__ import annotations

from collections.abc import Mapping

from monops.domain.ports import Container
from monops.ops.workshop import Workshop

#: What may be expected -> its name in HostConfig.
FIELDS = {"memory": "Memory", "swap": "MemorySwap", "cpus": "NanoCpus", "reserve_memory": "MemoryReservation"}


def read(shop: Workshop, container: Container) -> Mapping[str, str]:
    """Bytes, and billionths of a processor; "0" where there is no limit. Raises EngineError."""
    host_config = shop.outside.engine.container(container.id).raw.get("HostConfig") or {}
    return {name: shown(host_config.get(field), name) for name, field in FIELDS.items()}


def shown(value: int | None, name: str) -> str:
    number = int(value or 0)
    # -1: a reservation that was taken away; of swap it means that there is no limit.
    return str(number if name == "swap" else max(0, number))
