"""What lint knows of the server that evaluates the rules, and what it asks it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from monops.domain.lint.rules_file import seconds
from monops.domain.prometheus_config import parsed, scrape_jobs
from monops.domain.units import show_duration

#: How far back is looked for a series that is not there.
WINDOW = timedelta(days=7)
#: Between two looks: no longer than a server remembers a sample (query.lookback-delta).
STEP = 300.0
#: Before so many scrapes nothing is said to be missing.
SCRAPES = 4


@dataclass(frozen=True, slots=True)
class Question:
    """One query, of now or of the whole window."""

    promql: str
    over_window: bool = False


#: (Unix time, value); those of all series that a query gave.
Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a server gave."""

    points: Points = ()
    #: The labels of the series of an instant query.
    labels: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """How often there are samples, in seconds; None where no configuration is known."""

    scrape: float | None = None
    evaluation: float | None = None
    #: job -> its own.
    jobs: Mapping[str, float] = field(default_factory=dict)

    def shortest(self, job: str | None = None) -> float | None:
        """That of a job; else the shortest that there is, so that nothing is claimed of a series of another job."""
        if job is not None and job in self.jobs:
            return self.jobs[job]
        known = [*self.jobs.values(), *([self.scrape] if self.scrape and not self.jobs else [])]
        return min(known) if known else self.scrape


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running Prometheus."""

    url: str
    #: Unix time.
    now: float
    #: The configuration that it runs on.
    config: str = ""
    #: Seconds; None where it keeps by size alone.
    retention: float | None = None
    #: What its recording rules write.
    recorded: frozenset[str] = frozenset()
    #: Since when it has data without a gap, and since when at all, within the window; None where it has none.
    since: float | None = None
    begin: float | None = None
    #: How many series it has in memory; None where it does not say.
    head: int | None = None

    @property
    def name(self) -> str:
        return f"Prometheus at {self.url}"

    @property
    def window(self) -> str:
        """In words, as much of the window as it has data for."""
        begin = max(self.begin or 0.0, self.now - WINDOW.total_seconds())
        if begin <= self.now - WINDOW.total_seconds() + 2 * STEP:
            return "in the last 7 d"
        return f"in the {show_duration(timedelta(seconds=max(0.0, self.now - begin)))} for which it has data"

    def distrusted(self) -> str:
        """Why nothing that is missing there can be called dead; "" where it can."""
        if self.head == 0:
            return f"{self.name} has no series at all"
        if self.since is None:
            return f"{self.name} has no series up: it scrapes nothing, so it cannot tell what is missing"
        needed = SCRAPES * (self.intervals.scrape or 60.0)
        if self.now - self.since < needed:
            return (
                f"{self.name} has data for {show_duration(timedelta(seconds=self.now - self.since))} only, and"
                f" {SCRAPES} scrapes take {show_duration(timedelta(seconds=needed))}"
            )
        return ""

    @property
    def intervals(self) -> Intervals:
        return intervals_of(self.config)


def intervals_of(config: str) -> Intervals:
    """Those of a prometheus.yml."""
    found = parsed(config)
    if not found:
        return Intervals()
    top: Any = found.get("global")
    top = top if isinstance(top, Mapping) else {}
    scrape = seconds(str(top.get("scrape_interval", "1m"))) or 60.0
    jobs = scrape_jobs(config).items()
    return Intervals(
        scrape=scrape,
        evaluation=seconds(str(top.get("evaluation_interval", "1m"))) or 60.0,
        jobs={name: seconds(str(job.get("scrape_interval", ""))) or scrape for name, job in jobs},
    )


def clock(at: float) -> str:
    """A Unix time for people."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
