"""Who would hear of an alert with these labels, and by which routes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from monops.domain.errors import ConfigurationError
from monops.domain.routing import Route, read_routing


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTaken:
    """One receiver that is told."""

    receiver: str
    #: "slack", "email", …; none for a receiver that tells nobody.
    kinds: tuple[str, ...]
    #: From the top: the conditions of each route.
    conditions: tuple[str, ...]
    group_by: tuple[str, ...]
    group_wait: str
    group_interval: str
    repeat_interval: str


def routes_for(config: str, labels: Mapping[str, str]) -> tuple[RouteTaken, ...]:
    """In the order in which Alertmanager takes them. Raises ConfigurationError for what is no configuration."""
    try:
        routing = read_routing(config)
    except ValueError as error:
        raise ConfigurationError(
            f"Alertmanager's configuration cannot be read: {error}", remedy="monops doctor --only alertmanager"
        ) from error
    found = []
    for path in routing.route(labels):
        last: Route = path[-1]
        receiver = routing.receivers.get(last.receiver)
        found.append(
            RouteTaken(
                receiver=last.receiver,
                kinds=receiver.kinds if receiver is not None else (),
                conditions=tuple(str(route) for route in path),
                group_by=last.group_by,
                group_wait=last.group_wait,
                group_interval=last.group_interval,
                repeat_interval=last.repeat_interval,
            )
        )
    return tuple(found)
