"""Several Prometheus, looked at as one: what they say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from monops.domain.errors import MonopsError
from monops.domain.facts import Part, RuleGroup, Target
from monops.domain.ports import RuleAlert
from monops.domain.ports.inspection import Reader
from monops.domain.scale import Instance
from monops.edges.inspect_prometheus import PrometheusInspector
from monops.edges.once import Once, at_once

#: Of what several say of one target, what a person must know comes first.
_WORST = {"down": 0, "unknown": 1, "up": 2}


class ScaledInspector:
    """The first one, and with it the others that `scale set` has made."""

    def __init__(
        self,
        first: PrometheusInspector,
        others: Sequence[tuple[str, str, PrometheusInspector]],
        rules: PrometheusInspector | None,
    ) -> None:
        """`others`: (label, container, inspector); `rules`: what evaluates rules on the query layer."""
        self._first = first.readers()
        self._others = [(label, name, one.readers()) for label, name, one in others]
        self._rules = rules.readers() if rules is not None else None
        self._parts = Once(self._read_parts)

    def readers(self) -> Mapping[str, Reader]:
        return {
            **self._first,
            "prometheus_parts": self._parts,
            "prometheus_targets": self._targets,
            "prometheus_dropped": self._dropped,
            "prometheus_rules": self._groups,
            "prometheus_alerts": self._alerts,
        }

    def _read_parts(self) -> tuple[Part, ...]:
        everyone = [(Instance(1, "a").words, "prometheus", self._first), *self._others]
        return tuple(at_once(_part, everyone))

    def _targets(self) -> tuple[Target, ...]:
        """Of a target that replicas see differently, what the one says that sees it down. Raises what the first
        raises."""
        self._first["prometheus_ready"]()
        found: dict[tuple[str, str, str], Target] = {}
        for part in self._parts():
            for one in part.targets or ():
                key = (one.job, one.instance, one.url)
                if key not in found or _WORST.get(one.health, 1) < _WORST.get(found[key].health, 1):
                    found[key] = one
        return tuple(found.values())

    def _dropped(self) -> dict[str, int]:
        """What nobody scrapes: each drops the targets of the other shards too."""
        dropped: Mapping[str, int] = self._said("prometheus_dropped")
        own: tuple[Target, ...] = self._said("prometheus_targets")
        everything = self._targets()
        return {job: max(0, count + _of(job, own) - _of(job, everything)) for job, count in dropped.items()}

    def _groups(self) -> tuple[RuleGroup, ...]:
        return (*self._said("prometheus_rules"), *self._of_rules("prometheus_rules"))

    def _alerts(self) -> tuple[RuleAlert, ...]:
        """Of all: replicas see the same ones."""
        found: dict[frozenset[tuple[str, str]], RuleAlert] = {}
        said: list[Any] = [self._said("prometheus_alerts")]
        said += [readers["prometheus_alerts"]() for readers, part in self._answering() if part.targets is not None]
        for alerts in [*said, self._of_rules("prometheus_alerts")]:
            for alert in alerts:
                key = frozenset(alert.labels.items())
                if key not in found or alert.state == "firing":
                    found[key] = alert
        return tuple(found.values())

    def _answering(self) -> list[tuple[Mapping[str, Reader], Part]]:
        return [(readers, part) for (_, _, readers), part in zip(self._others, self._parts()[1:], strict=True)]

    def _said(self, name: str) -> Any:
        return self._first[name]()

    def _of_rules(self, name: str) -> tuple[Any, ...]:
        found: Any = self._rules[name]() if self._rules is not None else ()
        return tuple(found)


def _part(one: tuple[str, str, Mapping[str, Reader]]) -> Part:
    words, name, readers = one
    try:
        targets: Any = readers["prometheus_targets"]()
        return Part(words=words, container=name, targets=targets)
    except MonopsError as error:
        return Part(words=words, container=name, targets=None, reason=error.message)


def _of(job: str, targets: Sequence[Target]) -> int:
    return sum(1 for one in targets if (one.discovered.get("job") or one.job) == job)
