"""Which hashes the containers of a site should bear, with limits that were changed live."""

from __future__ import annotations

from collections.abc import Mapping

from monops.domain.change import Site
from monops.domain.live_limits import in_force
from monops.ops.workshop import Workshop

_LABEL = "com.docker.compose."


def hashes_in_force(shop: Workshop, site: Site) -> Mapping[str, str]:
    """service -> hash. Raises EngineError and ConfigurationError."""
    compose, engine = shop.bench.compose(site), shop.outside.engine
    labels: dict[str, list[str]] = {}
    for one in engine.containers([found.id for found in engine.listed() if found.project == site.project]):
        borne = one.labels.get(f"{_LABEL}config-hash")
        if borne and one.labels.get(f"{_LABEL}oneoff") != "True":
            labels.setdefault(one.service, []).append(borne)
    changes = shop.bench.changes(site.folder)
    return in_force(labels, compose.hashes(), changes.entries, shop.files.read, compose.hashes)
