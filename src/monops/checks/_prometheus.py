"""What several checks ask of Prometheus: its container, its age, and what it counts of itself.

Its counters start anew with it, and are there only where it scrapes itself. So a check asks for increases, and takes
no answer at all for unknown, not for zero, unless Prometheus was started a moment ago.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from monops.checks._healthy import AT, series, with_answers
from monops.domain.facts import Facts, IsUnknown, SeenContainer, Unknown, known
from monops.domain.finding import Fix, Risk
from monops.domain.ports import Series
from monops.domain.scrape_scene import prometheus_of, reload_command

SUBJECT = "prometheus"
#: So long after its start Prometheus may not have scraped itself twice.
YOUNG_SECONDS = 90.0
#: So long after a start or a reload Prometheus may not have found what is written in its files: it hands over what it
#: has found every 5 s. Source: prometheus/prometheus, discovery/manager.go and scrape/manager.go.
TARGETS_WITHIN = 12.0
_BLIND = Unknown("Prometheus has no metrics of itself", "monops doctor --only prometheus.self_scrape -v")


# --- its container -------------------------------------------------------------------------------


def container_of(facts: Facts) -> SeenContainer | None:
    """Prometheus's container; None where it has none, or that is unknown. For checks that only look at containers."""
    return None if isinstance(facts.containers, Unknown) else prometheus_of(facts.containers)


def name_of(facts: Facts) -> str:
    """Its container's name, for commands."""
    one = container_of(facts)
    return one.name if one else "prometheus"


def config_path(facts: Facts) -> str:
    """Where its configuration is in its container."""
    flags = facts.prometheus_flags
    return "/etc/prometheus/prometheus.yml" if isinstance(flags, Unknown) else flags.get("config.file", "")


def after_edit(facts: Facts, say: str) -> Fix:
    """Edit the configuration as `say` tells, then reload."""
    return Fix(say=say, command=reload_command(container_of(facts)), risk=Risk.SAFE)


def with_flag(say: str) -> Fix:
    """Change the command in the Compose file as `say` tells, then bring it up."""
    return Fix(say=say, command="monops stack up prometheus", risk=Risk.INTERRUPTS)


# --- its time ------------------------------------------------------------------------------------


def settled_after(facts: Facts) -> float:
    """So many seconds after a start or a reload every target that there is was asked twice."""
    targets = facts.prometheus_targets
    intervals = [] if isinstance(targets, Unknown) else [target.interval for target in targets]
    return min(YOUNG_SECONDS, TARGETS_WITHIN + 2 * max(intervals, default=YOUNG_SECONDS))


def clock(facts: Facts) -> float:
    """The time by Prometheus's own clock, as far as it tells."""
    runtime = known(facts.prometheus_runtime)
    return facts.now.timestamp() if runtime.server_time is None else runtime.server_time


def age(facts: Facts) -> float:
    """Seconds since Prometheus was started."""
    return clock(facts) - known(facts.prometheus_runtime).started_at


def age_of_config(facts: Facts) -> float:
    """Seconds since it took over its configuration."""
    runtime = known(facts.prometheus_runtime)
    return clock(facts) - max(runtime.config_at, runtime.started_at)


# --- what it counts ------------------------------------------------------------------------------


def increase(metric: str, window: str) -> str:
    """The query for how much a counter grew: 0 where it was seen only once."""
    return f"increase({metric}[{window}]) or {metric} * 0"


def grown(query: str, by: float) -> str:
    """What the query of `increase` told, as evidence: `x_total grew by 3 in 15m`."""
    metric, _, window = query.removeprefix("increase(").partition(")")[0].rstrip("]").partition("[")
    return f"{metric} grew by {by:.0f} in {window}"


def values(answer: Sequence[Series]) -> list[tuple[Mapping[str, str], float]]:
    """The numbers of an instant answer, with their labels; without what is no number."""
    found = [(one.labels, float(one.points[-1][1])) for one in answer if one.points]
    return [(labels, value) for labels, value in found if not math.isnan(value)]


def highest(facts: Facts, queries: Sequence[str]) -> dict[str, float]:
    """Query -> its highest value. Raises IsUnknown where none has an answer and Prometheus is no longer young."""
    found = {query: max((value for _, value in values(facts.answer(query))), default=0.0) for query in queries}
    if not any(facts.answer(query) for query in queries) and age(facts) > YOUNG_SECONDS:
        raise IsUnknown(_BLIND)
    return found


#: There while Prometheus scrapes itself.
OWN = "prometheus_build_info"


def must_be_scraped(facts: Facts, query: str = OWN, blind: Unknown = _BLIND) -> None:
    """Raises IsUnknown where the query, for series that are there while their service is scraped, has no answer and
    Prometheus is no longer young: then that nothing grew says nothing."""
    if not facts.answer(query) and age(facts) > YOUNG_SECONDS:
        raise IsUnknown(blind)


# --- for examples --------------------------------------------------------------------------------


def answers(values_by_query: Mapping[str, float], facts: Facts) -> Facts:
    """The facts with one series in the answer to each query."""
    return with_answers(
        facts,
        {query: (series(value, job="prometheus", instance="prometheus"),) for query, value in values_by_query.items()},
    )


def started(seconds_ago: float, facts: Facts) -> Facts:
    """The facts with a Prometheus that was started so long ago."""
    at = AT - seconds_ago
    return replace(facts, prometheus_runtime=replace(known(facts.prometheus_runtime), started_at=at, config_at=at))
