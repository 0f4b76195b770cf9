"""What containers have used in the last days, from cAdvisor's metrics in Prometheus."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from monops.domain.errors import MonopsError
from monops.domain.limits import BILLION
from monops.domain.limits_advice import Usage
from monops.domain.ports import Prometheus
from monops.domain.units import show_duration
from monops.ops.workshop import Workshop

PEAK_OVER = timedelta(days=7)
#: As many points as a query gives: a week has a point a minute, a month one in five.
_POINTS = 10_080


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """The most that a container has used."""

    memory: int
    cpus: int
    over: timedelta

    @property
    def said(self) -> str:
        return show_duration(self.over)


def recent_peaks(shop: Workshop, names: Sequence[str]) -> Mapping[str, Peak]:
    """Container name -> its peak. What cannot be found out is not there: nothing hangs on it."""
    found, _ = recent_usage(shop, names, PEAK_OVER)
    return {name: Peak(memory=one.memory_peak, cpus=one.cpus_peak or 0, over=one.over) for name, one in found.items()}


def recent_usage(shop: Workshop, names: Sequence[str], over: timedelta) -> tuple[Mapping[str, Usage], str]:
    """(container name -> what it has used, why some or all are not there)."""
    try:
        prometheus = shop.outside.services.prometheus(shop.container("prometheus"))
        found = _ask(prometheus, names, over, shop.outside.clock.now().timestamp())
    except MonopsError as error:
        return {}, error.message
    return found, "" if len(found) == len(names) else "Prometheus has no metrics of cAdvisor for them"


def _ask(prometheus: Prometheus, names: Sequence[str], over: timedelta, at: float) -> Mapping[str, Usage]:
    chosen = "|".join(re.escape(name).replace("\\", "\\\\") for name in names)
    step = max(60, int(over.total_seconds()) // _POINTS // 60 * 60)
    window = f"[{int(over.total_seconds())}s:{step}s]"
    # A container that was made anew has further series: whatever its id, it is the name that counts.
    memory = f'max by (name) (container_memory_working_set_bytes{{name=~"{chosen}"}}){window}'
    cpus = f'sum by (name) (rate(container_cpu_usage_seconds_total{{name=~"{chosen}"}}[5m])){window}'
    kills = f'sum by (name) (increase(container_oom_events_total{{name=~"{chosen}"}}[{int(over.total_seconds())}s]))'

    def by_name(promql: str) -> dict[str, float]:
        return {str(labels.get("name")): value for labels, value in prometheus.query(promql, at) if value == value}

    peak = by_name(f"max_over_time({memory})")
    p99, p95 = by_name(f"quantile_over_time(0.99, {memory})"), by_name(f"quantile_over_time(0.95, {memory})")
    points = by_name(f"count_over_time({memory})")
    cpus_peak, cpus_p95 = by_name(f"max_over_time({cpus})"), by_name(f"quantile_over_time(0.95, {cpus})")
    killed = by_name(kills)
    return {
        name: Usage(
            memory_peak=int(value),
            memory_p99=int(p99.get(name, value)),
            memory_p95=int(p95.get(name, value)),
            cpus_peak=round(cpus_peak[name] * BILLION) if name in cpus_peak else None,
            cpus_p95=round(cpus_p95[name] * BILLION) if name in cpus_p95 else None,
            over=timedelta(seconds=points.get(name, 0) * step),
            killed=round(killed.get(name, 0)),
        )
        for name, value in peak.items()
    }
