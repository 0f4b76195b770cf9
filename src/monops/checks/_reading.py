"""Small tools to read facts: values of answers, containers by service, what `docker inspect` says of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from monops.domain.facts import Facts, SeenContainer, Unknown, known
from monops.domain.limits import compose_size
from monops.domain.ports import Series
from monops.domain.stack import service_of

#: A container that runs for less is still coming up: what it shows says nothing yet. Some scrapes and a health check.
SETTLED_SECONDS = 180.0
DAY = 86400.0


# --- answers -------------------------------------------------------------------------------------


def value(series: Series) -> float:
    """The value of an instant answer's series: NaN where it has none."""
    return float(series.points[-1][1]) if series.points else float("nan")


def label(series: Series, name: str) -> str:
    return str(series.labels.get(name, ""))


def by_label(answer: Iterable[Series], name: str) -> dict[str, float]:
    """Label's value -> value."""
    return {label(series, name): value(series) for series in answer}


def share(part: float) -> str:
    """`93 %`."""
    return f"{part * 100:.0f} %"


# --- containers ----------------------------------------------------------------------------------


def of_service(facts: Facts, service: str) -> tuple[SeenContainer, ...]:
    """The stack's containers of a service, by its image or its name. Raises IsUnknown."""
    return tuple(one for one in known(facts.containers) if service in (service_of(one.container), one.service))


def service_names(facts: Facts) -> frozenset[str]:
    """Names of the stack's containers. Raises IsUnknown."""
    return frozenset(one.name for one in known(facts.containers))


def running_for(one: SeenContainer, facts: Facts) -> float:
    """Seconds since it was started; infinite where that is not known, 0 where it does not run."""
    if not one.is_running:
        return 0.0
    try:
        started = datetime.fromisoformat(one.started_at)
        return (facts.now - started).total_seconds()
    except (ValueError, TypeError):
        return float("inf")


def is_settled(facts: Facts, *services: str) -> bool:
    """Whether these services of the stack run long enough that what they show can be judged. Raises IsUnknown."""
    ages = [running_for(one, facts) for service in services for one in of_service(facts, service)]
    return bool(ages) and min(ages) >= SETTLED_SECONDS


def everyone(facts: Facts) -> tuple[SeenContainer, ...]:
    """The stack's containers and, where they are known, the others of the engine."""
    found: tuple[SeenContainer, ...] = ()
    for fact in (facts.containers, facts.neighbours):
        found += () if isinstance(fact, Unknown) else fact
    return found


def host_config(one: SeenContainer) -> Mapping[str, Any]:
    """`HostConfig` of `docker inspect`."""
    return one.container.raw.get("HostConfig") or {}


def memory_limit(one: SeenContainer) -> int:
    """In bytes; 0 where it has none."""
    return int(host_config(one).get("Memory") or 0)


def more_memory(one: SeenContainer) -> str:
    """The command that gives it half as much again; without a limit, the one that says which would fit."""
    limit = memory_limit(one)
    if not limit:
        return f"monops limits recommend {one.service}"
    return f"monops limits set {one.service} --memory {compose_size(limit * 3 // 2)}"


def flag(one: SeenContainer, name: str) -> str | None:
    """What a flag of its command is set to: "true" where it stands alone, None where it is not there."""
    words = one.container.command
    for place, word in enumerate(words):
        found, equals, given = word.partition("=")
        if word.startswith("-") and found.lstrip("-") == name:
            if equals:
                return given
            following = words[place + 1] if place + 1 < len(words) else "-"
            return "true" if following.startswith("-") else following
    return None


def version(one: SeenContainer) -> tuple[int, ...]:
    """The version in its image's tag; empty where there is none."""
    tag = one.container.image.split("@", 1)[0].rsplit("/", 1)[-1].partition(":")[2]
    parts = tag.lstrip("v").split("-")[0].split(".")
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()


# --- for examples --------------------------------------------------------------------------------


def with_host_config(one: SeenContainer, **changes: Any) -> SeenContainer:
    """The container with other words in `HostConfig`."""
    raw = {**one.container.raw, "HostConfig": {**host_config(one), **changes}}
    return replace(one, container=replace(one.container, raw=raw))
