"""How long and how much Prometheus keeps, as it says itself."""

from __future__ import annotations

from collections.abc import Mapping

from monops.domain.ports import Container
from monops.domain.retention import canonical
from monops.ops.workshop import Workshop


def read(shop: Workshop, container: Container) -> Mapping[str, str]:
    """`time` and `size` in one way of writing. Raises ServiceUnreachable."""
    return canonical(shop.outside.services.prometheus(container).status().retention)
