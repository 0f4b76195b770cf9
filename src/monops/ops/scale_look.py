"""Several Prometheus as they are now: by the files, and by what each of them says."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from monops.domain.change import Site
from monops.domain.compose_command import find_flag
from monops.domain.errors import MonopsError, Refused
from monops.domain.ports import Container
from monops.domain.prometheus_config import parsed
from monops.domain.scale import (
    LABEL,
    LAYER,
    REPLICA_LABEL,
    SHARD_LABEL,
    Coverage,
    Instance,
    Scale,
    Scraped,
    coverage,
    instance_of,
    own_file,
    scale_of,
)
from monops.domain.scale_compose import scaled_services
from monops.domain.stack import Stack, data_path, data_place
from monops.ops.change_site import config_file, file_with, find_site, site_files
from monops.ops.workshop import Workshop

SERVICE = "prometheus"
_FIRST = Instance(1, "a")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where the parts of a scaled stack, or of one to be scaled, are written."""

    site: Site
    #: The first Prometheus's container, and its Compose service.
    container: Container
    service: str
    #: The Compose file that has it, and its text.
    compose: str
    text: str
    #: The person's own configuration file: on this machine, and in the container.
    own: str
    inside: str
    #: Service -> words of its label, of those that are there besides the first.
    others: Mapping[str, str]
    #: Where the first keeps its data in the container.
    data: str

    @property
    def scale(self) -> Scale:
        return scale_of(self.others.values())


def layout(shop: Workshop) -> Layout:
    """Raises NotFound, and Refused where the files are not such that they can be scaled."""
    container = shop.container(SERVICE)
    site = find_site(shop, container)
    service = container.service
    files = site_files(shop, site)
    compose = file_with(files, service, "command")
    text = files[compose]
    found = config_file(shop, container, SERVICE)
    if found.in_place:
        raise Refused(
            f"{container.name} has {found.path} mounted as a single file, so it cannot see others beside it",
            remedy=f"mount the folder instead, in {compose}: ./:{posixpath.dirname(found.inside)}:ro",
        )
    place = data_place(SERVICE, container, Stack(project=container.project, services={}, containers=(container,)))
    if not place.volume or place.subpath:
        raise Refused(
            f"{container.name} keeps its data in {place.name}, not in a volume of its own",
            remedy=f"give {service} a volume in {compose}: {service}-data:{data_path(SERVICE, container)}",
        )
    others = scaled_services(text, file=compose)
    return Layout(
        site=site,
        container=container,
        service=service,
        compose=compose,
        text=text,
        own=own_file(found.path),
        inside=own_file(found.inside),
        others=others,
        data=data_path(SERVICE, container),
    )


def flag_value(at: Layout, flag: str) -> str | None:
    """As it is written in the first's command."""
    found = find_flag(at.text, at.service, flag, file=at.compose)
    return None if found is None else found.value


# --- what runs -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenInstance:
    """One Prometheus that should run."""

    instance: Instance
    service: str
    container: str
    #: `healthy`, `exited`.
    state: str
    #: What it scrapes; None where it does not answer.
    targets: tuple[Scraped, ...] | None
    #: Why not.
    unknown: str

    @property
    def why(self) -> str:
        """In short."""
        return self.state if self.state in ("exited", "created", "paused", "dead", "starting") else self.unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenLayer:
    """What stands beside several Prometheus."""

    container: str
    #: As its label has it.
    role: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """All of them together."""

    scale: Scale
    instances: tuple[SeenInstance, ...]
    #: The query layer, and what evaluates rules on it.
    layer: tuple[SeenLayer, ...]

    @property
    def coverage(self) -> Coverage:
        return coverage(
            {one.service: one.targets for one in self.instances if one.targets is not None}, self.scale.replicas
        )

    @property
    def silent(self) -> tuple[SeenInstance, ...]:
        """Those that do not say what they scrape."""
        return tuple(one for one in self.instances if one.targets is None)

    @property
    def unwell_layer(self) -> tuple[SeenLayer, ...]:
        """What stands beside them and does not run."""
        return tuple(one for one in self.layer if one.state not in ("healthy", "running", "starting"))

    @property
    def is_right(self) -> bool:
        """Whether all run, the query layer too, and scrape every target as often as there are replicas."""
        wanted = set(self.scale.instances)
        there = {one.instance for one in self.instances if one.targets is not None}
        return wanted == there and self.coverage.is_right and not self.unwell_layer


def members(shop: Workshop, project: str) -> tuple[Container, ...]:
    """The containers that `scale set` has made, by name."""
    engine = shop.outside.engine
    ids = [one.id for one in engine.listed() if one.project == project]
    return tuple(sorted((c for c in engine.containers(ids) if LABEL in c.labels), key=lambda one: one.name))


def prometheuses(shop: Workshop, first: Container) -> tuple[Container, ...]:
    """The first one, and the others by name."""
    others = members(shop, first.project)
    return (first, *(one for one in others if instance_of(one.labels[LABEL]) is not None))


def see_scale(shop: Workshop, first: Container) -> Seen:
    """By what runs. Raises EngineUnreachable."""
    found = members(shop, first.project)
    pairs = [(_FIRST, first)]
    pairs += [(one, container) for container in found if (one := instance_of(container.labels[LABEL])) is not None]
    layer = tuple(
        SeenLayer(container=one.name, role=one.labels[LABEL], state=_state(one))
        for one in found
        if instance_of(one.labels[LABEL]) is None
    )
    return Seen(
        scale=scale_of(container.labels[LABEL] for container in found),
        instances=tuple(_see(shop, one, container) for one, container in sorted(pairs, key=lambda pair: pair[0])),
        layer=layer,
    )


def _state(container: Container) -> str:
    """One that has stopped may bear the health of before."""
    return (container.health or container.state) if container.state == "running" else container.state


def _see(shop: Workshop, instance: Instance, container: Container) -> SeenInstance:
    targets: tuple[Scraped, ...] | None = None
    unknown = ""
    try:
        targets = tuple(shop.outside.services.prometheus(container).targets())
    except MonopsError as error:
        unknown = error.message
    return SeenInstance(
        instance=instance,
        service=container.service,
        container=container.name,
        state=_state(container),
        targets=targets,
        unknown=unknown,
    )


def labels_of(config: str) -> dict[str, str]:
    """`shard` and `replica` of a running configuration; "" where it has none."""
    found = parsed(config).get("global")
    labels = (found or {}).get("external_labels") if isinstance(found, Mapping) else None
    labels = labels if isinstance(labels, Mapping) else {}
    return {"shard": str(labels.get(SHARD_LABEL, "")), "replica": str(labels.get(REPLICA_LABEL, ""))}


def has_layer(at: Layout) -> bool:
    return LAYER in at.others.values()
