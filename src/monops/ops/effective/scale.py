"""Which shard and replica a Prometheus is, and whether all of them together scrape every target, as they say."""

from __future__ import annotations

from collections.abc import Mapping

from monops.domain.ports import Container
from monops.domain.scale import LABEL, times
from monops.ops.scale_look import labels_of, see_scale
from monops.ops.workshop import Workshop


def read(shop: Workshop, container: Container) -> Mapping[str, str]:
    """`shard` and `replica`; of the first one also how often targets are `scraped`. Raises ServiceUnreachable."""
    found = labels_of(shop.outside.services.prometheus(container).status().config)
    if LABEL in container.labels:
        return found
    seen = see_scale(shop, container)
    silent = [one.container for one in seen.instances if one.targets is None]
    if silent:
        return {**found, "scraped": f"unknown: {silent[0]} does not answer"}
    wrong = seen.coverage.wrong
    if not wrong:
        return {**found, "scraped": times(seen.scale.replicas)}
    job, instance, by = wrong[0]
    return {**found, "scraped": f"{instance} of {job} {times(len(by))}, and {len(wrong) - 1} others wrongly"}
