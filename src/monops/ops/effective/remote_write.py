"""Where Prometheus itself says that it writes to."""

from __future__ import annotations

from collections.abc import Mapping

from monops.domain.ports import Container
from monops.domain.remote_write import readings
from monops.ops.workshop import Workshop


def read(shop: Workshop, container: Container) -> Mapping[str, str]:
    """As `readings` of its configuration. Raises ServiceUnreachable."""
    return readings(shop.outside.services.prometheus(container).status().config)
