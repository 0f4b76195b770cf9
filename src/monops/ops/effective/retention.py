"""How long and how much Prometheus keeps, as it says itself."""

from __future__ import annotations

from collections.abc import Mapping

from monops.domain.ports import Container
from monops.domain.retention import canonical
from monops.ops.retention_look import deletions, look
from monops.ops.workshop import Workshop


def read(shop: Workshop, container: Container) -> Mapping[str, str]:
    """`time` and `size` in one way of writing. Raises ServiceUnreachable."""
    return canonical(shop.outside.services.prometheus(container).status().retention)


def loses(shop: Workshop, container: Container, wanted: Mapping[str, str]) -> tuple[str, ...]:
    """What goes for good once `wanted` holds; what it does not name stays. Raises ServiceUnreachable."""
    prometheus = shop.outside.services.prometheus(container)
    found = look(shop, container, prometheus)
    kept = canonical(prometheus.status().retention)
    return deletions(found, kept, {**kept, **wanted}, shop.outside.clock.now())
