"""Whether a service has room under a limit of memory: what it uses now is not to kill it."""

from __future__ import annotations

from collections.abc import Sequence

from monops.domain.errors import Refused
from monops.domain.limits import compose_size
from monops.domain.ports import Container
from monops.domain.units import show_size
from monops.ops.limits_look import use_now
from monops.ops.workshop import Workshop

#: As in the check resources.memory: doctor complains above.
_NEAR = 0.9
_STEP = 16 << 20


def check_room(shop: Workshop, service: str, containers: Sequence[Container], memory: int) -> tuple[str, ...]:
    """What a person should know of a limit of `memory` bytes. Raises Refused where it uses as much now."""
    found = [used for used, _ in use_now(shop, containers).values() if used is not None]
    if not found:
        return (f"what {service} uses now is not known: it does not run",)
    used = max(found)
    if used >= memory:
        raise Refused(
            f"{service} uses {show_size(used)} now, so a limit of {show_size(memory)} would kill it",
            remedy=f"monops limits set {service} --memory {compose_size(_roomy(used))}; or see: monops limits "
            f"recommend {service}",
        )
    if used > _NEAR * memory:
        left = f"{used / memory:.0%} of {show_size(memory)}: it has little left"
        return (f"{service} uses {show_size(used)} now, {left}",)
    return ()


def _roomy(used: int) -> int:
    """Half as much again, in whole 16 MiB."""
    return -(-used * 3 // 2 // _STEP) * _STEP
