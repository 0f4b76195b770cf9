"""Which shard and replica a Prometheus is, and whether all of them together scrape every target, as they say.

A target that all of them drop is one of its own: of those that were scraped before, a plan expects that they are none.
"""

from __future__ import annotations

from collections.abc import Mapping

from monops.domain.ports import Container
from monops.domain.scale import LABEL, lost, times
from monops.ops.scale_look import labels_of, prometheuses, see_scale
from monops.ops.workshop import Workshop

_DROPPED = "dropped by every Prometheus"


def read(shop: Workshop, container: Container) -> Mapping[str, str]:
    """`shard` and `replica`; of the first one also how often targets are `scraped`, and each that all drop by its
    origin: `node-1:9100 of node`. Raises ServiceUnreachable."""
    found = labels_of(shop.outside.services.prometheus(container).status().config)
    if LABEL in container.labels:
        return found
    seen = see_scale(shop, container)
    silent = [one.container for one in seen.instances if one.targets is None]
    if silent:
        return {**found, "scraped": f"unknown: {silent[0]} does not answer"}
    wrong = seen.coverage.wrong
    if not wrong:
        parts = [shop.outside.services.prometheus(one).discovered() for one in prometheuses(shop, container)]
        dropped = {str(one): _DROPPED for one in lost(parts)}
        return {**dropped, **found, "scraped": times(seen.scale.replicas)}
    job, instance, by = wrong[0]
    return {**found, "scraped": f"{instance} of {job} {times(len(by))}, and {len(wrong) - 1} others wrongly"}
