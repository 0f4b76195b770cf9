"""Several Prometheus of one: who they are, and whether together they scrape what one would."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from monops.domain.ports import Discovered, Origin

#: What a container is in a scaled stack: `shard=2 replica=a`, `layer`, `rules`. The first Prometheus has none.
LABEL = "io.monops.scale"
LAYER, RULES = "layer", "rules"
#: The services of the query layer: what holds every sample, and what evaluates rules on it.
LAYER_SERVICE, RULES_SERVICE = "victoria-metrics", "vmalert"
SERVICES = {LAYER: LAYER_SERVICE, RULES: RULES_SERVICE}
LAYER_PORT, RULES_PORT = 8428, 8880
LAYER_URL = f"http://{LAYER_SERVICE}:{LAYER_PORT}"
#: External labels of each instance: names that no exporter uses.
SHARD_LABEL, REPLICA_LABEL = "prometheus_shard", "prometheus_replica"
OWN_LABELS = f"{SHARD_LABEL}|{REPLICA_LABEL}"
#: As many as letters; and as many shards as somebody could still look at.
MOST_REPLICAS, MOST_SHARDS = 5, 16
_WORDS = re.compile(r"shard=(\d+) replica=([a-z])")


@dataclass(frozen=True, slots=True, order=True)
class Instance:
    """One Prometheus of several."""

    #: From 1.
    shard: int
    #: a, b, …
    replica: str

    @property
    def is_first(self) -> bool:
        """Whether it is the Prometheus that was there before."""
        return (self.shard, self.replica) == (1, "a")

    @property
    def name(self) -> str:
        """Behind the service's name: `2-a`."""
        return f"{self.shard}-{self.replica}"

    @property
    def words(self) -> str:
        """The value of its label."""
        return f"shard={self.shard} replica={self.replica}"

    def service(self, first: str) -> str:
        return first if self.is_first else f"{first}-{self.name}"

    def file(self, own: str) -> str:
        """Its configuration, beside the person's own: `prometheus-shard-1-replica-a.yml`."""
        stem, dot, suffix = own.rpartition(".")
        return f"{stem or suffix}-shard-{self.shard}-replica-{self.replica}{dot}{suffix if dot else ''}"


@dataclass(frozen=True, slots=True)
class Scale:
    """How many there are."""

    shards: int = 1
    replicas: int = 1

    @property
    def is_one(self) -> bool:
        return (self.shards, self.replicas) == (1, 1)

    @property
    def instances(self) -> tuple[Instance, ...]:
        """The first one first."""
        letters = "abcdefghijklmnopqrstuvwxyz"[: self.replicas]
        return tuple(Instance(shard, letter) for shard in range(1, self.shards + 1) for letter in letters)

    def __str__(self) -> str:
        shards = "1 shard" if self.shards == 1 else f"{self.shards} shards"
        return f"{shards} × {self.replicas} replica{'' if self.replicas == 1 else 's'}"


_COPY = re.compile(r"(?P<stem>.+)-shard-\d+-replica-[a-z](?P<suffix>\.\w+)?")


def own_file(path: str) -> str:
    """The person's own file, from that of an instance; itself where it is no copy."""
    found = _COPY.fullmatch(path)
    return f"{found['stem']}{found['suffix'] or ''}" if found else path


def instance_of(label: str) -> Instance | None:
    """The instance that a container's label names."""
    found = _WORDS.fullmatch(label)
    return Instance(int(found[1]), found[2]) if found else None


def scale_of(labels: Iterable[str]) -> Scale:
    """From the labels of all but the first."""
    found = [Instance(1, "a"), *(one for label in labels if (one := instance_of(label)) is not None)]
    return Scale(max(one.shard for one in found), len({one.replica for one in found}))


class Scraped(Protocol):
    """A target as an instance has it."""

    @property
    def job(self) -> str: ...
    @property
    def instance(self) -> str: ...
    @property
    def url(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often each target is scraped, by all instances together."""

    targets: int
    #: (job, instance, by which instances) of those that are not scraped exactly as often as there are replicas.
    wrong: tuple[tuple[str, str, tuple[str, ...]], ...]

    @property
    def is_right(self) -> bool:
        return not self.wrong


def coverage(by_instance: Mapping[str, Sequence[Scraped]], replicas: int) -> Coverage:
    """By instance, every target it has. A target is known by its job and its address."""
    seen: dict[tuple[str, str, str], list[str]] = {}
    for name, targets in by_instance.items():
        for one in targets:
            seen.setdefault((one.job, one.instance, one.url), []).append(name)
    wrong = tuple(
        (job, instance, tuple(names)) for (job, instance, _), names in sorted(seen.items()) if len(names) != replicas
    )
    return Coverage(len(seen), wrong)


def lost(parts: Sequence[Discovered]) -> frozenset[Origin]:
    """What every instance finds and every one drops, so that nobody scrapes it.

    What an instance does not find is no loss: targets come and go, and are not found everywhere at the same moment.
    """
    scraped = frozenset[Origin]().union(*(one.scraped for one in parts))
    return frozenset[Origin].intersection(*(one.dropped for one in parts)) - scraped if parts else frozenset()


def times(count: int) -> str:
    """In words: `once`, `twice`, `3 times`."""
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")


def shares(by_instance: Mapping[str, Sequence[Scraped]]) -> Counter[str]:
    """Instance -> how many targets it scrapes."""
    return Counter({name: len(targets) for name, targets in by_instance.items()})
