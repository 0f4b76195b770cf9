"""Who would hear of an alert with these labels, and by which routes."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from monops.domain.errors import ConfigurationError, MonopsError
from monops.domain.go_expression import NotTranslated
from monops.domain.routing import Route, Routing, read_routing


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


def routing_in_force(config: str, labels: Mapping[str, str]) -> Routing:
    """The routing of an Alertmanager that runs, to ask it about these labels.

    Raises ConfigurationError for what is no configuration, MonopsError where it holds what only Go can evaluate.
    """
    try:
        return read_routing(config)
    except NotTranslated as error:
        # Alertmanager runs on it, so nothing is wrong with it.
        words = shlex.join(f"{name}={value}" for name, value in labels.items())
        asked = "docker compose exec alertmanager amtool --alertmanager.url=http://localhost:9093 config routes test"
        raise MonopsError(f"nobody but Alertmanager can tell: {error}", remedy=f"{asked} {words}".rstrip()) from error
    except ValueError as error:
        raise ConfigurationError(
            f"Alertmanager's configuration cannot be read: {error}", remedy="monops doctor --only alertmanager"
        ) from error


def routes_for(config: str, labels: Mapping[str, str]) -> tuple[RouteTaken, ...]:
    """In the order in which Alertmanager takes them. Raises what `routing_in_force` raises."""
    routing = routing_in_force(config, labels)
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
